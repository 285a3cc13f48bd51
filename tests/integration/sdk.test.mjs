// The public SDK, unmodified, against the daemon: its client in this process, and its modal in a browser.
import assert from 'node:assert/strict';
import { bundleModal, openModal } from '../../devnet/lib/modal.mjs';
import { DaimoRequestError, createDaimoClient } from '../../devnet/lib/sdk.mjs';
import { describedFetch } from './lib/api.mjs';
import { startBrowser } from './lib/browser.mjs';
import { assertDescribed } from './lib/openapi.mjs';
import { sceneTest, until } from './lib/scene.mjs';

// The modal throws on a chain that the SDK does not know. This one has no rules of its own that a local node breaks.
const KNOWN_CHAIN = 42161;
const IN_BROWSER = { chainId: KNOWN_CHAIN, timeout: 180_000 };

const clientOf = (scene) => createDaimoClient({ baseUrl: scene.api.url, fetchImpl: describedFetch });

/** A session without a payment method, as the merchant's server opens it. */
async function orderOf(scene, { amount = '10', refund = scene.fresh() } = {}) {
    const destination = scene.fresh();
    const { node, contracts: { usdc } } = scene;
    const asked = { address: destination, chainId: node.chainId, tokenAddress: usdc.address, amountUnits: amount };
    const session = await scene.api.createSession(asked, { refundAddress: refund, metadata: { order: '17' } });
    return { session, destination, refund, id: session.sessionId, clientSecret: session.clientSecret };
}

/** Asks with `check`, as the SDK does, until the session has this status. */
function checkUntil(scene, client, { id, clientSecret }, txHash, status) {
    return scene.mineUntil(async () => {
        const { session } = await client.sessions.check(id, { clientSecret, txHash });
        return session.status === status && session;
    }, { what: `the session to be ${status}` });
}

sceneTest('sdk client: create, method, pay, check -> succeeded', async (scene) => {
    const client = clientOf(scene);
    const order = await orderOf(scene);
    const { id, clientSecret } = order;
    assert.equal((await client.sessions.retrieve(id)).session.status, 'requires_payment_method');

    const evm = { clientSecret, paymentMethod: { type: 'evm' } };
    const { session: waiting } = await client.sessions.paymentMethods.create(id, evm);
    assert.equal(waiting.status, 'waiting_payment');
    const receiver = waiting.paymentMethod.receiverAddress;
    const { session: again } = await client.sessions.paymentMethods.create(id, evm);
    assert.equal(again.paymentMethod.receiverAddress, receiver);

    const { hash } = await scene.pay(receiver);
    const paid = await checkUntil(scene, client, order, hash, 'succeeded');
    assert.equal(Number(paid.destination.delivery.receivedUnits), 10);
    assert.equal(paid.paymentMethod.source.txHash, hash);
    await scene.assertBalance(order.destination, '10');
    assert.equal(await scene.transfersTo(order.destination), 1);
});

sceneTest('sdk client: the destination refuses -> bounced, the money is back', async (scene) => {
    const client = clientOf(scene);
    const order = await orderOf(scene);
    const { session } = await client.sessions.paymentMethods.create(order.id,
        { clientSecret: order.clientSecret, paymentMethod: { type: 'evm' } });
    await scene.chain.setBlacklisted(scene.contracts.usdc, order.destination);
    const { hash } = await scene.pay(session.paymentMethod.receiverAddress);
    const bounced = await checkUntil(scene, client, order, hash, 'bounced');
    assert.equal(Number(bounced.destination.delivery.receivedUnits), 10);
    await scene.assertBalance(order.refund, '10');
    await scene.assertBalance(order.destination, '0');
});

sceneTest('sdk client: methods that are not to be had -> refused, the address still pays', async (scene) => {
    const client = clientOf(scene);
    const order = await orderOf(scene);
    const { id, clientSecret } = order;
    const create = (paymentMethod) => client.sessions.paymentMethods.create(id, { clientSecret, paymentMethod });
    const { session } = await create({ type: 'evm' });
    const refused = {
        payment_method_not_configured: [
            { type: 'tron', amountUsd: 10 },
            { type: 'solana', walletAddress: '5VERv8NMvzbJMEkV8xnr', inputTokenMint: 'So111', amountUsd: 10 },
        ],
        payment_method_not_allowed: [
            { type: 'exchange', exchangeId: 'Binance', amountUsd: 10 },
            { type: 'stripe', amountUsd: 10 },
            { type: 'fiat' },
        ],
    };
    for (const [code, methods] of Object.entries(refused)) {
        for (const method of methods) {
            await assert.rejects(create(method), (error) => {
                assert.ok(error instanceof DaimoRequestError);
                assert.deepEqual([error.status, error.code], [400, code], method.type);
                assert.equal(error.param, 'paymentMethod.type');
                assert.match(error.requestId, /^[0-9a-f]{32}$/);
                return true;
            });
        }
    }
    const { hash } = await scene.pay(session.paymentMethod.receiverAddress);
    await checkUntil(scene, client, order, hash, 'succeeded');
});

sceneTest('sdk client: check with hashes of others -> no deposit, nothing changes', async (scene) => {
    const client = clientOf(scene);
    const order = await orderOf(scene);
    const { clientSecret } = order;
    const evm = { clientSecret, paymentMethod: { type: 'evm' } };
    const before = (await client.sessions.paymentMethods.create(order.id, evm)).session;
    const { hash: foreign } = await scene.pay(scene.fresh());
    for (const txHash of [foreign, `0x${'ab'.repeat(32)}`, '5VERv8NMvzbJMEkV8xnr', 'anything']) {
        const { session } = await client.sessions.check(order.id, { clientSecret, txHash });
        assert.deepEqual(session, before);
    }
    await scene.readUp();
    assert.deepEqual((await client.sessions.check(order.id, { clientSecret, txHash: foreign })).session, before);
    assert.deepEqual(scene.deposits(order.session), []);
});

sceneTest('sdk client: what a wallet could pay with -> what is still asked, and what it holds', async (scene) => {
    const client = clientOf(scene);
    const { session, receiver } = await scene.order({ amount: '10.50' });
    const { sessionId, clientSecret } = session;
    await scene.pay(receiver, '4');
    await scene.mineUntil(async () => (await scene.api.getSession(session)).statusReason.code === 'underpaid');
    const list = (evmAddress) => client.sessions.tokenOptions.list(sessionId, { clientSecret, evmAddress });
    const { options: [option, ...more] } = await list(scene.payer);
    assert.deepEqual(more, []);
    assert.equal(option.tokenSymbol, 'USDC');
    assert.equal(option.chainId, scene.node.chainId);
    assert.equal(option.requiredUnits, '6.50');
    assert.equal(scene.units(option.balanceUnits), await scene.balance(scene.payer));
    assert.equal(Number((await list(scene.fresh())).options[0].balanceUnits), 0);
    const [shown] = await client.internal.sessions.walletOptions(sessionId, { clientSecret, evmAddress: scene.payer });
    assert.equal(shown.required.amount, '6500000');
    await scene.pay(receiver, '6.50');
    await scene.settle(session, 'succeeded');
    assert.deepEqual((await list(scene.payer)).options, []);
});

sceneTest('sdk client: the time is over -> the same order once more, and again after that', async (scene) => {
    const client = clientOf(scene);
    const { session } = await scene.order({ amount: '12' });
    const { sessionId, clientSecret } = session;
    const same = await client.internal.sessions.recreate(sessionId, clientSecret);
    assert.equal(same.session.sessionId, sessionId, 'there is still time');
    await scene.passDeadline(session);
    await scene.mineUntil(async () => (await scene.api.getSession(session)).status === 'expired');
    const first = (await client.internal.sessions.recreate(sessionId, clientSecret)).session;
    assert.notEqual(first.sessionId, sessionId);
    assert.equal(Number(first.destination.amountUnits), 12);
    assert.equal((await scene.api.getSession(session)).recreatedAs, first.sessionId);
    assert.equal((await scene.api.getSession(first)).recreatedFrom, sessionId);
    // The chain's clock is past the time of that one too: whoever still has the first page gets the next.
    await scene.mineUntil(async () => (await scene.api.getSession(first)).status === 'expired');
    const second = (await client.internal.sessions.recreate(sessionId, clientSecret)).session;
    assert.equal((await scene.api.getSession(second)).recreatedFrom, first.sessionId);
    assert.equal((await scene.api.request('GET', '/v1/sessions?limit=100')).sessions.length, 3);
});

sceneTest('cors: a page of another origin -> preflight and answers let it', { audit: false }, async (scene) => {
    const { id } = await orderOf(scene);
    const origin = { origin: 'https://shop.example' };
    const preflight = await scene.api.exchange('OPTIONS', `/v1/sessions/${id}/check`, {
        headers: { ...origin, 'access-control-request-method': 'PUT',
            'access-control-request-headers': 'content-type,x-sdk-version' },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
    assert.match(preflight.headers.get('access-control-allow-methods'), /\bPUT\b/);
    for (const name of ['content-type', 'x-sdk-version', 'authorization']) {
        assert.ok(preflight.headers.get('access-control-allow-headers').split(', ').includes(name), name);
    }
    const answer = await scene.api.exchange('GET', `/v1/sessions/${id}`, { headers: origin });
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    const exposed = answer.headers.get('access-control-expose-headers').split(', ');
    assert.deepEqual(exposed.sort(), ['request-id', 'retry-after']);
});

/** Shows the modal for a session and hands { page, sent } to `use`. */
async function withModal(scene, t, session, use) {
    const modal = await openModal({
        browser: await startBrowser(t), bundle: await bundleModal(), apiUrl: scene.api.url, session,
        node: scene.node, account: scene.payer, onAnswer: assertDescribed,
    });
    try {
        await use(modal);
        assert.deepEqual(modal.errors, []);
    } catch (error) {
        error.message += `\nthe page: ${await modal.page.innerText('body').catch(() => 'is gone')}`;
        throw error;
    } finally {
        await modal.close();
    }
}

/** Mines until the merchant's page is told that the payment is complete. */
const untilCompleted = (scene, page) =>
    scene.mineUntil(() => page.evaluate(() => window.told.includes('completed')),
        { what: 'the page to be told', timeoutMs: 60_000 });

sceneTest('sdk modal: pay with the connected wallet -> completed', IN_BROWSER, async (scene, t) => {
    const order = await orderOf(scene);
    await scene.readUp();
    await withModal(scene, t, order.session, async ({ page, sent }) => {
        await page.getByText('Pay with 0x').first().click();
        await page.getByText('$10.00 USDC on Arbitrum').first().click();
        await until(() => sent.length === 1, { what: 'the wallet to be asked' });
        await untilCompleted(scene, page);
        await page.getByText('Payment Completed').first().waitFor();
        assert.deepEqual(await page.evaluate(() => window.told), ['open', 'started', 'completed']);
    });
    assert.equal((await scene.api.getSession(order.session)).status, 'succeeded');
    await scene.assertBalance(order.destination, '10');
});

sceneTest('sdk modal: the address, paid from elsewhere -> completed', IN_BROWSER, async (scene, t) => {
    const order = await orderOf(scene, { amount: '12.345' });
    await withModal(scene, t, order.session, async ({ page }) => {
        await page.getByText('USDC on Arbitrum').first().click();
        await page.getByText('One-Time Address').first().waitFor();
        const { paymentMethod } = await scene.api.getSession(order.session);
        const receiver = paymentMethod.receiverAddress;
        await page.getByText(`${receiver.slice(0, 6)}...${receiver.slice(-4)}`).first().waitFor();
        // Whole cents, rounded up: who pays what is shown pays enough.
        await page.getByText('12.35').first().waitFor();
        await scene.pay(receiver, '12.35');
        await untilCompleted(scene, page);
    });
    await scene.assertBalance(order.destination, '12.35');
});

sceneTest('sdk modal: the destination refuses -> the payer reads that it bounced', IN_BROWSER, async (scene, t) => {
    const order = await orderOf(scene);
    await scene.chain.setBlacklisted(scene.contracts.usdc, order.destination);
    await withModal(scene, t, order.session, async ({ page }) => {
        await page.getByText('USDC on Arbitrum').first().click();
        await page.getByText('One-Time Address').first().waitFor();
        const { paymentMethod } = await scene.api.getSession(order.session);
        await scene.pay(paymentMethod.receiverAddress);
        await scene.settle(order.session, 'bounced');
        await page.getByText('Payment Bounced').first().waitFor();
    });
    await scene.assertBalance(order.refund, '10');
});

const SHORT = { ...IN_BROWSER, config: { server: { session_ttl_s: 60 } } };
sceneTest('sdk modal: the time is over -> a new address, once nobody can have paid', SHORT, async (scene, t) => {
    const order = await orderOf(scene);
    await withModal(scene, t, order.session, async ({ page }) => {
        const openAddress = async () => {
            await page.getByText('USDC on Arbitrum').first().click();
            await page.getByText('One-Time Address').first().waitFor();
        };
        const again = async () => {
            const button = page.getByText('Generate New Address').first();
            await button.waitFor({ timeout: 90_000 });
            const [answer] = await Promise.all([
                page.waitForResponse((one) => one.url().endsWith('/internal/recreate')), button.click(),
            ]);
            return answer.status();
        };
        const sessions = async () => (await scene.api.request('GET', '/v1/sessions?limit=100')).sessions;
        // The modal shows an end as soon as it hears of one; this one hears again what was said before the end.
        let heard;
        await page.route(`**/v1/sessions/${order.id}/check`, async (route) => {
            const answer = await route.fetch();
            const body = await answer.text();
            if (JSON.parse(body).session.status !== 'expired') heard = body;
            return route.fulfill({ response: answer, body: heard });
        });
        await openAddress();
        // The modal counts whole seconds and may be one ahead: while the daemon has time, it gives the same session.
        let status = await again();
        while (status === 200) {
            await openAddress();
            status = await again();
        }
        // No block comes meanwhile: by the chain's clock there is still time, and somebody may have paid.
        assert.equal(status, 409);
        assert.equal((await sessions()).length, 1);
        await page.getByText('Generate New Address').first().waitFor();
        await scene.mineUntil(async () => (await scene.api.getSession(order.session)).status === 'expired');
        assert.equal(await again(), 200);
        await openAddress();
        const all = await sessions();
        assert.equal(all.length, 2);
        const next = all.find(({ sessionId }) => sessionId !== order.id);
        const receiver = next.paymentMethod.receiverAddress;
        await page.getByText(`${receiver.slice(0, 6)}...${receiver.slice(-4)}`).first().waitFor();
        assert.deepEqual(next.metadata, order.session.metadata);
        await scene.pay(receiver, '10');
        await untilCompleted(scene, page);
    });
    assert.equal((await scene.api.getSession(order.session)).status, 'expired');
    await scene.assertBalance(order.destination, '10');
});
