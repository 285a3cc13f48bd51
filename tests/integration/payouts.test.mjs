// Payouts while the nodes answer badly: nobody is paid twice, and nothing jams.
import assert from 'node:assert/strict';
import { sceneTest } from './lib/scene.mjs';
import { UNHURRIED, assertNoGap, assertPaidOnce, mineUntilEnded, openMany, payMany } from './lib/payouts.mjs';

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
