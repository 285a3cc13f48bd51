// Blocks that are taken back.
import assert from 'node:assert/strict';
import { signedTransfer } from './lib/payers.mjs';
import { sceneTest, until, viem } from './lib/scene.mjs';

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

sceneTest('reorg: the deposit is gone and a thousand blocks follow -> never credited [F09]', { chain }, async (scene) => {
    await scene.node.mine(6);
    const { session, receiver, destination, refund } = await scene.order();
    await scene.pay(receiver);
    await scene.seen(session, 'processing');
    await scene.node.reorg(1);
    await scene.node.mine(1000);
    await scene.readUp();
    await scene.seen(session, 'waiting_payment');
    assert.deepEqual(scene.deposits(session).map(({ status }) => status), [3], 'orphaned');
    assert.ok(!scene.journal(session).includes('deposits_confirmed'));
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
    assert.deepEqual(scene.payouts(session), []);
    await scene.assertBalance(destination, '0');
    await scene.assertBalance(refund, '0');
});

sceneTest('reorg: our first attempt is mined, then a higher bid instead -> one delivery, one end, the fee of the bid [F38]',
    { chain: { confirmations: 14 }, timeout: 180_000 }, async (scene) => {
        const { session, receiver, destination } = await scene.order();
        await scene.pay(receiver);
        const attempts = () => scene.sql(`SELECT a.* FROM attempts a JOIN payout_steps s ON s.id = a.step_id
            JOIN payouts p ON p.id = s.payout_id
            WHERE p.session_id = '${session.sessionId}' AND s.kind = 4 ORDER BY a.id`);
        await scene.mineUntil(() => attempts().length > 0, { what: 'the transfer to be sent' });
        // Not mined until a higher bid was made.
        await until(() => attempts().length > 1, { what: 'a higher bid', timeoutMs: 60_000 });
        const [first, second] = attempts();
        await scene.node.rpc('anvil_dropAllTransactions');
        await scene.node.rpc('eth_sendRawTransaction', [first.raw]);
        await scene.node.mine(12);
        await scene.readUp();
        const status = (tx) => scene.sql(`SELECT status, fee FROM own_txs WHERE tx = '${tx}'`)[0];
        await until(() => status(first.tx)?.status === 1, { what: 'the first attempt to be seen' });

        await scene.node.rpc('anvil_dropAllTransactions');
        await scene.node.reorg(12, [[second.raw, 4]]);
        await scene.settle(session, 'succeeded', { timeoutMs: 60_000 });
        await scene.readUp();
        assert.equal(await scene.transfersTo(destination), 1);
        await scene.assertBalance(destination, '10');
        assert.equal(status(first.tx).status, 3, 'the first left the chain');
        assert.equal(status(second.tx).status, 2, 'the bid is final');
        const receipt = await scene.node.rpc('eth_getTransactionReceipt', [second.tx]);
        const fee = BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
        assert.equal(BigInt(status(second.tx).fee), fee);
        const booked = scene.sql(`SELECT l.units FROM ledger_lines l JOIN postings p ON p.id = l.posting_id
            WHERE l.account = 'fees' AND (p.key LIKE '%${first.tx}' OR p.key LIKE '%${second.tx}')`);
        assert.deepEqual(booked.map(({ units }) => BigInt(units)), [fee], 'one fee is booked');
        const ends = scene.journal(session).filter((event) => event === 'delivery_final');
        assert.equal(ends.length, 1);
    });
