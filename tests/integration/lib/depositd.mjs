// Runs the built binary as an operator would: a configuration file, a process, its HTTP interfaces and its
// other commands. Nothing here knows more about depositd than its manual says.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
    appendFileSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TEST_MNEMONIC, evmAccountXpub } from '../../../devnet/lib/keys.mjs';
import { freePort, sleep, spawnTied, stopChild, until as untilPlain } from '../../../devnet/lib/process.mjs';
import { Api } from './api.mjs';
import { toToml } from './toml.mjs';

export { sleep };
export { ApiError } from './api.mjs';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const running = new Set();

/** The program under test: DEPOSITD_BIN, or the one that scripts/test builds. */
export function depositdBinary() {
    const path = resolve(process.env.DEPOSITD_BIN ?? join(repository, 'build/dev/daemon/depositd'));
    if (!existsSync(path)) throw new Error(`${path} does not exist: build it, or set DEPOSITD_BIN`);
    return path;
}

/** A folder that goes away with the test `t`; kept when KEEP_TEST_FILES is set. */
export function scratchDir(t) {
    const dir = mkdtempSync(join(tmpdir(), 'depositd-'));
    t.after(() => {
        if (process.env.KEEP_TEST_FILES) console.error(`kept ${dir}`);
        else rmSync(dir, { recursive: true, force: true });
    });
    return dir;
}

/**
 * Polls like the devnet's until(); gives up early when a daemon has died, and shows the end of the logs of the
 * daemons that run when it gives up.
 */
export async function until(probe, options = {}) {
    try {
        return await untilPlain(() => {
            for (const daemon of running) daemon.assertAlive();
            return probe();
        }, options);
    } catch (error) {
        for (const daemon of running) daemon.showLog();
        throw error;
    }
}

/** A [[chain]] entry for a chain of the devnet. `tokens` is a list of [symbol, address, decimals]. */
export function chainConfig({ chainId = 31337, urls, tokens = [], ...more }) {
    return {
        id: `eip155:${chainId}`,
        poll_ms: 100,
        confirmations: 2,
        ...more,
        endpoint: urls.map((url, index) => ({ name: `node${index}`, url })),
        token: tokens.map(([symbol, address, decimals = 6]) => ({ symbol, address, decimals })),
    };
}

/**
 * Starts a daemon in `dir` and waits until it is ready. `config` is merged over the defaults table by table;
 * `config.chain` is a list, see chainConfig(). Its .api has the key of a fresh environment.
 * - policy: more arguments of `environment create`, for example ['--overpaid', 'refund_excess']
 * - environment: false makes no environment and no key
 * - start: false prepares everything and leaves the start to start().
 */
export async function startDepositd({
    dir, config = {}, binary = depositdBinary(), policy = [], environment = true, start = true,
}) {
    const daemon = new Depositd({ dir, binary, publicPort: await freePort(), operatorPort: await freePort() });
    daemon.configure(config);
    if (environment) await daemon.createEnvironment('test', policy);
    if (start) await daemon.start();
    return daemon;
}

class Depositd {
    #child;
    #gone;
    #expectedEnd = false;

    constructor({ dir, binary, publicPort, operatorPort }) {
        mkdirSync(dir, { recursive: true });
        this.dir = dir;
        this.binary = binary;
        this.configFile = join(dir, 'depositd.toml');
        this.databaseFile = join(dir, 'depositd.sqlite');
        this.logFile = join(dir, 'depositd.log');
        this.publicListen = `127.0.0.1:${publicPort}`;
        this.operatorListen = `127.0.0.1:${operatorPort}`;
        this.operatorUrl = `http://${this.operatorListen}`;
        this.api = new Api(`http://${this.publicListen}`);
    }

    get pid() {
        return this.#child?.pid;
    }

    /** Writes the configuration; a running daemon sees it at its next start. */
    configure(config) {
        const mnemonicFile = join(this.dir, 'mnemonic');
        writeFileSync(mnemonicFile, `${TEST_MNEMONIC}\n`, { mode: 0o600 });
        const defaults = {
            server: { public_listen: this.publicListen, operator_listen: this.operatorListen },
            storage: { path: this.databaseFile },
            keys: { evm_account_xpub: evmAccountXpub(), mnemonic_file: mnemonicFile },
            log: { format: 'json', level: 'debug' },
        };
        this.config = mergeTables(defaults, config);
        writeFileSync(this.configFile, `${toToml(this.config)}\n`);
    }

    /** Makes an environment and a key for it and gives the key to .api. */
    async createEnvironment(name = 'test', policy = []) {
        this.environment = JSON.parse(await this.cli(['environment', 'create', name, ...policy, '--json'])).id;
        this.api.apiKey = JSON.parse(await this.cli(['key', 'create', '--environment', name, '--json'])).key;
        return { environment: this.environment, apiKey: this.api.apiKey };
    }

    /**
     * Runs another command with our configuration and returns what it printed. A failure throws an error with
     * .code, .stdout and .stderr.
     */
    cli(args, { config = true, timeoutMs = 30_000 } = {}) {
        const argv = config ? [...args, '--config', this.configFile] : args;
        return new Promise((done, fail) => {
            execFile(this.binary, argv, { cwd: this.dir, timeout: timeoutMs }, (error, stdout, stderr) => {
                appendFileSync(this.logFile, `# depositd ${argv.join(' ')}\n${stderr}`);
                if (!error) return done(stdout);
                error.message = `depositd ${args.join(' ')} failed (${error.code}): ${stderr || stdout}`;
                return fail(Object.assign(error, { stdout, stderr }));
            });
        });
    }

    /** Starts the daemon; with { ready: false } without waiting until it is ready. */
    async start({ ready = true, timeoutMs = 15_000, env = {} } = {}) {
        assert.equal(this.#child, undefined, 'the daemon runs already');
        const output = openSync(this.logFile, 'a');
        const args = ['serve', '--config', this.configFile];
        this.#child = spawnTied(this.binary, args, {
            cwd: this.dir, stdio: ['ignore', output, output], env: { ...process.env, ...env },
        });
        closeSync(output);
        this.#gone = undefined;
        this.#expectedEnd = false;
        this.#child.exited.then((how) => { this.#gone = how; });
        running.add(this);
        if (ready) await this.untilReady({ timeoutMs });
    }

    untilReady({ timeoutMs = 15_000 } = {}) {
        return until(() => this.isReady(), { timeoutMs, what: `${this.operatorUrl}/readyz` });
    }

    async isReady() {
        return (await fetch(`${this.operatorUrl}/readyz`)).status === 200;
    }

    /** Throws when the daemon has ended although nobody asked it to. */
    assertAlive() {
        if (!this.#gone || this.#expectedEnd) return;
        const { error, code, signal } = this.#gone;
        const how = error ? error.message : `exit code ${code}, signal ${signal}`;
        throw Object.assign(new Error(`depositd has ended by itself: ${how}`), { final: true });
    }

    /** Ends the daemon the hard way and waits until it is gone. Does nothing when it is not running. */
    async kill(signal = 'SIGKILL') {
        if (!this.#child) return;
        await this.#end(signal);
    }

    /** Ends the daemon the orderly way; anything but exit code 0 is a failure. */
    async stop({ timeoutMs = 15_000 } = {}) {
        if (!this.#child) return;
        const how = await this.#end('SIGTERM', timeoutMs);
        if (how.code !== 0) this.showLog();
        assert.deepEqual(how, { code: 0, signal: null }, 'depositd must end with 0 on SIGTERM');
    }

    /** Waits for the daemon to end by itself; { code, signal }. */
    async ended() {
        this.#expectedEnd = true;
        const how = await this.#child.exited;
        this.#forget();
        return how;
    }

    /** Ends it in the orderly way, or with `signal`, and starts it with the same files and ports. */
    async restart({ signal, ...options } = {}) {
        await (signal ? this.kill(signal) : this.stop());
        await this.start(options);
    }

    async #end(signal, graceMs = 15_000) {
        this.#expectedEnd = true;
        const how = await stopChild(this.#child, { signal, graceMs });
        this.#forget();
        return how;
    }

    #forget() {
        this.#child = undefined;
        running.delete(this);
    }

    /** Everything on /metrics: 'name{label="x"}' -> number. */
    async metrics() {
        const text = await (await fetch(`${this.operatorUrl}/metrics`)).text();
        const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
        return new Map(lines.map((line) => {
            const cut = line.lastIndexOf(' ');
            return [line.slice(0, cut), Number(line.slice(cut + 1))];
        }));
    }

    /** Sum of all series of one metric that have these labels, 0 when there is none. */
    async metric(name, labels = {}) {
        const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
        let sum = 0;
        for (const [series, value] of await this.metrics()) {
            const matches = series === name || series.startsWith(`${name}{`);
            if (matches && wanted.every((label) => series.includes(label))) sum += value;
        }
        return sum;
    }

    log() {
        return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
    }

    showLog(lines = 60) {
        const tail = this.log().trimEnd().split('\n').slice(-lines).join('\n');
        console.error(`---- end of ${this.logFile}\n${tail}\n----`);
    }

    /** Polls a session until it has this status; fails at once when it reached another final one. */
    async untilStatus(session, status, { timeoutMs = 20_000 } = {}) {
        const final = ['succeeded', 'bounced', 'expired'];
        return until(async () => {
            const now = await this.api.getSession(session);
            if (now.status === status) return now;
            if (!final.includes(now.status)) return false;
            throw Object.assign(new Error(`session is ${now.status}, not ${status}`), { final: true });
        }, { timeoutMs, everyMs: 50, what: `session ${session.sessionId} to be ${status}` });
    }
}

function mergeTables(base, over) {
    const merged = { ...base };
    for (const [key, value] of Object.entries(over)) {
        const both = isTable(value) && isTable(base[key]);
        merged[key] = both ? mergeTables(base[key], value) : value;
    }
    return merged;
}

const isTable = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
