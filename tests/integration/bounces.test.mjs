// Deliveries that the chain refuses.
import assert from 'node:assert/strict';
import { ahead, untilHeld, untilTransferWaits } from './lib/payouts.mjs';
import { sceneTest } from './lib/scene.mjs';

sceneTest('bounce: the destination is on the block list -> the money goes back, once', async (scene) => {
    const { session, receiver, destination, refund } = await scene.order();
    await scene.chain.setBlacklisted(scene.contracts.usdc, destination);
    await scene.pay(receiver);
    const bounced = await scene.settle(session, 'bounced');
    assert.equal(Number(bounced.destination.delivery.receivedUnits), 10);
    await scene.assertBalance(refund, '10');
    await scene.assertBalance(destination, '0');
    assert.equal(await scene.transfersTo(refund), 1);
});

sceneTest('bounce: blocked between sending and mining -> fails on chain, the money goes back', async (scene) => {
    const { session, receiver, destination, refund } = await scene.order();
    await scene.pay(receiver);
    await untilTransferWaits(scene, destination);
    await ahead(scene, scene.contracts.usdc, 'blacklist', [destination]);
    await scene.settle(session, 'bounced');
    await scene.assertBalance(refund, '10');
    const [delivery] = scene.payouts(session);
    assert.equal(delivery.status, 7, 'the delivery is final_failed');
    assert.match(delivery.reason, /failed/);
});

sceneTest('bounce: no refund address -> held for an operator, the money stays', { audit: false }, async (scene) => {
    const { session, receiver, destination } = await scene.order({ refund: null });
    await scene.chain.setBlacklisted(scene.contracts.usdc, destination);
    await scene.pay(receiver);
    await untilHeld(scene, session);
    assert.equal((await scene.api.getSession(session)).status, 'processing');
    await scene.assertBalance(receiver, '10');
    await scene.audit();
});

sceneTest('bounce: the token says false and moves nothing -> not taken for delivered, the money goes back [F40]',
    { tokens: ['usdc', 'lying'] }, async (scene) => {
        const { lying } = scene.contracts;
        const { session, receiver, destination, refund } = await scene.order({ token: lying });
        await scene.pay(receiver, '10', lying);
        await untilTransferWaits(scene, destination);
        await ahead(scene, lying, 'setRefusing', [true]);
        const failed = () => scene.payouts(session).some(({ leg, status }) => leg === 1 && status === 7);
        await scene.mineUntil(failed, { what: 'the delivery to be found out' });
        assert.equal((await scene.api.getSession(session)).status, 'processing');
        await scene.chain.write(lying, 'setRefusing', [false]);
        await scene.settle(session, 'bounced');
        await scene.assertBalance(refund, '10', lying);
        await scene.assertBalance(destination, '0', lying);
    });

sceneTest('bounce: the token refuses with false before anything is sent -> nothing is sent [F40]',
    { tokens: ['usdc', 'lying'] }, async (scene) => {
        const { lying } = scene.contracts;
        const { session, receiver, destination } = await scene.order({ token: lying });
        await scene.pay(receiver, '10', lying);
        await scene.chain.write(lying, 'setRefusing', [true]);
        // Neither delivery nor refund can go: an operator has to look.
        await untilHeld(scene, session);
        await scene.assertBalance(receiver, '10', lying);
        assert.equal(await scene.transfersTo(destination, lying), 0);
    });
