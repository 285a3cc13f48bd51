// A JSON-RPC client over HTTP, as thin as it can be.

let nextId = 1;

export class RpcError extends Error {
    constructor(method, { code, message, data }) {
        super(`${method}: ${message} (${code})`);
        this.name = 'RpcError';
        this.code = code;
        this.data = data;
    }
}

async function post(url, body) {
    const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
    });
    return response.json();
}

function resultOf(method, reply) {
    if (reply.error) throw new RpcError(method, reply.error);
    return reply.result;
}

/** One call; throws RpcError when the node answers with an error. */
export async function rpcCall(url, method, params = []) {
    return resultOf(method, await post(url, { jsonrpc: '2.0', id: nextId++, method, params }));
}

/** Many calls in one request. `calls` is a list of [method, params]; results come in the same order. */
export async function rpcBatch(url, calls) {
    if (calls.length === 0) return [];
    const requests = calls.map(([method, params = []]) => ({ jsonrpc: '2.0', id: nextId++, method, params }));
    const replies = new Map((await post(url, requests)).map((reply) => [reply.id, reply]));
    return requests.map(({ id, method }) => resultOf(method, replies.get(id)));
}
