// What catches up with the benchmark's chain: depositd, its peers, and nobody (download only). Each is a function
// of { chain, url, … } that runs from a process's start until every row is there, and returns the measures.
import { existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, sleep, spawnTied, stopChild, until } from '../../devnet/lib/process.mjs';
import { query, resetDaemon } from './daemon.mjs';
import { usage } from './machine.mjs';
import { scratch } from './paths.mjs';
import { rounded } from './stats.mjs';

const peers = fileURLToPath(new URL('../peers/', import.meta.url));
const seconds = (since) => rounded((performance.now() - since) / 1000, 2);
const BLOCKS_PER_REQUEST = 100;

/** Fetches what has to be fetched, throws it away: logs alone, and with the blocks as depositd reads them. */
export async function downloadOnly({ chain, url, withBlocks }) {
    const dir = scratch('floor');
    const hex = (number) => `0x${number.toString(16)}`;
    const lines = [];
    for (let from = 0; from <= chain.head; from += BLOCKS_PER_REQUEST) {
        const to = Math.min(from + BLOCKS_PER_REQUEST - 1, chain.head);
        const calls = [['eth_getLogs', [{ address: chain.token, fromBlock: hex(from), toBlock: hex(to) }]]];
        if (withBlocks) for (let at = from; at <= to; at += 1) calls.push(['eth_getBlockByNumber', [hex(at), true]]);
        const body = calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }));
        const file = join(dir, `${from}.json`);
        writeFileSync(file, JSON.stringify(body));
        lines.push(`${lines.length ? 'next\n' : ''}url = ${url}\noutput = /dev/null\nsilent\n`
            + `header = "content-type: application/json"\ndata-binary = "@${file}"`);
    }
    const config = join(dir, 'curl');
    writeFileSync(config, lines.join('\n'));
    const begin = performance.now();
    const { code } = await spawnTied('/usr/bin/curl', ['-K', config], { stdio: 'ignore' }).exited;
    if (code !== 0) throw new Error(`curl ended with ${code}`);
    return { seconds: seconds(begin) };
}

/** `daemon` comes from prepareDaemon() with the chain's sessions. */
export async function runDepositd({ chain, daemon }) {
    resetDaemon(daemon);
    const begin = performance.now();
    await daemon.start({ ready: false });
    const head = String(chain.head);
    let ready;
    await until(async () => {
        const metrics = await (await fetch(`${daemon.operatorUrl}/metrics`)).text();
        ready ??= /^depositd_ready 1$/m.test(metrics) ? seconds(begin) : undefined;
        return /depositd_chain_cursor_height\{[^}]*\} (\S+)/.exec(metrics)?.[1] === head;
    }, { timeoutMs: 300_000, everyMs: 20, what: 'depositd to reach the head' });
    const taken = seconds(begin);
    const used = usage(daemon.pid);
    const [rows] = query(daemon.databaseFile,
        "SELECT count(*) AS n, count(DISTINCT key) AS keys, sum(status = 2) AS confirmed FROM deposits");
    // What depositd does beyond the peers: each session's state follows its deposits.
    const settled = await until(() => {
        const [cursor] = query(daemon.databaseFile,
            "SELECT (SELECT max(seq) FROM facts) AS newest, (SELECT max(seq) FROM cursors) AS read");
        return cursor.newest === cursor.read && seconds(begin);
    }, { timeoutMs: 300_000, everyMs: 200, what: 'settlement to read every fact' });
    const after = usage(daemon.pid);
    await daemon.stop();
    check('depositd', rows.n, chain.hits);
    check('depositd (distinct)', rows.keys, chain.hits);
    return {
        seconds: taken, ...used, rows: rows.n, confirmed: rows.confirmed, readySeconds: ready, settledSeconds: settled,
        settledCpuSeconds: after.cpuSeconds, settledPeakMiB: after.peakMiB,
    };
}

const peerEnvironment = ({ url, token, addresses }) => ({
    ...process.env, BENCH_RPC: url, BENCH_TOKEN: token, BENCH_ADDRESSES: addresses,
});

/**
 * A peer that follows the chain at `url`, from its first block, and keeps transfers of `token` to the `addresses` of
 * a file: { pid, rows(), ended(), text(), stop() }. rows() asks from outside how many rows there are.
 */
export async function startPonder({ url, token, addresses }) {
    const dir = installed('ponder');
    rmSync(join(dir, '.ponder'), { recursive: true, force: true });
    const port = await freePort();
    const peer = startPeer('ponder', ['node_modules/ponder/dist/esm/bin/ponder.js', 'start',
        '--schema', 'bench', '--port', String(port), '--hostname', '127.0.0.1'], {
        cwd: dir, env: { ...peerEnvironment({ url, token, addresses }), PONDER_TELEMETRY_DISABLED: 'true' },
    });
    return {
        ...peer,
        rows: async () => (await (await fetch(`http://127.0.0.1:${port}/rows`)).json()).rows,
        async stop() {
            await stopChild(peer.child, { signal: 'SIGINT', graceMs: 5_000 });
            rmSync(join(dir, '.ponder'), { recursive: true, force: true });
        },
    };
}

let databases = 0;

/** `finality`: blocks after which Subsquid takes a block for final. */
export async function startSubsquid({ url, token, addresses, postgres, finality = 2 }) {
    const dir = installed('subsquid');
    const { Client } = createRequire(join(dir, 'main.js'))('pg');
    const name = `subsquid${databases += 1}`;
    postgres.createDatabase(name);
    const client = new Client({ host: '127.0.0.1', port: postgres.port, user: postgres.user, database: name });
    await client.connect();
    await client.query(`CREATE TABLE deposit (id text PRIMARY KEY, "to" text, value numeric, block int)`);
    const peer = startPeer('subsquid', ['main.js'], {
        cwd: dir,
        env: {
            ...peerEnvironment({ url, token, addresses }), DB_HOST: '127.0.0.1', DB_PORT: String(postgres.port),
            DB_USER: postgres.user, DB_NAME: name, DB_PASS: 'none', BENCH_FINALITY: String(finality),
        },
    });
    return {
        ...peer,
        rows: async () => Number((await client.query('SELECT count(*) AS n FROM deposit')).rows[0].n),
        async stop() {
            await stopChild(peer.child, { graceMs: 2_000 });
            await client.end();
        },
    };
}

function startPeer(name, args, { cwd, env }) {
    const log = join(scratch(name), 'log');
    const child = spawnTied('/usr/bin/env', ['node', ...args], {
        cwd, env, stdio: ['ignore', openSync(log, 'a'), openSync(log, 'a')],
    });
    let gone = false;
    child.exited.then(() => { gone = true; });
    return {
        child, pid: child.pid, ended: () => gone,
        text: () => readFileSync(log, 'utf8').trimEnd().split('\n').slice(-20).join('\n'),
    };
}

export const runPonder = (scene) => catchUpOf(startPonder, scene);
export const runSubsquid = (scene) => catchUpOf(startSubsquid, scene);

/** From the process's start until every row is there, and a little longer in case there come too many. */
async function catchUpOf(start, { chain, url, postgres }) {
    const begin = performance.now();
    const peer = await start({ url, token: chain.token, addresses: chain.addresses, postgres });
    try {
        await until(async () => {
            if (peer.ended()) throw Object.assign(new Error(`it ended by itself:\n${peer.text()}`), { final: true });
            return (await peer.rows()) >= chain.hits;
        }, { timeoutMs: 600_000, everyMs: 100, what: `${chain.hits} rows` });
        const result = { seconds: seconds(begin), ...usage(peer.pid) };
        await sleep(500);
        const rows = await peer.rows();
        check('a peer', rows, chain.hits);
        return { ...result, rows };
    } finally {
        await peer.stop();
    }
}

function installed(peer) {
    const dir = join(peers, peer);
    if (!existsSync(join(dir, 'node_modules'))) throw new Error(`${peer} is not installed: npm ci in bench/peers/${peer}`);
    return dir;
}

function check(who, rows, wanted) {
    if (rows !== wanted) throw new Error(`${who}: ${rows} rows, not ${wanted}`);
}
