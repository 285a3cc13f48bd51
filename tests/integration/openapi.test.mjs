// api/openapi.json against the daemon. The client of every other test holds each answer against it as well: see
// lib/openapi.mjs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { DOCUMENT_FILE, document } from './lib/openapi.mjs';
import { sceneTest } from './lib/scene.mjs';

const OF_NOBODY = 'f'.repeat(32);

sceneTest('openapi: GET /openapi.json -> the bytes of the file, for everybody, and 304 for who has them',
    { audit: false }, async (scene) => {
        const file = readFileSync(DOCUMENT_FILE, 'utf8');
        const { status, headers, text } = await scene.api.exchange('GET', '/openapi.json');
        assert.equal(status, 200);
        assert.ok(text === file, 'the file and nothing else');
        assert.equal(headers.get('access-control-allow-origin'), '*');

        const kept = { headers: { 'if-none-match': headers.get('etag') } };
        const again = await scene.api.exchange('GET', '/openapi.json', kept);
        assert.equal(again.status, 304);
        assert.equal(again.headers.get('etag'), headers.get('etag'));
        const other = { headers: { 'if-none-match': `"${OF_NOBODY}"` } };
        assert.equal((await scene.api.exchange('GET', '/openapi.json', other)).status, 200);
        // The connection is still in step: no byte of a body stands before this answer.
        assert.equal((await scene.api.exchange('GET', `/v1/sessions/${OF_NOBODY}`)).status, 404);

        const inside = await fetch(`${scene.daemon.operatorUrl}/openapi.json`);
        assert.ok(await inside.text() === file, 'operators have it too');
    });

sceneTest('openapi: every described call -> is there, with and without a key', { audit: false }, async (scene) => {
    const authorization = `Bearer ${scene.api.apiKey}`;
    for (const [template, item] of Object.entries(document.paths)) {
        const path = template.replaceAll(/\{[^}]*\}/g, OF_NOBODY);
        for (const method of Object.keys(item).filter((key) => key !== 'parameters')) {
            for (const headers of [{}, { authorization }]) {
                const answer = await scene.api.exchange(method.toUpperCase(), path, { headers });
                const isJson = answer.headers.get('content-type') === 'application/json';
                const code = isJson && answer.text && JSON.parse(answer.text).error?.code;
                assert.ok(code !== 'not_found' && code !== 'method_not_allowed', `${method} ${path}: ${answer.text}`);
            }
        }
        const wrong = await scene.api.exchange('PATCH', path);
        assert.equal(wrong.status, 405);
        const methods = Object.keys(item).filter((key) => key !== 'parameters').map((key) => key.toUpperCase());
        assert.deepEqual(wrong.headers.get('allow').split(', ').sort(), methods.sort(), `the methods of ${template}`);
        const preflight = await scene.api.exchange('OPTIONS', path);
        for (const method of methods) {
            assert.ok(preflight.headers.get('access-control-allow-methods').split(', ').includes(method), method);
        }
    }
});

sceneTest('openapi: what the listener refuses -> as described', { audit: false }, async (scene) => {
    const ask = async (path, options, method = 'GET') => (await scene.api.exchange(method, path, options)).status;
    const key = { headers: { authorization: `Bearer ${scene.api.apiKey}` } };
    assert.equal(await ask('/v1/sessions?limit=1&limit=2', key), 400);
    assert.equal(await ask('/v1/sessions/%zz'), 400);
    assert.equal(await ask(`/v1/sessions?after=${'0'.repeat(5000)}`, key), 414);
    const large = { 'x-large': 'x'.repeat(12_000), 'x-more': 'x'.repeat(12_000) };
    assert.equal(await ask('/v1/sessions', { headers: large }), 431);
    assert.equal(await ask('/v1/sessions', { body: 'x'.repeat(100_000), ...key }, 'POST'), 413);
    assert.equal(await ask('/nothing/here'), 404);
    for (const query of ['limit=0', 'limit=x', 'status=paid', 'after=7', `after=${OF_NOBODY}`]) {
        assert.equal(await ask(`/v1/sessions?${query}`, key), 400, query);
    }
});

sceneTest('openapi: more requests than allowed -> 429, and when to come back',
    { audit: false, config: { server: { requests_per_second_per_ip: 1, request_burst_per_ip: 1 } } }, async (scene) => {
        const answers = [];
        for (let i = 0; i < 20; i += 1) answers.push(await scene.api.exchange('GET', `/v1/sessions/${OF_NOBODY}`));
        const slow = answers.find(({ status }) => status === 429);
        assert.ok(slow, 'one of them is refused');
        assert.equal(slow.headers.get('retry-after'), '1');
    });

sceneTest('openapi: pages of sessions in every state -> as described', async (scene) => {
    const list = (query) => scene.api.request('GET', `/v1/sessions?${query}`);
    const opened = await scene.api.createSession({ address: scene.fresh(), tokenAddress: scene.contracts.usdc.address },
        { metadata: { order: '17' }, display: { title: 'Größe', verb: 'Pay', themeMode: 'dark',
            themeCssUrl: 'https://shop.example/pay.css', paymentOptions: ['AllWallets', ['Base']] } });
    const waiting = await scene.order();
    const paid = await scene.order();
    await scene.pay(paid.receiver);
    await scene.settle(paid.session, 'succeeded');
    const short = await scene.order();
    await scene.pay(short.receiver, '4');
    await scene.readUp();
    assert.equal((await scene.api.getSession(short.session)).statusReason.code, 'underpaid');
    await scene.passDeadline(short.session);
    await scene.settle(short.session, 'bounced');
    await scene.mineUntil(async () => (await scene.api.getSession(waiting.session)).status === 'expired');

    const all = await list('limit=100');
    assert.equal(all.sessions.length, 4);
    assert.deepEqual(all.sessions.map(({ status }) => status).sort(), ['bounced', 'expired', 'expired', 'succeeded']);
    assert.deepEqual(all.sessions.find(({ sessionId }) => sessionId === opened.sessionId).metadata, { order: '17' });
    const first = await list('limit=3');
    assert.deepEqual([first.sessions.length, first.hasMore], [3, true]);
    const rest = await list(`limit=3&after=${first.nextAfter}`);
    assert.deepEqual([rest.sessions.length, rest.hasMore, rest.nextAfter], [1, false, null]);
    assert.equal((await list('status=bounced')).sessions[0].sessionId, short.session.sessionId);
});
