#!/usr/bin/env node
// From a mined block to its committed deposit row, and what a block costs in calls to the node.
//
//   node bench/latency.mjs [--blocks 60] [--poll-ms 100] [--sessions 10,1000,100000] [--only depositd,ponder,…]
//
// All poll every 100 ms. Blocks come either evenly, one a second, as the chains' own do, or at random moments, so
// that nobody can know when to look. The rows are looked for every half millisecond by a process of its own (the
// peers': every two milliseconds, where they keep them). The time starts when the node has answered that the block
// is mined.
import { parseArgs } from 'node:util';
import { isMain, sleep } from '../devnet/lib/process.mjs';
import { FOLLOWERS, HITS_PER_BLOCK, followWithDepositd, liveChain } from './lib/live.mjs';
import { load, quiet, usage } from './lib/machine.mjs';
import { report } from './lib/report.mjs';
import { monotonicMs } from './lib/row_watch.mjs';
import { rounded, summary } from './lib/stats.mjs';

const EVEN_MS = 1_000;
const RANDOM_MS = 350;
const IDLE_MS = 3_000;
/** The first blocks, in which a reader may still warm up or learn, are not counted. */
const WARM_UP = 10;

/** Waits until the next block is due. */
function pacing(kind) {
    let due = monotonicMs();
    return () => {
        due += kind === 'even' ? EVEN_MS : RANDOM_MS + Math.random() * 2 * RANDOM_MS;
        return sleep(Math.max(0, due - monotonicMs()));
    };
}

/** Milliseconds from block to row, for `blocks` blocks after the warm-up. */
export async function latency(name, { blocks = 60, pace = 'even', pollMs = 100 } = {}) {
    const live = await liveChain();
    const follow = name === 'depositd' ? () => followWithDepositd(live, { pollMs }) : () => FOLLOWERS[name](live);
    const reader = await follow();
    try {
        await live.blast();
        await reader.rowsReach(HITS_PER_BLOCK);
        const loadBefore = await quiet();
        const nextBlock = pacing(pace);
        const times = [];
        for (let block = 1; block <= WARM_UP + blocks; block += 1) {
            await nextBlock();
            await live.blast();
            const mined = monotonicMs();
            times.push(await reader.rowsReach(HITS_PER_BLOCK * (block + 1)) - mined);
        }
        report('latency', { reader: name, pace, pollMs, loadBefore, ...summary(times.slice(WARM_UP)), ...usage(reader.pid) });
    } finally {
        await reader.stop();
        await live.stop();
    }
}

/** Calls per look that finds nothing, and per block with deposits beyond those of such a look. */
export async function callsPerBlock({ blocks = 30, pollMs = 200, sessions }) {
    const live = await liveChain({ viaProxy: true });
    const { daemon, ...reader } = await followWithDepositd(live, { pollMs, sessions });
    await sleep(1_000);
    live.proxy.resetCalls();
    await sleep(IDLE_MS);
    const idle = live.proxy.calls();
    live.proxy.resetCalls();
    const begin = Date.now();
    for (let block = 0; block < blocks; block += 1) {
        await live.blast();
        await sleep(2 * pollMs);
    }
    await sleep(1_000);
    const busy = live.proxy.calls();
    const looks = (Date.now() - begin) / pollMs;
    report('calls_per_block', {
        sessions, blocks, pollMs, load: load(),
        idleCallsPerLook: rounded(total(idle) / (IDLE_MS / pollMs), 2), looksPerBlock: rounded(looks / blocks, 1),
        callsPerBlock: rounded(total(busy) / blocks, 2),
        byMethod: Object.fromEntries(Object.entries(busy).map(([method, n]) => [method, rounded(n / blocks, 2)])),
        ...usage(daemon.pid),
    });
    await reader.stop();
    await live.stop();
}

const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

if (isMain(import.meta.url)) {
    const { values } = parseArgs({
        options: {
            blocks: { type: 'string' }, 'poll-ms': { type: 'string' }, sessions: { type: 'string' },
            only: { type: 'string' },
        },
    });
    const blocks = values.blocks ? Number(values.blocks) : undefined;
    const pollMs = values['poll-ms'] ? Number(values['poll-ms']) : undefined;
    for (const name of values.only?.split(',') ?? Object.keys(FOLLOWERS)) {
        for (const pace of ['even', 'random']) await latency(name, { blocks, pace, pollMs });
    }
    for (const sessions of (values.sessions ?? '10,1000,100000').split(',').map(Number)) {
        await callsPerBlock({ sessions });
    }
}
