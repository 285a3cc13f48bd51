// Nodes that are gone, slow, wrong or lying.
import assert from 'node:assert/strict';
import { sceneTest, until } from './lib/scene.mjs';

const proxy = true;
const CAIP2 = /eip155:31337/;

/** Waits until /readyz refuses and names the chain; its text. */
async function untilNotReady(scene) {
    const { text } = await until(async () => {
        const answer = await scene.readiness();
        return answer.status === 503 && answer;
    }, { what: '/readyz to say 503', timeoutMs: 45_000 });
    assert.match(text, CAIP2);
    return text;
}

sceneTest('node gone: /readyz says so, the cursor stays, recovers by itself', { proxy }, async (scene) => {
    const { session, receiver, destination } = await scene.order();
    await scene.readUp();
    const [before] = scene.tip();
    scene.proxy.fault('refuse');
    await scene.pay(receiver);
    await scene.node.mine(3);
    await untilNotReady(scene);
    assert.deepEqual(scene.tip(), [before]);
    assert.equal((await scene.api.getSession(session)).status, 'waiting_payment', 'the API still answers');
    scene.proxy.clear();
    await scene.daemon.untilReady({ timeoutMs: 45_000 });
    await scene.settle(session, 'succeeded', { timeoutMs: 45_000 });
    await scene.assertBalance(destination, '10');
});

sceneTest('node gone at the start: the daemon starts, and catches up', { proxy, start: false }, async (scene) => {
    scene.proxy.fault('refuse');
    await scene.daemon.start({ ready: false });
    await until(async () => (await fetch(`${scene.daemon.operatorUrl}/healthz`)).ok, { what: '/healthz' });
    await untilNotReady(scene);
    scene.proxy.clear();
    await scene.daemon.untilReady({ timeoutMs: 45_000 });
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
});

sceneTest('node slow: every answer takes a second -> slower, and right', { proxy }, async (scene) => {
    const { session, receiver, destination } = await scene.order();
    scene.proxy.fault('delay', { ms: 1000 });
    await scene.pay(receiver);
    await scene.node.mine(3);
    await scene.seen(session, 'processing', { timeoutMs: 30_000 });
    scene.proxy.clear();
    await scene.settle(session, 'succeeded', { timeoutMs: 45_000 });
    await scene.assertBalance(destination, '10');
});

sceneTest('node of another chain: not read, named in /readyz', { proxy, start: false }, async (scene) => {
    scene.proxy.fault('chain-id', { chainId: 1 });
    await scene.daemon.start({ ready: false });
    assert.match(await untilNotReady(scene), /chain/i);
    assert.deepEqual(scene.tip(), []);
    scene.proxy.clear();
    await scene.daemon.untilReady({ timeoutMs: 60_000 });
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded', { timeoutMs: 45_000 });
});

sceneTest('node that hides logs: the receipts give it away -> found', { proxy }, async (scene) => {
    const { session, receiver, destination } = await scene.order();
    scene.proxy.fault('empty-logs');
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded', { timeoutMs: 45_000 });
    await scene.assertBalance(destination, '10');
});

sceneTest('node that hides logs and receipts: the cursor does not pass, found later', { proxy }, async (scene) => {
    const { session, receiver, destination } = await scene.order();
    await scene.readUp();
    scene.proxy.fault('empty-logs');
    scene.proxy.fault('missing-receipts');
    const { receipt } = await scene.pay(receiver);
    await scene.node.mine(4);
    await untilNotReady(scene);
    assert.ok(scene.tip()[0].height < Number(receipt.blockNumber), 'empty is not none');
    scene.proxy.clear();
    await scene.settle(session, 'succeeded', { timeoutMs: 45_000 });
    await scene.assertBalance(destination, '10');
});

sceneTest('node that answers with errors and pages for people: ridden out', { proxy }, async (scene) => {
    const { session, receiver, destination } = await scene.order();
    scene.proxy.fault('http', { status: 503, times: 3 });
    scene.proxy.fault('html', { times: 3 });
    scene.proxy.fault('truncated', { times: 3 });
    scene.proxy.fault('http', { status: 429, retryAfter: 1, times: 2 });
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded', { timeoutMs: 60_000 });
    await scene.assertBalance(destination, '10');
});

sceneTest('node that swallows transactions: sent again until mined, paid once', { proxy }, async (scene) => {
    const { session, receiver, destination } = await scene.order();
    scene.proxy.fault('swallow', { times: 2 });
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded', { timeoutMs: 90_000 });
    await scene.assertBalance(destination, '10');
    assert.equal(await scene.transfersTo(destination), 1);
});
