// The straight way: money comes, money arrives.
import assert from 'node:assert/strict';
import { NATIVE, sceneTest } from './lib/scene.mjs';

sceneTest('payment: the asked amount -> delivered once, session succeeded', async (scene) => {
    const { session, receiver, destination } = await scene.order({ amount: '10.50' });
    assert.equal(session.status, 'requires_payment_method');
    const { hash } = await scene.pay(receiver, '10.50');
    const seen = await scene.seen(session, 'processing');
    assert.equal(seen.paymentMethod.source.txHash ?? hash, hash);
    assert.equal(await scene.balance(destination), 0n, 'nothing is paid before the credit policy is met');

    const paid = await scene.settle(session, 'succeeded');
    assert.equal(Number(paid.destination.delivery.receivedUnits), 10.5);
    const receipt = await scene.chain.receipt(paid.destination.delivery.txHash);
    assert.equal(receipt.status, '0x1');
    await scene.assertBalance(destination, '10.50');
    assert.equal(await scene.transfersTo(destination), 1);
    await scene.assertBalance(receiver, '0');
});

sceneTest('payment: one block less than the credit policy -> not credited yet', async (scene) => {
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.node.mine(1);
    await scene.readUp();
    assert.equal((await scene.api.getSession(session)).status, 'processing');
    assert.deepEqual(scene.payouts(session), []);
    await scene.settle(session, 'succeeded');
});

sceneTest('payment: several deposits that add up -> one delivery of the sum', async (scene) => {
    const { session, receiver, destination } = await scene.order({ amount: '30' });
    await scene.pay(receiver, '10');
    await scene.pay(receiver, '12');
    await scene.readUp();
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
    await scene.pay(receiver, '8');
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '30');
    assert.equal(await scene.transfersTo(destination), 1);
});

sceneTest('payment: two transfers to the receiver in one transaction -> both counted', async (scene) => {
    const { usdc, payer } = scene.contracts;
    const { session, receiver, destination } = await scene.order({ amount: '10' });
    await scene.chain.write(usdc, 'approve', [payer.address, scene.units('10')], { from: scene.payer });
    const parts = [scene.units('4'), scene.units('6')];
    await scene.chain.write(payer, 'payToken', [usdc.address, [receiver, receiver], parts], { from: scene.payer });
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '10');
    const deposits = scene.sql('SELECT position, units FROM deposits ORDER BY position');
    assert.deepEqual(deposits.map(({ units }) => units), ['4000000', '6000000']);
    assert.notEqual(deposits[0].position, deposits[1].position);
});

sceneTest('payment: two sessions paid by one transaction -> each gets its own', async (scene) => {
    const { usdc, payer } = scene.contracts;
    const first = await scene.order({ amount: '3' });
    const second = await scene.order({ amount: '5' });
    assert.notEqual(first.receiver, second.receiver);
    await scene.chain.write(usdc, 'approve', [payer.address, scene.units('8')], { from: scene.payer });
    await scene.chain.write(payer, 'payToken',
        [usdc.address, [first.receiver, second.receiver], [scene.units('3'), scene.units('5')]], { from: scene.payer });
    await scene.settle(first.session, 'succeeded');
    await scene.settle(second.session, 'succeeded');
    await scene.assertBalance(first.destination, '3');
    await scene.assertBalance(second.destination, '5');
});

sceneTest('payment: without an asked amount -> what came is delivered', async (scene) => {
    const { session, receiver, destination } = await scene.order({ amount: null });
    await scene.pay(receiver, '7.123456');
    const paid = await scene.settle(session, 'succeeded');
    assert.equal(Number(paid.destination.delivery.receivedUnits), 7.123456);
    await scene.assertBalance(destination, '7.123456');
});

sceneTest('payment: a token that returns nothing (USDT) -> delivered', async (scene) => {
    const { usdt } = scene.contracts;
    const { session, receiver, destination } = await scene.order({ token: usdt, amount: '25' });
    await scene.pay(receiver, '25', usdt);
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '25', usdt);
    assert.equal(await scene.transfersTo(destination, usdt), 1);
});

sceneTest('payment: many sessions at once -> every one delivered exactly once', async (scene) => {
    const orders = [];
    for (let i = 1; i <= 12; i += 1) orders.push(await scene.order({ amount: String(i) }));
    for (const [index, { receiver }] of orders.entries()) {
        await scene.chain.transferToken(scene.contracts.usdc, receiver, scene.units(String(index + 1)),
            { from: scene.payer, wait: false });
    }
    await scene.node.mine();
    for (const [index, { session, destination }] of orders.entries()) {
        await scene.settle(session, 'succeeded', { timeoutMs: 60_000 });
        await scene.assertBalance(destination, String(index + 1));
        assert.equal(await scene.transfersTo(destination), 1);
    }
});

sceneTest('payment: native coin sent directly -> delivered, the gas is ours', async (scene) => {
    const { session, receiver, destination } = await scene.order({ token: NATIVE, amount: '0.5' });
    await scene.pay(receiver, '0.5', NATIVE);
    const paid = await scene.settle(session, 'succeeded');
    assert.equal(Number(paid.destination.delivery.receivedUnits), 0.5);
    await scene.assertBalance(destination, '0.5', NATIVE);
});
