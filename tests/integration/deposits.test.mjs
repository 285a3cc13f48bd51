// What the owner of a session is told when money comes late, twice, wrong, or cannot be delivered: docs/DEPOSITS.md,
// row by row. What the money itself does is asked in `amounts`, `bounces` and `strays`.
import assert from 'node:assert/strict';
import { startAnvil } from '../../devnet/lib/anvil.mjs';
import { openChain, parseEther } from '../../devnet/lib/chain.mjs';
import { chainConfig } from './lib/depositd.mjs';
import { untilHeld } from './lib/payouts.mjs';
import { sceneTest, until } from './lib/scene.mjs';

/** Mines until the owner's view has what `probe` looks for; the view. */
function sees(scene, session, what, probe) {
    return scene.mineUntil(async () => {
        const view = await scene.api.getSession(session);
        return probe(view) && view;
    }, { what, timeoutMs: 60_000 });
}

const ended = (list, count = 1) => list.length === count && list.every(({ status }) => status === 'returned');

/** The story's own rules: in order of time, and `waiting` only as the last entry. */
function assertTimeline({ timeline }, whats) {
    const times = timeline.map(({ at }) => at);
    assert.deepEqual(times, [...times].sort((a, b) => a - b), 'in order of time');
    const told = timeline.map(({ what, leg }) => (leg ? `${what} ${leg}` : what));
    assert.deepEqual(told.filter((what) => whats.includes(what)), whats, JSON.stringify(timeline, null, 1));
    assert.ok(timeline.slice(0, -1).every(({ what }) => what !== 'waiting'));
}

/** A returned payment as the API tells it, and as it is on the chain. */
async function assertReturned(scene, one, { to, amount, token = scene.contracts.usdc, transfers = 1 }) {
    assert.deepEqual([one.status, one.to, Number(one.units)], ['returned', to, Number(amount)]);
    assert.equal(one.tokenAddress, token.address);
    assert.equal(one.waitingFor, undefined);
    const receipt = await scene.chain.receipt(one.txHash);
    assert.equal(receipt.status, '0x1', 'the transaction that is named is the one that paid');
    await scene.assertBalance(to, amount, token);
    assert.equal(await scene.transfersTo(to, token), transfers);
}

sceneTest('deposits: after the deadline -> stays expired, the stray and its way back are told', async (scene) => {
    const { session, receiver, refund } = await scene.order();
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
    const { hash } = await scene.pay(receiver);
    await scene.readUp();
    const seen = await scene.api.getSession(session);
    assert.equal(seen.strays[0].status, 'confirming');
    assert.equal(seen.strays[0].depositTxHash, hash);
    assert.equal(seen.timeline.at(-1).what, 'waiting');
    assert.match(seen.timeline.at(-1).reason, /confirmations/);

    const view = await sees(scene, session, 'the stray to be returned', ({ strays }) => ended(strays));
    assert.deepEqual([view.status, view.statusReason.code], ['expired', 'expired_with_deposit']);
    await assertReturned(scene, view.strays[0], { to: refund, amount: '10' });
    assert.deepEqual(view.refunds, []);
    assert.deepEqual([view.deposits[0].late, view.deposits[0].use], [true, 'stray']);
    assertTimeline(view, ['created', 'payment_method_set', 'expired', 'deposit_detected', 'deposit_confirmed', 'stray',
        'payout_planned stray', 'payout_sent stray', 'payout_final stray']);
    assert.notEqual(view.timeline.at(-1).what, 'waiting', 'nothing is awaited any more');
    const open = await scene.api.getSession(session, { key: null });
    for (const key of ['timeline', 'refunds', 'strays']) assert.ok(!(key in open), `${key} is for the owner`);
});

sceneTest('deposits: a second payment -> the session has succeeded, the second goes back by itself',
    { chain: { explorer_url: 'https://scan.example' } }, async (scene) => {
        const { session, receiver, destination, refund } = await scene.order();
        await scene.pay(receiver);
        const paid = await scene.settle(session, 'succeeded');
        await scene.pay(receiver, '7');
        const view = await sees(scene, session, 'the second to be returned', ({ strays }) => ended(strays));
        assert.equal(view.status, 'succeeded');
        assert.deepEqual(view.destination.delivery, paid.destination.delivery);
        await assertReturned(scene, view.strays[0], { to: refund, amount: '7' });
        assert.equal(view.strays[0].explorerUrl, `https://scan.example/tx/${view.strays[0].txHash}`);
        await scene.assertBalance(destination, '10');
        assertTimeline(view, ['payout_planned delivery', 'payout_sent delivery', 'payout_final delivery', 'stray',
            'payout_planned stray', 'payout_sent stray', 'payout_final stray']);
    });

sceneTest('deposits: too little until the deadline -> bounced, the refund is told', async (scene) => {
    const { session, receiver, refund } = await scene.order();
    await scene.pay(receiver, '4');
    await scene.node.mine(3);
    await scene.readUp();
    const waiting = await scene.api.getSession(session);
    assert.equal(waiting.statusReason.code, 'underpaid');
    assert.match(waiting.timeline.at(-1).reason, /4\.00 USDC came so far of 10\.00 USDC/);
    await scene.passDeadline(session);
    const view = await scene.settle(session, 'bounced');
    assert.equal(view.statusReason.code, 'underpaid_at_deadline');
    await assertReturned(scene, view.refunds[0], { to: refund, amount: '4' });
    assert.equal(view.refunds[0].leg, 'refund');
    assert.equal(view.refunds[0].txHash, view.destination.delivery.txHash);
    assertTimeline(view, ['deposit_detected', 'deposit_confirmed', 'deadline_passed', 'payout_planned refund',
        'payout_sent refund', 'payout_final refund']);
});

sceneTest('deposits: too much, policy refund_excess -> succeeded, what was over goes back and is told',
    { policy: ['--overpaid', 'refund_excess'] }, async (scene) => {
        const { session, receiver, destination, refund } = await scene.order();
        await scene.pay(receiver, '15');
        await scene.settle(session, 'succeeded');
        const view = await sees(scene, session, 'the excess to be returned', ({ refunds }) => ended(refunds));
        assert.equal(view.refunds[0].leg, 'excess');
        await assertReturned(scene, view.refunds[0], { to: refund, amount: '5' });
        await scene.assertBalance(destination, '10');
        assertTimeline(view, ['payout_final delivery', 'payout_planned excess', 'payout_final excess']);
    });

sceneTest('deposits: a token that is not configured -> nothing to see; configured later and read again -> goes back',
    { audit: false }, async (scene) => {
        const { usdce } = scene.contracts;
        const { session, receiver, refund } = await scene.order();
        const first = await scene.node.blockNumber();
        await scene.pay(receiver, '10', usdce);
        await scene.passDeadline(session);
        const before = await scene.settle(session, 'expired');
        assert.deepEqual([before.statusReason.code, before.deposits, before.strays], ['expired', [], []]);

        await scene.daemon.stop();
        const [chain] = scene.daemon.config.chain;
        const token = [...chain.token, { symbol: 'USDC.e', address: usdce.address, decimals: 6 }];
        scene.daemon.configure({ ...scene.daemon.config, chain: [{ ...chain, token }] });
        await scene.daemon.start();
        const head = await scene.node.blockNumber();
        await scene.daemon.cli(['replay', '--chain', 'eip155:31337', '--from', String(first), '--to', String(head)]);
        const view = await sees(scene, session, 'the token to be returned', ({ strays }) => ended(strays));
        assert.deepEqual([view.status, view.statusReason.code], ['expired', 'expired_with_deposit']);
        await assertReturned(scene, view.strays[0], { to: refund, amount: '10', token: usdce });
        await scene.rest();
    });

sceneTest('deposits: paid on another chain -> goes back there, the session still waits for its own',
    { start: false }, async (scene, t) => {
        const node = await startAnvil({ chainId: 31338, mine: 'auto' });
        t.after(() => node.stop());
        const chain = await openChain(node);
        const { usdc } = await chain.deployAll();
        await chain.mint(usdc, scene.payer, 1_000_000_000n);
        await chain.setNativeBalance(scene.gasStation, parseEther('100'));
        await node.mine(2);
        const entry = chainConfig({
            chainId: 31338, urls: [node.url], poll_ms: 40, finalized_tag: false, mainnet: false,
            start_height: await node.blockNumber(), tokens: [['USDC', usdc.address, 6]],
        });
        scene.daemon.configure({ ...scene.daemon.config, chain: [...scene.daemon.config.chain, entry] });
        await scene.daemon.start();

        const { session, receiver, refund } = await scene.order();
        await chain.transferToken(usdc, receiver, 10_000_000n, { from: scene.payer });
        const view = await until(async () => {
            await node.mine();
            const now = await scene.api.getSession(session);
            return ended(now.strays) && now;
        }, { what: 'the money to go back on the other chain', timeoutMs: 60_000, everyMs: 60 });
        assert.deepEqual([view.status, view.statusReason.code], ['waiting_payment', 'unusable_deposit']);
        assert.deepEqual([view.strays[0].chainId, view.strays[0].to], [31338, refund]);
        assert.equal(await chain.balance(refund, usdc), 10_000_000n);
        assert.equal((await chain.receipt(view.strays[0].txHash)).status, '0x1');
        await scene.pay(receiver);
        await scene.settle(session, 'succeeded');
    });

sceneTest('deposits: the chain refuses the delivery -> bounced, both payouts and the reason are told', async (scene) => {
    const { session, receiver, destination, refund } = await scene.order();
    await scene.chain.setBlacklisted(scene.contracts.usdc, destination);
    await scene.pay(receiver);
    const view = await scene.settle(session, 'bounced', { timeoutMs: 60_000 });
    assert.equal(view.statusReason.code, 'delivery_impossible');
    await assertReturned(scene, view.refunds[0], { to: refund, amount: '10' });
    assertTimeline(view, ['payout_planned delivery', 'payout_failed delivery', 'payout_planned refund',
        'payout_final refund']);
    const failed = view.timeline.find(({ what }) => what === 'payout_failed');
    assert.match(failed.reason, /never sent: the chain refuses the transfer.*blacklisted/);
});

sceneTest('deposits: the refund is refused too -> held, and says so; resumed by the operator -> bounced',
    async (scene) => {
        const { usdc } = scene.contracts;
        const { session, receiver, destination, refund } = await scene.order();
        await scene.chain.setBlacklisted(usdc, destination);
        await scene.chain.setBlacklisted(usdc, refund);
        await scene.pay(receiver);
        await untilHeld(scene, session);
        const held = await scene.api.getSession(session);
        assert.deepEqual([held.status, held.statusReason.code], ['processing', 'payout_held']);
        assert.equal(held.refunds[0].status, 'held');
        assert.match(held.refunds[0].waitingFor, /an operator: .*blacklisted/);
        assertTimeline(held, ['payout_failed delivery', 'payout_planned refund', 'held', 'waiting']);
        assert.match(held.timeline.at(-1).reason, /operator/);

        await scene.chain.setBlacklisted(usdc, refund, false);
        const [{ id }] = JSON.parse(await scene.daemon.cli(['payout', 'list', '--json']));
        await scene.daemon.cli(['payout', 'resume', String(id), '--by', 'test']);
        const view = await scene.settle(session, 'bounced', { timeoutMs: 60_000 });
        await assertReturned(scene, view.refunds[0], { to: refund, amount: '10' });
        assertTimeline(view, ['held', 'resumed', 'payout_final refund']);
    });

sceneTest('deposits: late and without a refund address -> held on the books, and says so', async (scene) => {
    const { session, receiver } = await scene.order({ refund: null });
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
    const { hash } = await scene.pay(receiver);
    const view = await sees(scene, session, 'the stray to be held', ({ strays }) => strays[0]?.status === 'held');
    assert.equal(view.status, 'expired');
    assert.equal(view.strays[0].depositTxHash, hash);
    assert.match(view.strays[0].waitingFor, /no refund address/);
    assert.match(view.timeline.at(-1).reason, /no refund address/);
    await scene.assertBalance(receiver, '10');
});

sceneTest('deposits: the nodes are gone while money is to be delivered -> says what it waits for, then delivers',
    { proxy: true }, async (scene) => {
        const { session, receiver, destination } = await scene.order();
        // The money is credited, and no payout can be prepared: that asks for the price of gas.
        scene.proxy.fault('refuse', { methods: ['eth_feeHistory', 'eth_gasPrice', 'eth_estimateGas', 'eth_call'] });
        await scene.pay(receiver);
        const view = await sees(scene, session, 'the payout to wait', ({ statusReason, timeline }) =>
            statusReason.code === 'delivering' && /Waiting for: /.test(timeline.at(-1).reason));
        assert.equal(view.status, 'processing');
        assert.equal(view.timeline.at(-1).what, 'waiting');
        scene.proxy.clear();
        const paid = await scene.settle(session, 'succeeded', { timeoutMs: 90_000 });
        await scene.assertBalance(destination, '10');
        assert.equal(paid.timeline.at(-1).what, 'payout_final');
    });

sceneTest('deposits: a block is taken back -> the timeline has both, and what came after', async (scene) => {
    const { session, receiver } = await scene.order();
    const snapshot = await scene.node.rpc('evm_snapshot');
    await scene.pay(receiver);
    await scene.seen(session, 'processing');
    await scene.node.rpc('evm_revert', [snapshot]);
    await scene.node.mine(3);
    await scene.seen(session, 'waiting_payment');
    await scene.pay(receiver);
    const view = await scene.settle(session, 'succeeded');
    assertTimeline(view, ['deposit_detected', 'deposit_orphaned', 'deposit_detected', 'deposit_confirmed',
        'payout_final delivery']);
});
