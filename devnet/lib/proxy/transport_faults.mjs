// The catalogue of faults that sit on whole HTTP exchanges. An entry has a list of methods it touches by default and
// either `instead`, which answers without asking the node, or `spoil`, which gets the good answer as text.
// Both get ({ request, response, body }, options, text) where `body` is the parsed request.
import { gzipSync } from 'node:zlib';
import { CDN_PAGE, RATE_REFUSALS } from './provider_texts.mjs';

export function reply(response, status, text, headers = {}) {
    const length = { 'content-length': Buffer.byteLength(text) };
    response.writeHead(status, { 'content-type': 'application/json', ...length, ...headers });
    response.end(text);
}

const mapAnswers = (text, change) => {
    const parsed = JSON.parse(text);
    return JSON.stringify(Array.isArray(parsed) ? parsed.map(change) : change(parsed));
};

const bombs = new Map();
function packed(bytes) {
    if (!bombs.has(bytes)) bombs.set(bytes, gzipSync(`"${'x'.repeat(bytes - 2)}"`));
    return bombs.get(bytes);
}

export const TRANSPORT_FAULTS = {
    // { status: 503, body, contentType, retryAfter }; 429 comes with a provider's text and Retry-After.
    http: {
        instead({ response }, { status = 503, body, contentType, retryAfter = status === 429 ? 1 : undefined }) {
            const text = body ?? (status === 429 ? JSON.stringify({ error: RATE_REFUSALS.alchemy }) : CDN_PAGE);
            reply(response, status, text, {
                'content-type': contentType ?? (text.startsWith('<') ? 'text/html' : 'application/json'),
                ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
            });
        },
    },
    // A few kB on the way that are `bytes` when they are unpacked.
    bomb: {
        instead: ({ response }, { bytes = 70_000_000 }) => {
            response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
            response.end(packed(bytes));
        },
    },
    // A page for people where JSON should be, with { status: 200 }.
    html: {
        instead: ({ response }, { status = 200 }) =>
            reply(response, status, CDN_PAGE, { 'content-type': 'text/html' }),
    },
    'empty-body': { instead: ({ response }, { status = 200 }) => reply(response, status, '') },
    // The connection closes before the node has heard anything.
    refuse: { instead: ({ request }) => request.socket.destroy() },
    // No answer, ever; the connection stays open until the client gives up.
    hang: { instead: () => {} },

    // The node has done it, the client does not hear: the connection closes instead.
    'lost-reply': { methods: ['eth_sendRawTransaction'], spoil: ({ request }) => request.socket.destroy() },
    // Only { keep: 0.5 } of the text; { abrupt: true } announces all of it and hangs up.
    truncated: {
        spoil({ response, request }, { keep = 0.5, abrupt = false }, text) {
            const part = text.slice(0, Math.floor(text.length * keep));
            if (!abrupt) return reply(response, 200, part);
            response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
            response.write(part, () => request.socket.destroy());
            return undefined;
        },
    },
    'wrong-id': {
        spoil: ({ response }, _options, text) =>
            reply(response, 200, mapAnswers(text, (answer) => ({ ...answer, id: 987654321 }))),
    },
    // Answers of a batch in another order, or { lose: 1 } of them missing.
    'mixed-batch': {
        spoil({ response }, { lose = 0 }, text) {
            const parsed = JSON.parse(text);
            reply(response, 200, Array.isArray(parsed) ? JSON.stringify(parsed.reverse().slice(lose)) : text);
        },
    },
};
