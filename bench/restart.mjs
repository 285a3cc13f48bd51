#!/usr/bin/env node
// From kill -9 to serving: payouts are under way, the daemon is killed and started again at once, again and again. The
// time counts from the start of the process until /healthz answers, and until /readyz says yes. At the end every
// recipient's transfers are counted.
//
//   node bench/restart.mjs [--kills 100] [--sessions 100000] [--payments 100]
import { parseArgs } from 'node:util';
import { startAnvil } from '../devnet/lib/anvil.mjs';
import { openChain, parseEther } from '../devnet/lib/chain.mjs';
import { gasStation } from '../devnet/lib/keys.mjs';
import { isMain, sleep, until } from '../devnet/lib/process.mjs';
import { oneToken, prepareDaemon, query } from './lib/daemon.mjs';
import { quiet } from './lib/machine.mjs';
import { UNITS, destination, openSessions, transfersTo } from './payouts.mjs';
import { report, say } from './lib/report.mjs';
import { percentile, rounded } from './lib/stats.mjs';

const LONGEST_LIFE_MS = 400;

const figures = (values) => Object.fromEntries([['p50', 0.5], ['p99', 0.99], ['max', 1]].map(([name, share]) =>
    [name, rounded(percentile(values, share), 0)]));

/** One death and the start after it: milliseconds until it serves, and until it is ready. */
async function restart(daemon) {
    await daemon.kill('SIGKILL');
    const begin = performance.now();
    await daemon.start({ ready: false });
    const answers = (path) => until(async () => (await fetch(`${daemon.operatorUrl}${path}`)).status === 200,
        { everyMs: 2, timeoutMs: 120_000, what: path });
    await answers('/healthz');
    const serving = performance.now() - begin;
    await answers('/readyz');
    return { serving, ready: performance.now() - begin };
}

export async function restarts({ kills = 100, sessions = 100_000, payments = 100 } = {}) {
    const node = await startAnvil({ blockTime: 0.25, gasLimit: 120_000_000 });
    const chain = await openChain(node);
    const { payer: payerContract, usdc } = await chain.deployAll();
    await chain.mint(usdc, chain.accounts[1].address, UNITS * BigInt(payments));
    await chain.write(usdc, 'approve', [payerContract.address, UNITS * BigInt(payments)]);
    await chain.setNativeBalance(gasStation().address, parseEther('1000'));
    const daemon = await prepareDaemon('restart', {
        chains: [oneToken(node.url, usdc.address, { finalized_tag: false, confirmations: 2 })],
        sessions, asset: `eip155:31337/erc20:${usdc.address.toLowerCase()}`,
    });
    await daemon.start();
    say(`opening ${payments} sessions beside ${sessions}`);
    const receivers = await openSessions(daemon, usdc, payments);
    const loadBefore = await quiet();
    await chain.write(payerContract, 'payToken', [usdc.address, receivers, receivers.map(() => UNITS)],
        { gas: 100_000_000 });
    const times = [];
    for (let kill = 0; kill < kills; kill += 1) {
        // Lives of many lengths, so that deaths fall on everything it does.
        await sleep((kill * 37) % LONGEST_LIFE_MS);
        times.push(await restart(daemon));
    }
    const delivered = 'SELECT count(*) AS n FROM sessions WHERE state = 8';
    await until(() => query(daemon.databaseFile, delivered)[0].n === payments,
        { everyMs: 200, timeoutMs: 120_000, what: 'every delivery' });
    const paid = await transfersTo(node, usdc);
    const once = receivers.filter((_, index) => paid(destination(index)) === 1).length;
    report('restart', {
        kills, sessions, payments, loadBefore, servingMs: figures(times.map(({ serving }) => serving)),
        readyMs: figures(times.map(({ ready }) => ready)), paidOnce: once,
    });
    await daemon.stop();
    await node.stop();
    if (once !== payments) throw new Error(`${once} of ${payments} were paid once`);
}

if (isMain(import.meta.url)) {
    const { values } = parseArgs({
        options: { kills: { type: 'string' }, sessions: { type: 'string' }, payments: { type: 'string' } },
    });
    const numbers = Object.entries(values).map(([name, value]) => [name, Number(value)]);
    await restarts(Object.fromEntries(numbers));
}
