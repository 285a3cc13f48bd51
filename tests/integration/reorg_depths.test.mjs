// Every depth of reorganisation that leaves what is final alone, and every fate of a payment in it. The block with
// the payments is always the lowest that is replaced.
import assert from 'node:assert/strict';
import { noise, signedTransfer } from './lib/payers.mjs';
import { sceneTest, until } from './lib/scene.mjs';

const DEPTHS = [1, 2, 3, 7, 12, 40, 200];
const ORPHANED = 3;

/** Three orders and a signed payment for each, from three payers. */
async function threePayments(scene) {
    const payments = {};
    for (const [index, fate] of ['dropped', 'moved', 'doubleSpent'].entries()) {
        const order = await scene.order();
        const account = scene.chain.accounts[2 + index];
        const raw = await signedTransfer(scene, order.receiver, '10', { account });
        payments[fate] = { ...order, account, raw, nonce: await scene.chain.nonce(account.address) };
    }
    return payments;
}

/** Where the chain has the one transfer to a receiver. */
async function placeOf(scene, { receiver }) {
    const logs = await scene.node.rpc('eth_getLogs', [{
        fromBlock: '0x0', toBlock: 'latest', address: scene.contracts.usdc.address,
        topics: [null, null, `0x${receiver.slice(2).toLowerCase().padStart(64, '0')}`],
    }]);
    assert.equal(logs.length, 1, 'one transfer to it is on the chain');
    const [{ blockNumber, logIndex, transactionHash }] = logs;
    return { height: Number(blockNumber), logIndex: Number(logIndex), tx: transactionHash };
}

/** The chain goes another way: one payment comes later and elsewhere, one is spent twice, one is not there. */
async function rewrite(scene, depth, { moved, doubleSpent }) {
    const elsewhere = scene.fresh();
    const twin = await signedTransfer(scene, elsewhere, '10', doubleSpent);
    const later = Math.floor(depth / 2);
    const again = [[noise(scene), later], [moved.raw, later]];
    // Within one block nothing can be higher: there it is taken back first and comes in the next block.
    await scene.node.reorg(depth, depth === 1 ? [[twin, 0]] : [[twin, 0], ...again]);
    return elsewhere;
}

async function mineMovedInNextBlock(scene, { moved }) {
    await scene.seen(moved.session, 'waiting_payment');
    await scene.node.rpc('eth_sendTransaction', [{
        ...noise(scene), maxFeePerGas: '0x2e90edd000', maxPriorityFeePerGas: '0x77359400',
    }]);
    await scene.node.rpc('eth_sendRawTransaction', [moved.raw]);
    await scene.node.mine();
}

async function assertTakenBack(scene, { session }) {
    await scene.seen(session, 'waiting_payment');
    assert.ok(scene.journal(session).includes('deposits_orphaned'));
    assert.deepEqual(scene.payouts(session), [], 'nothing is planned for money that is gone');
}

async function assertNothingCame(scene, { session, destination, refund }) {
    await scene.settle(session, 'expired');
    assert.deepEqual(scene.payouts(session), []);
    await scene.assertBalance(destination, '0');
    await scene.assertBalance(refund, '0');
    assert.deepEqual(scene.deposits(session).map(({ status }) => status), [ORPHANED]);
    const booked = scene.sql(`SELECT account FROM ledger_lines WHERE account = 'session:${session.sessionId}'`);
    assert.deepEqual(booked, [], 'nothing is booked for it');
}

for (const depth of DEPTHS) {
    // Deep enough that what the reorganisation takes was not credited yet.
    const chain = { confirmations: depth + 3 };
    const blocks = Math.max(1, Math.ceil(depth / 8));
    sceneTest(`reorg: of depth ${depth} with a payment dropped, one mined elsewhere, one spent twice -> one delivery ` +
        '[F05][F06][F10]', { chain, timeout: 240_000 }, async (scene) => {
        const payments = await threePayments(scene);
        await scene.node.mine(depth + 3);
        for (const { raw } of Object.values(payments)) await scene.node.rpc('eth_sendRawTransaction', [raw]);
        await scene.node.mine(depth);
        for (const { session } of Object.values(payments)) await scene.seen(session, 'processing');
        await scene.readUp();
        const before = await placeOf(scene, payments.moved);
        const [deposit] = scene.deposits(payments.moved.session);
        const { pid } = scene.daemon;

        const elsewhere = await rewrite(scene, depth, payments);
        if (depth === 1) await mineMovedInNextBlock(scene, payments);
        await assertTakenBack(scene, payments.dropped);
        await assertTakenBack(scene, payments.doubleSpent);
        await scene.seen(payments.moved.session, 'processing');
        await scene.readUp();
        assert.equal(await scene.daemon.metric('depositd_reorgs_total'), 1);
        assert.equal(await scene.daemon.metric('depositd_reorg_depth_sum'), depth);
        await scene.assertBalance(elsewhere, '10');

        const after = await placeOf(scene, payments.moved);
        assert.equal(after.tx, before.tx, 'the same transaction');
        assert.ok(after.height > before.height && after.logIndex !== before.logIndex, 'at another place');
        const [moved, ...others] = scene.deposits(payments.moved.session);
        assert.deepEqual(others, [], 'the same deposit');
        assert.equal(moved.key, deposit.key);
        assert.equal(moved.height, after.height);
        assert.ok(scene.journal(payments.moved.session).includes('deposits_orphaned'));

        await scene.settle(payments.moved.session, 'succeeded', { timeoutMs: 90_000, blocks });
        await scene.assertBalance(payments.moved.destination, '10');
        assert.equal(await scene.transfersTo(payments.moved.destination), 1);
        await scene.passDeadline(payments.dropped.session);
        await assertNothingCame(scene, payments.dropped);
        await assertNothingCame(scene, payments.doubleSpent);
        assert.equal(scene.daemon.pid, pid, 'the daemon ran on');
        assert.equal(await scene.daemon.metric('depositd_finality_violations_total'), 0);
        assert.match(await scene.daemon.cli(['halt', 'list']), /no chain is halted/);
    });
}
