// A disk that is full or fails at each single write and each single sync of a payment: one life of the daemon for each,
// with the library of shim/faults.c. Counts of events differ a little from run to run, so it is told what was not met.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertPaidOnce } from './lib/payouts.mjs';
import { openScene } from './lib/scene.mjs';
import { Lives, QUICK } from './lib/lives.mjs';

const LANES = 2;

/** Every event of a payment twice: once the disk is full there, once it fails. */
function pointsOf({ write, sync }) {
    const points = [];
    for (let n = 1; n <= sync; n += 1) {
        points.push({ at: `sync:${n}`, how: 'ENOSPC' }, { at: `sync:${n}`, how: 'EIO', once: n % 2 === 0 });
    }
    for (let n = 1; n <= write; n += 1) {
        points.push({ at: `write:${n}`, how: n % 2 ? 'short' : 'ENOSPC' });
        points.push({ at: `write:${n}`, how: (n >> 1) % 2 ? 'torn' : 'EIO', once: n % 2 === 0 });
    }
    return points;
}

const nameOf = ({ at, how, once }) => `${how} at ${at}${once ? ', once' : ''}`;

/** Pays an order from beginning to end: the events of that, { write, sync }. */
async function measure(lives) {
    const order = await lives.scene.order();
    const before = lives.shim.counts();
    await lives.pay(order);
    await lives.settle([order]);
    const after = lives.shim.counts();
    return { write: after.write - before.write, sync: after.sync - before.sync };
}

/** Pays an order while the disk fails at a point; whether that was met. `restart`: also starts on the failing disk. */
async function payOnFailingDisk(lives, { restart, ...point }) {
    const { scene, shim } = lives;
    const fault = nameOf(point);
    const order = await scene.order();
    shim.arm(point);
    await lives.pay(order);
    await lives.untilEnded(order, `the end after ${fault}`);
    // Settled, and yet the fault may be met by what comes after.
    if (shim.counts().struck === 0) shim.disarm();
    const met = shim.counts().struck > 0;
    if (met) {
        await lives.untilEnded(undefined, `the end after ${fault}`);
        shim.disarm();
        assert.deepEqual(lives.end, { code: 1, signal: null }, `ends by itself after ${fault}`);
        assert.match(lives.log(), /the store stopped: a write failed/, fault);
        await lives.assertIntents(fault);
        if (restart) await assertRefusesToServe(lives, point);
        await lives.start();
    }
    await lives.settle([order]);
    await scene.assertBalance(order.destination, '10');
    lives.orders.push(order);
    return met;
}

/** Nobody has mended the disk yet: it does not serve, says what to do, and sends nothing. The lock is written first. */
async function assertRefusesToServe(lives, { at, how }) {
    for (const first of at.startsWith('sync') ? ['sync:1'] : ['write:1', 'write:3']) {
        await lives.start({ ready: false, at: first, how, armed: true });
        await lives.ended;
        assert.deepEqual(lives.end, { code: 1, signal: null }, `does not start with ${how} at ${first}`);
        assert.match(lives.log(), /make room on the disk/);
        assert.doesNotMatch(lives.log(), /"message":"serving"/);
    }
    assert.deepEqual(lives.shim.takeSent(), [], 'nothing was sent');
    lives.shim.disarm();
}

async function openLane(t, options) {
    const scene = await openScene(t, { start: false, chain: QUICK, ...options });
    const lives = new Lives(scene);
    t.after(() => lives.close());
    await lives.start();
    await measure(lives);
    return lives;
}

async function audit({ scene, orders }) {
    await assertPaidOnce(scene, orders);
    await scene.audit();
}

function report(t, points, missed) {
    t.diagnostic(`${points - missed.length} of ${points} points were met; not met: ${missed.join('; ') || 'none'}`);
    assert.ok(missed.length <= points / 10, `${missed.length} of ${points} points were not met`);
}

test('disk: full or failing at each write and each sync of a payment -> stops, loses nothing, pays once [F89]',
    { timeout: 1_200_000 }, async (t) => {
        const lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(t)));
        const counts = await measure(lanes[0]);
        assert.ok(counts.write > 40 && counts.sync > 8, `the shim sees the disk: ${JSON.stringify(counts)}`);
        t.diagnostic(`events of one payment: ${JSON.stringify(counts)}`);
        const points = pointsOf(counts);
        const { length } = points;
        const missed = [];
        await Promise.all(lanes.map(async (lives) => {
            for (let point; (point = points.shift());) {
                const isMet = await payOnFailingDisk(lives, { ...point, restart: points.length % 25 === 0 });
                if (!isMet) missed.push(nameOf(point));
            }
        }));
        report(t, length, missed);
        for (const lives of lanes) await audit(lives);
    });

test('disk: full or failing at each write and each sync of a start -> ends, says so, starts once there is room [F89]',
    { timeout: 600_000 }, async (t) => {
        const lives = await openLane(t);
        // A start after a death has less to do than one after a payment: as it is before each point.
        for (let death = 0; death < 2; death += 1) {
            await lives.kill();
            await lives.start();
        }
        const counts = lives.shim.counts();
        assert.ok(counts.write > 5 && counts.sync > 1, `the shim sees the disk: ${JSON.stringify(counts)}`);
        const points = pointsOf(counts);
        const missed = [];
        for (const point of points) {
            await lives.kill();
            await lives.start({ ...point, ready: false, armed: true });
            await lives.until(() => lives.scene.daemon.isReady(), `the end after ${nameOf(point)}`, { mayEnd: true });
            if (lives.shim.counts().struck > 0) {
                await lives.ended;
                assert.deepEqual(lives.end, { code: 1, signal: null }, `ends by itself after ${nameOf(point)}`);
            } else {
                missed.push(nameOf(point));
                await lives.kill();
            }
            lives.shim.disarm();
            await lives.start();
        }
        report(t, points.length, missed);
        const order = await lives.scene.order();
        await lives.pay(order);
        await lives.settle([order]);
        lives.orders.push(order);
        await audit(lives);
    });
