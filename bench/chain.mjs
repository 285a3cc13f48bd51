#!/usr/bin/env node
// The chain that everything catches up with: made once, kept under build/bench/, loaded for each run.
//
//   node bench/chain.mjs [--blocks 5000] [--logs 100] [--watched 10000] [--period 10]
//
// Each block holds `logs` Transfer events of one contract; every `period`-th goes to one of `watched` addresses,
// which are depositd's first receivers.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadContracts } from '../devnet/compile.mjs';
import { contractAddress, viem } from '../devnet/lib/chain.mjs';
import { PAYER_PATH, TEST_MNEMONIC, evmAccountXpub, payer } from '../devnet/lib/keys.mjs';
import { freePort, isMain, spawnTied, stopChild, until } from '../devnet/lib/process.mjs';
import { say } from './lib/report.mjs';
import { runTool, workDir } from './lib/paths.mjs';

const anvil = fileURLToPath(new URL('../devnet/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil', import.meta.url));
const GAS_LIMIT = 60_000_000;
const ADDRESSES_PER_CALL = 1_000;
const BLOCKS_PER_ROUND = 100;
const hex = (number) => `0x${BigInt(number).toString(16)}`;

/** Calls to a node over one connection, one after the other. */
class Rpc {
    #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

    constructor(url) {
        this.url = url;
    }

    call(method, params = []) {
        const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
        return new Promise((resolve, reject) => {
            const request = http.request(this.url, {
                method: 'POST', agent: this.#agent, headers: { 'content-type': 'application/json' },
            }, (response) => {
                let text = '';
                response.setEncoding('utf8');
                response.on('data', (part) => { text += part; });
                response.on('end', () => {
                    const { result, error } = JSON.parse(text);
                    if (error) reject(new Error(`${method}: ${error.message}`));
                    else resolve(result);
                });
            });
            request.on('error', reject);
            request.end(body);
        });
    }
}

async function startNode(args) {
    const port = await freePort();
    const child = spawnTied(anvil, [
        '--host', '127.0.0.1', '--port', String(port), '--chain-id', '31337', '--quiet', '--no-mining',
        '--mnemonic', TEST_MNEMONIC, '--derivation-path', PAYER_PATH, '--gas-limit', String(GAS_LIMIT),
        '--slots-in-an-epoch', '1', '--no-request-size-limit', ...args,
    ], { stdio: 'ignore' });
    const rpc = new Rpc(`http://127.0.0.1:${port}`);
    await until(() => rpc.call('eth_chainId'), { timeoutMs: 180_000, what: 'the node' });
    return { rpc, url: rpc.url, pid: child.pid, stop: () => stopChild(child, { signal: 'SIGINT', graceMs: 180_000 }) };
}

async function fill(rpc, { blocks, logs, watched, period }) {
    const { abi, bytecode } = loadContracts().Blaster;
    const from = payer(0).address;
    let nonce = 0;
    const send = (to, data, gas = GAS_LIMIT) => {
        const request = { from, to, data, gas: hex(gas), nonce: hex(nonce) };
        nonce += 1;
        return rpc.call('eth_sendTransaction', [request]);
    };
    const token = contractAddress(from, 0);
    await rpc.call('anvil_setBlockTimestampInterval', [1]);
    await send(undefined, bytecode);
    await rpc.call('evm_mine');
    for (let at = 0; at < watched.length; at += ADDRESSES_PER_CALL) {
        const accounts = watched.slice(at, at + ADDRESSES_PER_CALL);
        await send(token, viem.encodeFunctionData({ abi, functionName: 'watch', args: [accounts] }));
        await rpc.call('evm_mine');
    }
    const first = Number(await rpc.call('eth_blockNumber')) + 1;
    // Each transaction may use a whole block's gas, so that a block takes one of those that wait.
    for (let block = 0; block < blocks; block += BLOCKS_PER_ROUND) {
        const round = Math.min(BLOCKS_PER_ROUND, blocks - block);
        for (let i = 0; i < round; i += 1) {
            const args = [BigInt(logs), BigInt(block + i), BigInt(period)];
            await send(token, viem.encodeFunctionData({ abi, functionName: 'blast', args }));
        }
        for (let i = 0; i < round; i += 1) await rpc.call('evm_mine');
        if (block % 1_000 === 0) say(`${block} blocks of ${blocks}`);
    }
    return { token, first };
}

async function verify(rpc, token, { blocks, logs, first }) {
    const head = Number(await rpc.call('eth_blockNumber'));
    if (head !== first + blocks - 1) throw new Error(`the head is ${head}, not ${first + blocks - 1}`);
    for (const height of [first, first + Math.floor(blocks / 2), head]) {
        const found = await rpc.call('eth_getLogs', [{ address: token, fromBlock: hex(height), toBlock: hex(height) }]);
        if (found.length !== logs) throw new Error(`block ${height} has ${found.length} logs, not ${logs}`);
    }
    return head;
}

/** Makes the chain unless it is there; returns { state, addresses, token, head, hits, … }. */
export async function benchChain({ blocks = 5_000, logs = 100, watched = 10_000, period = 10 } = {}) {
    const name = `chain-${blocks}x${logs}-${watched}-${period}`;
    const facts = join(workDir, `${name}.json`);
    if (existsSync(facts)) return JSON.parse(readFileSync(facts, 'utf8'));
    mkdirSync(workDir, { recursive: true });
    const state = join(workDir, `${name}.state`);
    const addresses = join(workDir, `${name}.addresses`);
    writeFileSync(addresses, runTool('seed_sessions', ['addresses', evmAccountXpub(), watched]));
    say(`making a chain of ${blocks} blocks with ${logs} logs each`);
    const begun = Date.now();
    const node = await startNode(['--dump-state', `${state}.new`]);
    const list = readFileSync(addresses, 'utf8').trim().split('\n');
    const { token, first } = await fill(node.rpc, { blocks, logs, watched: list, period });
    const head = await verify(node.rpc, token, { blocks, logs, first });
    await node.stop();
    renameSync(`${state}.new`, state);
    say(`made in ${Math.round((Date.now() - begun) / 1000)} s`);
    const chain = {
        state, addresses, token, first, head, blocks, logs: blocks * logs, watched,
        hits: blocks * Math.ceil(logs / period),
    };
    writeFileSync(facts, JSON.stringify(chain));
    return chain;
}

/** A node with that chain. */
export async function startBenchChain(chain) {
    const node = await startNode(['--load-state', chain.state]);
    await verify(node.rpc, chain.token, { blocks: chain.blocks, logs: chain.logs / chain.blocks, first: chain.first });
    return node;
}

if (isMain(import.meta.url)) {
    const { values } = parseArgs({
        options: Object.fromEntries(['blocks', 'logs', 'watched', 'period'].map((key) => [key, { type: 'string' }])),
    });
    const numbers = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Number(value)]));
    console.log(JSON.stringify(await benchChain(numbers), null, 2));
}
