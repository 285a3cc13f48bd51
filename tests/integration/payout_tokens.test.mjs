// Whom and what payouts are made to: coin to addresses that run code, tokens that keep something back, and parties
// that the token's issuer has blocked.
import assert from 'node:assert/strict';
import { NATIVE, sceneTest } from './lib/scene.mjs';
import { ahead, transferAttempts, untilHeld, untilTransferWaits } from './lib/payouts.mjs';

// Runtime code: writes a storage slot (far beyond 21,000 gas in all), or reverts, or just stops.
const COSTLY = '0x600160005500';
const REVERTS = '0x60006000fd';
const delegatedTo = (address) => `0xef0100${address.slice(2).toLowerCase()}`;

const setCode = (scene, address, code) => scene.node.rpc('anvil_setCode', [address, code]);
const isSuccess = (receipt) => receipt.status === '0x1';

sceneTest('native: to a fresh address, a costly contract, a delegated account -> delivered, gas estimated [F39]',
    { timeout: 180_000 }, async (scene) => {
        const costly = scene.fresh();
        await setCode(scene, costly, COSTLY);
        const [plain, contract, delegated] = await Promise.all(
            [0, 1, 2].map(() => scene.order({ amount: '1', token: NATIVE })));
        await setCode(scene, contract.destination, COSTLY);
        await setCode(scene, delegated.destination, delegatedTo(costly));
        for (const order of [plain, contract, delegated]) {
            await scene.pay(order.receiver, '1', NATIVE);
            await scene.settle(order.session, 'succeeded', { timeoutMs: 60_000 });
            await scene.assertBalance(order.destination, '1', NATIVE);
            assert.equal(transferAttempts(scene, order.session).length, 1);
        }
        const limits = [plain, contract, delegated].map(({ session }) => scene.sql(`SELECT gas_limit FROM payout_steps
            WHERE kind = 4 AND payout_id = ${scene.payouts(session)[0].id}`)[0].gas_limit);
        assert.ok(limits[1] > 40_000 && limits[2] > 40_000, `gas limits ${limits}`);
    });

sceneTest('native: the recipient reverts -> never sent, the coin goes back [F39]', async (scene) => {
    const order = await scene.order({ amount: '1', token: NATIVE });
    await setCode(scene, order.destination, REVERTS);
    await scene.pay(order.receiver, '1', NATIVE);
    await scene.settle(order.session, 'bounced', { timeoutMs: 60_000 });
    await scene.assertBalance(order.refund, '1', NATIVE);
    await scene.assertBalance(order.destination, '0', NATIVE);
    assert.equal(scene.payouts(order.session)[0].status, 8, 'the delivery is dead, not failed');
});

for (const [what, code] of [['costly', COSTLY], ['reverting', REVERTS]]) {
    sceneTest(`native: the recipient becomes a ${what} contract after sending -> mined, failed, the coin goes back [F39]`,
        async (scene) => {
            const order = await scene.order({ amount: '1', token: NATIVE });
            await scene.pay(order.receiver, '1', NATIVE);
            const { hash } = await untilTransferWaits(scene, order.destination);
            await setCode(scene, order.destination, code);
            await scene.node.mine();
            assert.ok(!isSuccess(await scene.chain.receipt(hash)), 'included, charged and failed');
            await scene.settle(order.session, 'bounced', { timeoutMs: 60_000 });
            await scene.assertBalance(order.refund, '1', NATIVE);
            await scene.assertBalance(order.destination, '0', NATIVE);
            assert.equal(scene.payouts(order.session)[0].status, 7, 'the delivery is final_failed');
        });
}

sceneTest('tokens: one that returns nothing, one bridged -> delivered, by the log and the balance [F40]',
    { tokens: ['usdc', 'usdt', 'usdce'] }, async (scene) => {
        for (const name of ['usdt', 'usdce']) {
            const token = scene.contracts[name];
            const order = await scene.order({ token });
            await scene.pay(order.receiver, '10', token);
            await scene.settle(order.session, 'succeeded');
            await scene.assertBalance(order.destination, '10', token);
            assert.equal(await scene.transfersTo(order.destination, token), 1);
        }
    });

sceneTest('tokens: the issuer switches a fee on between sending and mining -> not delivered, held with a reason [F40]',
    { timeout: 180_000 }, async (scene) => {
        const { usdt } = scene.contracts;
        // The issuer's balance exists, so that the fee does not make the transfer too dear for its gas.
        await scene.chain.mint(usdt, scene.chain.accounts[0].address, 1n);
        const order = await scene.order({ token: usdt });
        await scene.pay(order.receiver, '10', usdt);
        const { hash } = await untilTransferWaits(scene, order.destination);
        await ahead(scene, usdt, 'setParams', [19n, 49n]);
        assert.ok(isSuccess(await scene.chain.receipt(hash)), 'the transfer itself succeeds');
        await untilHeld(scene, order.session);
        const [delivery, refund] = scene.payouts(order.session);
        assert.equal(delivery.status, 7, 'the delivery is final_failed');
        assert.match(delivery.reason, /did not move what it should/);
        assert.match(refund.reason, /refuses/);
        assert.equal((await scene.api.getSession(order.session)).status, 'processing');
        assert.equal(await scene.chain.nonce(order.receiver), 1, 'one transfer and no more');
    });

sceneTest('tokens: one that keeps a share of every transfer -> never told as delivered [F40]',
    { tokens: ['usdc', 'fee'], timeout: 180_000 }, async (scene) => {
        const { fee } = scene.contracts;
        const order = await scene.order({ token: fee, amount: null });
        await scene.pay(order.receiver, '10', fee);
        await untilHeld(scene, order.session);
        assert.equal(scene.payouts(order.session)[0].status, 7, 'the delivery is final_failed');
        assert.equal(await scene.chain.nonce(order.receiver), 1);
    });

sceneTest('blocked: recipient and refund address before anything is sent -> held, nothing paid for [F41]',
    { timeout: 180_000 }, async (scene) => {
        const { usdc } = scene.contracts;
        const order = await scene.order();
        await scene.chain.setBlacklisted(usdc, order.destination);
        await scene.chain.setBlacklisted(usdc, order.refund);
        await scene.pay(order.receiver);
        await untilHeld(scene, order.session);
        await assertStill(scene, order, { receiver: 0, station: 0 });
        const [{ id, reason }] = JSON.parse(await scene.daemon.cli(['payout', 'list', '--json']));
        assert.match(reason, /blacklisted/);

        await scene.chain.setBlacklisted(usdc, order.refund, false);
        await scene.daemon.cli(['payout', 'resume', String(id), '--by', 'test']);
        await scene.settle(order.session, 'bounced', { timeoutMs: 60_000 });
        await scene.assertBalance(order.refund, '10');
        assert.equal(await scene.transfersTo(order.refund), 1);
    });

sceneTest('blocked: both after the delivery is sent -> one paid revert, then held, no loop [F41]',
    { timeout: 180_000 }, async (scene) => {
        const { usdc } = scene.contracts;
        const order = await scene.order();
        await scene.chain.setBlacklisted(usdc, order.refund);
        await scene.pay(order.receiver);
        await untilTransferWaits(scene, order.destination);
        await ahead(scene, usdc, 'blacklist', [order.destination]);
        await untilHeld(scene, order.session);
        await assertStill(scene, order, { receiver: 1, station: 1 });
        await scene.assertBalance(order.receiver, '10');
    });

sceneTest('blocked: only the refund address -> the delivery does not mind [F41]', async (scene) => {
    const order = await scene.order();
    await scene.chain.setBlacklisted(scene.contracts.usdc, order.refund);
    await scene.pay(order.receiver);
    await scene.settle(order.session, 'succeeded');
    await scene.assertBalance(order.destination, '10');
});

/** Held means held: blocks go by, and our keys have sent just so many transactions. */
async function assertStill(scene, { receiver }, sent) {
    const before = await scene.daemon.metric('depositd_payout_sends_total');
    for (let block = 0; block < 10; block += 1) {
        await scene.node.mine();
        await scene.readUp();
    }
    assert.equal(await scene.chain.nonce(receiver), sent.receiver, 'transactions of the receiver');
    assert.equal(await scene.chain.nonce(scene.gasStation), sent.station, 'transactions of the gas station');
    assert.equal(await scene.daemon.metric('depositd_payout_sends_total'), before, 'nothing is sent any more');
    assert.equal(await scene.pool(), 0);
}
