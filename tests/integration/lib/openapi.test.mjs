// The description of the API for itself, and the watch that the tests' client keeps with it. Needs no daemon.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openApiFaults } from '../../../devnet/lib/schemas.mjs';
import { document, exchangeFaults, follow, schemaFaults, templateOf } from './openapi.mjs';

const GOLDEN = fileURLToPath(new URL('../../golden/api/', import.meta.url));
const TESTS = fileURLToPath(new URL('../', import.meta.url));
const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'];

const escaped = (name) => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));

/** Calls `visit(part, at)` for every object of the document. */
function walk(visit, part = document, at = '#') {
    if (typeof part !== 'object' || part === null) return;
    visit(part, at);
    for (const [name, inside] of Object.entries(part)) walk(visit, inside, `${at}/${escaped(name)}`);
}

test('openapi.json: by the schema of OpenAPI 3.1 -> valid', async () => {
    assert.match(document.openapi, /^3\.1\./);
    assert.equal(await openApiFaults(document), undefined);
    assert.notEqual(await openApiFaults({ ...document, paths: { 'no-slash': {} } }), undefined, 'it can fail');
});

test('openapi.json: every schema -> compiles, and has examples that fit', () => {
    let schemas = 0;
    for (const name of Object.keys(document.components.schemas)) {
        const at = `#/components/schemas/${name}`;
        for (const example of document.components.schemas[name].examples ?? []) {
            assert.equal(schemaFaults(at, example), undefined, `${at}: ${JSON.stringify(example)}`);
        }
        assert.notEqual(schemaFaults(at, 0.5), undefined, `${at} takes anything`);
        schemas += 1;
    }
    assert.ok(schemas > 20);
});

test('openapi.json: every example of a body -> fits the schema beside it', () => {
    let seen = 0;
    walk((media, at) => {
        if (!media.schema || !media.examples || !/\/content\/[^/]*$/.test(at)) return;
        for (const name of Object.keys(media.examples)) {
            const { part } = follow(`${at}/examples/${escaped(name)}`);
            assert.equal(schemaFaults(`${at}/schema`, part.value), undefined, `${at}, example ${name}`);
            seen += 1;
        }
    });
    assert.ok(seen > 15, `${seen} examples`);
});

test('openapi.json: every operation -> has a name of its own, and answers that name the request', () => {
    const names = new Set();
    for (const [path, item] of Object.entries(document.paths)) {
        for (const method of METHODS.filter((one) => item[one])) {
            const { operationId, responses, summary } = item[method];
            assert.ok(operationId && summary && !names.has(operationId), `${method} ${path}`);
            names.add(operationId);
            for (const status of Object.keys(responses)) {
                const at = `#/paths/${escaped(path)}/${method}/responses/${status}`;
                assert.ok(follow(at).part.headers['request-id'], at);
            }
        }
    }
});

test('openapi.json: golden views of a session -> as described', () => {
    const files = readdirSync(GOLDEN).filter((name) => name.startsWith('session_'));
    assert.ok(files.length >= 9);
    for (const name of files) {
        const owner = name.endsWith('_full.json') ? 'SessionInFull' : name.endsWith('_owner.json') && 'Session';
        const schema = owner || 'PublicSession';
        const view = JSON.parse(readFileSync(GOLDEN + name, 'utf8'));
        assert.equal(schemaFaults(`#/components/schemas/${schema}`, view), undefined, name);
    }
});

const HEADERS = { 'content-type': 'application/json', 'request-id': '0'.repeat(32) };
const PAGE_HEADERS = {
    ...HEADERS, 'content-type': 'text/html; charset=utf-8', 'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; script-src 'sha256-a'; style-src 'sha256-b'; base-uri 'none'",
};
const PATH = `/v1/sessions/${'5'.repeat(32)}`;
const session = () => structuredClone(document.components.examples.Waiting.value.session);

/** Faults of an answer to GET of a session, or to what `more` says. */
function faultsOf(body, { method = 'GET', path = PATH, status = 200, headers = HEADERS, ...more } = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return exchangeFaults({ method, path, status, headers: new Headers(headers), text, ...more });
}

const problem = (code, type = 'invalid_request_error') => ({ error: { type, code, message: 'No.' } });

test('the watch: what is described -> no fault', () => {
    assert.deepEqual(faultsOf({ session: session() }), []);
    assert.deepEqual(faultsOf(problem('session_not_found'), { status: 404 }), []);
    assert.deepEqual(faultsOf(problem('not_found'), { status: 404, path: '/v2/anything' }), []);
    assert.deepEqual(faultsOf('<!doctype html>', { path: `/pay/${'5'.repeat(32)}`, headers: PAGE_HEADERS }), []);
    const refused = { status: 405, method: 'DELETE', headers: { ...HEADERS, allow: 'GET' } };
    assert.deepEqual(faultsOf(problem('method_not_allowed'), refused), []);
    assert.deepEqual(faultsOf('', { method: 'OPTIONS', status: 204 }), []);
});

test('the watch: a field, a status, a header or an address that nobody described -> a fault', () => {
    const table = {
        'a field more': [{ session: { ...session(), note: 1 } }],
        'a field more inside': [{ session: { ...session(), display: { title: 'a', verb: 'b', icon: 'c' } } }],
        'a field less': [{ session: { ...session(), deposits: undefined } }],
        'a secret in public': [{ session: { ...session(), clientSecret: '0'.repeat(32) } }],
        'an unknown status of a session': [{ session: { ...session(), status: 'paid' } }],
        'a number for an amount': [
            { session: { ...session(), destination: { ...session().destination, amountUnits: 10 } } }],
        'an unknown code': [problem('gone'), { status: 404 }],
        'a code of another address': [problem('not_found'), { status: 404 }],
        'a status that is not described': [problem('session_not_found'), { status: 418 }],
        'a success that is not described': [{ session: session() }, { status: 201 }],
        'no request-id': [{ session: session() }, { headers: { 'content-type': 'application/json' } }],
        'a retry without a time': [problem('too_many_requests'), { status: 429 }],
        'another type': [{ session: session() }, { headers: { ...HEADERS, 'content-type': 'text/plain' } }],
        'no JSON': ['<html>'],
        'a page that is none': ['{}', { path: `/pay/${'5'.repeat(32)}`, headers: PAGE_HEADERS }],
        'a page with any script': ['<!doctype html>', { path: `/pay/${'5'.repeat(32)}`,
            headers: { ...PAGE_HEADERS, 'content-security-policy': 'default-src *' } }],
        'a stream of something else': ['data: 1\n\n',
            { path: `${PATH}/events`, headers: { ...HEADERS, 'content-type': 'text/event-stream' } }],
        'no body': [''],
        'a success at an unknown address': [{ session: session() }, { path: '/v1/unknown' }],
        'a method that is not described': [{ session: session() }, { method: 'DELETE' }],
        'a request that should be refused': [{ session: session() },
            { method: 'PUT', path: `${PATH}/check`, requestText: '{"clientSecret":7}' }],
    };
    for (const [name, [body, options]] of Object.entries(table)) {
        assert.notDeepEqual(faultsOf(body, options), [], name);
    }
});

test('openapi.json: an event -> with the session as its owner sees it, and without the secret', () => {
    const at = '#/webhooks/event/post/requestBody/content/application~1json/schema';
    const event = {
        id: '5d3c1a52-4f0e-4b7a-9d8e-2b6f0a1c3e47', type: 'session.waiting_payment', createdAt: 1793793612, sequence: 1,
        data: { session: { ...session(), metadata: null } },
    };
    assert.equal(schemaFaults(at, event), undefined);
    const secret = { ...event, data: { session: { ...session(), metadata: null, clientSecret: '0'.repeat(32) } } };
    for (const [name, bad] of Object.entries({
        'a secret': secret, 'no metadata': { ...event, data: { session: session() } }, 'a field more': { ...event, note: 1 },
        'an unknown type': { ...event, type: 'session.paid' }, 'an invented event untold': { ...event, isTestEvent: false },
    })) {
        assert.notEqual(schemaFaults(at, bad), undefined, name);
    }
});

test('the watch: paths -> the template that they are an instance of', () => {
    assert.equal(templateOf('/v1/sessions'), '/v1/sessions');
    assert.equal(templateOf('/v1/sessions/abc'), '/v1/sessions/{sessionId}');
    assert.equal(templateOf('/v1/sessions/abc/check'), '/v1/sessions/{sessionId}/check');
    assert.equal(templateOf('/v1/sessions/'), undefined);
    assert.equal(templateOf('/v1/sessions/abc/nothing'), undefined);
});

test('the watch: no test goes around it', () => {
    const around = readdirSync(TESTS, { recursive: true }).filter((name) => name.endsWith('.mjs')).filter((name) => {
        if (name === 'lib/api.mjs' || name === 'lib/openapi.test.mjs') return false;
        return /fetch\([^;]*(api\.url|publicListen)/.test(readFileSync(TESTS + name, 'utf8'));
    });
    assert.deepEqual(around, [], 'these ask the public listener without Api.exchange()');
});
