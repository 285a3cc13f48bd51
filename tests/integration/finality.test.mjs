// Heads and final blocks that do not behave: they stand still, go backwards, or are taken back.
import assert from 'node:assert/strict';
import { sceneTest, until } from './lib/scene.mjs';

const explain = (scene, { sessionId }) => scene.daemon.cli(['session', 'explain', sessionId]);

sceneTest('finality: the tag stands still while deadlines pass -> confirming with the reason, nothing refunded, then all ' +
    'as it should [F08]', { chain: { confirmations: 1, finalized_tag: true }, proxy: true }, async (scene) => {
    await scene.readUp();
    const frozen = scene.proxy.fault('frozen-finality');
    await scene.node.mine(2);
    const paid = await scene.order();
    const partly = await scene.order();
    const unpaid = await scene.order();
    await scene.pay(paid.receiver);
    await scene.pay(partly.receiver, '4');
    await scene.seen(paid.session, 'processing');
    await scene.passDeadline(unpaid.session);
    await scene.node.mine(100);
    // The deadline of the one that nobody paid shows that deadlines were looked at.
    await scene.settle(unpaid.session, 'expired');
    await scene.readUp({ timeoutMs: 60_000 });
    assert.equal((await scene.api.getSession(paid.session)).status, 'processing');
    assert.equal((await scene.api.getSession(partly.session)).status, 'waiting_payment');
    for (const { session, refund, destination } of [paid, partly]) {
        assert.deepEqual(scene.payouts(session), []);
        await scene.assertBalance(refund, '0');
        await scene.assertBalance(destination, '0');
        assert.match(await explain(scene, session), /waits for: block \d+ to be final; the last that is known to be is \d+/);
    }
    const metrics = { chain: 'eip155:31337' };
    const lag = (await scene.daemon.metric('depositd_chain_head_height', metrics)) -
        (await scene.daemon.metric('depositd_chain_final_height', metrics));
    assert.ok(lag > 100, `the lag of finality is to be seen: ${lag}`);

    scene.proxy.clear(frozen);
    await scene.settle(paid.session, 'succeeded');
    await scene.settle(partly.session, 'bounced');
    await scene.assertBalance(paid.destination, '10');
    await scene.assertBalance(partly.refund, '4');
    assert.equal(await scene.transfersTo(paid.destination), 1);
    assert.equal(await scene.transfersTo(partly.refund), 1);
});

sceneTest('finality: the head jumps to and fro while payments come -> no status ever goes back [F28]',
    { chain: { confirmations: 3 }, proxy: true }, async (scene) => {
        await scene.node.mine(8);
        scene.proxy.fault('head-jitter', { blocks: 5, ahead: 5 });
        const orders = [];
        const look = async () => {
            for (const order of orders) {
                const { status } = await scene.api.getSession(order.session);
                if (order.seen.at(-1) !== status) order.seen.push(status);
            }
        };
        for (let i = 0; i < 5; i += 1) {
            orders.push({ ...await scene.order(), seen: [] });
            await scene.pay(orders[i].receiver);
            for (let blocks = 0; blocks < 3; blocks += 1) {
                await look();
                await scene.node.mine();
            }
        }
        await scene.mineUntil(async () => {
            await look();
            return orders.every(({ seen }) => seen.at(-1) === 'succeeded');
        }, { what: 'all to be paid', timeoutMs: 90_000 });
        const path = ['waiting_payment', 'processing', 'succeeded'];
        for (const { seen, session, destination } of orders) {
            assert.deepEqual(seen, path.slice(-seen.length), 'a step is never taken back or twice');
            assert.ok(!scene.journal(session).includes('deposits_orphaned'));
            assert.equal(await scene.transfersTo(destination), 1);
        }
        assert.equal(await scene.daemon.metric('depositd_reorgs_total'), 0);
        assert.ok(scene.proxy.faults()[0].struck > 20, 'the head did jump');
        scene.proxy.clear();
    });
