#!/usr/bin/env node
// From a mined block to its committed deposit row, and what a block costs in calls to the node.
//
//   node bench/latency.mjs [--blocks 60] [--poll-ms 100] [--sessions 10,1000,100000]
//
// Blocks come at random moments, so the phase of the polling is random too. The row is looked for every half
// millisecond by a process of its own. The time starts when the node has answered that the block is mined.
import { parseArgs } from 'node:util';
import { startAnvil } from '../devnet/lib/anvil.mjs';
import { openChain } from '../devnet/lib/chain.mjs';
import { receiver } from '../devnet/lib/keys.mjs';
import { isMain, sleep } from '../devnet/lib/process.mjs';
import { startProxy } from '../devnet/proxy.mjs';
import { oneToken, prepareDaemon } from './lib/daemon.mjs';
import { load, quiet, usage } from './lib/machine.mjs';
import { report } from './lib/report.mjs';
import { RowWatch, monotonicMs } from './lib/row_watch.mjs';
import { rounded, summary } from './lib/stats.mjs';

const WATCHED = 10;
const LOGS_PER_BLOCK = 10;
const PAUSE_MS = 350;
const IDLE_MS = 3_000;

async function scene(sessions, pollMs, viaProxy) {
    const node = await startAnvil({ mine: 'auto' });
    const chain = await openChain(node);
    const blaster = await chain.deploy('Blaster');
    const watched = Array.from({ length: WATCHED }, (_, index) => receiver(index + 1).address);
    await chain.write(blaster, 'watch', [watched]);
    await node.setAutomine(false);
    await node.mine(8);
    const proxy = viaProxy ? await startProxy({ target: node.url }) : undefined;
    const daemon = await prepareDaemon('latency', {
        chains: [oneToken(proxy?.url ?? node.url, blaster.address, { poll_ms: pollMs })],
        sessions, asset: `eip155:31337/erc20:${blaster.address.toLowerCase()}`,
    });
    await daemon.start({ timeoutMs: 60_000 });
    return {
        node, chain, blaster, proxy, daemon,
        async blast(seed) {
            await chain.write(blaster, 'blast', [BigInt(LOGS_PER_BLOCK), BigInt(seed), 2n], { wait: false });
            await node.rpc('evm_mine');
        },
        async stop() {
            await daemon.stop();
            await proxy?.stop();
            await node.stop();
        },
    };
}

/** Milliseconds from block to row, for `blocks` blocks. */
export async function latency({ blocks = 60, pollMs = 100, sessions = WATCHED } = {}) {
    const here = await scene(sessions, pollMs, false);
    const rows = new RowWatch(here.daemon.databaseFile, 'SELECT count(*) FROM deposits', { everyMs: 0.5 });
    await rows.reaches(0);
    const loadBefore = await quiet();
    const times = [];
    for (let block = 0; block < blocks; block += 1) {
        await sleep(PAUSE_MS + Math.random() * 2 * PAUSE_MS);
        const before = rows.value;
        await here.blast(block);
        const mined = monotonicMs();
        times.push(await rows.reaches(before + 1) - mined);
    }
    await rows.stop();
    report('latency', { pollMs, sessions, loadBefore, ...summary(times), ...usage(here.daemon.pid) });
    await here.stop();
}

/** Calls per look that finds nothing, and per block with deposits beyond those of such a look. */
export async function callsPerBlock({ blocks = 30, pollMs = 200, sessions }) {
    const here = await scene(sessions, pollMs, true);
    await sleep(1_000);
    here.proxy.resetCalls();
    await sleep(IDLE_MS);
    const idle = here.proxy.calls();
    here.proxy.resetCalls();
    const begin = Date.now();
    for (let block = 0; block < blocks; block += 1) {
        await here.blast(block);
        await sleep(2 * pollMs);
    }
    await sleep(1_000);
    const busy = here.proxy.calls();
    const looks = (Date.now() - begin) / pollMs;
    report('calls_per_block', {
        sessions, blocks, pollMs, load: load(),
        idleCallsPerLook: rounded(total(idle) / (IDLE_MS / pollMs), 2), looksPerBlock: rounded(looks / blocks, 1),
        callsPerBlock: rounded(total(busy) / blocks, 2),
        byMethod: Object.fromEntries(Object.entries(busy).map(([method, n]) => [method, rounded(n / blocks, 2)])),
        ...usage(here.daemon.pid),
    });
    await here.stop();
}

const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

if (isMain(import.meta.url)) {
    const { values } = parseArgs({
        options: { blocks: { type: 'string' }, 'poll-ms': { type: 'string' }, sessions: { type: 'string' } },
    });
    const blocks = values.blocks ? Number(values.blocks) : undefined;
    const polls = values['poll-ms'] ? [Number(values['poll-ms'])] : [100, 50];
    for (const pollMs of polls) await latency({ blocks, pollMs });
    for (const sessions of (values.sessions ?? '10,1000,100000').split(',').map(Number)) {
        await callsPerBlock({ sessions });
    }
}
