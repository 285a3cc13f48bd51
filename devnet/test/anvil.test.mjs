import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startAnvil } from '../lib/anvil.mjs';
import { openChain } from '../lib/chain.mjs';
import { spawnTied, stopChild, until } from '../lib/process.mjs';

const cli = fileURLToPath(new URL('../devnet.mjs', import.meta.url));
const stranger = '0x00000000000000000000000000000000000a11ce';

function scratch(t) {
    const dir = mkdtempSync(join(tmpdir(), 'devnet-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    return dir;
}

test('startAnvil: manual mining -> nothing moves until mine(), finality is two epochs back', async (t) => {
    const node = await startAnvil({ mine: 'manual', chainId: 4242, slotsInAnEpoch: 2 });
    t.after(() => node.stop());
    const chain = await openChain(node);
    const { hash } = await chain.transferNative(stranger, 1n, { wait: false });
    assert.equal(await node.rpc('eth_getTransactionReceipt', [hash]), null);
    assert.equal(await node.blockNumber(), 0);
    assert.equal(await node.mine(6), 6);
    assert.equal(Number((await chain.receipt(hash)).blockNumber), 1);
    assert.equal(Number((await node.block('finalized')).number), 2);
    const [id, height] = await node.batch([['eth_chainId'], ['eth_blockNumber']]);
    assert.deepEqual([Number(id), Number(height)], [4242, 6]);
});

test('startAnvil: with a state file -> the chain survives a stop', async (t) => {
    const statePath = join(scratch(t), 'state.json');
    const first = await startAnvil({ statePath });
    const { receipt } = await (await openChain(first)).transferNative(stranger, 3n);
    await first.mine(3);
    await first.stop();
    const second = await startAnvil({ statePath });
    t.after(() => second.stop());
    const chain = await openChain(second);
    assert.equal(await second.blockNumber(), 4);
    assert.equal(await chain.balance(stranger, undefined, { block: receipt.blockHash }), 3n);
});

test('startAnvil: stop -> the process is gone', async () => {
    const node = await startAnvil();
    await node.stop();
    assert.throws(() => process.kill(node.pid, 0), { code: 'ESRCH' });
});

test('devnet.mjs: ready -> description on disk, blocks tick; SIGINT -> ends with 0', async (t) => {
    const out = join(scratch(t), 'devnet.json');
    const child = spawnTied(process.execPath, [cli, '--port', '0', '--block-time', '0.1', '--fund', stranger,
        '--out', out], { stdio: ['ignore', 'ignore', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    const description = await until(() => JSON.parse(readFileSync(out, 'utf8')), { what: 'the description' });
    assert.match(description.contracts.usdc, /^0x[0-9a-fA-F]{40}$/);
    const call = async (method, params = []) => {
        const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
        const headers = { 'content-type': 'application/json' };
        return (await (await fetch(description.url, { method: 'POST', body, headers })).json()).result;
    };
    assert.equal(BigInt(await call('eth_getBalance', [stranger, 'latest'])), 10n ** 21n);
    const height = Number(await call('eth_blockNumber'));
    await until(async () => Number(await call('eth_blockNumber')) > height, { what: 'the next block' });
    assert.deepEqual(await stopChild(child, { signal: 'SIGINT' }), { code: 0, signal: null });
    assert.throws(() => process.kill(description.pid, 0), { code: 'ESRCH' });
});

test('devnet.mjs: a wrong option -> an explanation and exit code 1', async () => {
    const { code, stderr } = await new Promise((resolve) => {
        execFile(process.execPath, [cli, '--port', 'many'], (error, _stdout, text) => {
            resolve({ code: error?.code, stderr: text });
        });
    });
    assert.equal(code, 1);
    assert.match(stderr, /--port must be a number/);
});
