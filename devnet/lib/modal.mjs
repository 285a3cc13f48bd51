// The SDK's modal in a browser: bundles the page, serves it from an origin of its own, and lends it a wallet.
import { build } from 'esbuild';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const file = (name) => fileURLToPath(new URL(`modal/${name}`, import.meta.url));

/** { js, css } of the page. */
export async function bundleModal() {
    const { outputFiles } = await build({
        entryPoints: [file('page.mjs')], bundle: true, write: false, outdir: 'page',
        format: 'iife', platform: 'browser',
        define: { 'process.env.NODE_ENV': '"production"' }, alias: { '@solana/web3.js': file('no_solana.mjs') },
        logLevel: 'silent',
    });
    const textOf = (ending) => outputFiles.find(({ path }) => path.endsWith(ending)).text;
    return { js: textOf('.js'), css: textOf('.css') };
}

const HTML = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"></head>
<body><div id="root"></div><script src="/page.js"></script></body></html>`;

/** Serves the page on 127.0.0.1; { url, stop }. */
async function servePage({ js, css }) {
    const parts = { '/': [HTML, 'text/html'], '/page.js': [js, 'text/javascript'], '/page.css': [css, 'text/css'] };
    const server = createServer((request, response) => {
        const [text, type] = parts[new URL(request.url, 'http://page').pathname] ?? [];
        response.writeHead(text ? 200 : 404, { 'content-type': `${type ?? 'text/plain'}; charset=utf-8` }).end(text);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const stop = () => new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
    });
    return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

// The wallet of the page: the node signs for `account`.
const injectWallet = ({ account, chainId }) => {
    window.ethereum = {
        on() {},
        removeListener() {},
        async request({ method, params = [] }) {
            if (method === 'eth_requestAccounts' || method === 'eth_accounts') return [account];
            if (method === 'eth_chainId') return `0x${chainId.toString(16)}`;
            if (method === 'wallet_switchEthereumChain') return null;
            return window.askNode(method, params);
        },
    };
};

/**
 * Opens the modal for a session in a browser of Playwright's. `account` of the node is the connected wallet. `onAnswer`
 * gets each answer of the API: { method, path, requestText, status, headers, text }. Returns { page, sent, errors,
 * close }: `sent` fills with the hashes of what the wallet sent, `errors` with what the page threw. What onAnswer throws,
 * close() throws.
 */
export async function openModal({ browser, bundle, apiUrl, session, node, account, onAnswer = () => {} }) {
    const server = await servePage(bundle);
    const page = await browser.newPage();
    const sent = [];
    const errors = [];
    const answers = [];
    await page.exposeFunction('askNode', async (method, params) => {
        const result = await node.rpc(method, params);
        if (method === 'eth_sendTransaction') sent.push(result);
        return result;
    });
    await page.addInitScript(injectWallet, { account, chainId: node.chainId });
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('response', (response) => {
        const request = response.request();
        if (!response.url().startsWith(apiUrl) || request.method() === 'OPTIONS') return;
        answers.push(readAnswer(response, request).then(onAnswer).then(() => undefined, (error) => error));
    });
    const query = new URLSearchParams({ api: apiUrl, session: session.sessionId, secret: session.clientSecret });
    await page.goto(`${server.url}/?${query}`);
    const close = async () => {
        const failed = (await Promise.all(answers)).find((error) => error);
        await page.close();
        await server.stop();
        if (failed) throw failed;
    };
    return { page, sent, errors, close };
}

async function readAnswer(response, request) {
    const { pathname, search } = new URL(response.url());
    const status = response.status();
    return {
        method: request.method(), path: pathname + search, requestText: request.postData() ?? undefined, status,
        headers: new Headers(await response.allHeaders()), text: status === 204 ? '' : await response.text(),
    };
}
