#!/usr/bin/env node
// How long a reader takes from its start until every deposit of a long chain is a durable row.
//
//   node bench/catch_up.mjs [--blocks 5000] [--rounds 3] [--slow-rounds 1] [--only depositd,subsquid,…]
//
// All readers read the same node in the same run, one at a time, in turns. A round is: download only, depositd,
// Subsquid; in the first --slow-rounds rounds Ponder too, which takes minutes.
import { parseArgs } from 'node:util';
import { isMain } from '../devnet/lib/process.mjs';
import { benchChain, startBenchChain } from './chain.mjs';
import { oneToken, prepareDaemon } from './lib/daemon.mjs';
import { load, quiet } from './lib/machine.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { downloadOnly, runDepositd, runPonder, runSubsquid } from './lib/readers.mjs';
import { report, say } from './lib/report.mjs';
import { median } from './lib/stats.mjs';

const READERS = {
    'download logs': (scene) => downloadOnly({ ...scene, withBlocks: false }),
    'download logs and blocks': (scene) => downloadOnly({ ...scene, withBlocks: true }),
    depositd: runDepositd,
    'depositd without native coin': (scene) => runDepositd({ ...scene, daemon: scene.tokensOnly }),
    subsquid: runSubsquid,
    ponder: runPonder,
};
const SLOW = ['ponder'];

export async function catchUp({ rounds = 3, slowRounds = 1, only = Object.keys(READERS), ...shape } = {}) {
    const chain = await benchChain(shape);
    const node = await startBenchChain(chain);
    const wanted = (name) => only.some((one) => name.startsWith(one));
    const daemon = (native) => prepareDaemon('catch-up', {
        chains: [oneToken(node.url, chain.token, { start_height: 0, scan_native: native })],
        // A node that loaded its chain has no old states, so nobody could ask it for an opening balance.
        pays: false, sessions: chain.watched, asset: `eip155:31337/erc20:${chain.token.toLowerCase()}`,
    });
    const scene = { chain, url: node.url, daemon: await daemon(true), tokensOnly: await daemon(false) };
    if (wanted('subsquid')) scene.postgres = await startPostgres();
    const results = {};
    try {
        for (let round = 0; round < rounds; round += 1) {
            for (const [name, reader] of Object.entries(READERS)) {
                if (!wanted(name) || (SLOW.includes(name) && round >= slowRounds)) continue;
                await quiet();
                const loadBefore = load();
                const result = await reader(scene).catch((error) => ({ failed: error.message }));
                report('catch_up', { reader: name, round, loadBefore, ...result });
                if (!result.failed) (results[name] ??= []).push(result.seconds);
            }
        }
    } finally {
        await scene.postgres?.stop();
        await node.stop();
    }
    for (const [name, seconds] of Object.entries(results)) {
        say(`${name}: median ${median(seconds)} s of ${seconds.join(', ')}`);
    }
}

if (isMain(import.meta.url)) {
    const { values } = parseArgs({
        options: {
            blocks: { type: 'string' }, rounds: { type: 'string' }, 'slow-rounds': { type: 'string' },
            only: { type: 'string' },
        },
    });
    await catchUp({
        ...(values.blocks ? { blocks: Number(values.blocks) } : {}),
        rounds: Number(values.rounds ?? 3), slowRounds: Number(values['slow-rounds'] ?? 1),
        only: values.only?.split(','),
    });
}
