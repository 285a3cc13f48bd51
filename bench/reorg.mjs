#!/usr/bin/env node
// A block with deposits is taken back: is that noticed, how fast, and does the reader go on?
//
//   node bench/reorg.mjs [--depths 3,40,200] [--only depositd,ponder,subsquid]
//
// Each reader gets a chain of its own for each depth, and twenty seconds for each answer.
import { parseArgs } from 'node:util';
import { isMain, sleep, until } from '../devnet/lib/process.mjs';
import { FOLLOWERS, HITS_PER_BLOCK, liveChain } from './lib/live.mjs';
import { load } from './lib/machine.mjs';
import { report } from './lib/report.mjs';
import { rounded } from './lib/stats.mjs';

const PATIENCE_MS = 20_000;
const SETTLE_MS = 3_000;

/** Milliseconds until the reader has exactly this many rows, mining now and then; null when it never has. */
async function untilRows(live, reader, wanted) {
    const begin = performance.now();
    try {
        await until(async () => {
            if ((await reader.rows()) === wanted) return true;
            await live.node.mine();
            return false;
        }, { timeoutMs: PATIENCE_MS, everyMs: 100, what: `${wanted} rows` });
        return rounded(performance.now() - begin, 0);
    } catch {
        return null;
    }
}

export async function reorg(name, depth) {
    const live = await liveChain();
    const reader = await FOLLOWERS[name](live);
    try {
        await live.blast();
        await reader.rowsReach(HITS_PER_BLOCK);
        await live.blast();
        await reader.rowsReach(2 * HITS_PER_BLOCK);
        if (depth > 1) await live.node.mine(depth - 1);
        await sleep(SETTLE_MS);
        await live.node.reorg(depth);
        const rolledBackMs = await untilRows(live, reader, HITS_PER_BLOCK);
        for (let block = 0; block < 3; block += 1) await live.blast();
        const before = rolledBackMs === null ? 2 : 1;
        const followedMs = await untilRows(live, reader, HITS_PER_BLOCK * (before + 3));
        report('reorg', { reader: name, depth, load: load(), rolledBackMs, followedMs, ended: reader.ended() });
    } finally {
        await reader.stop();
        await live.stop();
    }
}

if (isMain(import.meta.url)) {
    const { values } = parseArgs({ options: { depths: { type: 'string' }, only: { type: 'string' } } });
    for (const depth of (values.depths ?? '3,40,200').split(',').map(Number)) {
        for (const name of values.only?.split(',') ?? Object.keys(FOLLOWERS)) await reorg(name, depth);
    }
}
