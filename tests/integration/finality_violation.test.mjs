// What was final leaves the chain: payouts stop until an operator says so, all else goes on.
import assert from 'node:assert/strict';
import { startAnvil } from '../../devnet/lib/anvil.mjs';
import { openChain, parseEther } from '../../devnet/lib/chain.mjs';
import { signedTransfer } from './lib/payers.mjs';
import { chainConfig } from './lib/depositd.mjs';
import { sceneTest, until } from './lib/scene.mjs';

const CHAIN = 'eip155:31337';
const CONFIRMATIONS = 2;

/** Money for the payers, and another chain that the same daemon serves. */
async function prepare(scene, t) {
    const node = await startAnvil({ chainId: 31338, mine: 'auto' });
    t.after(() => node.stop());
    const chain = await openChain(node);
    const { usdc } = await chain.deployAll();
    await chain.mint(usdc, scene.payer, 1_000_000_000n);
    await chain.setNativeBalance(scene.gasStation, parseEther('100'));
    await node.mine(2);
    const entry = chainConfig({
        chainId: 31338, urls: [node.url], poll_ms: 40, confirmations: CONFIRMATIONS, finalized_tag: false,
        mainnet: false, start_height: await node.blockNumber(), tokens: [['USDC', usdc.address, 6]],
    });
    for (const index of [2, 3, 4]) {
        await scene.chain.mint(scene.contracts.usdc, scene.chain.accounts[index].address, 100_000_000n);
    }
    scene.daemon.configure({ ...scene.daemon.config, chain: [...scene.daemon.config.chain, entry] });
    return { node, chain, usdc };
}

async function payOnOtherChain(scene, { node, chain, usdc }) {
    const destination = scene.fresh();
    const { session, receiver } = await scene.api.openEvm(
        { address: destination, chainId: 31338, tokenAddress: usdc.address, amountUnits: '10' });
    await chain.transferToken(usdc, receiver, 10_000_000n, { from: scene.payer });
    await until(async () => {
        await node.mine();
        return (await scene.api.getSession(session)).status === 'succeeded';
    }, { what: 'the other chain to deliver', timeoutMs: 60_000, everyMs: 60 });
    assert.equal(await chain.balance(destination, usdc), 10_000_000n);
}

/** An order that is paid by an account of its own, in the next block. */
async function paidOrder(scene, index) {
    const order = await scene.order();
    const account = scene.chain.accounts[index];
    const nonce = await scene.chain.nonce(account.address);
    const raw = await signedTransfer(scene, order.receiver, '10', { account, nonce });
    await scene.node.rpc('eth_sendRawTransaction', [raw]);
    const height = await scene.node.mine();
    return { ...order, account, raw, nonce, height };
}

const confirmed = ({ session }, scene) => scene.journal(session).includes('deposits_confirmed');

/**
 * One order that is delivered and final, then one that is credited and not paid out yet. Blocks come only one by one
 * here: the first order's payment is in block `span` from the end when that is given.
 */
async function deliveredAndCredited(scene, { span } = {}) {
    const delivered = await paidOrder(scene, 2);
    await scene.mineUntil(async () => (await scene.balance(delivered.destination)) > 0n,
        { what: 'the delivery to be mined', timeoutMs: 60_000 });
    const head = await scene.node.mine(CONFIRMATIONS);
    await scene.seen(delivered.session, 'succeeded', { timeoutMs: 30_000 });
    if (span) await scene.node.mine(span - (head - delivered.height + 1) - 1 - CONFIRMATIONS);
    const credited = await paidOrder(scene, 3);
    await scene.node.mine(CONFIRMATIONS);
    await until(() => confirmed(credited, scene), { what: 'the credit', timeoutMs: 30_000 });
    if (span) assert.equal(await scene.node.blockNumber() - delivered.height + 1, span);
    return { delivered, credited };
}

async function assertHalted(scene) {
    await until(async () => (await scene.readiness()).status === 503, { what: 'the halt', timeoutMs: 30_000 });
    assert.match((await scene.readiness()).text, /payouts eip155:31337.*halted until an operator.*finality violation/);
    assert.equal(await scene.daemon.metric('depositd_payouts_halted', { chain: CHAIN }), 1);
    assert.ok(await scene.daemon.metric('depositd_finality_violations_total', { chain: CHAIN }) >= 1);
    assert.match(scene.daemon.log(), /"chain halted"/);
    await assert.rejects(scene.daemon.cli(['halt', 'list']), /exit|failed/);
}

/** While the chain is halted: it is watched, the API and another chain work, and no money of payers moves. */
async function runHalted(scene, other, credited) {
    const late = await paidOrder(scene, 4);
    await scene.node.mine(2 * CONFIRMATIONS);
    await until(() => confirmed(late, scene), { what: 'a deposit to be credited meanwhile', timeoutMs: 30_000 });
    await payOnOtherChain(scene, other);
    await until(async () => (await scene.api.getSession(late.session)).statusReason.message.includes('are halted'),
        { what: 'the session to say why it waits', timeoutMs: 30_000 });
    for (const { session, destination } of [credited, late]) {
        assert.match(await scene.daemon.cli(['session', 'explain', session.sessionId]), /are halted since/);
        await scene.node.mine(CONFIRMATIONS);
        await scene.assertBalance(destination, '0');
    }
    return late;
}

async function assertGoesOn(scene, sessions) {
    for (const { session, destination } of sessions) {
        await scene.settle(session, 'succeeded', { timeoutMs: 60_000 });
        await scene.assertBalance(destination, '10');
        assert.equal(await scene.transfersTo(destination), 1);
    }
    assert.equal((await scene.readiness()).status, 200);
    assert.equal(await scene.daemon.metric('depositd_payouts_halted', { chain: CHAIN }), 0);
}

const options = { chain: { confirmations: CONFIRMATIONS }, start: false, timeout: 240_000 };

sceneTest('finality: seven final blocks with a delivery are replaced -> halted; acknowledged: the same ' +
    'bytes again, nothing twice [F07]', options, async (scene, t) => {
    const other = await prepare(scene, t);
    await scene.daemon.start();
    const { pid } = scene.daemon;
    const { delivered, credited } = await deliveredAndCredited(scene);
    await scene.node.reorg(7, [[credited.raw, 3]]);
    assert.equal(await scene.balance(delivered.destination), 0n, 'the delivery is not on the chain');
    await assertHalted(scene);
    const late = await runHalted(scene, other, credited);
    await scene.assertBalance(delivered.destination, '0');

    const path = `${scene.daemon.operatorUrl}/operator/halts/${CHAIN}/acknowledge`;
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify({ by: 'anna' }) });
    assert.equal(answer.status, 200);
    await scene.mineUntil(async () => (await scene.balance(delivered.destination)) > 0n,
        { what: 'the delivery to be mined again', timeoutMs: 60_000 });
    await assertGoesOn(scene, [delivered, credited, late]);
    assert.equal(scene.daemon.pid, pid, 'the daemon ran on');
});

sceneTest('finality: forty blocks are replaced, a delivered payment spent twice -> halted; acknowledged: the loss is ' +
    'on the books, nothing is paid for it [F07]', options, async (scene, t) => {
    const other = await prepare(scene, t);
    await scene.daemon.start();
    const { pid } = scene.daemon;
    const { delivered, credited } = await deliveredAndCredited(scene, { span: 40 });
    const elsewhere = scene.fresh();
    const twin = await signedTransfer(scene, elsewhere, '10', delivered);
    await scene.node.reorg(40, [[twin, 0], [credited.raw, 20]]);
    await assertHalted(scene);
    const late = await runHalted(scene, other, credited);
    await scene.daemon.cli(['halt', 'acknowledge', '--chain', CHAIN, '--by', 'anna']);
    await assertGoesOn(scene, [credited, late]);
    await scene.assertBalance(elsewhere, '10');
    assert.equal(await scene.transfersTo(delivered.destination), 0, 'not paid with money of others');
    const lines = scene.sql(`SELECT debit, units FROM ledger_lines
        WHERE account = 'session:${delivered.session.sessionId}'`);
    assert.equal(lines.reduce((sum, { debit, units }) => sum + (debit ? 1n : -1n) * BigInt(units), 0n), 0n,
        'neither the payment nor the delivery is on the chain');
    assert.equal(scene.daemon.pid, pid, 'the daemon ran on');
});
