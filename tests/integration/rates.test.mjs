// How often may be asked, and who is never refused.
import assert from 'node:assert/strict';
import { sceneTest } from './lib/scene.mjs';

function assertSlow({ status, headers, text }) {
    assert.deepEqual([status, JSON.parse(text).error.code], [429, 'too_many_requests']);
    assert.equal(headers.get('retry-after'), '1');
}

sceneTest('rates: one API key asks too often -> 429 and when to come back; another key and the payers do not mind',
    { audit: false, config: { server: { requests_per_second_per_key: 1, request_burst_per_key: 5 } } }, async (scene) => {
        const { session } = await scene.order();
        const ask = (key) => scene.api.exchange('GET', `/v1/sessions/${session.sessionId}`,
            key ? { headers: { authorization: `Bearer ${key}` } } : {});
        const answers = [];
        for (let i = 0; i < 20; i += 1) answers.push(await ask(scene.api.apiKey));
        const refused = answers.filter(({ status }) => status !== 200);
        assert.ok(refused.length > 0, 'one of them is refused');
        refused.forEach(assertSlow);
        const other = JSON.parse(await scene.daemon.cli(['key', 'create', '--environment', 'test', '--json'])).key;
        assert.equal((await ask(other)).status, 200);
        assert.equal((await ask()).status, 200);
        assert.equal((await scene.api.check(session)).sessionId, session.sessionId);
    });

sceneTest('rates: as configured without a word -> a hundred pages that open and ask at once are all answered',
    { audit: false }, async (scene) => {
        const { session } = await scene.order();
        const path = `/v1/sessions/${session.sessionId}/check`;
        const body = JSON.stringify({ clientSecret: session.clientSecret });
        const ask = () => scene.api.exchange('PUT', path, { headers: { 'content-type': 'application/json' }, body });
        const answers = await Promise.all(Array.from({ length: 100 }, ask));
        assert.deepEqual(answers.filter(({ status }) => status !== 200), []);
    });
