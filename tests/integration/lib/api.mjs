// A client of the sessions API, as a merchant's server and a payer's page use it. It takes no answer that
// api/openapi.json does not describe.
import { assertDescribed } from './openapi.mjs';

export class ApiError extends Error {
    constructor(request, status, body) {
        super(`${request}: ${status} ${body?.error?.message ?? JSON.stringify(body)}`);
        this.name = 'ApiError';
        this.status = status;
        this.body = body;
        this.code = body?.error?.code;
        this.type = body?.error?.type;
    }
}

/** fetch() for a client that is not ours: it too takes no answer that is not described. */
export async function describedFetch(url, init = {}) {
    const response = await fetch(url, init);
    const text = await response.clone().text();
    const { pathname, search } = new URL(url);
    const { status, headers } = response;
    const { method = 'GET', body: requestText } = init;
    assertDescribed({ method, path: pathname + search, requestText, status, headers, text });
    return response;
}

export class Api {
    /** `apiKey` may be set later; calls that need it send none until then. */
    constructor(url, apiKey) {
        this.url = url;
        this.apiKey = apiKey;
    }

    /**
     * One exchange as it is: { status, headers, text }. Every call of a test on the public listener goes through
     * here, or follow().
     */
    async exchange(method, path, { body, headers = {} } = {}) {
        const response = await fetch(this.url + path, { method, headers, body });
        const { status } = response;
        const text = await response.text();
        assertDescribed({ method, path, requestText: body, status, headers: response.headers, text });
        return { status, headers: response.headers, text };
    }

    /**
     * Server-sent events as they come: { status, headers, next(), close() }. next() gives the data of the next event, or
     * undefined at the end.
     */
    async follow(path) {
        const stop = new AbortController();
        const { status, headers, body } = await fetch(this.url + path, { signal: stop.signal });
        const reader = body.pipeThrough(new TextDecoderStream()).getReader();
        let text = '';
        let heard = 0;
        const next = async () => {
            for (;;) {
                const end = text.indexOf('\n\n', heard) + 2;
                if (end >= 2) {
                    const data = /^data: (.*)$/m.exec(text.slice(heard, end))?.[1];
                    heard = end;
                    assertDescribed({ method: 'GET', path, status, headers, text: text.slice(0, end) });
                    if (data) return JSON.parse(data);
                } else {
                    const { done, value } = await reader.read();
                    if (done) return undefined;
                    text += value;
                }
            }
        };
        return { status, headers, next, close: () => stop.abort() };
    }

    /** Any request; returns the parsed body or throws ApiError. `key: null` sends no API key. */
    async request(method, path, { body, key = this.apiKey, headers = {} } = {}) {
        const { status, text } = await this.exchange(method, path, {
            headers: {
                ...(body === undefined ? {} : { 'content-type': 'application/json' }),
                ...(key ? { authorization: `Bearer ${key}` } : {}),
                ...headers,
            },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        let parsed = text;
        try {
            parsed = text === '' ? undefined : JSON.parse(text);
        } catch {
            // Not JSON: the caller sees the text in the error, or gets it.
        }
        if (status < 200 || status > 299) throw new ApiError(`${method} ${path}`, status, parsed);
        return parsed;
    }

    /**
     * Opens a session for `amountUnits` (a decimal string, or undefined for any amount) of a token and returns it
     * with its clientSecret. `more` is merged into the request, for example { metadata } or { refundAddress }.
     */
    async createSession({ address, chainId = 31337, tokenAddress, amountUnits, calldata }, more = {}) {
        const body = {
            destination: { type: 'evm', address, chainId, tokenAddress, amountUnits, calldata },
            display: { title: 'Order', verb: 'Pay' },
            ...more,
        };
        return (await this.request('POST', '/v1/sessions', { body })).session;
    }

    /** The session as the merchant sees it; with { key: null } as the public sees it. */
    async getSession(session, options = {}) {
        return (await this.request('GET', `/v1/sessions/${session.sessionId ?? session}`, options)).session;
    }

    /** Chooses EVM as payment method; the address is in paymentMethod.receiverAddress of what is returned. */
    async paymentMethod(session, paymentMethod = { type: 'evm' }) {
        const body = { clientSecret: session.clientSecret, locale: 'en', paymentMethod };
        const path = `/v1/sessions/${session.sessionId}/paymentMethods`;
        return (await this.request('POST', path, { body, key: null })).session;
    }

    /** Opens a session and chooses EVM; returns { session, receiver }. */
    async openEvm(destination, more) {
        const session = await this.createSession(destination, more);
        const { receiverAddress } = (await this.paymentMethod(session)).paymentMethod;
        return { session, receiver: receiverAddress };
    }

    /** Reads the session as the payer's page does, with an optional hint. */
    async check(session, txHash) {
        const body = { clientSecret: session.clientSecret, txHash };
        return (await this.request('PUT', `/v1/sessions/${session.sessionId}/check`, { body, key: null })).session;
    }
}
