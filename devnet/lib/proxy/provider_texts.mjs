// How real providers refuse an eth_getLogs that is too wide or returns too much, and how they say "slow down".
// Texts as seen in public bug reports and documentation; they change, so treat them as test data.

const hex = (number) => `0x${number.toString(16)}`;
const suggestion = ({ from, max }) => `[${hex(from)}, ${hex(from + max - 1)}]`;

/** Refusals of a range of more than `max` blocks; each gets { from, to, max }. */
export const RANGE_REFUSALS = {
    alchemy: (range) => ({
        code: -32600,
        message: `You can make eth_getLogs requests with up to a ${range.max} block range. Based on your parameters, `
            + `this block range should work: ${suggestion(range)}`,
    }),
    infura: ({ from, to, max }) => ({ code: -32602, message: `range ${to - from} exceeds limit of ${max}` }),
    geth: ({ max }) => ({ code: -32000, message: `exceed maximum block range: ${max}` }),
    blockpi: ({ max }) => ({ code: -32602, message: `eth_getLogs is limited to ${max} block range` }),
    tenderly: ({ from, to, max }) => ({
        code: -32602,
        message: 'invalid params',
        data: { error_id: '4ed94073', payload: `range ${to - from} is bigger than range limit ${max}` },
    }),
    reth: ({ max }) => ({ code: -32602, message: `query exceeds max block range ${max}` }),
    drpc: ({ max }) => ({ code: 35, message: `ranges over ${max} blocks are not supported on freetier` }),
    candle: () => ({ code: -32600, message: 'block range too high' }),
    thousands: () => ({ code: -32603, message: 'eth_getLogs range is too large, max is 1k blocks' }),
};

/** Refusals of an answer of more than `max` logs; each gets { from, to, max, half } with half a range that fits. */
export const RESULT_REFUSALS = {
    alchemy: ({ from, half }) => ({
        code: -32602,
        message: 'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no '
            + 'limit on the response size, or you can request any block range with a cap of 10K logs in the response. '
            + 'Based on your parameters and the response size limit, '
            + `this block range should work: [${hex(from)}, ${hex(half)}]`,
    }),
    infura: ({ from, half, max }) => ({
        code: -32005,
        message: `query returned more than ${max} results. Try with this block range [${hex(from)}, ${hex(half)}].`,
        data: { from: hex(from), to: hex(half), limit: max },
    }),
    plain: ({ max }) => ({ code: -32005, message: `query returned more than ${max} results` }),
    reth: ({ from, half, max }) => ({
        code: -32602,
        message: `query exceeds max results ${max}, retry with the range ${from}-${half}`,
    }),
};

/** Bodies of "too many requests": inside a JSON-RPC answer, or as the whole body with HTTP 429. */
export const RATE_REFUSALS = {
    alchemy: {
        code: 429,
        message: 'Your app has exceeded its compute units per second capacity. If you have retries enabled, you can '
            + 'safely ignore this message. If not, check out https://docs.alchemy.com/reference/throughput',
    },
    quicknode: { code: -32012, message: 'credits limited to 6000/sec' },
};

export const CDN_PAGE = '<!DOCTYPE html>\n<html><head><title>503 Service Temporarily Unavailable</title></head>\n'
    + '<body><center><h1>503 Service Temporarily Unavailable</h1></center><hr><center>cdn</center></body></html>\n';
