// Too little, too much, and what comes of it.
import assert from 'node:assert/strict';
import { sceneTest } from './lib/scene.mjs';

sceneTest('underpaid: less than asked until the deadline -> refunded, nothing delivered', async (scene) => {
    const { session, receiver, destination, refund } = await scene.order({ amount: '10' });
    await scene.pay(receiver, '4');
    await scene.node.mine(4);
    await scene.readUp();
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
    await scene.passDeadline(session);
    const bounced = await scene.settle(session, 'bounced');
    assert.equal(Number(bounced.destination.delivery.receivedUnits), 4);
    await scene.assertBalance(refund, '4');
    await scene.assertBalance(destination, '0');
    assert.equal(await scene.transfersTo(refund), 1);
});

sceneTest('underpaid: the rest comes in time -> delivered', async (scene) => {
    const { session, receiver, destination, refund } = await scene.order({ amount: '10' });
    await scene.pay(receiver, '4');
    await scene.node.mine(4);
    await scene.readUp();
    await scene.pay(receiver, '6');
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '10');
    await scene.assertBalance(refund, '0');
});

sceneTest('underpaid: within the tolerance of 1 % -> delivered as it came', async (scene) => {
    const { session, receiver, destination } = await scene.order({ amount: '10' });
    await scene.pay(receiver, '9.9');
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '9.9');
});

sceneTest('underpaid: one unit below the tolerance -> waits', async (scene) => {
    const { session, receiver } = await scene.order({ amount: '10' });
    await scene.pay(receiver, '9.899999');
    await scene.node.mine(4);
    await scene.readUp();
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
    await scene.passDeadline(session);
    await scene.settle(session, 'bounced');
});

sceneTest('unpaid: nothing came until the deadline -> expired', async (scene) => {
    const { session } = await scene.order();
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
    assert.deepEqual(scene.payouts(session), []);
});

sceneTest('overpaid: policy deliver_all -> everything is delivered', async (scene) => {
    const { session, receiver, destination, refund } = await scene.order({ amount: '10' });
    await scene.pay(receiver, '15');
    const paid = await scene.settle(session, 'succeeded');
    assert.equal(Number(paid.destination.delivery.receivedUnits), 15);
    await scene.assertBalance(destination, '15');
    await scene.assertBalance(refund, '0');
});

sceneTest('overpaid: policy refund_excess -> the asked amount is delivered, the rest goes back',
    { policy: ['--overpaid', 'refund_excess'] }, async (scene) => {
        const { session, receiver, destination, refund } = await scene.order({ amount: '10' });
        await scene.pay(receiver, '15');
        await scene.settle(session, 'succeeded');
        await scene.assertBalance(destination, '10');
        await scene.mineUntil(async () => (await scene.balance(refund)) > 0n, { what: 'the excess to go back' });
        await scene.assertBalance(refund, '5');
        assert.equal(await scene.transfersTo(refund), 1);
    });
