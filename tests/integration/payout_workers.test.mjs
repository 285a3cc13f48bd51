// One payout and everything that could pay it again: a second worker, a replay, an operator, a process that keeps dying.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { scratchDir, startDepositd } from './lib/depositd.mjs';
import { sceneTest, until } from './lib/scene.mjs';
import { UNHURRIED, assertNoGap, assertPaidOnce, mineUntilEnded, openMany, payMany } from './lib/payouts.mjs';

sceneTest('workers: a second one on the same database -> refused, the first pays once [F30]', async (scene, t) => {
    const order = await scene.order();
    await scene.pay(order.receiver);
    const second = await startDepositd({
        dir: scratchDir(t), environment: false, start: false,
        config: { chain: scene.daemon.config.chain, storage: { path: scene.daemon.databaseFile } },
    });
    t.after(() => second.kill());
    await second.start({ ready: false });
    assert.notEqual((await second.ended()).code, 0);
    assert.match(second.log(), /cannot start/);
    await scene.settle(order.session, 'succeeded');
    assert.equal(await scene.transfersTo(order.destination), 1);
});

// What the chain itself guarantees when somebody starts a copy: stored bytes are the same bytes, and a nonce that is
// only about to be reserved is the same nonce. Foreign transactions appear in the books of one of the two.
for (const [what, place] of [['stored', 'store_after:2'], ['about to be reserved', 'reserve_before:2']]) {
    sceneTest(`workers: a copy of the database, the transfer ${what}, both run with the same keys -> one transfer [F30]`,
        { audit: false, timeout: 180_000 }, async (scene, t) => {
            const order = await scene.order();
            await scene.daemon.kill();
            await scene.daemon.start({ ready: false, env: { DEPOSITD_CRASH_AT: place } });
            let how;
            scene.daemon.ended().then((end) => { how = end; });
            await scene.pay(order.receiver);
            await until(async () => {
                if (how === undefined) await scene.node.mine();
                return how;
            }, { what: `the end at ${place}`, timeoutMs: 60_000, everyMs: 60 });
            const copy = await startDepositd({
                dir: scratchDir(t), environment: false, start: false, config: { chain: scene.daemon.config.chain },
            });
            t.after(() => copy.kill());
            for (const end of ['', '-wal']) {
                cpSync(scene.daemon.databaseFile + end, copy.databaseFile + end, { force: true });
            }
            await Promise.all([scene.daemon.start(), copy.start()]);
            await scene.mineUntil(async () => (await scene.transfersTo(order.destination)) > 0,
                { what: 'the transfer', timeoutMs: 60_000 });
            // Both get all the time they want to do it again.
            for (let block = 0; block < 20; block += 1) {
                await scene.node.mine();
                await scene.readUp();
            }
            await scene.mineUntil(async () => (await scene.pool()) === 0, { what: 'the pool to be empty' });
            assert.equal(await scene.transfersTo(order.destination), 1);
            assert.equal(await scene.transfersTo(order.refund), 0);
            assert.equal(await scene.chain.nonce(order.receiver), 1);
        });
}

sceneTest('workers: replay again and again, kill -9 ten times, an operator who retries -> one transfer [F30]',
    { timeout: 240_000 }, async (scene) => {
        const order = await scene.order();
        const from = String(await scene.node.blockNumber());
        await scene.pay(order.receiver);
        const replay = ['replay', '--chain', 'eip155:31337', '--from', from, '--to', from];
        // The daemon may die under the command: that is the point.
        const replaying = { on: true };
        const replays = (async () => {
            while (replaying.on) await scene.daemon.cli(replay).catch(() => {});
        })();
        for (let life = 0; life < 10; life += 1) {
            const sends = await scene.node.blockNumber();
            await scene.node.mine();
            // Dies in another moment of the payout each time: after so many more blocks.
            await until(async () => (await scene.node.mine()) > sends + life, { what: 'blocks', everyMs: 37 * (life % 4) + 20 });
            await scene.daemon.restart({ signal: 'SIGKILL' });
            const [payout] = scene.payouts(order.session);
            if (payout) await assert.rejects(scene.daemon.cli(['payout', 'resume', String(payout.id)]), /not held/);
        }
        replaying.on = false;
        await replays;
        await scene.settle(order.session, 'succeeded', { timeoutMs: 60_000 });
        await scene.rest();
        await scene.assertBalance(order.destination, '10');
        assert.equal(await scene.transfersTo(order.destination), 1);
        assert.equal(await scene.chain.nonce(order.receiver), 1);
    });

sceneTest('workers: dies between reserving and sending again and again -> no gap in the nonces, nothing jams [F32]',
    { config: UNHURRIED, timeout: 300_000 }, async (scene) => {
        const orders = await openMany(scene, 16);
        await payMany(scene, orders);
        const places = ['reserve_after', 'sign_before', 'sign_after', 'store_after', 'send_before'];
        const isDone = () => scene.sql('SELECT count(*) AS n FROM sessions WHERE state = 8')[0].n === orders.length;
        let deaths = 0;
        const struck = new Set();
        for (let life = 0; life < 40 && !isDone(); life += 1) {
            await scene.daemon.kill();
            const place = `${places[life % places.length]}:${1 + (life % 2)}`;
            await scene.daemon.start({ ready: false, env: { DEPOSITD_CRASH_AT: place } });
            let how;
            scene.daemon.ended().then((end) => { how = end; });
            await until(async () => {
                if (how === undefined) await scene.node.mine();
                return how !== undefined || isDone();
            }, { what: 'the end, or all to be paid', timeoutMs: 60_000, everyMs: 60 });
            if (how === undefined) break;
            assert.equal(how.signal, 'SIGKILL');
            deaths += 1;
            struck.add(place);
        }
        assert.ok(deaths >= 20, `${deaths} deaths`);
        assert.equal(struck.size, 2 * places.length, 'each place, the first and the second time that it is passed');
        await scene.daemon.kill();
        await scene.daemon.start();
        await mineUntilEnded(scene, orders.length);
        await scene.rest();
        await assertPaidOnce(scene, orders);
        await assertNoGap(scene, scene.gasStation);
        for (const { receiver } of orders) assert.equal(await scene.chain.nonce(receiver), 1);
    });
