// What the tests of payouts share: many at once, and who was paid how often, by the chain's own logs.
import assert from 'node:assert/strict';
import { until, viem } from './scene.mjs';

const TRANSFER = viem.toEventSelector('Transfer(address,address,uint256)');
const AT_ONCE = 16;

/** No limit on the requests of one address: for tests that open many sessions. */
export const UNHURRIED = { server: { requests_per_second_per_ip: 0, requests_per_second_per_key: 0 } };

/** Opens `count` sessions; takes the arguments of scene.order(). */
export async function openMany(scene, count, options) {
    const orders = [];
    const worker = async () => {
        while (orders.length < count) {
            const place = orders.push(undefined) - 1;
            orders[place] = await scene.order(options);
        }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker));
    return orders;
}

/** Pays all of them in one transaction. */
export async function payMany(scene, orders, amount = '10', token = scene.contracts.usdc) {
    const units = scene.units(amount, token);
    const { payer } = scene.contracts;
    await scene.chain.write(token, 'approve', [payer.address, units * BigInt(orders.length)]);
    const args = [token.address, orders.map(({ receiver }) => receiver), orders.map(() => units)];
    return scene.chain.write(payer, 'payToken', args, { gas: 50_000_000 });
}

/** Mines until every session is in one of these states of the database. */
export function mineUntilEnded(scene, count, { states = [8], timeoutMs = 120_000 } = {}) {
    return scene.mineUntil(() => {
        const [{ n }] = scene.sql(`SELECT count(*) AS n FROM sessions WHERE state IN (${states.join(', ')})`);
        return n === count;
    }, { what: `${count} sessions to end`, timeoutMs });
}

/** How many transfers of the token each address got, as a function of the address. */
export async function transferCounts(scene, token = scene.contracts.usdc) {
    const logs = await scene.node.rpc('eth_getLogs', [{
        fromBlock: '0x0', toBlock: 'latest', address: token.address, topics: [TRANSFER],
    }]);
    const counts = new Map();
    for (const { topics } of logs) counts.set(topics[2], (counts.get(topics[2]) ?? 0) + 1);
    return (address) => counts.get(viem.pad(address).toLowerCase()) ?? 0;
}

/** Every destination has exactly one transfer, of the whole amount. */
export async function assertPaidOnce(scene, orders, amount = '10', token = scene.contracts.usdc) {
    const times = await transferCounts(scene, token);
    const wrong = orders.filter(({ destination }) => times(destination) !== 1);
    assert.deepEqual(wrong.map(({ destination }) => `${destination}: ${times(destination)}`), [], 'each paid once');
    for (const { destination } of orders.slice(0, 20)) await scene.assertBalance(destination, amount, token);
}

/** Nonces of an address are used up without a gap, and nothing of it waits. */
export async function assertNoGap(scene, address) {
    const [latest, pending] = await Promise.all(['latest', 'pending'].map((at) => scene.chain.nonce(address, at)));
    assert.equal(pending, latest, `nothing of ${address} waits`);
    const [{ next }] = scene.sql(`SELECT coalesce(max(nonce) + 1, 0) AS next FROM payout_steps
        WHERE lower(sender) IN ('${address.toLowerCase()}', '${address.slice(2).toLowerCase()}')`);
    assert.ok(next <= latest, `${address}: reserved up to ${next}, mined up to ${latest}`);
}

/** The waiting transaction that pays this address, coin or token; undefined when none waits. */
export async function poolHolds(scene, address) {
    const word = address.slice(2).toLowerCase();
    const { pending, queued } = await scene.node.rpc('txpool_content');
    return [pending, queued].flatMap((part) => Object.values(part)).flatMap((byNonce) => Object.values(byNonce))
        .find(({ input, to }) => input.includes(word) || to?.slice(2).toLowerCase() === word);
}

/** Mines a block if the daemon has read all there are, settlement included, and `isDue(row)` of this query says so. */
async function mineWhenRead(scene, columns, isDue) {
    const [now] = scene.sql(`SELECT
        (SELECT coalesce(max(seq), 0) FROM facts) AS newest,
        (SELECT coalesce(max(seq), 0) FROM cursors WHERE reader = 'settlement') AS applied,
        (SELECT max(height) FROM chain_tips) AS height, ${columns}`);
    const isRead = now.newest === now.applied && now.height === await scene.node.blockNumber();
    if (isRead && isDue(now)) await scene.node.mine();
}

/**
 * Mines until payouts are planned; then no block until the gas money of `count` of them is sent. In one block it is
 * final at one moment, and none of their transfers is mined while another's gas money is awaited.
 */
export function untilGasMoneyWaits(scene, count) {
    return until(async () => {
        const [{ sent }] = scene.sql(`SELECT count(*) AS sent FROM attempts a JOIN payout_steps s ON s.id = a.step_id
            WHERE s.kind = 1 AND a.send_count > 0`);
        if (sent >= count) return true;
        await mineWhenRead(scene, '(SELECT count(*) FROM payouts) AS planned', ({ planned }) => planned === 0);
        return undefined;
    }, { what: 'gas money in the pool', timeoutMs: 150_000, everyMs: 60 });
}

/**
 * Mines until the transfer to `destination`, not its gas money, waits in the pool; the transaction. No block is mined
 * from the moment on when the transfer may be sent, so that it cannot be missed.
 */
export function untilTransferWaits(scene, destination) {
    const word = destination.slice(2).toLowerCase();
    return until(async () => {
        const waiting = await poolHolds(scene, destination);
        if (waiting) return waiting;
        await mineWhenRead(scene, `(SELECT count(*) FROM payout_steps s JOIN payouts p ON p.id = s.payout_id
            WHERE lower(p.recipient) LIKE '%${word}' AND (s.kind = 4 OR s.status = 6)) AS due`, ({ due }) => due === 0);
        return undefined;
    }, { what: 'the delivery to wait in the pool', timeoutMs: 60_000, everyMs: 60 });
}

/** The attempts of a session's payouts that are transfers, oldest first. */
export function transferAttempts(scene, { sessionId }) {
    return scene.sql(`SELECT a.*, s.nonce, s.sender, s.status AS step_status FROM attempts a
        JOIN payout_steps s ON s.id = a.step_id JOIN payouts p ON p.id = s.payout_id
        WHERE p.session_id = '${sessionId}' AND s.kind = 4 ORDER BY a.id`);
}

/** Waits, without a block, until a session's transfer has this many attempts. */
export function untilAttempts(scene, session, count) {
    return until(() => {
        const attempts = transferAttempts(scene, session);
        return attempts.length >= count && attempts;
    }, { what: `${count} bids for the transfer`, timeoutMs: 90_000, everyMs: 500 });
}

/** Mines until the session is held. */
export function untilHeld(scene, { sessionId }) {
    const state = () => scene.sql(`SELECT state FROM sessions WHERE id = '${sessionId}'`)[0].state;
    return scene.mineUntil(() => state() === 11, { what: 'the session to be held', timeoutMs: 60_000 });
}

/** Mines a call before everything else that waits. */
export async function ahead(scene, contract, functionName, args) {
    const data = viem.encodeFunctionData({ abi: contract.abi, functionName, args });
    const fee = `0x${(400n * 10n ** 9n).toString(16)}`;
    await scene.node.rpc('eth_sendTransaction', [{
        from: scene.payer, to: contract.address, data, gas: '0x30d40', maxFeePerGas: fee, maxPriorityFeePerGas: fee,
    }]);
    await scene.node.mine();
}
