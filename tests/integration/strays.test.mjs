// Money that no session's outcome owns goes back where the session said.
import assert from 'node:assert/strict';
import { sceneTest } from './lib/scene.mjs';

const returned = (scene, refund, token) =>
    scene.mineUntil(async () => (await scene.balance(refund, token)) > 0n, { what: 'the stray to go back' });

sceneTest('late: paid after expiry -> goes back, the session stays expired', async (scene) => {
    const { session, receiver, destination, refund } = await scene.order();
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
    await scene.pay(receiver);
    await returned(scene, refund);
    await scene.assertBalance(refund, '10');
    await scene.assertBalance(destination, '0');
    await scene.rest();
    assert.equal((await scene.api.getSession(session)).status, 'expired');
    assert.equal(await scene.transfersTo(refund), 1);
    assert.equal(await scene.daemon.metric('depositd_strays_total', { use: 'returned' }), 1);
});

sceneTest('late: without a refund address -> held on the books, not lost', async (scene) => {
    const { session, receiver } = await scene.order({ refund: null });
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
    await scene.pay(receiver);
    await scene.mineUntil(() => scene.daemon.metric('depositd_strays_total', { use: 'held' }));
    await scene.assertBalance(receiver, '10');
});

sceneTest('late: mined before the deadline, seen after it -> in time', async (scene) => {
    const { session, receiver, destination } = await scene.order();
    await scene.readUp();
    await scene.daemon.stop();
    await scene.pay(receiver);
    await scene.passDeadline(session);
    await scene.node.mine(5);
    await scene.daemon.start();
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '10');
});

sceneTest('wrong token: one of the list, not the one asked for -> goes back', async (scene) => {
    const { usdt } = scene.contracts;
    const { session, receiver, destination, refund } = await scene.order();
    await scene.pay(receiver, '10', usdt);
    await returned(scene, refund, usdt);
    await scene.assertBalance(refund, '10', usdt);
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
    await scene.pay(receiver, '10');
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '10');
    await scene.assertBalance(destination, '0', usdt);
});

sceneTest('unknown token: a Transfer of a contract that is not on the list -> means nothing', async (scene) => {
    const { lying } = scene.contracts;
    const { session, receiver } = await scene.order();
    await scene.pay(receiver, '10', lying);
    await scene.node.mine(4);
    await scene.readUp();
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
    assert.deepEqual(scene.sql('SELECT key FROM deposits WHERE session_id IS NOT NULL'), []);
});

sceneTest('paid twice: the second payment comes after the delivery -> goes back', async (scene) => {
    const { session, receiver, destination, refund } = await scene.order();
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
    await scene.pay(receiver);
    await returned(scene, refund);
    await scene.assertBalance(refund, '10');
    await scene.assertBalance(destination, '10');
    assert.equal((await scene.api.getSession(session)).status, 'succeeded');
});

sceneTest('paid twice: the second payment comes while the first is delivered -> goes back', async (scene) => {
    const { session, receiver, destination, refund } = await scene.order();
    await scene.pay(receiver);
    await scene.mineUntil(() => scene.payouts(session).length === 1, { what: 'the delivery to be planned' });
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
    await returned(scene, refund);
    await scene.assertBalance(refund, '10');
    await scene.assertBalance(destination, '10');
});
