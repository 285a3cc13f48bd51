// Payouts while the nodes answer badly: nobody is paid twice, and nothing jams.
import assert from 'node:assert/strict';
import { sceneTest, until } from './lib/scene.mjs';
import {
    UNHURRIED, assertNoGap, assertPaidOnce, mineUntilEnded, openMany, payMany, transferAttempts, untilAttempts,
    untilTransferWaits,
} from './lib/payouts.mjs';

// How clients and providers say things about a transaction that may or may not have reached them.
const ANSWERS = [
    'nonce too low', 'already known', 'known transaction: 0x12', 'ALREADY_EXISTS: already known',
    'transaction with the same hash was already imported', 'nonce too far in the future',
    'nonce too low: next nonce 7, tx nonce 3', 'exceeds next nonce', 'tx-nonce-too-high', 'unknown transaction',
    'replacement transaction underpriced', 'transaction underpriced: tip needed 1000, tip permitted 1',
    'insufficient funds for gas * price + value', 'txpool is full', 'intrinsic gas too low', 'invalid sender',
    'max fee per gas less than block base fee', 'internal error', 'OldNonce', 'FeeTooLowToCompete',
];

sceneTest('payouts: every reply to a send is lost, 200 times -> each paid exactly once, none jams [F29]',
    { proxy: true, config: UNHURRIED, timeout: 300_000 }, async (scene) => {
        const orders = await openMany(scene, 200);
        const fault = scene.proxy.fault('lost-reply');
        await payMany(scene, orders);
        await mineUntilEnded(scene, orders.length);
        const { struck } = scene.proxy.faults().find(({ id }) => id === fault);
        assert.ok(struck >= 2 * orders.length, `${struck} replies were lost, of gas money and of transfers`);
        await assertPaidOnce(scene, orders);
        await assertNoGap(scene, scene.gasStation);
    });

sceneTest('payouts: an error text for every send, accepted or not -> only a look follows, each paid once [F35]',
    { proxy: true, config: UNHURRIED, timeout: 300_000 }, async (scene) => {
        const accepted = await openMany(scene, ANSWERS.length);
        scene.proxy.fault('send-error', { messages: ANSWERS, accept: true });
        await payMany(scene, accepted);
        await mineUntilEnded(scene, accepted.length);
        scene.proxy.clear();
        const refused = await openMany(scene, ANSWERS.length);
        scene.proxy.fault('send-error', { messages: ANSWERS, times: 4 * ANSWERS.length });
        await payMany(scene, refused);
        await mineUntilEnded(scene, accepted.length + refused.length);
        await assertPaidOnce(scene, [...accepted, ...refused]);
        await assertNoGap(scene, scene.gasStation);
    });

sceneTest('payouts: the pending count is any number -> the allocator never asks for it [F33]',
    { proxy: true, config: UNHURRIED }, async (scene) => {
        scene.proxy.fault('random-nonce');
        const orders = await openMany(scene, 10);
        await payMany(scene, orders);
        await mineUntilEnded(scene, orders.length);
        await assertPaidOnce(scene, orders);
        const asked = scene.proxy.trace('eth_getTransactionCount').map(({ params }) => params[1]);
        assert.ok(asked.length > 0 && !asked.includes('pending'), 'pending counts are not asked for');
        await assertNoGap(scene, scene.gasStation);
    });

sceneTest('payouts: the pool forgets everything -> the same bytes are sent again, paid once [F31]', async (scene) => {
    const order = await scene.order();
    await scene.pay(order.receiver);
    const { hash } = await untilTransferWaits(scene, order.destination);
    for (let round = 0; round < 2; round += 1) {
        await scene.node.rpc('anvil_dropAllTransactions');
        await until(async () => (await scene.pool()) === 1, { what: 'it to be sent again', timeoutMs: 60_000 });
    }
    const [attempt] = transferAttempts(scene, order.session);
    assert.equal(`0x${attempt.tx.replace('0x', '')}`, hash, 'the first bytes');
    await scene.settle(order.session, 'succeeded');
    assert.equal(await scene.transfersTo(order.destination), 1);
});

sceneTest('payouts: hidden until a higher bid is out, then it reappears -> one nonce, one transfer [F31]',
    { proxy: true, timeout: 180_000 }, async (scene) => {
        const order = await scene.order();
        await scene.pay(order.receiver);
        const { hash } = await untilTransferWaits(scene, order.destination);
        const swallowed = scene.proxy.fault('swallow');
        await scene.node.rpc('anvil_dropTransaction', [hash]);
        const attempts = await untilAttempts(scene, order.session, 2);
        assert.equal(new Set(attempts.map(({ nonce }) => nonce)).size, 1, 'the same nonce');
        assert.equal(await scene.pool(), 0, 'nobody has either of them');
        const first = attempts[0].raw.startsWith('0x') ? attempts[0].raw : `0x${attempts[0].raw}`;
        await scene.node.rpc('eth_sendRawTransaction', [first]);
        await scene.node.mine();
        scene.proxy.clear(swallowed);
        await scene.settle(order.session, 'succeeded');
        await scene.rest();
        assert.equal(await scene.transfersTo(order.destination), 1);
        const states = transferAttempts(scene, order.session).map(({ status }) => status);
        assert.equal(states[0], 4, 'the first bid is the one that counts');
        assert.ok(states.slice(1).every((status) => status === 6), 'every other is dead');
    });
