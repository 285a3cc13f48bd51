// What a node says is not what happened: logs that come late or never, answers that are cut, tokens that pretend.
import assert from 'node:assert/strict';
import { RANGE_REFUSALS, RESULT_REFUSALS } from '../../devnet/lib/proxy/provider_texts.mjs';
import { sceneTest, until } from './lib/scene.mjs';

const THREE = { proxies: 3, chain: { quorum: 2, finalized_tag: true } };
const LONG = { timeoutMs: 60_000 };

/** Several transactions of the payer, mined in one block. */
async function inOneBlock(scene, sends) {
    const hashes = [];
    for (const send of sends) hashes.push((await send({ from: scene.payer, wait: false })).hash);
    await scene.node.mine();
    return hashes;
}

const toStranger = (scene) => (options) =>
    scene.chain.transferToken(scene.contracts.usdc, scene.fresh(), 5n, options);

const rows = (scene, table) => scene.sql(`SELECT count(*) AS n FROM ${table}`)[0].n;

sceneTest('logs from a node that is 20 blocks behind: the cursor waits, nothing is missed [F01]', { proxy: true },
    async (scene) => {
        const { session, receiver } = await scene.order();
        await scene.readUp();
        scene.proxy.fault('stale-head', { blocks: 20, methods: ['eth_getLogs'] });
        const { receipt } = await scene.pay(receiver);
        await scene.node.mine(4);
        await until(() => scene.proxy.calls().eth_getLogs > 3, { what: 'logs to be asked for', ...LONG });
        assert.ok(scene.tip()[0].height < Number(receipt.blockNumber));
        scene.proxy.clear();
        await scene.settle(session, 'succeeded', LONG);
    });

sceneTest('the first two answers for each block lack logs: no deposit is missed [F02]', { proxy: true },
    async (scene) => {
        const orders = [];
        for (let i = 0; i < 6; i += 1) orders.push(await scene.order());
        scene.proxy.fault('partial-logs', { keep: 0.3, first: 2 });
        for (const { receiver } of orders) await scene.pay(receiver);
        for (const { session } of orders) await scene.settle(session, 'succeeded', LONG);
    });

sceneTest('an endpoint that lost a log of an old block for ever: the second reading finds it and names it [F03]', THREE,
    async (scene) => {
        const { session, receiver, destination } = await scene.order();
        await scene.daemon.stop();
        // Beside another transfer in its block, so that the header gives no hint.
        const [, payment] = await inOneBlock(scene, [
            toStranger(scene),
            (options) => scene.chain.transferToken(scene.contracts.usdc, receiver, 10_000_000n, options),
        ]);
        await scene.node.mine(40);
        scene.proxy.fault('lost-logs', { tx: payment });
        for (const proxy of scene.proxies.slice(1)) proxy.fault('delay', { ms: 100 });
        await scene.daemon.start();
        await until(() => scene.daemon.metric('depositd_second_reading_found_total', { endpoint: 'node0' }),
            { what: 'the second reading to find it', ...LONG });
        for (const proxy of scene.proxies.slice(1)) proxy.clear();
        await scene.settle(session, 'succeeded', LONG);
        await scene.assertBalance(destination, '10');
        assert.match(scene.daemon.log(), /an endpoint had hidden deposits.*node0/);
        const covered = await scene.daemon.cli(['coverage', '--chain', 'eip155:31337', '--from', '30', '--to', '40']);
        assert.match(covered, /were read a second time/);
    });

sceneTest('at the head logs and receipts are asked for by block hash alone [F04]', { proxy: true }, async (scene) => {
    await scene.readUp();
    scene.proxy.resetCalls();
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
    const queries = scene.proxy.trace('eth_getLogs');
    assert.ok(queries.length > 3);
    assert.deepEqual(queries.filter(({ params: [filter] }) => !filter.blockHash), []);
    const proofs = scene.proxy.trace('eth_getBlockReceipts');
    assert.ok(proofs.length > 0, 'the block that is credited is proven by its receipts');
    assert.ok(proofs.every(({ params: [block] }) => /^0x[0-9a-f]{64}$/.test(block)));
});

sceneTest('a transfer that failed, and one that was undone inside: no credit [F14]', async (scene) => {
    const { session, receiver } = await scene.order();
    const poor = scene.chain.accounts[7].address;
    await scene.chain.transferToken(scene.contracts.usdc, receiver, 10_000_000n, { from: poor, allowFailure: true });
    const { payer, usdc } = scene.contracts;
    await scene.chain.write(usdc, 'approve', [payer.address, 10_000_000n], { from: scene.payer });
    await scene.chain.write(payer, 'payTokenAndUndo', [usdc.address, receiver, 10_000_000n], { from: scene.payer });
    await scene.node.mine(5);
    await scene.readUp();
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
    assert.equal(rows(scene, 'deposits'), 0);
});

sceneTest('fifty tokens that look like USDT: no credit [F19]', async (scene) => {
    const { session, receiver } = await scene.order({ token: scene.contracts.usdt });
    for (let i = 0; i < 50; i += 1) {
        const fake = await scene.chain.deploy('TetherLike', ['Tether USD', 'USDT', 6]);
        await scene.chain.mint(fake, scene.payer, 10_000_000n, { from: scene.chain.accounts[0].address });
        await scene.chain.transferToken(fake, receiver, 10_000_000n, { from: scene.payer });
    }
    await scene.readUp({ timeoutMs: 60_000 });
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment');
    assert.equal(rows(scene, 'deposits'), 0);
});

sceneTest('a listed token whose events move nothing: held back, nobody is paid [F20]',
    { tokens: ['usdc'], audit: false, start: false }, async (scene) => {
        const { address, abi } = scene.contracts.blaster;
        const [chain] = scene.daemon.config.chain;
        scene.daemon.configure({
            chain: [{ ...chain, token: [...chain.token, { symbol: 'BLAST', address, decimals: 6 }] }],
        });
        await scene.daemon.start();
        const token = { address, abi };
        const { session, receiver, destination, refund } = await scene.order({ token, amount: null });
        await scene.chain.write(token, 'watch', [[receiver]]);
        await scene.chain.write(token, 'blast', [1n, 7n, 1n]);
        await scene.seen(session, 'processing', LONG);
        await scene.mineUntil(() => scene.payouts(session).some(({ waiting_for: why }) => why), LONG);
        assert.notEqual((await scene.api.getSession(session)).status, 'succeeded');
        assert.equal(await scene.transfersTo(destination, token), 0);
        assert.equal(await scene.transfersTo(refund, token), 0);
    });

sceneTest('two thousand transfers of nothing to watched addresses: a number, and no rows [F21]', async (scene) => {
    const { session, receiver } = await scene.order();
    const { payer, usdc } = scene.contracts;
    const many = Array.from({ length: 200 }, () => receiver);
    for (let i = 0; i < 10; i += 1) {
        await scene.chain.write(payer, 'payToken', [usdc.address, many, many.map(() => 0n)],
            { from: scene.payer, gas: 30_000_000 });
    }
    await scene.readUp({ timeoutMs: 60_000 });
    assert.equal(await scene.daemon.metric('depositd_zero_transfers_ignored_total'), 2000);
    assert.equal(rows(scene, 'deposits'), 0);
    assert.equal(rows(scene, 'facts WHERE receiver_id IS NOT NULL'), 0);
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
});

sceneTest('more open sessions than a filter may name: as many calls per block, and no longer ones [F23]',
    { proxy: true, audit: false, config: { server: { requests_per_second_per_ip: 0, requests_per_second_per_key: 0 } } },
    async (scene) => {
        const perBlocks = async () => {
            await scene.readUp();
            scene.proxy.resetCalls();
            for (let i = 0; i < 5; i += 1) {
                await toStranger(scene)({ from: scene.payer });
                await scene.readUp();
            }
            const { eth_getLogs: logs, eth_getBlockReceipts: receipts } = scene.proxy.calls();
            return { logs, receipts };
        };
        const before = await perBlocks();
        for (let i = 0; i < 40; i += 1) await Promise.all(Array.from({ length: 30 }, () => scene.order()));
        assert.deepEqual(await perBlocks(), before);
        const longest = Math.max(...scene.proxy.trace('eth_getLogs').map(({ params: [filter] }) =>
            Math.max(...[filter.address, ...filter.topics].map((list) => [list].flat().length))));
        assert.ok(longest < 1000, `${longest} entries in one place`);
    });

sceneTest('catching up past every provider\'s limits [F24]', { proxy: true, timeout: 180_000 }, async (scene) => {
    const caps = [
        ...Object.keys(RANGE_REFUSALS).map((provider) => ['range-cap', { blocks: 10, provider }]),
        ...Object.keys(RESULT_REFUSALS).map((provider) => ['result-cap', { results: 2, provider }]),
    ];
    for (const [kind, options] of caps) {
        const { session, receiver } = await scene.order();
        await scene.daemon.stop();
        await inOneBlock(scene, [toStranger(scene), toStranger(scene), toStranger(scene),
            (more) => scene.chain.transferToken(scene.contracts.usdc, receiver, 10_000_000n, more)]);
        await scene.node.mine(120);
        scene.proxy.fault(kind, options);
        await scene.daemon.start();
        await scene.settle(session, 'succeeded', LONG);
        assert.ok(scene.proxy.faults()[0].struck > 0, `${kind} ${options.provider}`);
        scene.proxy.clear();
    }
});

sceneTest('every tenth answer spoilt in one place: whatever is read is true [F25]', { proxy: true }, async (scene) => {
    const orders = [];
    for (let i = 0; i < 5; i += 1) orders.push(await scene.order());
    const unpaid = await scene.order();
    scene.proxy.fault('mutated', {
        probability: 0.1,
        methods: ['eth_getBlockByNumber', 'eth_getLogs', 'eth_getBlockReceipts', 'eth_getTransactionReceipt'],
    });
    for (const { receiver } of orders) {
        await scene.pay(receiver);
        await scene.node.mine(2);
    }
    await until(() => scene.proxy.faults()[0].struck > 25, { what: 'many spoilt answers', ...LONG });
    scene.proxy.clear();
    for (const { session } of orders) await scene.settle(session, 'succeeded', LONG);
    assert.equal((await scene.api.getSession(unpaid.session)).status, 'waiting_payment');
});

sceneTest('the endpoint becomes one of another chain: quarantined, the others go on [F26]', THREE, async (scene) => {
    await scene.readUp();
    scene.proxy.fault('chain-id', { chainId: 1 });
    for (const proxy of scene.proxies.slice(1)) proxy.fault('delay', { ms: 100 });
    await scene.mineUntil(() => scene.daemon.metric('depositd_endpoint_quarantined', { endpoint: 'node0' }), LONG);
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    for (const proxy of scene.proxies.slice(1)) proxy.clear();
    await scene.settle(session, 'succeeded', LONG);
});

sceneTest('receipts are null for long: the payout stays in flight, and is never dead [F27]', { proxy: true },
    async (scene) => {
        const { session, receiver, destination } = await scene.order();
        await scene.pay(receiver);
        await scene.mineUntil(() => scene.payouts(session).some(({ status }) => status >= 4), LONG);
        scene.proxy.fault('missing-receipts');
        for (let i = 0; i < 60; i += 1) await scene.node.mine();
        await until(() => scene.proxy.faults()[0].struck > 5, { what: 'receipts to be asked for', ...LONG });
        for (const { status } of scene.payouts(session)) assert.ok(status <= 5, `in flight, not ${status}`);
        assert.equal((await scene.api.getSession(session)).status, 'processing');
        scene.proxy.clear();
        await scene.settle(session, 'succeeded', LONG);
        assert.equal(await scene.transfersTo(destination), 1);
    });

sceneTest('of three endpoints one is dead and one lies: nothing is credited, and it is said why [F26]', THREE,
    async (scene) => {
        const { session, receiver, destination } = await scene.order();
        await scene.readUp();
        const [dead, liar] = scene.proxies;
        dead.fault('refuse');
        liar.fault('chain-id', { chainId: 1 });
        await scene.pay(receiver);
        const { text } = await until(async () => {
            await scene.node.mine();
            const answer = await scene.readiness();
            return answer.status === 503 && /endpoints are usable/.test(answer.text) && answer;
        }, { what: '/readyz to say that there are too few endpoints', ...LONG });
        assert.match(text, /eip155:31337: 1 of 2|1 of 2 endpoints are usable/);
        assert.equal(await scene.daemon.metric('depositd_endpoint_quarantined', { endpoint: 'node1' }), 1);
        assert.equal(await scene.transfersTo(destination), 0);
        assert.equal(scene.sql('SELECT count(*) AS n FROM deposits WHERE status = 2')[0].n, 0, 'nothing is credited');
        dead.clear();
        liar.clear();
        await scene.settle(session, 'succeeded', LONG);
        assert.equal(await scene.transfersTo(destination), 1);
    });
