#!/usr/bin/env node
// A node that lies: passes JSON-RPC calls on to a real node and spoils what it is told to spoil.
// As a library: startProxy({ target }). As a program: see --help.
import http from 'node:http';
import { parseArgs } from 'node:util';
import { isMain, sleep } from './lib/process.mjs';
import { CALL_FAULTS } from './lib/proxy/faults.mjs';
import { TRANSPORT_FAULTS, reply } from './lib/proxy/transport_faults.mjs';

const CONTROL_PATH = '/faults';
const TRACE_LIMIT = 10_000;

/** Every kind of fault there is. What its options are stands next to its definition. */
export const FAULT_KINDS = ['delay', ...Object.keys(TRANSPORT_FAULTS), ...Object.keys(CALL_FAULTS)];

/**
 * Starts a proxy on 127.0.0.1 in front of `target`, the URL of a node. The same seed makes the same choices, as long
 * as calls come in the same order.
 */
export async function startProxy({ target, port = 0, seed = 1 }) {
    const proxy = new FaultProxy(target, seed);
    await proxy.listen(port);
    return proxy;
}

class FaultProxy {
    #target;
    #random;
    #agent = new http.Agent({ keepAlive: true });
    #server = http.createServer((request, response) => this.#serve(request, response));
    #faults = [];
    #nextId = 1;
    #counts = {};
    #trace = [];

    constructor(target, seed) {
        this.#target = new URL(target);
        this.#random = randomNumbers(seed);
    }

    listen(port) {
        return new Promise((resolve, reject) => {
            this.#server.once('error', reject);
            this.#server.listen(port, '127.0.0.1', () => {
                this.url = `http://127.0.0.1:${this.#server.address().port}`;
                resolve();
            });
        });
    }

    /**
     * Adds a fault and returns its id. Besides the options of its kind:
     * - methods: only for these methods
     * - times: how often it strikes before it is over (default: until cleared)
     * - skip: how many calls it spares first
     * - probability: 0 to 1 (default 1)
     * Faults act in the order in which they were added; of those that replace the whole answer only the first does.
     */
    fault(kind, options = {}) {
        if (!FAULT_KINDS.includes(kind)) throw new Error(`no fault "${kind}"; there are ${FAULT_KINDS.join(', ')}`);
        const defaults = (CALL_FAULTS[kind] ?? TRANSPORT_FAULTS[kind])?.methods;
        const fault = {
            id: this.#nextId++, kind, options, methods: options.methods ?? defaults,
            left: options.times ?? Infinity, spare: options.skip ?? 0, struck: 0, memory: {},
        };
        this.#faults.push(fault);
        return fault.id;
    }

    /** Ends one fault, or all. */
    clear(id) {
        this.#faults = id === undefined ? [] : this.#faults.filter((fault) => fault.id !== id);
    }

    /** The faults that are in force: [{ id, kind, options, struck }]. */
    faults() {
        return this.#faults.map(({ id, kind, options, struck }) => ({ id, kind, options, struck }));
    }

    /** How often each method was called: { eth_getLogs: 7, … }. */
    calls() {
        return { ...this.#counts };
    }

    /** The latest calls, oldest first: [{ method, params }], of one method or of all. */
    trace(method) {
        return this.#trace.filter((call) => method === undefined || call.method === method);
    }

    resetCalls() {
        this.#counts = {};
        this.#trace = [];
    }

    async stop() {
        this.#agent.destroy();
        this.#server.closeAllConnections();
        await new Promise((resolve) => { this.#server.close(resolve); });
    }

    // ---- one exchange

    async #serve(request, response) {
        try {
            const text = await readAll(request);
            if (request.url.startsWith(CONTROL_PATH)) return this.#control(request, response, text);
            return await this.#proxy({ request, response, body: JSON.parse(text) });
        } catch (error) {
            // The client hears of our own trouble in a way that no test mistakes for a fault it asked for.
            if (!response.headersSent) reply(response, 500, JSON.stringify({ proxyError: error.message }));
            return undefined;
        }
    }

    async #proxy(exchange) {
        const { body, response } = exchange;
        const batch = Array.isArray(body);
        const calls = (batch ? body : [body]).map(({ id, method, params }) => ({ id, method, params: params ?? [] }));
        for (const call of calls) this.#record(call);

        for (const fault of this.#striking(calls, (kind) => kind === 'delay')) await sleep(fault.options.ms ?? 1000);
        const [spoiler] = this.#striking(calls, (kind) => kind in TRANSPORT_FAULTS);
        const { instead, spoil } = TRANSPORT_FAULTS[spoiler?.kind] ?? {};
        if (instead) return instead(exchange, spoiler.options);

        const answers = await Promise.all(calls.map((call) => this.#answer(call)));
        const text = JSON.stringify(batch ? answers : answers[0]);
        return spoil ? spoil(exchange, spoiler.options, text) : reply(response, 200, text);
    }

    async #answer(call) {
        const { id } = call;
        const faults = this.#striking([call], (kind) => kind in CALL_FAULTS);
        const ask = (method, params = []) => this.#ask(method, params).then(({ error, result }) => {
            if (error) throw new Error(`${method}: ${error.message}`);
            return result;
        });
        const contextOf = ({ memory }) => ({ ask, random: this.#random, memory });
        for (const fault of faults) {
            const early = await CALL_FAULTS[fault.kind].before?.(call, contextOf(fault), fault.options);
            if (early) return { jsonrpc: '2.0', id, ...early };
        }
        const answer = await this.#ask(call.method, call.params);
        if (answer.error) return { ...answer, id };
        let { result } = answer;
        for (const fault of faults) {
            const { after } = CALL_FAULTS[fault.kind];
            if (after) result = await after(result, call, contextOf(fault), fault.options);
        }
        return { jsonrpc: '2.0', id, result };
    }

    /** The faults that strike now, and notes that they did. */
    #striking(calls, ofKind) {
        return this.#faults.filter((fault) => {
            if (!ofKind(fault.kind) || fault.left <= 0) return false;
            if (fault.methods && !calls.some(({ method }) => fault.methods.includes(method))) return false;
            if (fault.spare > 0) {
                fault.spare -= 1;
                return false;
            }
            if (this.#random() >= (fault.options.probability ?? 1)) return false;
            fault.left -= 1;
            fault.struck += 1;
            return true;
        });
    }

    #record({ method, params }) {
        this.#counts[method] = (this.#counts[method] ?? 0) + 1;
        this.#trace.push({ method, params });
        if (this.#trace.length > TRACE_LIMIT) this.#trace.shift();
    }

    /** Asks the real node; the whole JSON-RPC answer. */
    #ask(method, params) {
        const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
        return new Promise((resolve, reject) => {
            const request = http.request(this.#target, {
                method: 'POST', agent: this.#agent,
                headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
            }, (response) => readAll(response).then((answer) => resolve(JSON.parse(answer))).catch(reject));
            request.on('error', reject);
            request.end(text);
        });
    }

    // ---- control over HTTP

    #control(request, response, text) {
        const id = request.url.slice(CONTROL_PATH.length + 1);
        try {
            if (request.method === 'POST') {
                const { kind, ...options } = JSON.parse(text);
                return reply(response, 201, JSON.stringify({ id: this.fault(kind, options) }));
            }
            if (request.method === 'DELETE') this.clear(id === '' ? undefined : Number(id));
            return reply(response, 200, JSON.stringify({ faults: this.faults(), calls: this.calls() }));
        } catch (error) {
            return reply(response, 400, JSON.stringify({ error: error.message }));
        }
    }
}

async function readAll(stream) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
function randomNumbers(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

const HELP = `usage: node proxy.mjs --target URL [--port N] [--seed N] [--fault JSON]...

Stands in front of a JSON-RPC node on 127.0.0.1 and spoils what it is told to spoil.

  --target URL   the node
  --port N       port to listen on (default 8546; 0 picks a free one)
  --seed N       makes random choices repeatable (default 1)
  --fault JSON   a fault from the start, for example '{"kind":"stale-head","blocks":20}'

Faults come and go over HTTP, too:
  curl -d '{"kind":"http","status":429,"times":5}' http://127.0.0.1:8546${CONTROL_PATH}
  curl http://127.0.0.1:8546${CONTROL_PATH}                  what is in force, and calls per method
  curl -X DELETE http://127.0.0.1:8546${CONTROL_PATH}[/ID]   end one, or all

Every fault takes "methods", "times", "skip" and "probability". Kinds (options are explained in
lib/proxy/faults.mjs and lib/proxy/transport_faults.mjs; delay takes "ms"):
${FAULT_KINDS.map((kind) => `  ${kind}`).join('\n')}
`;

async function main() {
    const { values } = parseArgs({
        options: {
            target: { type: 'string' },
            port: { type: 'string', default: '8546' },
            seed: { type: 'string', default: '1' },
            fault: { type: 'string', multiple: true, default: [] },
            help: { type: 'boolean', default: false },
        },
    });
    if (values.help) return process.stdout.write(HELP);
    if (!values.target) throw new Error('--target is missing, see --help');
    const proxy = await startProxy({ target: values.target, port: Number(values.port), seed: Number(values.seed) });
    for (const text of values.fault) {
        const { kind, ...options } = JSON.parse(text);
        proxy.fault(kind, options);
    }
    return console.log(`${proxy.url} -> ${values.target}`);
}

if (isMain(import.meta.url)) {
    main().catch((error) => {
        console.error(error.message);
        process.exit(1);
    });
}
