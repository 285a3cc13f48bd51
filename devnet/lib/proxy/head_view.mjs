// The chain as a node sees it that has not got the newest blocks.
import { toHex } from 'viem';

const BY_NUMBER = { eth_getBlockByNumber: 0, eth_getBlockReceipts: 0, eth_getBlockTransactionCountByNumber: 0 };
const AT_STATE = { eth_call: 1, eth_getBalance: 1, eth_getCode: 1, eth_getTransactionCount: 1, eth_getStorageAt: 2 };
const OF_BLOCK = ['eth_getTransactionReceipt', 'eth_getTransactionByHash', 'eth_getBlockByHash'];

const isHash = (text) => typeof text === 'string' && text.length === 66;

/** First and last block of a filter as numbers; undefined when it asks by block hash. */
export async function logRange(filter, ask) {
    if (filter.blockHash) return undefined;
    const resolve = async (block = 'latest') => {
        if (block.startsWith('0x')) return Number(block);
        return Number((await ask('eth_getBlockByNumber', [block, false])).number);
    };
    return { from: await resolve(filter.fromBlock), to: await resolve(filter.toBlock) };
}

async function heights(ask, { blocks = 10, at }) {
    const head = Number(await ask('eth_blockNumber'));
    return { head, visible: Math.max(0, Math.min(head, at ?? head - blocks)) };
}

/** The height a block parameter means on the node that is behind. */
async function heightOf(block, { head, visible }, ask) {
    if (block === undefined || block === 'latest' || block === 'pending') return visible;
    if (block === 'earliest') return 0;
    if (block.startsWith('0x')) return Number(block);
    const real = Number((await ask('eth_getBlockByNumber', [block, false])).number);
    return Math.max(0, visible - (head - real));
}

async function viewLogs(call, view, ask, strict) {
    const [filter] = call.params;
    if (filter.blockHash) {
        const block = await ask('eth_getBlockByHash', [filter.blockHash, false]);
        const known = block && Number(block.number) <= view.visible;
        return known ? undefined : { error: { code: -32000, message: 'unknown block' } };
    }
    const from = await heightOf(filter.fromBlock, view, ask);
    const to = await heightOf(filter.toBlock, view, ask);
    if (to > view.visible && strict) {
        return { error: { code: -32602, message: 'block range extends beyond current head block' } };
    }
    if (from > view.visible) return { result: [] };
    call.params = [{ ...filter, fromBlock: toHex(from), toBlock: toHex(Math.min(to, view.visible)) }];
    return undefined;
}

export const headView = {
    async before(call, { ask }, options) {
        const { method, params } = call;
        if (!(method in BY_NUMBER) && !(method in AT_STATE) && !['eth_blockNumber', 'eth_getLogs'].includes(method)) {
            return undefined;
        }
        const view = await heights(ask, options);
        if (method === 'eth_blockNumber') return { result: toHex(view.visible) };
        if (method === 'eth_getLogs') return viewLogs(call, view, ask, options.strict);

        const position = BY_NUMBER[method] ?? AT_STATE[method];
        const block = params[position]?.blockHash ?? params[position];
        if (isHash(block)) {
            const found = await ask('eth_getBlockByHash', [block, false]);
            if (found && Number(found.number) <= view.visible) return undefined;
            return method in BY_NUMBER ? { result: null } : { error: { code: -32000, message: 'header not found' } };
        }
        const height = await heightOf(block, view, ask);
        if (height > view.visible) {
            return method in BY_NUMBER ? { result: null } : { error: { code: -32000, message: 'header not found' } };
        }
        call.params = [...params];
        call.params[position] = toHex(height);
        return undefined;
    },

    async after(result, call, { ask }, options) {
        if (!OF_BLOCK.includes(call.method) || !result) return result;
        const height = result.blockNumber ?? result.number;
        if (height === null || height === undefined) return result;
        return Number(height) > (await heights(ask, options)).visible ? null : result;
    },
};
