// The catalogue of faults that sit on single JSON-RPC calls. Each entry may have
//   methods  the methods it touches unless the caller names others
//   before   (call, context, options) -> nothing, or { result } / { error } instead of asking the node; it may
//            change call.params
//   after    (result, call, context, options) -> the result to give instead
// The context offers ask(method, params), random() in [0, 1) and memory, an object that lasts as long as the fault.
import { keccak256, pad, parseTransaction, recoverTransactionAddress, toHex } from 'viem';
import { RANGE_REFUSALS, RATE_REFUSALS, RESULT_REFUSALS } from './provider_texts.mjs';
import { headView, logRange } from './head_view.mjs';
import { mutate } from './mutate.mjs';
import { emptyBlockOn } from './phantom.mjs';

const TRANSFER = keccak256(toHex('Transfer(address,address,uint256)'));
const RECEIPTS = ['eth_getTransactionReceipt', 'eth_getBlockReceipts'];
const HEAD = ['eth_blockNumber', 'eth_getBlockByNumber'];
const BLOCKS = ['eth_getBlockByNumber', 'eth_getBlockByHash'];

function oneOf(table, provider, kind) {
    const entry = table[provider];
    if (entry === undefined) {
        throw new Error(`${kind}: no provider ${provider}; there are ${Object.keys(table).join(', ')}`);
    }
    return entry;
}

/** A hash that belongs to nothing, the same one each time for the same thing. */
const strangerHash = (of) => keccak256(toHex(`stranger ${of}`));

/** In [0, 1), always the same for the same log: what is lost once stays lost. */
function fateOf(log) {
    return Number.parseInt(keccak256(toHex(`${log.transactionHash} ${log.logIndex}`)).slice(2, 10), 16) / 2 ** 32;
}

/** True for the first `count` times that this query is made; always when there is no count. */
function isEarly(call, { memory }, count) {
    if (count === undefined) return true;
    const key = JSON.stringify(call.params);
    memory[key] = (memory[key] ?? 0) + 1;
    return memory[key] <= count;
}

/** False when `shape` asks for queries by range or by hash and this is the other sort. */
const hasShape = (call, shape) => shape === undefined || shape === (call.params[0]?.blockHash ? 'hash' : 'range');

export const CALL_FAULTS = {
    // The node is behind. { blocks: 20 } behind the true head, or { at: 100 } stuck at a height. It answers about
    // later blocks with "nothing", unless { strict: true } makes it refuse them, as current geth does. Naming
    // ['eth_getLogs'] as methods gives a load balancer whose nodes disagree.
    'stale-head': { methods: undefined, ...headView },

    // The height goes up and down between calls: up to { blocks: 5 } back, and { ahead: 0 } blocks that do not exist.
    'head-jitter': {
        methods: HEAD,
        async before(call, { ask, random }, { blocks = 5, ahead = 0 }) {
            if (call.method !== 'eth_blockNumber' && call.params[0] !== 'latest') return undefined;
            const head = Number(await ask('eth_blockNumber'));
            const claimed = Math.max(0, head - blocks + Math.floor(random() * (blocks + ahead + 1)));
            if (call.method === 'eth_blockNumber') return { result: toHex(claimed) };
            call.params = [toHex(Math.min(claimed, head)), ...call.params.slice(1)];
            return undefined;
        },
    },

    // safe and finalized stay where they were when the fault began, or { at: N }.
    'frozen-finality': {
        methods: ['eth_getBlockByNumber'],
        async before(call, { ask, memory }, { at }) {
            const tag = call.params[0];
            if (tag !== 'safe' && tag !== 'finalized') return;
            memory[tag] ??= at === undefined ? (await ask('eth_getBlockByNumber', [tag, false])).number : toHex(at);
            call.params = [memory[tag], ...call.params.slice(1)];
        },
    },

    // Logs that are missing: all, or a part of them. { shape: 'range' | 'hash' } limits it to one sort of query,
    // { first: 2 } to the first times a query is made.
    'empty-logs': {
        methods: ['eth_getLogs'],
        after: (logs, call, context, { shape, first }) =>
            (hasShape(call, shape) && isEarly(call, context, first) ? [] : logs),
    },
    'partial-logs': {
        methods: ['eth_getLogs'],
        after: (logs, call, context, { keep = 0.5, shape, first }) =>
            (hasShape(call, shape) && isEarly(call, context, first) ? logs.filter((log) => fateOf(log) < keep) : logs),
    },
    // The logs of one transaction, { tx }, are lost for good.
    'lost-logs': {
        methods: ['eth_getLogs'],
        after: (logs, _call, _context, { tx }) => logs.filter((log) => log.transactionHash !== tx),
    },
    'duplicate-logs': { methods: ['eth_getLogs'], after: (logs) => logs.flatMap((log) => [log, log]) },
    'removed-logs': { methods: ['eth_getLogs'], after: (logs) => logs.map((log) => ({ ...log, removed: true })) },

    // A perfect Transfer of { token, from, to, value } that never happened, in the last block asked for; with
    // { inside: true } as the last log of that block's last transaction, and not in a block without any.
    'forged-logs': {
        methods: ['eth_getLogs'],
        async after(logs, call, { ask }, { token, from = `0x${'11'.repeat(20)}`, to, value = 1, inside }) {
            const [filter] = call.params;
            const block = filter.blockHash
                ? await ask('eth_getBlockByHash', [filter.blockHash, false])
                : await ask('eth_getBlockByNumber', [filter.toBlock ?? 'latest', false]);
            if (!block || (inside && block.transactions.length === 0)) return logs;
            return [...logs, {
                address: token.toLowerCase(),
                topics: [TRANSFER, pad(from), pad(to)].map((topic) => topic.toLowerCase()),
                data: pad(toHex(BigInt(value))), blockNumber: block.number, blockHash: block.hash,
                transactionHash: inside ? block.transactions.at(-1) : strangerHash(block.hash),
                transactionIndex: toHex(block.transactions.length - (inside ? 1 : 0)),
                logIndex: toHex(inside ? logs.length : logs.length + 1000), removed: false,
            }];
        },
    },

    // The block hash in logs and receipts is of a block that never becomes part of the chain.
    'wrong-block-hash': {
        methods: ['eth_getLogs', ...RECEIPTS],
        after(result) {
            const move = (item) => item && {
                ...item, blockHash: strangerHash(item.blockHash), ...(item.logs ? { logs: item.logs.map(move) } : {}),
            };
            return Array.isArray(result) ? result.map(move) : move(result);
        },
    },

    // Receipts that say otherwise: { status: '0x0' }, { value: 5n } for every Transfer in them; of { tx } only.
    'forged-receipts': {
        methods: RECEIPTS,
        after(result, _call, _context, { status, value, tx }) {
            const forge = (receipt) => {
                if (!receipt || (tx && receipt.transactionHash !== tx)) return receipt;
                const logs = receipt.logs.map((log) => (value === undefined || log.topics[0] !== TRANSFER ? log
                    : { ...log, data: pad(toHex(BigInt(value))) }));
                return { ...receipt, logs, ...(status === undefined ? {} : { status }) };
            };
            return Array.isArray(result) ? result.map(forge) : forge(result);
        },
    },

    // A header that does not hash to its hash: { fields: { timestamp: '0x1' } } in place of the true ones. With
    // { later: 1000 } the timestamp is that many seconds off.
    'wrong-header': {
        methods: BLOCKS,
        after(block, _call, _context, { fields = {}, later = 0 }) {
            const timestamp = later && block ? { timestamp: toHex(Number(block.timestamp) + later) } : {};
            return block && { ...block, ...fields, ...timestamp };
        },
    },

    // A head that nobody else has: an empty block that hashes well, on top of the real one, or { ahead: 1 } of them.
    'phantom-head': {
        methods: ['eth_blockNumber', 'eth_getBlockByNumber'],
        async before(call, { ask }, { ahead = 1 }) {
            const phantoms = [await ask('eth_getBlockByNumber', ['latest', false])];
            while (phantoms.length <= ahead) phantoms.push(emptyBlockOn(phantoms.at(-1)));
            const head = phantoms.at(-1);
            if (call.method === 'eth_blockNumber') return { result: head.number };
            if (call.params[0] === 'latest') return { result: head };
            const named = phantoms.slice(1).find(({ number }) => number === call.params[0]);
            return named && { result: named };
        },
    },

    // What the newest block is, is final.
    'finalized-ahead': {
        methods: ['eth_getBlockByNumber'],
        before(call) {
            if (['safe', 'finalized'].includes(call.params[0])) call.params = ['latest', ...call.params.slice(1)];
        },
    },

    // Everybody holds { units } of native coin, or that much { more }. eth_call answers lists of balances alike.
    'wrong-balance': {
        methods: ['eth_getBalance', 'eth_call'],
        after(result, call, _context, { units, more = 0 }) {
            if (call.method === 'eth_call' && call.params[0].to) return result;
            const lie = (word) => (units === undefined ? BigInt(word) + BigInt(more) : BigInt(units));
            if (call.method === 'eth_getBalance') return toHex(lie(result));
            return `0x${(result.slice(2).match(/.{64}/g) ?? [])
                .map((word) => pad(toHex(lie(`0x${word}`)), { size: 32 }).slice(2)).join('')}`;
        },
    },

    // Every price of gas is { factor: 1000000 } times what it is.
    'wrong-fees': {
        methods: ['eth_gasPrice', 'eth_maxPriorityFeePerGas', 'eth_feeHistory'],
        after(result, _call, _context, { factor = 1_000_000 }) {
            const up = (price) => toHex(BigInt(price) * BigInt(factor));
            if (typeof result === 'string') return up(result);
            return {
                ...result, baseFeePerGas: result.baseFeePerGas.map(up),
                ...(result.reward ? { reward: result.reward.map((row) => row.map(up)) } : {}),
            };
        },
    },

    // Every count of transactions is { by: 7 } more than it is, whatever the block.
    'wrong-nonce': {
        methods: ['eth_getTransactionCount'],
        after: (result, _call, _context, { by = 7 }) => toHex(Math.max(0, Number(result) + by)),
    },

    // One place of the answer is spoilt: a value replaced, dropped, doubled or turned into another type.
    mutated: {
        methods: undefined,
        after: (result, _call, { random }) => mutate(result, random),
    },

    // Not indexed yet, or pruned.
    'missing-receipts': { methods: RECEIPTS, before: () => ({ result: null }) },
    'missing-transactions': { methods: ['eth_getTransactionByHash'], before: () => ({ result: null }) },
    'missing-blocks': { methods: ['eth_getBlockByHash', 'eth_getBlockByNumber'], before: () => ({ result: null }) },

    // Refuses more than { blocks: 1000 } at once, in the words of { provider: 'alchemy' }.
    'range-cap': {
        methods: ['eth_getLogs'],
        async before(call, { ask }, { blocks: max = 1000, provider = 'alchemy' }) {
            const refusal = oneOf(RANGE_REFUSALS, provider, 'range-cap');
            const range = await logRange(call.params[0], ask);
            return range && range.to - range.from + 1 > max ? { error: refusal({ ...range, max }) } : undefined;
        },
    },
    // Refuses answers of more than { results: 10000 } logs, in the words of { provider: 'infura' }.
    'result-cap': {
        methods: ['eth_getLogs'],
        async before(call, { ask }, { results: max = 10_000, provider = 'infura' }) {
            const refusal = oneOf(RESULT_REFUSALS, provider, 'result-cap');
            const range = await logRange(call.params[0], ask);
            const logs = range ? await ask('eth_getLogs', call.params) : [];
            if (logs.length <= max) return undefined;
            return { error: refusal({ ...range, max, half: Math.floor((range.from + range.to) / 2) }) };
        },
    },

    // An error of one's choice, { code, message, data }, or a { provider }'s way to say "slow down" with HTTP 200.
    error: {
        before: (_call, _context, { code = -32603, message = 'internal error', data }) =>
            ({ error: { code, message, data } }),
    },
    'rate-error': {
        before: (_call, _context, { provider = 'alchemy' }) =>
            ({ error: oneOf(RATE_REFUSALS, provider, 'rate-error') }),
    },

    // An answer of one's choice, { value }, instead of the node's.
    result: { before: (_call, _context, { value }) => ({ result: value }) },

    // Sends are answered with errors, each in the words of the next of { messages: […] }; with { accept: true } the
    // node has got the transaction all the same.
    'send-error': {
        methods: ['eth_sendRawTransaction'],
        async before(call, { ask, memory }, { messages = ['internal error'], accept = false }) {
            if (accept) await ask(call.method, call.params).catch(() => {});
            memory.next = (memory.next ?? -1) + 1;
            return { error: { code: -32000, message: messages[memory.next % messages.length] } };
        },
    },
    // geth's rule for a second transaction with the same nonce: both fees a tenth higher, or it is refused.
    'strict-replacement': {
        methods: ['eth_sendRawTransaction'],
        async before(call, { memory }, { percent = 10n }) {
            const [raw] = call.params;
            const { nonce, maxFeePerGas: fee, maxPriorityFeePerGas: tip = 0n } = parseTransaction(raw);
            const key = `${await recoverTransactionAddress({ serializedTransaction: raw })} ${nonce}`;
            const known = memory[key];
            if (known && known.raw !== raw) {
                const low = [[fee, known.fee], [tip, known.tip]]
                    .some(([now, was]) => now * 100n < was * (100n + BigInt(percent)));
                if (low) return { error: { code: -32000, message: 'replacement transaction underpriced' } };
            }
            memory[key] = { raw, fee, tip };
            return undefined;
        },
    },

    // Another chain behind the same address: { chainId }, and another genesis with { genesis: true }.
    'chain-id': {
        methods: ['eth_chainId', 'net_version', 'eth_getBlockByNumber'],
        after(result, call, _context, { chainId = 1, genesis = false }) {
            if (call.method === 'eth_chainId') return toHex(chainId);
            if (call.method === 'net_version') return String(chainId);
            return genesis && result?.number === '0x0' ? { ...result, hash: strangerHash(result.hash) } : result;
        },
    },

    // The count of pending transactions is anything between 0 and { max: 100 }.
    'random-nonce': {
        methods: ['eth_getTransactionCount'],
        before: (call, { random }, { max = 100 }) =>
            (call.params[1] === 'pending' ? { result: toHex(Math.floor(random() * max)) } : undefined),
    },

    // Takes a transaction, says its hash, and tells nobody.
    swallow: {
        methods: ['eth_sendRawTransaction'],
        before: (call) => ({ result: keccak256(call.params[0]) }),
    },
};
