import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { startAnvil, toHex } from '../lib/anvil.mjs';
import { openChain, viem } from '../lib/chain.mjs';
import { RpcError, rpcBatch, rpcCall } from '../lib/rpc.mjs';
import { RANGE_REFUSALS } from '../lib/proxy/provider_texts.mjs';
import { headerHash } from '../lib/proxy/phantom.mjs';
import { FAULT_KINDS, startProxy } from '../proxy.mjs';

const HEAD = 30;
const stranger = '0x00000000000000000000000000000000000a11ce';
let node;
let chain;
let proxy;
let payment;

const call = (method, params = []) => rpcCall(proxy.url, method, params);
const logs = (filter) => call('eth_getLogs', [filter]);
const allLogs = { fromBlock: '0x0', toBlock: toHex(HEAD) };

before(async () => {
    node = await startAnvil();
    chain = await openChain(node);
    await chain.deployAll();
    await chain.write(chain.deployed.blaster, 'blast', [200n, 1n, 0n]);
    await node.mine(HEAD - 3 - (await node.blockNumber()));
    payment = (await chain.mint(chain.deployed.usdc, stranger, 5n)).receipt;
    await node.mine(2);
    proxy = await startProxy({ target: node.url });
});
afterEach(() => {
    proxy.clear();
    proxy.resetCalls();
});
after(async () => {
    await proxy?.stop();
    await node?.stop();
});

test('no fault: answers as the node does, single and in batches, and counts', async () => {
    assert.equal(await call('eth_blockNumber'), toHex(HEAD));
    assert.equal((await logs(allLogs)).length, 201);
    assert.deepEqual(await rpcBatch(proxy.url, [['eth_chainId'], ['eth_blockNumber']]), ['0x7a69', toHex(HEAD)]);
    assert.deepEqual(proxy.calls(), { eth_blockNumber: 2, eth_getLogs: 1, eth_chainId: 1 });
    assert.deepEqual(proxy.trace('eth_getLogs'), [{ method: 'eth_getLogs', params: [allLogs] }]);
    await assert.rejects(call('eth_nothing'), RpcError);
});

test('options: methods, times, skip -> strikes exactly then', async () => {
    proxy.fault('error', { methods: ['eth_chainId'], times: 1, skip: 1, message: 'boom' });
    await call('eth_chainId');
    await call('eth_blockNumber');
    await assert.rejects(call('eth_chainId'), /boom/);
    await call('eth_chainId');
});

test('stale-head: newer blocks, logs, receipts and balances are unknown', async () => {
    proxy.fault('stale-head', { blocks: 5 });
    assert.equal(await call('eth_blockNumber'), toHex(HEAD - 5));
    assert.equal((await call('eth_getBlockByNumber', ['latest', false])).number, toHex(HEAD - 5));
    assert.equal((await call('eth_getBlockByNumber', ['finalized', false])).number, toHex(HEAD - 7));
    assert.equal(await call('eth_getBlockByNumber', [toHex(HEAD - 4), false]), null);
    assert.equal(await call('eth_getBlockByHash', [payment.blockHash, false]), null);
    assert.equal(await call('eth_getTransactionReceipt', [payment.transactionHash]), null);
    assert.deepEqual(await logs({ fromBlock: payment.blockNumber, toBlock: 'latest' }), []);
    await assert.rejects(logs({ blockHash: payment.blockHash }), /unknown block/);
    assert.equal((await logs(allLogs)).length, 200);
    await assert.rejects(call('eth_getBalance', [stranger, payment.blockNumber]), /header not found/);
    proxy.clear();
    proxy.fault('stale-head', { blocks: 5, strict: true });
    await assert.rejects(logs(allLogs), /beyond current head/);
});

test('stale-head for logs alone: two nodes behind one address that disagree [F1]', async () => {
    proxy.fault('stale-head', { at: HEAD - 5, methods: ['eth_getLogs'] });
    assert.equal(await call('eth_blockNumber'), toHex(HEAD));
    assert.deepEqual(await logs({ fromBlock: payment.blockNumber, toBlock: payment.blockNumber }), []);
});

test('head-jitter: the height goes back and forth within its bounds [F28]', async () => {
    proxy.fault('head-jitter', { blocks: 3, ahead: 2 });
    const seen = new Set();
    for (let i = 0; i < 60; i += 1) seen.add(Number(await call('eth_blockNumber')) - HEAD);
    assert.deepEqual([...seen].sort((a, b) => a - b), [-3, -2, -1, 0, 1, 2]);
});

test('frozen-finality: finalized stays, latest moves', async () => {
    proxy.fault('frozen-finality', { at: 7 });
    assert.equal((await call('eth_getBlockByNumber', ['finalized', false])).number, '0x7');
    assert.equal((await call('eth_getBlockByNumber', ['latest', false])).number, toHex(HEAD));
});

test('empty and partial logs: by shape, for the first times, and always the same ones missing', async () => {
    proxy.fault('empty-logs', { shape: 'range' });
    assert.deepEqual(await logs(allLogs), []);
    assert.equal((await logs({ blockHash: payment.blockHash })).length, 1);
    proxy.clear();
    proxy.fault('empty-logs', { first: 1 });
    assert.deepEqual([(await logs(allLogs)).length, (await logs(allLogs)).length], [0, 201]);
    proxy.clear();
    proxy.fault('partial-logs', { keep: 0.5 });
    const kept = await logs(allLogs);
    assert.ok(kept.length > 60 && kept.length < 140, `${kept.length}`);
    assert.deepEqual(await logs(allLogs), kept);
});

test('forged, removed and duplicated logs, and a hash of no block', async () => {
    proxy.fault('forged-logs', { token: chain.deployed.usdc.address, to: stranger, value: 77 });
    const forged = (await logs({ blockHash: payment.blockHash })).at(-1);
    const event = viem.decodeEventLog({ abi: chain.deployed.usdc.abi, ...forged });
    assert.equal(event.args.value, 77n);
    assert.equal(event.args.to.toLowerCase(), stranger);
    assert.equal(forged.blockHash, payment.blockHash);
    proxy.clear();
    proxy.fault('removed-logs');
    proxy.fault('duplicate-logs');
    assert.deepEqual((await logs({ blockHash: payment.blockHash })).map((log) => log.removed), [true, true]);
    proxy.clear();
    proxy.fault('wrong-block-hash');
    const receipt = await call('eth_getTransactionReceipt', [payment.transactionHash]);
    assert.notEqual(receipt.blockHash, payment.blockHash);
    assert.equal(receipt.logs[0].blockHash, receipt.blockHash);
    assert.equal(await node.rpc('eth_getBlockByHash', [receipt.blockHash, false]), null);
});

test('range-cap: every provider refuses a range too wide and takes one that fits [F24]', async () => {
    for (const provider of Object.keys(RANGE_REFUSALS)) {
        proxy.fault('range-cap', { blocks: 10, provider });
        await assert.rejects(logs(allLogs), RpcError, provider);
        await logs({ fromBlock: '0x1', toBlock: '0xa' });
        proxy.clear();
    }
    proxy.fault('range-cap', { blocks: 10, provider: 'alchemy' });
    await assert.rejects(logs({ fromBlock: '0x2', toBlock: '0x20' }), /this block range should work: \[0x2, 0xb\]/);
});

test('result-cap: too many logs -> refused', async () => {
    proxy.fault('result-cap', { results: 100 });
    await assert.rejects(logs(allLogs), { code: -32005 });
    assert.equal((await logs({ blockHash: payment.blockHash })).length, 1);
});

test('chain-id: another chain and genesis', async () => {
    const { hash } = await call('eth_getBlockByNumber', ['0x0', false]);
    proxy.fault('chain-id', { chainId: 137, genesis: true });
    assert.equal(await call('eth_chainId'), '0x89');
    assert.notEqual((await call('eth_getBlockByNumber', ['0x0', false])).hash, hash);
});

test('lost-reply: the node has it, the client an error; swallow: the other way round [F29] [F47]', async () => {
    const sender = chain.accounts[5];
    const sign = (nonce) => sender.signTransaction({
        chainId: node.chainId, type: 'eip1559', to: stranger, value: 1n, nonce, gas: 21000n,
        maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n,
    });
    const first = await sign(0);
    proxy.fault('lost-reply');
    await assert.rejects(call('eth_sendRawTransaction', [first]));
    assert.equal((await chain.receipt(viem.keccak256(first))).status, '0x1');
    proxy.clear();
    const second = await sign(1);
    proxy.fault('swallow');
    assert.equal(await call('eth_sendRawTransaction', [second]), viem.keccak256(second));
    assert.equal(await node.rpc('eth_getTransactionByHash', [viem.keccak256(second)]), null);
    await node.rollback(1);
});

test('missing receipts and transactions: null', async () => {
    proxy.fault('missing-receipts');
    proxy.fault('missing-transactions');
    assert.equal(await call('eth_getTransactionReceipt', [payment.transactionHash]), null);
    assert.equal(await call('eth_getTransactionByHash', [payment.transactionHash]), null);
});

async function raw() {
    const body = JSON.stringify([
        { jsonrpc: '2.0', id: 5, method: 'eth_chainId' }, { jsonrpc: '2.0', id: 6, method: 'eth_blockNumber' },
    ]);
    const response = await fetch(proxy.url, { method: 'POST', body });
    return { status: response.status, headers: response.headers, text: await response.text() };
}

test('whole answers: status, page, cut text, foreign ids, mixed batches, closed connections [F25]', async () => {
    proxy.fault('http', { status: 429, times: 1 });
    const busy = await raw();
    assert.deepEqual([busy.status, busy.headers.get('retry-after')], [429, '1']);
    proxy.fault('html', { times: 1 });
    assert.match((await raw()).text, /^<!DOCTYPE html>/);
    proxy.fault('truncated', { times: 1 });
    const cut = await raw();
    assert.equal(cut.status, 200);
    assert.throws(() => JSON.parse(cut.text));
    proxy.fault('wrong-id', { times: 1 });
    assert.ok(JSON.parse((await raw()).text).every(({ id }) => id !== 5 && id !== 6));
    proxy.fault('mixed-batch', { times: 1, lose: 1 });
    assert.deepEqual(JSON.parse((await raw()).text).map(({ id }) => id), [5]);
    for (const [kind, options] of [['refuse', {}], ['truncated', { abrupt: true }]]) {
        proxy.fault(kind, { ...options, times: 1 });
        await assert.rejects(raw());
    }
    proxy.fault('delay', { ms: 60, times: 1 });
    const start = Date.now();
    await raw();
    assert.ok(Date.now() - start >= 55);
});

test('hang: no answer until the client gives up', async () => {
    proxy.fault('hang', { times: 1 });
    const signal = AbortSignal.timeout(50);
    await assert.rejects(fetch(proxy.url, { method: 'POST', body: '{"method":"eth_chainId"}', signal }));
    await call('eth_chainId');
});

test('control endpoint: add, list, end; an unknown kind -> refused with the list of kinds', async () => {
    const control = async (method, path = '', body = undefined) => {
        const response = await fetch(`${proxy.url}/faults${path}`, { method, body: body && JSON.stringify(body) });
        return { status: response.status, body: await response.json() };
    };
    const { body: { id } } = await control('POST', '', { kind: 'chain-id', chainId: 9 });
    assert.equal(await call('eth_chainId'), '0x9');
    const { body } = await control('GET');
    assert.deepEqual(body.faults, [{ id, kind: 'chain-id', options: { chainId: 9 }, struck: 1 }]);
    assert.deepEqual(body.calls, { eth_chainId: 1 });
    await control('DELETE', `/${id}`);
    assert.equal(await call('eth_chainId'), '0x7a69');
    const refused = await control('POST', '', { kind: 'nonsense' });
    assert.equal(refused.status, 400);
    assert.ok(FAULT_KINDS.every((kind) => refused.body.error.includes(kind)));
});

test('forged-receipts: another status and amount, of one transaction or of all', async () => {
    proxy.fault('forged-receipts', { status: '0x0', value: 9 });
    const forged = await call('eth_getTransactionReceipt', [payment.transactionHash]);
    assert.equal(forged.status, '0x0');
    assert.equal(BigInt(forged.logs[0].data), 9n);
    proxy.clear();
    proxy.fault('forged-receipts', { status: '0x0', tx: `0x${'00'.repeat(32)}` });
    assert.equal((await call('eth_getTransactionReceipt', [payment.transactionHash])).status, '0x1');
});

test('wrong-header: other fields under the same hash; phantom-head: a good hash of no block', async () => {
    const real = await call('eth_getBlockByNumber', ['latest', false]);
    assert.equal(headerHash(real), real.hash, 'the hash is rebuilt as the node makes it');
    proxy.fault('wrong-header', { later: 10, fields: { receiptsRoot: `0x${'11'.repeat(32)}` } });
    const wrong = await call('eth_getBlockByNumber', ['latest', false]);
    assert.equal(wrong.hash, real.hash);
    assert.equal(Number(wrong.timestamp), Number(real.timestamp) + 10);
    assert.notEqual(headerHash(wrong), wrong.hash);
    proxy.clear();
    proxy.fault('phantom-head');
    const phantom = await call('eth_getBlockByNumber', ['latest', false]);
    assert.deepEqual([phantom.parentHash, Number(phantom.number)], [real.hash, HEAD + 1]);
    assert.equal(headerHash(phantom), phantom.hash);
    assert.equal(await node.rpc('eth_getBlockByHash', [phantom.hash, false]), null);
    assert.equal((await call('eth_getBlockByNumber', [phantom.number, false])).hash, phantom.hash);
});

test('finalized-ahead, wrong balances, fees and nonces', async () => {
    const block = await call('eth_getBlockByNumber', ['latest', false]);
    const price = BigInt(await call('eth_gasPrice'));
    const [from] = [chain.accounts[0].address];
    const count = Number(await call('eth_getTransactionCount', [from, 'latest']));
    proxy.fault('finalized-ahead');
    proxy.fault('wrong-balance', { units: 5 });
    proxy.fault('wrong-fees', { factor: 1000 });
    proxy.fault('wrong-nonce', { by: 7 });
    assert.equal((await call('eth_getBlockByNumber', ['finalized', false])).hash, block.hash);
    assert.equal(await call('eth_getBalance', [from, 'latest']), '0x5');
    assert.equal(BigInt(await call('eth_gasPrice')), price * 1000n);
    assert.equal(Number(await call('eth_getTransactionCount', [from, 'latest'])), count + 7);
});

test('lost-logs: those of one transaction, for good', async () => {
    proxy.fault('lost-logs', { tx: payment.transactionHash });
    assert.equal((await logs(allLogs)).length, 200);
    assert.deepEqual(await logs({ blockHash: payment.blockHash }), []);
});

test('mutated: the same seed spoils the same places, and nearly always something', async () => {
    const spoilt = async () => {
        const one = await startProxy({ target: node.url, seed: 7 });
        one.fault('mutated');
        const answers = [];
        for (let i = 0; i < 50; i += 1) {
            answers.push(JSON.stringify(await rpcCall(one.url, 'eth_getBlockByNumber', ['0x5', true])));
        }
        await one.stop();
        return answers;
    };
    const good = JSON.stringify(await call('eth_getBlockByNumber', ['0x5', true]));
    const first = await spoilt();
    assert.ok(first.filter((answer) => answer !== good).length > 40);
    assert.deepEqual(await spoilt(), first);
});
