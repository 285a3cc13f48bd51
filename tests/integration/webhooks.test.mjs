// Who is told what, in which order, and what happens when nobody listens.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { startReceiver, verifySignature } from './lib/receiver.mjs';
import { sceneTest, until } from './lib/scene.mjs';
import { ApiError } from './lib/depositd.mjs';

const EVERY = [
    '*', 'session.waiting_payment', 'session.expired', 'deposit.detected', 'deposit.confirmed', 'deposit.orphaned',
    'deposit.late', 'payout.held',
];
const WEBHOOKS = { webhooks: { allow_private: true, timeout_s: 1, retry_first_s: 1 } };
const OPEN = { config: WEBHOOKS };

async function listen(scene, receiver, events) {
    const { webhook } = await scene.api.request('POST', '/v1/webhooks', { body: { url: receiver.url, events } });
    receiver.secrets.add(webhook.secret);
    return webhook;
}

async function deliveries(scene, webhook, query = '') {
    return (await scene.api.request('GET', `/v1/webhooks/${webhook.id}/deliveries${query}`)).deliveries;
}

/** All events of the session that came, each once however often it came, in the order of first arrival. */
function told(receiver, session) {
    const seen = new Map();
    for (const { event } of receiver.of(session)) if (!seen.has(event.id)) seen.set(event.id, event);
    return [...seen.values()];
}

function hears(receiver, session, type, options = {}) {
    return until(() => told(receiver, session).find((event) => event.type === type),
        { what: `${type} to be told`, timeoutMs: 30_000, ...options });
}

function assertInOrder(events) {
    const numbers = events.map(({ sequence }) => sequence);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b), 'the order of the session');
}

function refused(promise, { status, code, param }) {
    return assert.rejects(promise, (error) => {
        assert.ok(error instanceof ApiError, error.stack);
        assert.equal(error.status, status, error.message);
        if (code) assert.equal(error.code, code);
        if (param) assert.equal(error.body.error.param, param);
        return true;
    });
}

sceneTest('webhooks: a payment -> every event once, in order, signed, each with the session as it was [F91]', OPEN,
    async (scene, t) => {
        const receiver = await startReceiver(t);
        const all = await listen(scene, receiver, EVERY);
        const plain = await startReceiver(t);
        await listen(scene, plain);
        const { session, receiver: address } = await scene.order({ amount: '10' });
        const { hash } = await scene.pay(address, '10');
        await scene.settle(session, 'succeeded');
        await hears(receiver, session, 'session.succeeded');
        await hears(plain, session, 'session.succeeded');

        const events = told(receiver, session);
        assert.deepEqual(events.map(({ type }) => type), [
            'session.waiting_payment', 'deposit.detected', 'session.processing', 'deposit.confirmed', 'session.succeeded',
        ]);
        assert.deepEqual(events.map(({ sequence }) => sequence), [1, 2, 3, 4, 5]);
        assert.deepEqual(receiver.calls.map(({ error }) => error), receiver.calls.map(() => undefined));
        assert.deepEqual(plain.calls.map(({ event }) => event.type), ['session.processing', 'session.succeeded']);
        assert.deepEqual(plain.calls.map(({ error }) => error), [undefined, undefined]);

        const [waiting, detected, processing, , succeeded] = events;
        assert.equal(waiting.data.session.status, 'waiting_payment');
        assert.equal(waiting.data.session.paymentMethod.receiverAddress, address);
        assert.equal(detected.data.deposits[0].txHash, hash);
        assert.equal(processing.data.session.status, 'processing');
        assert.equal(processing.data.session.destination.delivery, undefined);
        assert.equal(succeeded.data.session.status, 'succeeded');
        assert.equal(Number(succeeded.data.session.destination.delivery.receivedUnits), 10);
        for (const event of events) {
            assert.match(event.id, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
            assert.equal(event.isTestEvent, undefined);
            assert.equal(event.data.session.clientSecret, undefined);
            assert.ok('metadata' in event.data.session);
        }
        const [call] = receiver.calls;
        assert.equal(call.method, 'POST');
        assert.equal(call.headers['content-type'], 'application/json');
        assert.throws(() => verifySignature(call.headers['daimo-signature'], call.raw, 'another secret'), /wrong/);
        assert.throws(() => verifySignature(call.headers['daimo-signature'], Buffer.from(`${call.raw} `), all.secret));
        const log = await deliveries(scene, all);
        assert.deepEqual(log.map(({ state }) => state), Array(5).fill('delivered'));
        assert.deepEqual(log.map(({ attempts }) => attempts), Array(5).fill(1));
    });

sceneTest('webhooks: a block with the deposit is taken back -> detected, orphaned, detected, in order', OPEN,
    async (scene, t) => {
        const receiver = await startReceiver(t);
        await listen(scene, receiver, EVERY);
        const { session, receiver: address } = await scene.order({ amount: '10' });
        const snapshot = await scene.node.rpc('evm_snapshot');
        await scene.pay(address, '10');
        await scene.seen(session, 'processing');
        await scene.node.rpc('evm_revert', [snapshot]);
        await scene.node.mine(3);
        await scene.seen(session, 'waiting_payment');
        await scene.pay(address, '10');
        await scene.settle(session, 'succeeded');
        await hears(receiver, session, 'session.succeeded');
        const types = told(receiver, session).map(({ type }) => type);
        assert.deepEqual(types, [
            'session.waiting_payment', 'deposit.detected', 'session.processing', 'deposit.orphaned',
            'session.waiting_payment', 'deposit.detected', 'session.processing', 'deposit.confirmed', 'session.succeeded',
        ]);
        assertInOrder(told(receiver, session));
    });

sceneTest('webhooks: money after the deadline -> expired, then a late deposit is told', OPEN, async (scene, t) => {
    const receiver = await startReceiver(t);
    await listen(scene, receiver, EVERY);
    const { session, receiver: address } = await scene.order({ amount: '10' });
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
    await hears(receiver, session, 'session.expired');
    await scene.pay(address, '10');
    const late = await hears(receiver, session, 'deposit.late');
    assert.equal(late.data.session.status, 'expired');
    assert.equal(late.data.deposits.length, 1);
    await scene.mineUntil(() => told(receiver, session).some(({ type }) => type === 'deposit.confirmed'));
    assertInOrder(told(receiver, session));
});

sceneTest('webhooks: a receiver that fails, redirects or hangs -> tried again until it takes it, in order', OPEN,
    async (scene, t) => {
        let left = 3;
        const elsewhere = await startReceiver(t);
        const receiver = await startReceiver(t, (_, response) => {
            left -= 1;
            if (left === 2) {
                response.statusCode = 500;
                response.end();
            } else if (left === 1) {
                response.writeHead(302, { location: elsewhere.url });
                response.end();
            } else if (left !== 0) {
                response.end();
            }
        });
        const webhook = await listen(scene, receiver, EVERY);
        const { session, receiver: address } = await scene.order({ amount: '10' });
        await scene.pay(address, '10');
        await scene.settle(session, 'succeeded');
        await hears(receiver, session, 'session.succeeded', { timeoutMs: 40_000 });
        assert.equal(elsewhere.calls.length, 0, 'redirects are not followed');
        const [first] = receiver.calls;
        const repeats = receiver.calls.filter(({ event }) => event.id === first.event.id);
        assert.equal(repeats.length, 4);
        assert.ok(repeats.every(({ raw }) => raw.equals(first.raw)), 'the same bytes each time');
        assert.equal(receiver.calls.slice(0, 4).every(({ event }) => event.id === first.event.id), true,
            'nothing else of the session before the first is taken');
        assertInOrder(told(receiver, session));
        const log = await deliveries(scene, webhook);
        const [{ attemptLog }] = log.slice(-1);
        assert.deepEqual(attemptLog.map(({ status }) => status), [500, 302, undefined, 200]);
        assert.match(attemptLog[1].error, /redirect/);
        const outcomes = ['refused', 'redirected', 'timeout', 'delivered'];
        for (const outcome of outcomes) {
            const count = await scene.daemon.metric('depositd_webhook_attempts_total', { outcome });
            assert.ok(count >= 1, outcome);
        }
    });

sceneTest('webhooks: a receiver that answers 200 with 70 MB -> delivered, and nothing is kept of it', OPEN,
    async (scene, t) => {
        const chunk = Buffer.alloc(1024 * 1024, 'x');
        let sent = 0;
        const receiver = await startReceiver(t, (_, response) => {
            response.writeHead(200);
            response.on('error', () => {});
            const write = (left) => {
                if (left === 0) return response.end();
                sent += 1;
                return response.write(chunk, (error) => { if (!error) write(left - 1); });
            };
            write(70);
        });
        const webhook = await listen(scene, receiver);
        await scene.api.request('POST', `/v1/webhooks/${webhook.id}/test`, { body: {} });
        const [delivery] = await until(async () => {
            const log = await deliveries(scene, webhook, '?state=delivered');
            return log.length > 0 && log;
        }, { what: 'the delivery' });
        assert.equal(delivery.attempts, 1);
        assert.equal(receiver.calls.length, 1);
        assert.ok(sent < 70, `the daemon read ${sent} MB`);
        const status = readFileSync(`/proc/${scene.daemon.pid}/status`, 'utf8');
        const peakKb = Number(/VmHWM:\s+(\d+)/.exec(status)[1]);
        assert.ok(peakKb < 200_000, `peak of ${peakKb} kB`);
    });

sceneTest('webhooks: one receiver hangs, another listens -> the living one is not kept waiting', OPEN,
    async (scene, t) => {
        const dead = await startReceiver(t, () => {});
        await listen(scene, dead, EVERY);
        const living = await startReceiver(t);
        await listen(scene, living, EVERY);
        const orders = [];
        for (let i = 0; i < 8; i += 1) orders.push(await scene.order({ amount: '10' }));
        for (const { receiver: address } of orders) await scene.pay(address, '10');
        for (const { session } of orders) {
            await scene.settle(session, 'succeeded', { timeoutMs: 60_000 });
            await hears(living, session, 'session.succeeded');
            assert.equal(told(living, session).length, 5);
            assertInOrder(told(living, session));
        }
        assert.ok(dead.calls.length > 0);
        assert.equal(new Set(dead.calls.map(({ event }) => event.sequence)).size, 1, 'nothing overtakes');
    });

sceneTest('webhooks: killed around the delivery and the outbox -> told at least once, in order [F91]',
    { ...OPEN, timeout: 240_000 }, async (scene, t) => {
        const receiver = await startReceiver(t);
        await listen(scene, receiver, EVERY);
        for (const place of ['outbox_before:2', 'outbox_after:2', 'outbox_after:3', 'webhook_sent:1', 'webhook_sent:3']) {
            const { session, receiver: address } = await scene.order({ amount: '10' });
            await hears(receiver, session, 'session.waiting_payment');
            await scene.daemon.kill();
            await scene.daemon.start({ ready: false, env: { DEPOSITD_CRASH_AT: place } });
            let how;
            scene.daemon.ended().then((end) => { how = end; });
            await scene.pay(address, '10');
            await until(async () => {
                if (how === undefined) await scene.node.mine();
                return how;
            }, { what: `the end at ${place}`, timeoutMs: 60_000, everyMs: 60 });
            assert.equal(how.signal, 'SIGKILL', place);
            await scene.daemon.start();
            await scene.settle(session, 'succeeded', { timeoutMs: 60_000 });
            await hears(receiver, session, 'session.succeeded');
            const events = told(receiver, session);
            assert.deepEqual(events.map(({ type }) => type), [
                'session.waiting_payment', 'deposit.detected', 'session.processing', 'deposit.confirmed',
                'session.succeeded',
            ], place);
            assert.deepEqual(events.map(({ sequence }) => sequence), [1, 2, 3, 4, 5]);
            // Two deaths, each perhaps between the receiver's answer and our note of it.
            const repeats = receiver.of(session).length - events.length;
            assert.ok(repeats <= 2, `${repeats} repeats after ${place}`);
        }
    });

sceneTest('webhooks: deleted -> nothing more is sent, and it is gone', OPEN, async (scene, t) => {
    const receiver = await startReceiver(t, (_, response) => {
        response.statusCode = 503;
        response.end();
    });
    const webhook = await listen(scene, receiver, EVERY);
    const other = await startReceiver(t);
    await listen(scene, other, EVERY);
    const { session, receiver: address } = await scene.order({ amount: '10' });
    await until(() => receiver.calls.length > 0, { what: 'the first attempt' });
    await scene.api.request('DELETE', `/v1/webhooks/${webhook.id}`);
    await until(async () => (await deliveries(scene, { id: webhook.id }).catch(({ status }) => status)) === 404,
        { what: 'the webhook to be gone' });
    const before = receiver.calls.length;
    await scene.pay(address, '10');
    await scene.settle(session, 'succeeded');
    await hears(other, session, 'session.succeeded');
    assert.ok(receiver.calls.length <= before + 1, 'at most the attempt that was under way');
    await refused(scene.api.request('GET', `/v1/webhooks/${webhook.id}`), { status: 404, code: 'webhook_not_found' });
    assert.equal((await scene.api.request('GET', '/v1/webhooks')).webhooks.length, 1);
    assert.deepEqual(scene.sql(`SELECT secret FROM webhooks WHERE id = '${webhook.id}'`), [{ secret: '' }]);
});

sceneTest('webhooks: delivered again and replayed by hand -> the same events, in order', OPEN, async (scene, t) => {
    const receiver = await startReceiver(t);
    const webhook = await listen(scene, receiver, EVERY);
    const { session, receiver: address } = await scene.order({ amount: '10' });
    await scene.pay(address, '10');
    await scene.settle(session, 'succeeded');
    await hears(receiver, session, 'session.succeeded');
    const [newest] = await until(async () => {
        const log = await deliveries(scene, webhook);
        return log.every(({ state }) => state === 'delivered') && log;
    }, { what: 'everything to be delivered' });

    await scene.api.request('POST', `/v1/webhooks/${webhook.id}/deliveries/${newest.id}/redeliver`);
    await until(() => receiver.calls.length === 6, { what: 'the sixth call' });
    assert.equal(receiver.calls[5].event.id, newest.eventId);
    assert.equal(receiver.calls[5].error, undefined);

    const { replayed } = await scene.api.request('POST', `/v1/webhooks/${webhook.id}/replay`,
        { body: { sessionId: session.sessionId, fromSequence: 3 } });
    assert.equal(replayed, 3);
    await until(() => receiver.calls.length === 9, { what: 'the ninth call' });
    assert.deepEqual(receiver.calls.slice(6).map(({ event }) => event.sequence), [3, 4, 5]);

    const late = await startReceiver(t);
    const second = await listen(scene, late, ['session.succeeded']);
    await scene.api.request('POST', `/v1/webhooks/${second.id}/replay`, { body: { sessionId: session.sessionId } });
    const again = await hears(late, session, 'session.succeeded');
    assert.equal(again.sequence, 5);
    await refused(scene.api.request('POST', `/v1/webhooks/${webhook.id}/replay`, { body: { sessionId: 'f'.repeat(32) } }),
        { status: 404, code: 'session_not_found' });
});

sceneTest('webhooks: secrets of receivers -> shown once, and in no log and no metric [F93]', OPEN, async (scene, t) => {
    const receiver = await startReceiver(t, (_, response) => {
        response.statusCode = 500;
        response.end('canary-in-the-answer');
    });
    const webhook = await listen(scene, receiver, ['*', 'session.waiting_payment']);
    const shown = await scene.api.request('GET', `/v1/webhooks/${webhook.id}`);
    assert.notEqual(shown.webhook.secret, webhook.secret);
    assert.equal(shown.webhook.url, receiver.url);
    await scene.order({ amount: '10' });
    const { event } = await scene.api.request('POST', `/v1/webhooks/${webhook.id}/test`,
        { body: { eventType: 'session.bounced' } });
    assert.equal(event.isTestEvent, true);
    await until(() => receiver.calls.length >= 3, { what: 'three attempts' });
    const sent = receiver.calls.find((call) => call.event.isTestEvent);
    assert.equal(sent.error, undefined);
    assert.equal(sent.event.type, 'session.bounced');
    const metrics = await (await fetch(`${scene.daemon.operatorUrl}/metrics`)).text();
    const log = scene.daemon.log();
    const shownLog = JSON.stringify(await deliveries(scene, webhook));
    for (const canary of [webhook.secret, webhook.secret.slice(6, 40), 'canary-in-the-query', 'canary-in-the-answer']) {
        for (const text of [metrics, log, shownLog]) assert.ok(!text.includes(canary), canary);
    }
    assert.ok(metrics.includes('depositd_webhook_backlog'));
});

sceneTest('webhooks: where they may not lead -> refused at creation and at delivery, without a connection [F90]',
    { config: { webhooks: { retry_first_s: 1 } } }, async (scene, t) => {
        const receiver = await startReceiver(t);
        const inside = [receiver.url, receiver.url.replace('http:', 'https:'), 'https://localhost/', 'https://127.1/',
            'https://2130706433/', 'https://0x7f.1/', 'https://[::1]/', 'https://[::ffff:127.0.0.1]/',
            'https://169.254.169.254/latest/meta-data', 'https://user:password@example.com/', 'ftp://example.com/'];
        for (const url of inside) {
            await refused(scene.api.request('POST', '/v1/webhooks', { body: { url } }),
                { status: 400, code: 'invalid_parameter', param: 'url' });
        }
        // A name that leads inside: allowed by its text, found out when it is looked up.
        await scene.daemon.stop();
        const open = { ...scene.daemon.config, webhooks: { allow_private: true, retry_first_s: 1 } };
        const closed = scene.daemon.config;
        scene.daemon.configure(open);
        await scene.daemon.start();
        const webhook = await listen(scene, receiver);
        await scene.daemon.stop();
        scene.daemon.configure(closed);
        await scene.daemon.start();
        await scene.api.request('POST', `/v1/webhooks/${webhook.id}/test`);
        const [delivery] = await until(async () => {
            const log = await deliveries(scene, webhook);
            return log[0].attempts >= 2 && log;
        }, { what: 'two attempts' });
        assert.equal(delivery.state, 'pending');
        assert.equal(receiver.calls.length, 0);
        assert.equal(receiver.open.size, 0);
        assert.ok(await scene.daemon.metric('depositd_webhook_attempts_total', { outcome: 'blocked' }) >= 2);
    });

sceneTest('webhooks: requests that are wrong -> refused, and the parameter named', OPEN, async (scene) => {
    const create = (body, options) => scene.api.request('POST', '/v1/webhooks', { body, ...options });
    await refused(create({ url: 'https://example.com/' }, { key: null }), { status: 401, code: 'missing_api_key' });
    await refused(create({}), { status: 400, param: 'url' });
    await refused(create({ url: 'https://example.com/', events: [] }), { status: 400, param: 'events' });
    await refused(create({ url: 'https://example.com/', events: ['*', 'session.paid'] }), { status: 400, param: 'events[1]' });
    await refused(create({ url: 'https://example.com/', description: 7 }), { status: 400, param: 'description' });
    const { webhook } = await create({ url: 'https://example.com/x', description: 'shop' });
    assert.deepEqual(webhook.events, ['*']);
    const own = scene.api.apiKey;
    await scene.daemon.createEnvironment('other');
    for (const [method, path, body] of [
        ['GET', ''], ['DELETE', ''], ['POST', '/test', {}], ['GET', '/deliveries'], ['POST', '/replay', { sessionId: 'x' }],
    ]) {
        await refused(scene.api.request(method, `/v1/webhooks/${webhook.id}${path}`, { body }),
            { status: 404, code: 'webhook_not_found' });
    }
    assert.deepEqual((await scene.api.request('GET', '/v1/webhooks')).webhooks, []);
    scene.api.apiKey = own;
    await refused(scene.api.request('POST', `/v1/webhooks/${webhook.id}/test`, { body: { eventType: '*' } }),
        { status: 400, param: 'eventType' });
    await refused(scene.api.request('GET', `/v1/webhooks/${webhook.id}/deliveries?state=lost`), { status: 400, param: 'state' });
});
