#!/usr/bin/env node
// Payouts per second on one EVM chain: many sessions are paid in one block, and the time counts from that block
// until the last of them is delivered for good. The chain is then asked whether each got its money once.
//
//   node bench/payouts.mjs [--sessions 300] [--block-time 0.25] [--token usdc|usdt] [--kill-every 1]
//
// With --kill-every the daemon is killed with SIGKILL after so many seconds of each of its lives and started again.
import { parseArgs } from 'node:util';
import { startAnvil } from '../devnet/lib/anvil.mjs';
import { openChain, parseEther, viem } from '../devnet/lib/chain.mjs';
import { gasStation } from '../devnet/lib/keys.mjs';
import { isMain, sleep } from '../devnet/lib/process.mjs';
import { oneToken, prepareDaemon, query } from './lib/daemon.mjs';
import { quiet, usage } from './lib/machine.mjs';
import { report, say } from './lib/report.mjs';
import { RowWatch, monotonicMs } from './lib/row_watch.mjs';
import { rounded } from './lib/stats.mjs';

export const UNITS = 10_000_000n;
const AT_ONCE = 16;
export const destination = (index) => viem.getAddress(`0xbe9c${index.toString(16).padStart(36, '0')}`);

export async function openSessions(daemon, token, count) {
    const receivers = new Array(count);
    let next = 0;
    const worker = async () => {
        while (next < count) {
            const index = next;
            next += 1;
            const order = { address: destination(index), tokenAddress: token.address, amountUnits: '10' };
            ({ receiver: receivers[index] } = await daemon.api.openEvm(order, { refundAddress: destination(index) }));
        }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return receivers;
}

export async function transfersTo(node, token) {
    const logs = await node.rpc('eth_getLogs', [{
        fromBlock: '0x0', toBlock: 'latest', address: token.address,
        topics: [viem.toEventSelector('Transfer(address,address,uint256)')],
    }]);
    const counts = new Map();
    for (const { topics } of logs) counts.set(topics[2], (counts.get(topics[2]) ?? 0) + 1);
    return (address) => counts.get(viem.pad(address).toLowerCase()) ?? 0;
}

/** Ends the daemon the hard way and starts it again, until stop(), which says how often that was. */
function keepKilling(daemon, everyMs) {
    let kills = 0;
    let isOn = everyMs > 0;
    const lives = (async () => {
        while (isOn) {
            await sleep(everyMs);
            if (!isOn) return;
            await daemon.kill('SIGKILL');
            kills += 1;
            await daemon.start({ ready: false });
        }
    })();
    return {
        async stop() {
            isOn = false;
            await lives;
            return kills;
        },
    };
}

export async function payouts({ sessions = 300, blockTime = 0.25, tokenName = 'usdc', killEvery = 0 } = {}) {
    const node = await startAnvil({ blockTime, gasLimit: 120_000_000 });
    const chain = await openChain(node);
    const { payer: payerContract, [tokenName]: token } = await chain.deployAll();
    const payer = chain.accounts[1].address;
    await chain.mint(token, payer, UNITS * BigInt(sessions));
    await chain.write(token, 'approve', [payerContract.address, UNITS * BigInt(sessions)]);
    await chain.setNativeBalance(gasStation().address, parseEther('1000'));
    const daemon = await prepareDaemon('payouts', {
        chains: [oneToken(node.url, token.address, { finalized_tag: false, confirmations: 2 })],
    });
    await daemon.start();
    say(`opening ${sessions} sessions`);
    const receivers = await openSessions(daemon, token, sessions);
    const delivered = new RowWatch(daemon.databaseFile, 'SELECT count(*) FROM sessions WHERE state = 8', { everyMs: 20 });
    const loadBefore = await quiet();

    const { receipt } = await chain.write(payerContract, 'payToken',
        [token.address, receivers, receivers.map(() => UNITS)], { gas: 100_000_000 });
    const begin = monotonicMs();
    const killing = keepKilling(daemon, killEvery * 1000);
    let last = -1;
    const progress = setInterval(() => {
        if (delivered.value !== last) say(`${last = delivered.value} delivered`);
    }, 5_000);
    const end = await delivered.reaches(sessions, { timeoutMs: 300_000 }).catch((error) => error);
    clearInterval(progress);
    const kills = await killing.stop();
    await daemon.untilReady();
    const used = usage(daemon.pid);
    const times = await transfersTo(node, token);
    const once = receivers.filter((_, index) => times(destination(index)) === 1).length;
    const more = receivers.filter((_, index) => times(destination(index)) > 1).length;
    const finished = typeof end === 'number';
    const seconds = ((finished ? end : monotonicMs()) - begin) / 1000;
    const blocks = await node.blockNumber() - Number(receipt.blockNumber);
    report('payouts', {
        token: tokenName, sessions, blockTime, killEvery, kills, loadBefore, finished, delivered: delivered.value,
        seconds: rounded(seconds, 2), perSecond: rounded(delivered.value / seconds), blocks,
        paidOnce: once, paidMoreThanOnce: more, ...used,
        steps: query(daemon.databaseFile, 'SELECT kind, count(*) AS n FROM payout_steps GROUP BY kind'),
        attempts: query(daemon.databaseFile, 'SELECT count(*) AS n FROM attempts')[0].n,
    });
    await delivered.stop();
    await daemon.stop();
    await node.stop();
}

if (isMain(import.meta.url)) {
    const { values } = parseArgs({
        options: {
            sessions: { type: 'string' }, 'block-time': { type: 'string' }, token: { type: 'string' },
            'kill-every': { type: 'string' },
        },
    });
    await payouts({
        sessions: Number(values.sessions ?? 300), blockTime: Number(values['block-time'] ?? 0.25),
        tokenName: values.token ?? 'usdc', killEvery: Number(values['kill-every'] ?? 0),
    });
}
