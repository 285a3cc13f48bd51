// Native coin that arrives without a transaction to the receiver, and coin that only seems to.
import assert from 'node:assert/strict';
import { NATIVE, sceneTest } from './lib/scene.mjs';

sceneTest('native: paid by a contract -> found by the balance, delivered', async (scene) => {
    const { payer } = scene.contracts;
    const { session, receiver, destination } = await scene.order({ token: NATIVE, amount: '0.25' });
    const value = scene.units('0.25', NATIVE);
    await scene.chain.write(payer, 'payNative', [[receiver], [value]], { from: scene.payer, value });
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '0.25', NATIVE);
});

sceneTest('native: a direct and an internal payment in one block -> both counted, once each', async (scene) => {
    const { payer } = scene.contracts;
    const { session, receiver, destination } = await scene.order({ token: NATIVE, amount: '1' });
    const value = scene.units('0.6', NATIVE);
    await scene.chain.write(payer, 'payNative', [[receiver], [value]], { from: scene.payer, value, wait: false });
    await scene.pay(receiver, '0.4', NATIVE);
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '1', NATIVE);
});

sceneTest('native: left by a contract that destroys itself -> found, delivered', async (scene) => {
    const { payer } = scene.contracts;
    const { session, receiver, destination } = await scene.order({ token: NATIVE, amount: '0.3' });
    const value = scene.units('0.3', NATIVE);
    await scene.chain.write(payer, 'payNativeBySelfDestruct', [receiver], { from: scene.payer, value });
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '0.3', NATIVE);
});

sceneTest('native: an inner payment that was undone -> not credited [F15]', async (scene) => {
    const { payer } = scene.contracts;
    const { session, receiver } = await scene.order({ token: NATIVE, amount: '0.25' });
    const value = scene.units('0.25', NATIVE);
    const { receipt } = await scene.chain.write(payer, 'payNativeAndUndo', [receiver], { from: scene.payer, value });
    assert.equal(receipt.status, '0x1');
    await scene.node.mine(5);
    await scene.readUp();
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
    assert.deepEqual(scene.sql('SELECT key FROM deposits WHERE session_id IS NOT NULL'), []);
});

sceneTest('token: an inner payment that was undone -> not credited [F15]', async (scene) => {
    const { payer, usdc } = scene.contracts;
    const { session, receiver } = await scene.order();
    await scene.chain.write(usdc, 'approve', [payer.address, scene.units('10')], { from: scene.payer });
    const call = [usdc.address, receiver, scene.units('10')];
    await scene.chain.write(payer, 'payTokenAndUndo', call, { from: scene.payer });
    await scene.node.mine(5);
    await scene.readUp();
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
});

sceneTest('native: a transaction to the receiver that failed -> not credited', async (scene) => {
    const { session, receiver } = await scene.order({ token: NATIVE, amount: '0.25' });
    const { merchant } = scene.contracts;
    await scene.chain.write(merchant, 'setMode', [1]);
    const { receipt } = await scene.chain.write(merchant, 'payNative', [`0x${'11'.repeat(32)}`],
        { from: scene.payer, value: scene.units('0.25', NATIVE), allowFailure: true });
    assert.equal(receipt.status, '0x0');
    await scene.node.mine(4);
    await scene.readUp();
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
    await scene.pay(receiver, '0.25', NATIVE);
    await scene.settle(session, 'succeeded');
});

sceneTest('native: coin to a receiver that expects a token -> goes back', async (scene) => {
    const { session, receiver, refund } = await scene.order();
    await scene.pay(receiver, '0.1', NATIVE);
    await scene.mineUntil(async () => (await scene.balance(refund, NATIVE)) > 0n, { what: 'the coin to go back' });
    await scene.assertBalance(refund, '0.1', NATIVE);
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
});

sceneTest('native: underpaid at the deadline -> the refund is exact, gas is not taken from it', async (scene) => {
    const { session, receiver, refund } = await scene.order({ token: NATIVE, amount: '2' });
    await scene.pay(receiver, '0.7', NATIVE);
    await scene.node.mine(4);
    await scene.readUp();
    await scene.passDeadline(session);
    await scene.settle(session, 'bounced');
    await scene.assertBalance(refund, '0.7', NATIVE);
});
