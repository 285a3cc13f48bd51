// What stops payouts before anything is signed: the operator's cap, and books that do not fit the chain.
import assert from 'node:assert/strict';
import { sceneTest, until } from './lib/scene.mjs';
import { UNHURRIED, mineUntilEnded, openMany, payMany, untilHeld } from './lib/payouts.mjs';

sceneTest('cap: a payout above it -> held before a nonce is taken; with a higher one it goes on',
    { config: { limits: { payout_whole_tokens_max: 5 } } }, async (scene) => {
        const order = await scene.order();
        await scene.pay(order.receiver);
        await untilHeld(scene, order.session);
        const [{ id, reason }] = scene.payouts(order.session);
        assert.match(reason, /payout_whole_tokens_max/);
        assert.deepEqual(scene.sql('SELECT id FROM payout_steps'), [], 'no nonce was reserved, no gas money sent');
        await scene.daemon.stop();
        scene.daemon.configure({ ...scene.daemon.config, limits: { payout_whole_tokens_max: 10 } });
        await scene.daemon.start();
        await scene.daemon.cli(['payout', 'resume', String(id), '--by', 'test']);
        await scene.settle(order.session, 'succeeded');
        assert.equal(await scene.transfersTo(order.destination), 1);
    });

sceneTest('books: compared every second while money moves -> no alarm',
    { config: { ...UNHURRIED, limits: { reconcile_s: 1 } }, timeout: 180_000 }, async (scene) => {
        const equal = () => scene.daemon.metric('depositd_reconcile_looks_total', { outcome: 'equal' });
        let ended = 0;
        for (let round = 0; round < 4; round += 1) {
            const orders = await openMany(scene, 15);
            ended += orders.length;
            await payMany(scene, orders);
            await mineUntilEnded(scene, ended);
        }
        await scene.rest();
        const before = await equal();
        await until(async () => (await equal()) > before, { what: 'a look', timeoutMs: 30_000, everyMs: 200 });
        assert.equal(await scene.daemon.metric('depositd_reconcile_looks_total', { outcome: 'differs' }), 0);
        assert.equal(await scene.daemon.metric('depositd_payouts_halted'), 0);
        assert.match(await scene.daemon.cli(['halt', 'list']), /no chain is halted/);
    });

sceneTest('books: the issuer destroys what a receiver holds -> payouts halt and say why, until it is acknowledged',
    { config: { limits: { reconcile_s: 1 } }, audit: false, timeout: 180_000 }, async (scene) => {
        const { usdt } = scene.contracts;
        const partial = await scene.order({ token: usdt });
        await scene.pay(partial.receiver, '4', usdt);
        const booked = () => scene.sql("SELECT 1 FROM deposits WHERE status = 2").length === 1;
        await scene.mineUntil(booked, { what: 'the part to be booked' });
        await scene.chain.write(usdt, 'addBlackList', [partial.receiver]);
        await scene.chain.write(usdt, 'destroyBlackFunds', [partial.receiver]);
        const halted = () => scene.daemon.metric('depositd_payouts_halted');
        await until(async () => (await halted()) === 1, { what: 'the halt', timeoutMs: 60_000, everyMs: 200 });
        const { status, text } = await scene.readiness();
        assert.equal(status, 503);
        assert.match(text, /4000000 less of eip155:31337\/erc20/);
        assert.match(scene.daemon.log(), /payouts are halted/);

        const order = await scene.order();
        await scene.pay(order.receiver);
        await scene.mineUntil(() => /halted/.test(scene.payouts(order.session)[0]?.waiting_for ?? ''),
            { what: 'the next payout to wait' });
        assert.equal(scene.sql('SELECT count(*) AS n FROM payout_steps')[0].n, 0);
        await scene.daemon.cli(['halt', 'acknowledge', '--chain', 'eip155:31337', '--by', 'test']);
        await scene.settle(order.session, 'succeeded', { timeoutMs: 60_000 });
        const looks = () => scene.daemon.metric('depositd_reconcile_looks_total', { outcome: 'differs' });
        const before = await looks();
        await until(async () => (await looks()) > before + 2, { what: 'more looks', timeoutMs: 60_000, everyMs: 200 });
        assert.equal(await halted(), 0, 'what was acknowledged does not halt again');
    });

sceneTest('books: somebody sends coin that is not looked for -> told, nothing halts',
    { config: { limits: { reconcile_s: 1 } }, chain: { scan_native: false }, audit: false, timeout: 180_000 },
    async (scene) => {
        await scene.chain.setNativeBalance(scene.gasStation, 101n * 10n ** 18n);
        await scene.node.mine();
        const surplus = () => scene.daemon.metric('depositd_reconcile_differences_total', { kind: 'surplus' });
        await until(async () => (await surplus()) > 0, { what: 'the finding', timeoutMs: 60_000, everyMs: 200 });
        const order = await scene.order();
        await scene.pay(order.receiver);
        await scene.settle(order.session, 'succeeded');
        assert.equal(await scene.daemon.metric('depositd_payouts_halted'), 0);
    });
