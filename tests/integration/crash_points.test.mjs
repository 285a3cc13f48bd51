// The daemon kills itself at every named line of docs/CRASH_POINTS.md in the life of a payout, is started again, and
// everybody must have been paid exactly once. Needs a build with DEPOSITD_CRASH_POINTS (the dev preset).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainConfig, scratchDir, startDepositd } from './lib/depositd.mjs';
import { sceneTest, until } from './lib/scene.mjs';
import { Shim } from './lib/shim.mjs';

// A payout has two transactions, gas money and transfer: the second time is the transfer's.
const TWICE = [
    'reserve_before', 'reserve_after', 'sign_before', 'sign_after', 'store_after', 'send_before', 'send_answered',
    'send_marked', 'seen_before', 'seen_after', 'ledger_before', 'ledger_after',
];
const ONCE = [
    'plan_before', 'plan_after', 'journal_before', 'journal_after', 'facts_committed', 'outbox_before', 'outbox_after',
    'final_before', 'final_after', 'cursor_before', 'cursor_after', 'commit_before', 'commit_after',
];
const TRANSACTIONS = TWICE.flatMap((name) => [`${name}:1`, `${name}:2`]);
const DELIVERY = [...ONCE.map((name) => `${name}:1`), ...TRANSACTIONS];
// The first plan is the delivery's, which the chain refuses; the third state of the journal is refunding.
const REFUND = ['plan_before:2', 'plan_after:2', 'journal_before:3', 'journal_after:3', 'facts_committed:2',
    'outbox_before:2', 'outbox_after:2', 'cursor_before:2', 'cursor_after:2', 'commit_before:3', 'commit_after:3',
    'final_before:1', 'final_after:1', ...TRANSACTIONS];

/** Starts the daemon so that it dies at `place`, mines until it has, and starts it again. */
async function dieAt(scene, place, act, { mine = true, env = { DEPOSITD_CRASH_AT: place } } = {}) {
    await scene.daemon.kill();
    await scene.daemon.start({ ready: false, env });
    let how;
    scene.daemon.ended().then((end) => { how = end; });
    await act();
    await until(async () => {
        if (how === undefined && mine) await scene.node.mine();
        return how;
    }, { what: `the end at ${place}`, timeoutMs: 60_000, everyMs: 60 });
    assert.equal(how.signal, 'SIGKILL', `died at ${place}`);
    await scene.daemon.start();
}

async function dieEverywhere(scene, { places, envOf, prepare, end, paidTo }) {
    for (const place of places) {
        const order = await scene.order();
        await prepare?.(scene, order);
        await dieAt(scene, place, () => scene.pay(order.receiver), { env: envOf?.(place) });
        await scene.settle(order.session, end, { timeoutMs: 60_000 });
        await scene.rest();
        await scene.assertBalance(paidTo(order), '10');
        assert.equal(await scene.transfersTo(paidTo(order)), 1, `paid once after dying at ${place}`);
    }
}

sceneTest('crash points: a delivery -> delivered exactly once', { timeout: 600_000 }, (scene) =>
    dieEverywhere(scene, { places: DELIVERY, end: 'succeeded', paidTo: (order) => order.destination }));

sceneTest('crash points: a refund -> refunded exactly once', { timeout: 900_000 }, (scene) =>
    dieEverywhere(scene, {
        places: REFUND, end: 'bounced', paidTo: (order) => order.refund,
        prepare: (_, { destination }) => scene.chain.setBlacklisted(scene.contracts.usdc, destination),
    }));

// On the wire there is no line of ours to die at: the preloaded library kills at the call itself.
const WIRE = ['kill', 'kill-half', 'kill-after', 'kill-reply'].flatMap((how) => [`raw:1 ${how}`, `raw:2 ${how}`]);

function onTheWire(scene) {
    const shim = new Shim(scene.daemon, { port: new URL(scene.node.url).port });
    return (place) => {
        const [at, how] = place.split(' ');
        return shim.env({ at, how });
    };
}

sceneTest('crash points: a send half written, or its reply unread -> delivered exactly once', { timeout: 300_000 },
    (scene) => dieEverywhere(scene, {
        places: WIRE, envOf: onTheWire(scene), end: 'succeeded', paidTo: (order) => order.destination,
    }));

sceneTest('crash points: a send half written, or its reply unread -> refunded exactly once', { timeout: 300_000 },
    (scene) => dieEverywhere(scene, {
        places: WIRE.filter((place) => /half|reply/.test(place)), envOf: onTheWire(scene), end: 'bounced',
        paidTo: (order) => order.refund,
        prepare: (_, { destination }) => scene.chain.setBlacklisted(scene.contracts.usdc, destination),
    }));

sceneTest('crash points: a higher bid -> one transfer, whichever bid is mined', { timeout: 300_000 }, async (scene) => {
    for (const place of ['bump_before:1', 'bump_after:1']) {
        const order = await scene.order();
        await scene.rest();
        // Nothing is mined once the gas money is on the wire, so that the daemon bids higher.
        const act = async () => {
            await scene.pay(order.receiver);
            await until(async () => {
                if (await scene.pool() > 0) return true;
                await scene.node.mine();
                return false;
            }, { what: 'the gas money in the pool', timeoutMs: 30_000, everyMs: 200 });
        };
        await dieAt(scene, place, act, { mine: false });
        await scene.settle(order.session, 'succeeded', { timeoutMs: 60_000 });
        await scene.rest();
        assert.equal(await scene.transfersTo(order.destination), 1, `paid once after dying at ${place}`);
    }
});

sceneTest('crash points: midway through a replay -> nothing changed, and it can be run again', async (scene) => {
    const order = await scene.order();
    await scene.pay(order.receiver);
    await scene.settle(order.session, 'succeeded');
    const { number } = await scene.node.block();
    const range = ['--chain', 'eip155:31337', '--from', String(Number(number) - 3), '--to', String(Number(number))];
    await dieAt(scene, 'replay_midway:1', async () => {
        await scene.daemon.untilReady();
        await assert.rejects(scene.daemon.cli(['replay', ...range]));
    }, { mine: false });
    await scene.daemon.cli(['replay', ...range]);
    assert.equal(await scene.transfersTo(order.destination), 1);
});

for (const place of ['migration_before:1', 'migration_before:3', 'migration_after:2']) {
    test(`crash points: ${place} of a new database -> the next start finishes it`, async (t) => {
        // The store is opened before any node is asked: this one is never there.
        const chain = [chainConfig({ urls: ['http://127.0.0.1:9'], tokens: [] })];
        const daemon = await startDepositd({ dir: scratchDir(t), config: { chain }, environment: false, start: false });
        t.after(() => daemon.kill());
        await daemon.start({ ready: false, env: { DEPOSITD_CRASH_AT: place } });
        assert.equal((await daemon.ended()).signal, 'SIGKILL');
        await daemon.createEnvironment();
        await daemon.start({ ready: false });
        await until(async () => (await fetch(`${daemon.operatorUrl}/healthz`)).status === 200, { what: '/healthz' });
    });
}
