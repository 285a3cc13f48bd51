#!/usr/bin/env node
// Starting with many open sessions, memory with many watched addresses, and what idling costs.
//
//   node bench/idle.mjs [--sessions 100000] [--seconds 30] [--chains 3]
import { parseArgs } from 'node:util';
import { startAnvil } from '../devnet/lib/anvil.mjs';
import { isMain, sleep, until } from '../devnet/lib/process.mjs';
import { oneToken, prepareDaemon } from './lib/daemon.mjs';
import { load, quiet, resident, usage } from './lib/machine.mjs';
import { report } from './lib/report.mjs';
import { rounded } from './lib/stats.mjs';

const TOKEN = '0x5fbdb2315678afecb367f032d93f642f64180aa3';
const FIRST_CHAIN_ID = 31337;
const BLOCK_SECONDS = 2;

/** Seconds from the start of the process until it says that it is ready, and its memory then. */
export async function startWith({ sessions = 100_000 } = {}) {
    const node = await startAnvil({ mine: 'manual' });
    await node.mine(8);
    const daemon = await prepareDaemon('start', {
        chains: [oneToken(node.url, TOKEN, { poll_ms: 1_000 })], sessions, asset: `eip155:31337/erc20:${TOKEN}`,
    });
    const loadBefore = await quiet();
    const begin = performance.now();
    await daemon.start({ ready: false });
    await until(() => daemon.isReady(), { everyMs: 5, timeoutMs: 120_000, what: 'the daemon to be ready' });
    const seconds = rounded((performance.now() - begin) / 1000, 2);
    await until(async () => await daemon.metric('depositd_watched_addresses') >= sessions, {
        timeoutMs: 120_000, what: 'every address to be watched',
    }).catch(() => node.mine(1));
    await sleep(3_000);
    report('start', { sessions, loadBefore, seconds, ...usage(daemon.pid), residentMiB: resident(daemon.pid) });
    await daemon.stop();
    await node.stop();
}

/** Share of one core, with chains that make an empty block every two seconds. */
export async function idle({ chains = 3, seconds = 30, sessions = 1_000 } = {}) {
    const nodes = [];
    for (let index = 0; index < chains; index += 1) {
        nodes.push(await startAnvil({ chainId: FIRST_CHAIN_ID + index, blockTime: BLOCK_SECONDS }));
    }
    const daemon = await prepareDaemon('idle', {
        chains: nodes.map((node, index) => oneToken(node.url, TOKEN, {
            chainId: FIRST_CHAIN_ID + index, poll_ms: 1_000, finalized_tag: false,
        })),
        sessions, asset: `eip155:31337/erc20:${TOKEN}`,
    });
    await daemon.start();
    await sleep(5_000);
    const before = usage(daemon.pid);
    await sleep(seconds * 1000);
    const after = usage(daemon.pid);
    report('idle', {
        chains, seconds, sessions, load: load(),
        percentOfCore: rounded((after.cpuSeconds - before.cpuSeconds) / seconds * 100, 2),
        residentMiB: resident(daemon.pid), peakMiB: after.peakMiB,
    });
    await daemon.stop();
    for (const node of nodes) await node.stop();
}

if (isMain(import.meta.url)) {
    const { values } = parseArgs({
        options: { sessions: { type: 'string' }, seconds: { type: 'string' }, chains: { type: 'string' } },
    });
    await startWith({ sessions: Number(values.sessions ?? 100_000) });
    await idle({ chains: Number(values.chains ?? 3), seconds: Number(values.seconds ?? 30) });
}
