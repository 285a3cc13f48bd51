#!/usr/bin/env node
// A local EVM chain with test tokens, in the foreground until Ctrl-C.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startAnvil } from './lib/anvil.mjs';
import { openChain, parseEther } from './lib/chain.mjs';
import { TEST_MNEMONIC } from './lib/keys.mjs';

const HELP = `usage: node devnet.mjs [options]

Starts anvil on 127.0.0.1, deploys the test tokens at their fixed addresses, prints a JSON
description on stdout when everything is ready, and stays until Ctrl-C.

  --port N          port of the node (default 8545; 0 picks a free one)
  --chain-id N      chain id (default 31337)
  --block-time S    seconds between blocks; 0 mines a block for each transaction (default 1)
  --epoch N         blocks per epoch; safe and finalized are one and two epochs back (default 1)
  --fund ADDRESS    give this address 1,000 ETH, 1,000,000 USDC and USDT; may be repeated
  --state FILE      keep the chain in this file between runs
  --out FILE        write the description to a file too
  --log FILE        what the node prints
  --help            this text
`;

const { values: options } = parseArgs({
    options: {
        port: { type: 'string', default: '8545' },
        'chain-id': { type: 'string', default: '31337' },
        'block-time': { type: 'string', default: '1' },
        epoch: { type: 'string', default: '1' },
        fund: { type: 'string', multiple: true, default: [] },
        state: { type: 'string' },
        out: { type: 'string' },
        log: { type: 'string' },
        help: { type: 'boolean', default: false },
    },
});

function number(name) {
    const value = Number(options[name]);
    if (options[name] === '' || !Number.isFinite(value) || value < 0) {
        throw new Error(`--${name} must be a number, not "${options[name]}"`);
    }
    return value;
}

async function fund(chain, addresses) {
    const { usdc, usdt } = chain.deployed;
    for (const address of addresses) {
        await chain.setNativeBalance(address, parseEther('1000'));
        for (const token of [usdc, usdt]) await chain.mint(token, address, 1_000_000_000_000n);
    }
}

function describe(node, chain, addresses) {
    return {
        url: node.url,
        chainId: node.chainId,
        pid: node.pid,
        contracts: Object.fromEntries(Object.entries(chain.deployed).map(([name, { address }]) => [name, address])),
        payers: chain.accounts.slice(1).map((account) => account.address),
        mnemonic: TEST_MNEMONIC,
        funded: addresses,
    };
}

async function main() {
    const node = await startAnvil({
        port: number('port'), chainId: number('chain-id'), slotsInAnEpoch: number('epoch'),
        blockTime: number('block-time'), statePath: options.state, log: options.log,
    });
    const stop = async () => {
        await node.stop();
        process.exit(0);
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);

    // Setting up does not wait for the clock: each of its transactions gets a block at once.
    const { mining } = node;
    if (mining === 'interval') node.mining = 'manual';
    const chain = await openChain(node);
    await chain.deployAll();
    for (const account of chain.accounts.slice(1)) {
        for (const token of [chain.deployed.usdc, chain.deployed.usdt]) {
            await chain.mint(token, account.address, 1_000_000_000_000n);
        }
    }
    await fund(chain, options.fund);
    node.mining = mining;

    const description = JSON.stringify(describe(node, chain, options.fund), null, 2);
    if (options.out) writeFileSync(options.out, `${description}\n`);
    console.log(description);
}

if (options.help) {
    process.stdout.write(HELP);
} else {
    main().catch((error) => {
        console.error(error.message);
        process.exit(1);
    });
}
