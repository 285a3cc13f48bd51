// Child processes that never outlive us, free ports, and waiting for something to become true.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const children = new Set();

// The last chance of an orderly exit. For an exit without one (SIGKILL), see spawnTied.
process.on('exit', () => {
    for (const child of children) child.kill('SIGKILL');
});

/**
 * Starts a program that dies with this process, however this process dies. The returned child has
 * `exited`, a promise of { code, signal } (or { error } when it could not be started).
 */
export function spawnTied(program, args, options = {}) {
    const setpriv = '/usr/bin/setpriv';
    const [file, argv] = existsSync(setpriv)
        ? [setpriv, ['--pdeathsig', 'KILL', program, ...args]]
        : [program, args];
    const child = spawn(file, argv, options);
    children.add(child);
    child.exited = new Promise((resolve) => {
        child.once('error', (error) => resolve({ error }));
        child.once('exit', (code, signal) => resolve({ code, signal }));
    }).finally(() => children.delete(child));
    return child;
}

/** Sends `signal` and waits; after `graceMs` the child is killed. Resolves to { code, signal }. */
export async function stopChild(child, { signal = 'SIGTERM', graceMs = 10_000 } = {}) {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    try {
        return await child.exited;
    } finally {
        clearTimeout(timer);
    }
}

let nextPort = 0;

function listenable(port) {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
            const { port: chosen } = server.address();
            server.close(() => resolve(chosen));
        });
    });
}

/**
 * A TCP port of 127.0.0.1 that was free a moment ago. TEST_PORTS="from-to" is a range for this process alone, so that
 * nobody else takes the port of a program that is down for a moment.
 */
export async function freePort() {
    const range = /^(\d+)-(\d+)$/.exec(process.env.TEST_PORTS ?? '');
    if (!range) return listenable(0);
    const [from, to] = range.slice(1).map(Number);
    for (let tries = from; tries <= to; tries += 1) {
        const port = from + (nextPort % (to - from + 1));
        nextPort += 1;
        try {
            return await listenable(port);
        } catch (error) {
            if (error.code !== 'EADDRINUSE') throw error;
        }
    }
    throw new Error(`no port is free in ${from}-${to}`);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Calls `probe` until it returns something truthy and returns that. A probe that throws counts as "not yet";
 * the error after `timeoutMs` names `what` and the last throw.
 */
export async function until(probe, { timeoutMs = 10_000, everyMs = 20, what = 'the condition' } = {}) {
    const deadline = Date.now() + timeoutMs;
    let lastError;
    for (;;) {
        try {
            const result = await probe();
            if (result) return result;
            lastError = undefined;
        } catch (error) {
            if (error.final) throw error;
            lastError = error;
        }
        if (Date.now() >= deadline) {
            const reason = lastError ? `; last error: ${lastError.message}` : '';
            throw new Error(`gave up waiting for ${what} after ${timeoutMs} ms${reason}`, { cause: lastError });
        }
        await sleep(everyMs);
    }
}

/** True when the module with this import.meta.url is the program that was started. */
export function isMain(moduleUrl) {
    return process.argv[1] !== undefined && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(moduleUrl));
}
