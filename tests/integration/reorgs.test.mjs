// Blocks that are taken back.
import assert from 'node:assert/strict';
import { signedTransfer } from './lib/payers.mjs';
import { sceneTest, viem } from './lib/scene.mjs';

// Nothing of the last six blocks is final, so that reorgs of three are ordinary weather.
const chain = { confirmations: 6 };

sceneTest('reorg: of three blocks with the deposit -> waiting, then expired', { chain }, async (scene) => {
    await scene.node.mine(6);
    const { session, receiver, destination, refund } = await scene.order();
    await scene.pay(receiver);
    await scene.node.mine(2);
    await scene.seen(session, 'processing');
    await scene.node.reorg(3);
    await scene.seen(session, 'waiting_payment');
    await scene.node.mine(2);
    await scene.readUp();
    assert.ok(scene.journal(session).includes('deposits_orphaned'));
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
    assert.deepEqual(scene.payouts(session), []);
    await scene.assertBalance(destination, '0');
    await scene.assertBalance(refund, '0');
});

sceneTest('reorg: the deposit is gone and paid again -> delivered once', { chain }, async (scene) => {
    await scene.node.mine(6);
    const { session, receiver, destination } = await scene.order();
    await scene.pay(receiver);
    await scene.node.mine(2);
    await scene.seen(session, 'processing');
    await scene.node.reorg(3);
    await scene.seen(session, 'waiting_payment');
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '10');
    assert.equal(await scene.transfersTo(destination), 1);
});

sceneTest('reorg: the same transaction in another block and at another place -> the same deposit, one delivery [F10]',
    { chain }, async (scene) => {
        const { session, receiver, destination } = await scene.order();
        const raw = await signedTransfer(scene, receiver);
        await scene.node.mine(6);
        await scene.node.rpc('eth_sendRawTransaction', [raw]);
        await scene.node.mine(3);
        await scene.seen(session, 'processing');
        const before = scene.sql('SELECT id, key, block, height FROM deposits WHERE session_id IS NOT NULL');
        assert.equal(before.length, 1);

        // Other logs stand before it now, and it is one block later.
        const { address: to, abi } = scene.contracts.blaster;
        const noise = {
            from: scene.payer, to, gas: '0x4c4b40',
            data: viem.encodeFunctionData({ abi, functionName: 'blast', args: [5n, 1n, 0n] }),
        };
        await scene.node.reorg(3, [[noise, 1], [raw, 1]]);
        await scene.readUp();
        await scene.seen(session, 'processing');
        const after = scene.sql('SELECT id, key, block, height FROM deposits WHERE session_id IS NOT NULL');
        assert.equal(after.length, 1, 'the same deposit');
        assert.equal(after[0].key, before[0].key);
        assert.notEqual(after[0].block, before[0].block);
        await scene.settle(session, 'succeeded');
        await scene.assertBalance(destination, '10');
        assert.equal(await scene.transfersTo(destination), 1);
    });

sceneTest('reorg: while the daemon is down -> noticed at the start', { chain }, async (scene) => {
    await scene.node.mine(6);
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.node.mine(2);
    await scene.seen(session, 'processing');
    await scene.daemon.kill();
    await scene.node.reorg(3);
    await scene.node.mine(2);
    await scene.daemon.start();
    await scene.seen(session, 'waiting_payment');
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
});

sceneTest('reorg: takes our own payout back -> the same bytes are mined again, paid once', { chain }, async (scene) => {
    const { session, receiver, destination } = await scene.order();
    await scene.pay(receiver);
    await scene.mineUntil(async () => (await scene.balance(destination)) > 0n, { what: 'the delivery to be mined' });
    const mined = () => scene.sql('SELECT tx FROM own_txs WHERE status = 1');
    await scene.readUp();
    const before = mined();
    assert.ok(before.length > 0);
    await scene.node.reorg(2);
    assert.equal(await scene.balance(destination), 0n);
    await scene.settle(session, 'succeeded', { timeoutMs: 60_000 });
    await scene.assertBalance(destination, '10');
    assert.equal(await scene.transfersTo(destination), 1);
});
