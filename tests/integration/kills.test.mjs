// The daemon is killed hundreds of times, at a chosen write, sync or send after its start, while payments keep coming:
// everybody is paid once. The kills come from shim/faults.c, before, half way through, after the call, or when its
// answer has come and nobody has read it. Every third one takes with it all that was not synced: the power failed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lives, QUICK } from './lib/lives.mjs';
import { UNHURRIED, openMany } from './lib/payouts.mjs';
import { openScene, viem } from './lib/scene.mjs';

const WRITES = ['kill', 'kill-half', 'kill-after'];
const SYNCS = ['kill', 'kill-after'];
const SENDS = ['kill', 'kill-half', 'kill-after', 'kill-reply'];
const STOCK = 30;

/**
 * Where to die: each send, each sync in two ways, each send of a transaction in all, and every `stride`-th write. Short
 * and long lives are mixed, so that work is done in between.
 */
function pointsOf({ write, sync, send, raw }, stride) {
    const points = [];
    const add = (kind, n, ways) => ways.forEach((how) => points.push({ at: `${kind}:${n}`, how }));
    for (let n = 1; n <= write; n += stride) add('write', n, [WRITES[points.length % WRITES.length]]);
    for (let n = 1; n <= sync; n += 1) add('sync', n, SYNCS);
    for (let n = 1; n <= send; n += 1) add('send', n, [SENDS[n % 4]]);
    for (let n = 1; n <= 2 * raw; n += 1) add('raw', n, SENDS);
    return points.map((point, index) => ({ ...point, synced: index % 3 === 2, place: (index * 7919) % 9973 }))
        .sort((a, b) => a.place - b.place).map(({ place, ...point }) => point);
}

/** One payer's order in `lives`; every eighth cannot be delivered and goes back. */
async function payNext(lives, amount) {
    const order = lives.stock.shift();
    order.returned = lives.orders.length % 8 === 7;
    if (order.returned) await lives.scene.chain.setBlacklisted(lives.scene.contracts.usdc, order.destination);
    lives.orders.push(order);
    await lives.pay(order, amount);
}

/** The events from a start to a payment's end. */
async function measure(lives, amount) {
    await lives.start();
    lives.stock = await openMany(lives.scene, STOCK);
    await lives.kill();
    await lives.start();
    await payNext(lives, amount);
    await lives.settle(lives.orders);
    return lives.shim.counts();
}

/** A life that is killed at a point; gives the milliseconds from exec to /healthz, unless it died before. */
async function liveUntil(lives, point, { amount, paidBefore }) {
    const where = `${point.how} at ${point.at}${point.synced ? ', without power' : ''}`;
    if (lives.stock.length < 3) {
        await lives.start();
        lives.stock.push(...await openMany(lives.scene, STOCK));
        await lives.kill();
    }
    if (paidBefore) await payNext(lives, amount);
    const begin = performance.now();
    await lives.start({ ...point, ready: false, armed: true });
    const serves = async () => (await fetch(`${lives.scene.daemon.operatorUrl}/healthz`)).status === 200;
    await lives.until(serves, '/healthz', { mayEnd: true });
    const took = lives.end ? undefined : performance.now() - begin;
    const opening = lives.scene.order().then((order) => lives.stock.push(order), () => undefined);
    if (!paidBefore) await payNext(lives, amount);
    const idle = () => (lives.stock.length > 0 ? payNext(lives, amount) : undefined);
    await lives.untilEnded(undefined, `the end after ${where}`, { idle });
    await opening;
    assert.equal(lives.end.signal, 'SIGKILL', where);
    if (point.synced) lives.shim.losePower();
    await lives.assertIntents(where);
    return took;
}

/** What every address got: a list of units for each. */
async function received({ node, contracts }) {
    const got = new Map();
    const topics = [viem.toEventSelector('Transfer(address,address,uint256)')];
    const { address } = contracts.usdc;
    const logs = await node.rpc('eth_getLogs', [{ fromBlock: '0x0', toBlock: 'latest', address, topics }]);
    for (const { topics: [, , to], data } of logs) got.set(to, [...got.get(to) ?? [], BigInt(data)]);
    return (address) => got.get(viem.pad(address).toLowerCase()) ?? [];
}

function distribution(values) {
    const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
    const at = (share) => Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]);
    return `p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} ms in ${sorted.length} starts`;
}

/** Dies at every point, and asks in the end who got what. */
async function dieAgainAndAgain(t, { amount, stride, policy }) {
    const scene = await openScene(t, { start: false, chain: QUICK, config: UNHURRIED, policy });
    const lives = new Lives(scene);
    t.after(() => lives.close());
    const counts = await measure(lives, amount);
    t.diagnostic(`events from start to the end of a payment: ${JSON.stringify(counts)}`);
    await lives.kill();
    const points = pointsOf(counts, stride);
    const took = [];
    for (const [index, point] of points.entries()) {
        took.push(await liveUntil(lives, point, { amount, paidBefore: index % 2 === 0 }));
    }
    await lives.start();
    await lives.settle(lives.orders);
    const got = await received(scene);
    const excess = BigInt(amount) - 10n;
    for (const { destination, refund, returned } of lives.orders) {
        const back = returned ? [BigInt(amount)] : excess > 0n ? [excess] : [];
        assert.deepEqual(got(destination), returned ? [] : [scene.units('10')]);
        assert.deepEqual(got(refund), back.map((whole) => scene.units(String(whole))));
    }
    await scene.audit();
    const powerless = points.filter(({ synced }) => synced).length;
    t.diagnostic(`killed ${points.length} times, ${powerless} of them without power, ${lives.orders.length} payments`);
    t.diagnostic(`from exec to /healthz: ${distribution(took)}`);
    return points.length;
}

test('kill -9: hundreds of times, at chosen writes, syncs and sends -> each recipient paid exactly once',
    { concurrency: 2, timeout: 900_000 }, async (t) => {
        let kills = 0;
        const lane = (name, options) => t.test(name, async (part) => {
            kills += await dieAgainAndAgain(part, options);
        });
        const refundExcess = ['--overpaid', 'refund_excess'];
        await Promise.all([
            lane('deliveries, some of them refused and refunded', { amount: '10', stride: 3, policy: [] }),
            lane('deliveries with the excess refunded', { amount: '12', stride: 5, policy: refundExcess }),
        ]);
        assert.ok(kills >= 300, `${kills} kills`);
    });
