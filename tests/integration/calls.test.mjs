// Sessions whose destination is a contract: it is allowed to take the money, and called.
import assert from 'node:assert/strict';
import { ahead, untilHeld } from './lib/payouts.mjs';
import { NATIVE, sceneTest, until, viem } from './lib/scene.mjs';

const Mode = { revert: 1, takeHalf: 3, takeNothing: 4, giveHalfBack: 6 };
const LIMITS = { allow_calls: true };
const ORDER = `0x${'5e'.repeat(32)}`;

/** A scene whose operator allows calls. */
function callTest(name, options, body) {
    if (typeof options === 'function') return callTest(name, {}, options);
    const config = { ...options.config, limits: { ...LIMITS, ...options.config?.limits } };
    return sceneTest(name, { ...options, config }, body);
}

/** An order that is delivered by calling a Merchant. */
async function callOrder(scene, {
    merchant = scene.contracts.merchant, token = scene.contracts.usdc, amount = '10', refund = scene.fresh(),
} = {}) {
    const functionName = token === NATIVE ? 'payNative' : 'pay';
    const { session, receiver } = await scene.api.openEvm({
        address: merchant.address, tokenAddress: token === NATIVE ? NATIVE : token.address, amountUnits: amount,
        calldata: viem.encodeFunctionData({ abi: merchant.abi, functionName, args: [ORDER] }),
    }, refund === null ? {} : { refundAddress: refund });
    return { session, receiver, refund, merchant, token };
}

const allowance = (scene, { receiver, merchant, token }) =>
    scene.chain.read(token, 'allowance', [receiver, merchant.address]);

/** What was done from the session's address: 'approve 10000000', 'call 10000000', … */
function steps(scene, { sessionId }) {
    const names = { 2: 'approve', 3: 'call', 4: 'transfer' };
    return scene.sql(`SELECT s.kind, s.units FROM payout_steps s JOIN payouts p ON p.id = s.payout_id
        WHERE p.session_id = '${sessionId}' AND s.kind <> 1 ORDER BY s.id`)
        .map(({ kind, units }) => `${names[kind]} ${units}`);
}

/** Mines until the call, not its allowance, waits in the pool; no block is mined once it may be sent. */
function untilCallWaits(scene, { session: { sessionId }, merchant }) {
    const to = merchant.address.toLowerCase();
    return until(async () => {
        const { pending } = await scene.node.rpc('txpool_content');
        const all = Object.values(pending).flatMap((byNonce) => Object.values(byNonce));
        if (all.some((tx) => tx.to?.toLowerCase() === to)) return true;
        const [{ allowed }] = scene.sql(`SELECT count(*) AS allowed FROM payout_steps s JOIN payouts p
            ON p.id = s.payout_id WHERE p.session_id = '${sessionId}' AND s.kind = 2 AND s.status = 6`);
        const [{ newest, applied }] = scene.sql(`SELECT (SELECT coalesce(max(seq), 0) FROM facts) AS newest,
            (SELECT coalesce(max(seq), 0) FROM cursors WHERE reader = 'settlement') AS applied`);
        const [tip] = scene.tip();
        const isRead = newest === applied && tip?.height === await scene.node.blockNumber();
        if (isRead && allowed === 0) await scene.node.mine();
        return undefined;
    }, { what: 'the call to wait in the pool', timeoutMs: 60_000, everyMs: 60 });
}

callTest('call: a token -> allowed exactly, called, taken, delivered', async (scene) => {
    const order = await callOrder(scene);
    await scene.pay(order.receiver);
    const { destination } = await scene.settle(order.session, 'succeeded');
    assert.equal(Number(destination.delivery.receivedUnits), 10);
    assert.match(destination.calldata, /^0x[0-9a-f]{72}$/);
    const tx = await scene.node.rpc('eth_getTransactionByHash', [destination.delivery.txHash]);
    assert.equal(viem.getAddress(tx.to), order.merchant.address);
    assert.equal(viem.getAddress(tx.from), viem.getAddress(order.receiver));
    assert.equal(tx.input, destination.calldata);
    assert.equal(BigInt(tx.value), 0n);
    assert.deepEqual(steps(scene, order.session), ['approve 10000000', 'call 10000000']);
    await scene.assertBalance(order.merchant.address, '10');
    assert.equal(await scene.chain.read(order.merchant, 'paid', [ORDER]), 10_000_000n);
    assert.equal(await allowance(scene, order), 0n);
    assert.match(await scene.daemon.cli(['session', 'explain', order.session.sessionId]).then(String), /contract/);
});

callTest('call: a token that returns nothing -> delivered the same way', async (scene) => {
    const { usdt, usdtMerchant } = scene.contracts;
    const order = await callOrder(scene, { merchant: usdtMerchant, token: usdt });
    await scene.pay(order.receiver, '10', usdt);
    await scene.settle(order.session, 'succeeded');
    await scene.assertBalance(usdtMerchant.address, '10', usdt);
    assert.equal(await allowance(scene, order), 0n);
});

callTest('call: the contract reverts -> known before anything is spent, the money goes back', async (scene) => {
    const order = await callOrder(scene);
    await scene.chain.write(order.merchant, 'setMode', [Mode.revert]);
    await scene.pay(order.receiver);
    const { destination } = await scene.settle(order.session, 'bounced');
    assert.equal(Number(destination.delivery.receivedUnits), 10);
    assert.deepEqual(steps(scene, order.session), ['transfer 10000000']);
    await scene.assertBalance(order.refund, '10');
    const [delivery] = scene.payouts(order.session);
    assert.match(delivery.reason, /Merchant: order refused/);
});

callTest('call: no contract at the destination -> the money goes back, nothing was allowed', async (scene) => {
    const refund = scene.fresh();
    const { session, receiver } = await scene.api.openEvm({
        address: scene.fresh(), tokenAddress: scene.contracts.usdc.address, amountUnits: '10', calldata: '0xc0ffee00',
    }, { refundAddress: refund });
    await scene.pay(receiver);
    await scene.settle(session, 'bounced');
    assert.deepEqual(steps(scene, session), ['transfer 10000000']);
    await scene.assertBalance(refund, '10');
});

callTest('call: good when simulated, reverts on the chain -> allowance taken back, then the money', async (scene) => {
    const order = await callOrder(scene);
    await scene.pay(order.receiver);
    await untilCallWaits(scene, order);
    await ahead(scene, order.merchant, 'setMode', [Mode.revert]);
    await scene.settle(order.session, 'bounced');
    assert.deepEqual(steps(scene, order.session),
        ['approve 10000000', 'call 10000000', 'approve 0', 'transfer 10000000']);
    assert.equal(await allowance(scene, order), 0n);
    await scene.assertBalance(order.refund, '10');
    await scene.assertBalance(order.merchant.address, '0');
});

callTest('call: less than the tolerance allows is taken -> known before anything is spent', async (scene) => {
    const order = await callOrder(scene);
    await scene.chain.write(order.merchant, 'setMode', [Mode.takeHalf]);
    await scene.pay(order.receiver);
    await scene.settle(order.session, 'bounced');
    assert.deepEqual(steps(scene, order.session), ['transfer 10000000']);
    await scene.assertBalance(order.refund, '10');
    const [delivery] = scene.payouts(order.session);
    assert.match(delivery.reason, /in a rehearsal the call took 5000000 of 10000000/);
});

callTest('call: takes all when simulated, half on the chain -> allowance taken back, held', async (scene) => {
    const order = await callOrder(scene);
    await scene.pay(order.receiver);
    await untilCallWaits(scene, order);
    await ahead(scene, order.merchant, 'setMode', [Mode.takeHalf]);
    await untilHeld(scene, order.session);
    assert.equal(await allowance(scene, order), 0n);
    await scene.assertBalance(order.receiver, '5');
    const [delivery] = scene.payouts(order.session);
    assert.match(delivery.reason, /took 5000000 of 10000000, less than the tolerance allows/);
});

callTest('call: takes nothing -> known before anything is spent, the money goes back', async (scene) => {
    const order = await callOrder(scene);
    await scene.chain.write(order.merchant, 'setMode', [Mode.takeNothing]);
    await scene.pay(order.receiver);
    await scene.settle(order.session, 'bounced');
    assert.deepEqual(steps(scene, order.session), ['transfer 10000000']);
    await scene.assertBalance(order.refund, '10');
    const [delivery] = scene.payouts(order.session);
    assert.match(delivery.reason, /in a rehearsal the call took 0 of 10000000/);
});

callTest('call: takes all when simulated, nothing on the chain -> no delivery, everything goes back', async (scene) => {
    const order = await callOrder(scene);
    await scene.pay(order.receiver);
    await untilCallWaits(scene, order);
    await ahead(scene, order.merchant, 'setMode', [Mode.takeNothing]);
    await scene.settle(order.session, 'bounced');
    assert.deepEqual(steps(scene, order.session),
        ['approve 10000000', 'call 10000000', 'approve 0', 'transfer 10000000']);
    await scene.assertBalance(order.refund, '10');
    await scene.assertBalance(order.merchant.address, '0');
});

callTest('call: the contract takes all and gives half back -> known before anything is spent', async (scene) => {
    const order = await callOrder(scene);
    await scene.chain.write(order.merchant, 'setMode', [Mode.giveHalfBack]);
    await scene.pay(order.receiver);
    await scene.settle(order.session, 'bounced');
    assert.deepEqual(steps(scene, order.session), ['transfer 10000000']);
    await scene.assertBalance(order.refund, '10');
    await scene.assertBalance(order.merchant.address, '0');
});

callTest('call: coin -> goes with the call; where some would come back it is never made', async (scene) => {
    const order = await callOrder(scene, { token: NATIVE, amount: '0.5' });
    await scene.pay(order.receiver, '0.5', NATIVE);
    const { destination } = await scene.settle(order.session, 'succeeded');
    assert.equal(Number(destination.delivery.receivedUnits), 0.5);
    assert.deepEqual(steps(scene, order.session), [`call ${scene.units('0.5', NATIVE)}`]);
    await scene.assertBalance(order.merchant.address, '0.5', NATIVE);

    await scene.chain.write(order.merchant, 'setMode', [Mode.giveHalfBack]);
    const second = await callOrder(scene, { token: NATIVE, amount: '0.5' });
    await scene.pay(second.receiver, '0.5', NATIVE);
    await scene.settle(second.session, 'bounced');
    await scene.assertBalance(second.refund, '0.5', NATIVE);
    const [delivery] = scene.payouts(second.session);
    assert.match(delivery.reason, /gave 250000000000000000 back/);
});

callTest('call: coin, the contract reverts -> refunded, the contract was never called', async (scene) => {
    const order = await callOrder(scene, { token: NATIVE, amount: '0.5' });
    await scene.chain.write(order.merchant, 'setMode', [Mode.revert]);
    await scene.pay(order.receiver, '0.5', NATIVE);
    await scene.settle(order.session, 'bounced');
    await scene.assertBalance(order.refund, '0.5', NATIVE);
    assert.deepEqual(steps(scene, order.session), [`transfer ${scene.units('0.5', NATIVE)}`]);
});

// The money is where the session wanted it; only not by our call. That must not stop anybody else.
callTest('call: the contract takes what it was allowed by itself -> held, and no other session is stopped',
    { config: { limits: { reconcile_s: 1 } } }, async (scene) => {
        const order = await callOrder(scene);
        await scene.pay(order.receiver);
        await untilCallWaits(scene, order);
        await ahead(scene, order.merchant, 'grab', [order.receiver]);
        await untilHeld(scene, order.session);
        assert.equal(await allowance(scene, order), 0n);
        const [{ missing }] = scene.sql('SELECT missing FROM ended_allowances');
        assert.equal(missing, '10000000');
        const looks = async () => (await scene.daemon.metric('depositd_reconcile_looks_total')) ?? 0;
        const before = await looks();
        await until(async () => await looks() >= before + 4, { what: 'the books to be compared', timeoutMs: 30_000 });
        assert.equal(await scene.daemon.metric('depositd_payouts_halted'), 0);
        const other = await scene.order();
        await scene.pay(other.receiver);
        await scene.settle(other.session, 'succeeded');
    });

callTest('call: data that would move tokens past the session, or is none -> refused, naming the parameter',
    async (scene) => {
        const { merchant, usdc } = scene.contracts;
        const open = (address, calldata) => scene.api.createSession({
            address, tokenAddress: usdc.address, amountUnits: '1', calldata,
        });
        const word = '0'.repeat(64);
        const refused = [
            [merchant.address, `0xa9059cbb${word}${word}`, 'destination.calldata', 'call_not_allowed'],
            [merchant.address, `0x095ea7b3${word}${word}`, 'destination.calldata', 'call_not_allowed'],
            [merchant.address, '0x1b9265b', 'destination.calldata', 'invalid_parameter'],
            [merchant.address, '1b9265b8', 'destination.calldata', 'invalid_parameter'],
            [merchant.address, '0x1b', 'destination.calldata', 'invalid_parameter'],
            [merchant.address, `0x${'11'.repeat(24 * 1024 + 1)}`, 'destination.calldata', 'invalid_parameter'],
            [usdc.address, '0x1b9265b8', 'destination.address', 'invalid_parameter'],
            [NATIVE, '0x1b9265b8', 'destination.address', 'invalid_parameter'],
        ];
        for (const [address, calldata, param, code] of refused) {
            await assert.rejects(open(address, calldata), ({ status, body }) => {
                assert.equal(status, 400);
                assert.deepEqual([body.error.param, body.error.code], [param, code]);
                return true;
            });
        }
        const longest = await open(merchant.address, `0x${'11'.repeat(24 * 1024)}`);
        assert.equal(longest.destination.calldata.length, 2 + 2 * 24 * 1024);
    });

sceneTest('call: the operator has not allowed any -> refused when the session is opened', async (scene) => {
    const { merchant, usdc } = scene.contracts;
    const order = { address: merchant.address, tokenAddress: usdc.address, amountUnits: '1' };
    await assert.rejects(scene.api.createSession({ ...order, calldata: '0x1b9265b8' }), ({ status, body }) => {
        assert.equal(status, 400);
        assert.deepEqual([body.error.param, body.error.code], ['destination.calldata', 'calldata_not_supported']);
        return true;
    });
    await scene.api.createSession({ ...order, calldata: '0x' });
});
