// The auditor: the daemon's books against the chain, to the unit, without the daemon's help.
import assert from 'node:assert/strict';
import { NATIVE } from '../../../devnet/lib/chain.mjs';
import { queryAll } from './database.mjs';

/** What is still under way: rows of these are work to come. */
export const OPEN = {
    payouts: 'SELECT id, leg, status, waiting_for FROM payouts WHERE status BETWEEN 1 AND 5',
    deposits: 'SELECT id, key FROM deposits WHERE status = 1',
    transactions: 'SELECT id, tx FROM own_txs WHERE status = 1',
    facts: `SELECT max(seq) AS newest FROM facts
            HAVING newest > (SELECT coalesce(max(seq), 0) FROM cursors WHERE reader = 'settlement')`,
};

/** What is still under way, as { kind: rows }; empty when everything has come to rest. */
export function unsettled(path) {
    return Object.fromEntries(Object.entries(queryAll(path, OPEN)).filter(([, rows]) => rows.length > 0));
}

const sum = (lines) => lines.reduce((total, { debit, units }) => total + (debit ? 1n : -1n) * BigInt(units), 0n);

function byAccount(lines) {
    const out = new Map();
    for (const line of lines) {
        const key = `${line.account} ${line.asset}`;
        out.set(key, (out.get(key) ?? 0n) + sum([line]));
    }
    return out;
}

/** 'eip155:31337/erc20:0x…' -> { chainId, contract }, the native coin with the zero address. */
function parseAsset(asset) {
    const [, chainId, kind, reference] = /^eip155:(\d+)\/([a-z0-9]+):(.+)$/.exec(asset);
    return { chainId: Number(chainId), contract: kind === 'erc20' ? reference : NATIVE };
}

/**
 * Asserts that every account of the books that stands for an address holds what the chain says, that every address
 * ever issued is in the books with all it has of the configured tokens, and that the books add up to zero.
 * `chains` are those of the devnet, `tokens` the { address, abi } that are configured.
 */
export async function assertBooks(path, { chain, tokens, others = [] }) {
    const { lines, receivers, tips } = queryAll(path, {
        lines: 'SELECT account, asset, debit, units FROM ledger_lines',
        receivers: "SELECT address FROM receivers WHERE family = 'eip155'",
        tips: `SELECT height, hash FROM chain_tips WHERE chain = 'eip155:${chain.node.chainId}'`,
    });
    assert.equal(tips.length, 1, 'the chain was read');
    const block = tips[0].height;
    const header = await chain.node.block(block);
    assert.equal(header.hash, withPrefix(tips[0].hash), 'the cursor stands on the chain');

    for (const asset of new Set(lines.map((line) => line.asset))) {
        assert.equal(sum(lines.filter((line) => line.asset === asset)), 0n, `the books of ${asset} add up to zero`);
    }
    const accounts = byAccount(lines.filter(({ account }) => account.startsWith('address:')));
    const booked = new Map();
    for (const [key, units] of accounts) {
        const [account, asset] = key.split(' ');
        const { chainId, contract } = parseAsset(asset);
        if (chainId !== chain.node.chainId) continue;
        booked.set(`${withPrefix(account.slice('address:'.length))} ${contract}`.toLowerCase(), units);
    }
    const addresses = [...receivers.map(({ address }) => withPrefix(address)), ...others];
    for (const address of addresses) {
        for (const token of [undefined, ...tokens]) {
            const key = `${address} ${token?.address ?? NATIVE}`.toLowerCase();
            if (!booked.has(key)) booked.set(key, 0n);
        }
    }
    const found = [];
    for (const [key, units] of booked) {
        const [address, contract] = key.split(' ');
        const token = contract === NATIVE ? undefined : tokens.find((one) => one.address.toLowerCase() === contract);
        assert.ok(contract === NATIVE || token, `the books hold ${contract}, which is not configured`);
        const there = await chain.balance(address, token, { block });
        if (there !== units) found.push(`${address} of ${contract}: books ${units}, chain ${there}`);
    }
    assert.deepEqual(found, [], `books and chain agree at block ${block}`);
}

const withPrefix = (hex) => (hex.startsWith('0x') ? hex : `0x${hex}`);
