// Payouts and the price of gas: bids that nodes take, and no bid above the operator's cap.
import assert from 'node:assert/strict';
import { sceneTest, until, viem } from './lib/scene.mjs';
import {
    UNHURRIED, assertPaidOnce, openMany, payMany, transferAttempts, untilAttempts, untilGasMoneyWaits,
    untilTransferWaits,
} from './lib/payouts.mjs';

const GWEI = 1_000_000_000n;
const hex = (number) => viem.toHex(number);
const BLOCKS = 10;

/** What a node says of its last blocks when the base fee was `base` and everybody tipped `tip`. */
const feeHistory = (base, tip) => ({
    oldestBlock: '0x1', baseFeePerGas: Array(BLOCKS + 1).fill(hex(base)), gasUsedRatio: Array(BLOCKS).fill(0.5),
    reward: Array(BLOCKS).fill([hex(tip)]),
});

/** A block whose base fee is this. */
async function mineAt(scene, base) {
    await scene.node.rpc('anvil_setNextBlockBaseFeePerGas', [hex(base)]);
    await scene.node.mine();
}

/** What our own transactions offered and paid: every attempt's bid, and the price of what was mined. */
async function assertBelowCap(scene, cap) {
    const attempts = scene.sql('SELECT tx, max_fee FROM attempts');
    assert.ok(attempts.every(({ max_fee: fee }) => BigInt(fee) <= cap), 'no bid is above the cap');
    for (const { tx } of attempts) {
        const hash = tx.startsWith('0x') ? tx : `0x${tx}`;
        const receipt = await scene.node.rpc('eth_getTransactionReceipt', [hash]);
        if (receipt) assert.ok(BigInt(receipt.effectiveGasPrice) <= cap, `${hash} cost more than the cap`);
    }
}

sceneTest('fees: a tip of 1 wei and a node that wants a tenth more -> every higher bid is taken, to the cap [F34]',
    { proxy: true, chain: { max_fee_gwei: 2 }, config: UNHURRIED, timeout: 240_000 }, async (scene) => {
        scene.proxy.fault('result', { methods: ['eth_feeHistory'], value: feeHistory((9n * GWEI) / 10n, 1n) });
        scene.proxy.fault('strict-replacement');
        const orders = await openMany(scene, 3);
        await payMany(scene, orders);
        await untilGasMoneyWaits(scene, orders.length);
        for (const { destination } of orders) await untilTransferWaits(scene, destination);
        const waiting = [];
        for (const order of orders) {
            await untilAttempts(scene, order.session, 2);
            await until(() => {
                const [payout] = scene.payouts(order.session);
                return /above the operator's cap/.test(payout.waiting_for) && waiting.push(payout.waiting_for);
            }, { what: 'the payout to say that it may not bid more', timeoutMs: 60_000, everyMs: 300 });
        }
        for (const { session } of orders) {
            const bids = transferAttempts(scene, session);
            assert.equal(bids.length, 2, 'a third bid would pass the cap');
            for (const field of ['max_fee', 'max_priority_fee']) {
                const [was, now] = bids.map((bid) => BigInt(bid[field]));
                assert.ok(now * 10n >= was * 11n, `${field}: from ${was} to ${now}`);
            }
            assert.ok(bids.every(({ last_answer: answer }) => answer.startsWith('accepted')), 'each was taken at once');
        }
        await scene.mineUntil(() => orders.every(({ session }) => scene.payouts(session)[0].status === 6),
            { what: 'the payouts to be final' });
        await assertPaidOnce(scene, orders);
        await assertBelowCap(scene, 2n * GWEI);
    });

sceneTest('fees: a thousandfold base fee for many blocks -> waits and says why, then paid once at the new price [F43]',
    { chain: { max_fee_gwei: 100 }, timeout: 240_000 }, async (scene) => {
        const [begun, fresh, late] = await openMany(scene, 3);
        await scene.pay(begun.receiver);
        await untilTransferWaits(scene, begun.destination);
        // From here on the transfer that waits is too cheap for every block.
        for (const { receiver } of [fresh, late]) {
            await scene.node.rpc('anvil_setNextBlockBaseFeePerGas', [hex(1_000n * GWEI)]);
            await scene.pay(receiver);
        }
        const says = async ({ session }) => {
            await mineAt(scene, 1_000n * GWEI);
            const payout = scene.payouts(session).at(-1);
            return payout && /price of gas.*above the operator's cap/.test(payout.waiting_for);
        };
        for (const order of [fresh, late]) {
            await until(() => says(order), { what: 'the payout to say why it waits', timeoutMs: 60_000, everyMs: 200 });
            assert.equal((await scene.api.getSession(order.session)).status, 'processing');
        }
        for (let block = 0; block < 20; block += 1) await mineAt(scene, 1_000n * GWEI);
        await scene.readUp();
        const listed = JSON.parse(await scene.daemon.cli(['payout', 'list', '--json']));
        assert.ok(listed.some(({ waitingFor }) => waitingFor.includes('price of gas')), 'the command line says it, too');
        for (const { destination } of [begun, fresh, late]) assert.equal(await scene.transfersTo(destination), 0);

        await mineAt(scene, GWEI);
        for (const { session } of [begun, fresh, late]) await scene.settle(session, 'succeeded', { timeoutMs: 60_000 });
        await scene.rest();
        for (const { destination } of [begun, fresh, late]) {
            await scene.assertBalance(destination, '10');
            assert.equal(await scene.transfersTo(destination), 1);
        }
        await assertBelowCap(scene, 100n * GWEI);
    });

sceneTest('fees: they rise above the bid but not above the cap -> a higher bid is mined, one transfer [F43]',
    { chain: { max_fee_gwei: 100 }, timeout: 240_000 }, async (scene) => {
        const order = await scene.order();
        await scene.pay(order.receiver);
        await untilTransferWaits(scene, order.destination);
        await scene.mineUntil(async () => {
            await scene.node.rpc('anvil_setNextBlockBaseFeePerGas', [hex(20n * GWEI)]);
            return transferAttempts(scene, order.session).length >= 2;
        }, { what: 'a higher bid', timeoutMs: 60_000 });
        await scene.settle(order.session, 'succeeded', { timeoutMs: 60_000 });
        await scene.rest();
        assert.equal(await scene.transfersTo(order.destination), 1);
        assert.ok(transferAttempts(scene, order.session).length >= 2);
    });
