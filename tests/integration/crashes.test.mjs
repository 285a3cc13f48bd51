// kill -9 at the moments that hurt. The proxy holds the daemon's calls back, so that each moment can be met exactly.
import assert from 'node:assert/strict';
import { sceneTest, until } from './lib/scene.mjs';

// A payout is two transactions here: gas money to the receiver, then the transfer. `fault` holds or spoils a call,
// `reached` says that the moment has come.
const sends = (scene) => scene.proxy.calls().eth_sendRawTransaction ?? 0;
const statusIs = (status) => (scene, payout) => payout()?.status === status;
const MOMENTS = [
    // The same call decides that a delivery is impossible, so a refund's plan cannot be held back by it.
    { name: 'planned', only: 1, fault: ['hang', { methods: ['eth_estimateGas', 'eth_call'] }], reached: statusIs(1) },
    { name: 'planned or just begun', reached: (scene, payout) => payout() !== undefined },
    { name: 'gas money signed, not sent', fault: ['refuse', { methods: ['eth_sendRawTransaction'] }],
        reached: (scene) => sends(scene) >= 1 },
    { name: 'gas money sent, the answer lost', fault: ['lost-reply', {}], reached: (scene) => sends(scene) >= 1 },
    { name: 'gas money in the pool', still: true, reached: async (scene) => (await scene.pool()) === 1 },
    { name: 'transfer signed, not sent', fault: ['refuse', { methods: ['eth_sendRawTransaction'], skip: 1 }],
        reached: (scene) => sends(scene) >= 2 },
    { name: 'transfer sent, the answer lost', fault: ['lost-reply', { skip: 1 }],
        reached: (scene) => sends(scene) >= 2 },
    { name: 'transfer mined, not final', reached: statusIs(5) },
];

/** Brings a payout of the leg to each moment, kills, starts again, and asserts that it was paid once. */
async function killAtEachMoment(scene, { leg, prepare, end, paidTo }) {
    for (const { name, fault, still, reached } of MOMENTS.filter(({ only }) => only === undefined || only === leg)) {
        const order = await scene.order();
        await prepare?.(scene, order);
        const payout = () => scene.payouts(order.session).find((one) => one.leg === leg);
        await scene.rest();
        scene.proxy.resetCalls();
        if (fault) scene.proxy.fault(...fault);
        await scene.pay(order.receiver);
        await scene.node.mine(2);
        const wait = still
            ? (probe, options) => until(probe, { timeoutMs: 20_000, ...options })
            : (probe, options) => scene.mineUntil(probe, options);
        await wait(() => reached(scene, payout), { what: `the moment "${name}"` });
        await scene.daemon.kill('SIGKILL');
        scene.proxy.clear();
        await scene.daemon.start();
        await scene.settle(order.session, end, { timeoutMs: 60_000 });
        await scene.rest();
        await scene.assertBalance(paidTo(order), '10');
        assert.equal(await scene.transfersTo(paidTo(order)), 1, `paid once after a kill at "${name}"`);
    }
}

sceneTest('kill -9: at every moment of a delivery -> delivered exactly once', { proxy: true, timeout: 300_000 },
    (scene) => killAtEachMoment(scene, { leg: 1, end: 'succeeded', paidTo: (order) => order.destination }));

sceneTest('kill -9: at every moment of a refund -> refunded exactly once', { proxy: true, timeout: 300_000 },
    (scene) => killAtEachMoment(scene, {
        leg: 2, end: 'bounced', paidTo: (order) => order.refund,
        prepare: (_, { destination }) => scene.chain.setBlacklisted(scene.contracts.usdc, destination),
    }));

sceneTest('kill -9: again and again as payments come -> each delivered once', { timeout: 300_000 }, async (scene) => {
    const orders = [];
    for (let round = 0; round < 8; round += 1) {
        const order = await scene.order({ amount: String(round + 1) });
        orders.push(order);
        await scene.pay(order.receiver, String(round + 1));
        await scene.node.mine(round % 4);
        await scene.daemon.restart({ signal: 'SIGKILL' });
    }
    for (const [index, { session, destination }] of orders.entries()) {
        await scene.settle(session, 'succeeded', { timeoutMs: 60_000 });
        await scene.assertBalance(destination, String(index + 1));
        assert.equal(await scene.transfersTo(destination), 1);
    }
});

sceneTest('down: a deposit comes while nobody looks -> found at the start', async (scene) => {
    const { session, receiver, destination } = await scene.order();
    await scene.readUp();
    await scene.daemon.kill();
    await scene.node.mine(3);
    await scene.pay(receiver);
    await scene.node.mine(40);
    await scene.daemon.start();
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '10');
});

sceneTest('down: killed before it ever read a block -> starts as if new', { start: false }, async (scene) => {
    await scene.daemon.start({ ready: false });
    await scene.daemon.kill();
    await scene.daemon.start();
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
});
