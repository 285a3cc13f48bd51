// What callers get wrong: a documented error, and nothing is stored.
import assert from 'node:assert/strict';
import { sceneTest, NATIVE } from './lib/scene.mjs';

const ERROR_TYPES = ['authentication_error', 'validation_error', 'invalid_request_error', 'api_error'];

/** Sends raw text and returns { status, error, text }. */
async function send(scene, text, { path = '/v1/sessions', method = 'POST', key = scene.api.apiKey } = {}) {
    const { status, text: answer } = await scene.api.exchange(method, path, {
        body: text,
        headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) },
    });
    let error;
    try {
        error = JSON.parse(answer).error;
    } catch {
        // Not JSON: the caller's assertion shows the text.
    }
    return { status, error, text: answer };
}

const sessions = (scene) => scene.sql('SELECT count(*) AS n FROM sessions')[0].n;

async function assertRefused(scene, name, text, { status = 400, code, param, ...options } = {}) {
    // Nothing of this test may store anything, so one count at the start is enough.
    scene.stored ??= sessions(scene);
    const answer = await send(scene, text, options);
    assert.equal(answer.status, status, `${name}: ${answer.text}`);
    assert.ok(answer.error, `${name}: an error body, not ${answer.text}`);
    assert.ok(ERROR_TYPES.includes(answer.error.type), `${name}: ${answer.text}`);
    assert.equal(typeof answer.error.code, 'string', name);
    assert.ok(answer.error.message.length > 5, name);
    if (code) assert.equal(answer.error.code, code, `${name}: ${answer.text}`);
    if (param) assert.equal(answer.error.param, param, `${name}: ${answer.text}`);
    assert.equal(sessions(scene), scene.stored, `${name}: nothing is stored`);
}

sceneTest('input: what cannot be a session -> a documented error, nothing stored', async (scene) => {
    const { usdc, fee } = scene.contracts;
    const { receiver } = await scene.order();
    const good = {
        type: 'evm', address: scene.fresh(), chainId: 31337, tokenAddress: usdc.address, amountUnits: '10',
    };
    const body = (destination, more = {}) => JSON.stringify({
        destination: { ...good, ...destination }, display: { title: 'Order', verb: 'Pay' }, ...more,
    });
    const amount = (text) => body({}).replace('"amountUnits":"10"', `"amountUnits":${text}`);
    const checksummed = '0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045';
    const flipped = '0xD8dA6BF26964aF9D7eEd9e03E53415D37aA96045';

    const table = [
        ['no body', ''],
        ['not JSON', '{"destination":'],
        ['two values', `${body()} {}`],
        ['a list', '[]'],
        ['null', 'null'],
        ['deeply nested', '['.repeat(5000)],
        ['a key twice', body().replace('"amountUnits":"10"', '"amountUnits":"10","amountUnits":"1000"')],
        ['broken UTF-8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])],
        ['the amount as a number', amount('10'), { param: 'destination.amountUnits' }],
        ['the amount as a float', amount('10.5'), { param: 'destination.amountUnits' }],
        ['a negative amount', amount('"-1"'), { param: 'destination.amountUnits' }],
        ['an amount with a sign', amount('"+1"'), { param: 'destination.amountUnits' }],
        ['an exponent', amount('"1e3"'), { param: 'destination.amountUnits' }],
        ['no digits', amount('"."'), { param: 'destination.amountUnits' }],
        ['a comma', amount('"1,5"'), { param: 'destination.amountUnits' }],
        ['space around', amount('" 1"'), { param: 'destination.amountUnits' }],
        ['zero', amount('"0.000000"'), { param: 'destination.amountUnits' }],
        ['more decimals than the token has', amount('"1.0000001"'), { param: 'destination.amountUnits' }],
        ['more than 256 bits', amount(`"${'9'.repeat(78)}"`), { param: 'destination.amountUnits' }],
        ['a bad checksum', body({ address: flipped }), { param: 'destination.address' }],
        ['a short address', body({ address: checksummed.slice(0, -1) }), { param: 'destination.address' }],
        ['the zero address', body({ address: NATIVE }), { param: 'destination.address' }],
        ['a token contract as destination', body({ address: usdc.address }), { param: 'destination.address' }],
        ['a receiver of ours as destination', body({ address: receiver }), { param: 'destination.address' }],
        ['the gas station as destination', body({ address: scene.gasStation }), { param: 'destination.address' }],
        ['a receiver of ours as refund address', body({}, { refundAddress: receiver }), { param: 'refundAddress' }],
        ['an unusable refund address', body({}, { refundAddress: '0x12' }), { param: 'refundAddress' }],
        ['an unknown token', body({ tokenAddress: scene.fresh() }), { code: 'unsupported_token' }],
        ['a token with a fee, not listed', body({ tokenAddress: fee.address }), { code: 'unsupported_token' }],
        ['an unknown chain', body({ chainId: 1 }), { code: 'unsupported_chain' }],
        ['the chain as text', body({ chainId: '31337' }), { param: 'destination.chainId' }],
        ['a chain of 2^64', body().replace('31337', '18446744073709551616')],
        ['another family', body({ type: 'solana' }), { param: 'destination.type' }],
        ['no display', JSON.stringify({ destination: good }), { param: 'display' }],
        ['an empty title', body({}, { display: { title: '', verb: 'Pay' } }), { param: 'display.title' }],
        ['metadata that is no text', body({}, { metadata: { order: 7 } })],
        ['no destination', JSON.stringify({ display: { title: 'Order', verb: 'Pay' } }), { param: 'destination' }],
        ['no key', body(), { status: 401, key: null }],
        ['a wrong key', body(), { status: 401, key: '00000000-0000-4000-8000-000000000000' }],
        ['an oversized body', body({}, { metadata: { note: 'x'.repeat(200_000) } }), { status: 413 }],
        ['a body of megabytes', body({}, { metadata: { note: 'x'.repeat(5_000_000) } }), { status: 413 }],
        ['an unknown path', '{}', { status: 404, path: '/v1/nothing' }],
    ];
    for (const [name, text, options] of table) await assertRefused(scene, name, text, options);
});

sceneTest('input: calls on a session with the wrong secret or id -> refused, unchanged', async (scene) => {
    const { session } = await scene.order();
    const before = scene.sql('SELECT id, version FROM sessions');
    const wrong = { clientSecret: '0'.repeat(32), paymentMethod: { type: 'evm' } };
    const path = (id, call) => `/v1/sessions/${id}/${call}`;
    await assertRefused(scene, 'wrong secret', JSON.stringify(wrong),
        { status: 401, key: null, path: path(session.sessionId, 'paymentMethods') });
    await assertRefused(scene, 'wrong secret on check', JSON.stringify(wrong),
        { status: 401, key: null, method: 'PUT', path: path(session.sessionId, 'check') });
    await assertRefused(scene, 'unknown session', JSON.stringify(wrong),
        { status: 404, key: null, path: path('f'.repeat(32), 'paymentMethods') });
    await assertRefused(scene, 'an unknown method of payment',
        JSON.stringify({ clientSecret: session.clientSecret, paymentMethod: { type: 'carrier-pigeon' } }),
        { key: null, path: path(session.sessionId, 'paymentMethods') });
    assert.deepEqual(scene.sql('SELECT id, version FROM sessions'), before);
});

sceneTest('input: a hint of a transaction that is none -> 200, nothing changes', async (scene) => {
    const { session, receiver } = await scene.order();
    const { hash } = await scene.pay(scene.fresh());
    for (const hint of [hash, `0x${'ab'.repeat(32)}`, 'nonsense', undefined]) {
        assert.equal((await scene.api.check(session, hint)).status, 'waiting_payment');
    }
    const paid = await scene.pay(receiver);
    await scene.api.check(session, paid.hash);
    await scene.settle(session, 'succeeded');
    assert.equal((await scene.api.check(session, paid.hash)).status, 'succeeded');
});

sceneTest('input: the same Idempotency-Key twice -> one session; with another body -> refused', async (scene) => {
    const body = {
        destination: {
            type: 'evm', address: scene.fresh(), chainId: 31337, amountUnits: '1',
            tokenAddress: scene.contracts.usdc.address,
        },
        display: { title: 'Order', verb: 'Pay' },
    };
    const headers = { 'idempotency-key': 'order-17' };
    const create = (from) => scene.api.request('POST', '/v1/sessions', { body: from, headers });
    const first = await create(body);
    const second = await create(body);
    assert.equal(first.session.sessionId, second.session.sessionId);
    assert.equal(sessions(scene), 1);
    await assert.rejects(create({ ...body, display: { title: 'Other', verb: 'Pay' } }), { status: 409 });
    assert.equal(sessions(scene), 1);
});

sceneTest('input: the public sees no secret, no metadata', async (scene) => {
    const { session } = await scene.order();
    const open = await scene.api.getSession(session, { key: null });
    assert.ok(!('clientSecret' in open) && !('metadata' in open));
    assert.ok('clientSecret' in (await scene.api.getSession(session)));
    assert.ok(!scene.daemon.log().includes(session.clientSecret), 'nor does the log');
    assert.ok(!scene.daemon.log().includes(scene.api.apiKey), 'nor the API key');
});
