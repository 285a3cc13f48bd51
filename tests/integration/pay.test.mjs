// The page to pay on, in a real browser, and the events that it lives on.
import assert from 'node:assert/strict';
import { screenshot, startBrowser, visit } from './lib/browser.mjs';
import { sceneTest, until } from './lib/scene.mjs';

const DISPLAY = { title: 'Café <b>Größe</b> & Söhne', verb: 'Pay' };
const SEEN_MS = 20_000;

/** A session for which no payment method has been chosen yet. */
function open(scene, { amount = '10', destination = scene.fresh(), refund = scene.fresh(), display = DISPLAY } = {}) {
    return scene.api.createSession(
        { address: destination, tokenAddress: scene.contracts.usdc.address, amountUnits: amount },
        { display, refundAddress: refund });
}

const pathOf = ({ sessionId, clientSecret }) => `/pay/${sessionId}?clientSecret=${clientSecret}`;
const eventsOf = ({ sessionId, clientSecret }) => `/v1/sessions/${sessionId}/events?clientSecret=${clientSecret}`;
const urlOf = (scene, session) => scene.api.url + pathOf(session);

/** Waits until the page says this by itself. */
async function says(page, headline) {
    const status = page.locator('#status h2');
    try {
        await status.filter({ hasText: headline }).waitFor({ timeout: SEEN_MS });
    } catch (error) {
        error.message += `; the page says: ${await status.innerText()}`;
        throw error;
    }
}

function assertHarmless({ faults, strangers }) {
    assert.deepEqual(faults, []);
    assert.deepEqual(strangers, []);
}

function assertUntold(scene, { clientSecret }) {
    assert.ok(!scene.daemon.log().includes(clientSecret), 'the log has no client secret');
}

sceneTest('pay: opened, paid, delivered -> the page shows each step by itself, and the receipt', async (scene, t) => {
    const browser = await startBrowser(t);
    const session = await open(scene);
    assert.equal(session.paymentMethod, null);
    const visited = await visit(browser, urlOf(scene, session), { phone: true, zone: 'Asia/Tokyo' });
    const { page } = visited;
    await page.locator('#address').waitFor({ timeout: SEEN_MS });
    const { paymentMethod: { receiverAddress } } = await scene.api.getSession(session);
    assert.equal(await page.locator('#address').innerText(), receiverAddress);
    assert.equal(await page.locator('#amount').innerText(), '10.00');
    assert.equal(await page.title(), DISPLAY.title);
    assert.equal(await page.locator('h1').innerText(), DISPLAY.title);
    assert.equal(await page.locator('.qr svg[role=img]').count(), 1);
    assert.equal(await page.locator('#wallet').getAttribute('href'),
        `ethereum:${scene.contracts.usdc.address}@31337/transfer?address=${receiverAddress}&uint256=10000000`);
    await page.locator('#countdown', { hasText: /^\d+:\d\d left/ }).waitFor();
    assert.match(await page.locator('#clock').innerText(), /until \d+ \w+, \d\d:\d\d (GMT\+9|JST)$/);
    await says(page, 'Waiting for your payment');
    await until(async () => await scene.daemon.metric('depositd_event_streams') === 1, { what: 'the page to listen' });
    await screenshot(page, 'pay-phone-waiting');

    await scene.pay(receiverAddress);
    await says(page, 'Your payment was seen');
    assert.equal(await page.locator('#address').count(), 0, 'nothing to pay twice');
    await screenshot(page, 'pay-phone-seen');
    const paid = await scene.settle(session, 'succeeded');
    await says(page, /^Paid$/);
    const receipt = await page.locator('#receipt').innerText();
    assert.ok(receipt.includes(paid.destination.delivery.txHash), receipt);
    assert.match(receipt, /You sent\s+10\.00 USDC[^]*Delivered\s+10\.00 USDC/);
    await screenshot(page, 'pay-phone-paid');
    await until(async () => await scene.daemon.metric('depositd_event_streams') === 0, { what: 'the stream to end' });
    assert.ok(visited.requests.includes(`GET /v1/sessions/${session.sessionId}/events`));
    assertHarmless(visited);
    assertUntold(scene, session);
});

sceneTest('pay: part of the money -> what is missing, in the code too; the rest -> paid', async (scene, t) => {
    const browser = await startBrowser(t);
    const { session, receiver } = await scene.order();
    const visited = await visit(browser, urlOf(scene, session), { dark: true });
    await says(visited.page, 'Waiting for your payment');
    await screenshot(visited.page, 'pay-dark-waiting');
    await scene.pay(receiver, '4');
    await says(visited.page, '6.00 USDC is missing');
    assert.equal(await visited.page.locator('#amount').innerText(), '6.00');
    assert.match(await visited.page.locator('#wallet').getAttribute('href'), /&uint256=6000000$/);
    await screenshot(visited.page, 'pay-dark-underpaid');
    await scene.pay(receiver, '8');
    await scene.settle(session, 'succeeded');
    await says(visited.page, /^Paid$/);
    assert.match(await visited.page.locator('#status').innerText(), /2\.00 USDC more than asked for/);
    assertHarmless(visited);
});

sceneTest('pay: nothing came in time -> expired; late money -> shown as late', async (scene, t) => {
    const browser = await startBrowser(t);
    const { session, receiver } = await scene.order();
    const visited = await visit(browser, urlOf(scene, session));
    await says(visited.page, 'Waiting for your payment');
    await scene.passDeadline(session);
    await scene.settle(session, 'expired');
    await says(visited.page, 'The time to pay is over');
    assert.equal(await visited.page.locator('#address').count(), 0);
    await screenshot(visited.page, 'pay-expired');
    await scene.pay(receiver);
    await scene.rest();
    await visited.page.reload();
    await says(visited.page, 'came too late');
    assert.match(await visited.page.locator('#transfers').innerText(), /10\.00 USDC on .*sent back/s);
    assertHarmless(visited);
});

sceneTest('pay: the delivery is refused -> the money came back, and where to see it', async (scene, t) => {
    const browser = await startBrowser(t);
    const { session, receiver, destination } = await scene.order();
    const visited = await visit(browser, urlOf(scene, session), { dark: true, phone: true });
    await says(visited.page, 'Waiting for your payment');
    await scene.chain.setBlacklisted(scene.contracts.usdc, destination);
    await scene.pay(receiver);
    const bounced = await scene.settle(session, 'bounced');
    await says(visited.page, 'the money was returned');
    const receipt = await visited.page.locator('#receipt').innerText();
    assert.ok(receipt.includes(bounced.destination.delivery.txHash), receipt);
    assert.match(receipt, /Returned\s+10\.00 USDC/);
    await screenshot(visited.page, 'pay-dark-phone-bounced');
    assertHarmless(visited);
});

sceneTest('pay: events cannot be reached -> the page asks instead', async (scene, t) => {
    const browser = await startBrowser(t);
    const { session, receiver } = await scene.order();
    const visited = await visit(browser, urlOf(scene, session), { blocked: '**/events?*' });
    await says(visited.page, 'Waiting for your payment');
    await scene.pay(receiver);
    await says(visited.page, 'Your payment was seen');
    await scene.settle(session, 'succeeded');
    await says(visited.page, /^Paid$/);
    assert.ok(visited.requests.includes(`GET /v1/sessions/${session.sessionId}`));
    assert.deepEqual(visited.strangers, []);
});

sceneTest('pay: without scripts -> address and amount are there', { audit: false }, async (scene, t) => {
    const browser = await startBrowser(t);
    const { session, receiver } = await scene.order();
    const { page } = await visit(browser, urlOf(scene, session), { scripts: false });
    assert.equal(await page.locator('#address').innerText(), receiver);
    assert.equal(await page.locator('#amount').innerText(), '10.00');
    assert.match(await page.locator('#clock').innerText(), /^Pay until \d+ \w+ \d+, \d\d:\d\d UTC$/);
    assert.equal(await page.locator('meta[http-equiv=refresh]').count(), 1);
});

sceneTest('pay: by keyboard -> the buttons are reached and copy, and say so', { audit: false }, async (scene, t) => {
    const browser = await startBrowser(t);
    const { session, receiver } = await scene.order();
    const { page, context, ...visited } = await visit(browser, urlOf(scene, session));
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await says(page, 'Waiting for your payment');
    const focused = () => page.evaluate(() => document.activeElement.id);
    const order = [];
    for (let i = 0; i < 3; i += 1) {
        await page.keyboard.press('Tab');
        order.push(await focused());
    }
    assert.deepEqual(order, ['copy-address', 'copy-amount', 'wallet']);
    await page.locator('#copy-address').focus();
    await page.keyboard.press('Enter');
    await page.locator('#note', { hasText: 'Address copied.' }).waitFor();
    await page.locator('#copy-address', { hasText: 'Copied' }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), receiver);
    // Names for those who hear the page.
    assert.equal(await page.getByRole('button', { name: 'Copy the amount' }).count(), 1);
    assert.equal(await page.getByRole('img', { name: /Payment code/ }).count(), 1);
    assert.equal(await page.locator('#status[aria-live=polite]').count(), 1);
    assertHarmless(visited);
});

sceneTest('pay: a wrong secret, none, or no session -> a page that says so', { audit: false }, async (scene) => {
    const { session } = await scene.order();
    const shown = async (path) => {
        const { status, headers, text } = await scene.api.exchange('GET', path);
        assert.equal(headers.get('cache-control'), 'no-store');
        return [status, /role="status"[^]*?<p>(.*?)<\/p>/.exec(text)[1]];
    };
    const wrong = { ...session, clientSecret: '0'.repeat(32) };
    const wrongLink = 'This link is not complete, or not right. Please go back to the shop and open the payment again.';
    const noPayment = 'There is no payment with this link. Please go back to the shop and open it again.';
    assert.deepEqual(await shown(pathOf(wrong)), [401, wrongLink]);
    assert.equal((await shown(`/pay/${session.sessionId}`))[0], 401);
    const nobody = { ...session, sessionId: 'f'.repeat(32) };
    assert.deepEqual(await shown(pathOf(nobody)), [404, noPayment]);
    assert.equal((await scene.api.exchange('GET', pathOf(session))).status, 200);
    assertUntold(scene, session);
});

sceneTest('events: a payment -> each view once, in order, the final one last', async (scene) => {
    const { session, receiver } = await scene.order();
    const stream = await scene.api.follow(eventsOf(session));
    assert.equal(stream.status, 200);
    assert.equal(stream.headers.get('content-type'), 'text/event-stream');
    assert.equal((await stream.next()).status, 'waiting_payment');
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
    const views = [];
    for (let view = await stream.next(); view; view = await stream.next()) views.push(view);
    // Views that come quickly after each other may be told as one.
    const steps = views.map(({ status }) => ['waiting_payment', 'processing', 'succeeded'].indexOf(status));
    assert.deepEqual(steps, [...steps].sort(), 'never back');
    assert.equal(steps.filter((step) => step === 2).length, 1);
    assert.equal(new Set(views.map((view) => JSON.stringify(view))).size, views.length, 'no view twice in a row');
    assert.deepEqual(views.at(-1), await scene.api.getSession(session, { key: null }));
    // A session that is over: one event, and the answer is whole.
    const { text } = await scene.api.exchange('GET', eventsOf(session));
    assert.equal(text.match(/^event: session$/mg).length, 1);
    assertUntold(scene, session);
});

sceneTest('events: wrong secret, too many -> refused; who leaves makes room', { audit: false }, async (scene) => {
    const { session } = await scene.order();
    const wrong = { ...session, clientSecret: '0'.repeat(32) };
    assert.equal((await scene.api.exchange('GET', eventsOf(wrong))).status, 401);
    const without = await scene.api.exchange('GET', `/v1/sessions/${session.sessionId}/events`);
    assert.deepEqual([without.status, JSON.parse(without.text).error.param], [400, 'clientSecret']);
    const streams = await Promise.all(Array.from({ length: 8 }, () => scene.api.follow(eventsOf(session))));
    for (const stream of streams) assert.equal((await stream.next()).status, 'waiting_payment');
    const refused = await scene.api.exchange('GET', eventsOf(session));
    assert.equal(refused.status, 429);
    assert.equal(JSON.parse(refused.text).error.code, 'too_many_streams');
    streams[0].close();
    await until(async () => await scene.daemon.metric('depositd_event_streams') === 7, { what: 'a place to be free' });
    const again = await scene.api.follow(eventsOf(session));
    assert.equal(again.status, 200);
    for (const stream of [...streams, again]) stream.close();
});

const FEW = { audit: false, config: { server: { connections_max: 16 } } };
sceneTest('events: as many as may be -> the next is refused, and the API still answers', FEW, async (scene) => {
    const sessions = [];
    for (let i = 0; i < 5; i += 1) sessions.push((await scene.order()).session);
    const streams = [];
    for (const session of sessions.slice(1)) streams.push(await scene.api.follow(eventsOf(session)));
    assert.deepEqual(streams.map(({ status }) => status), [200, 200, 200, 200]);
    const refused = await scene.api.exchange('GET', eventsOf(sessions[0]));
    assert.equal(refused.status, 503);
    assert.equal(JSON.parse(refused.text).error.code, 'too_many_streams');
    assert.equal((await scene.api.getSession(sessions[0])).status, 'waiting_payment');
    for (const stream of streams) stream.close();
});

sceneTest('events: the daemon ends -> its streams end with it, and it ends well', { audit: false }, async (scene) => {
    const { session } = await scene.order();
    const stream = await scene.api.follow(eventsOf(session));
    assert.equal((await stream.next()).status, 'waiting_payment');
    await scene.daemon.stop({ timeoutMs: 4_000 });
    assert.equal(await stream.next(), undefined);
    assert.ok(!scene.daemon.log().includes('requests were cut off'), 'not by force');
    await scene.daemon.start();
});

const RARELY = { audit: false, config: { server: { requests_per_second_per_ip: 1, request_burst_per_ip: 1 } } };
sceneTest('pay: asked for too often -> a page that says so, and when to come back', RARELY, async (scene) => {
    const look = (accept) => scene.api.exchange('GET', `/pay/${'f'.repeat(32)}`, { headers: { accept } });
    const refused = (accept) => until(async () => {
        const answer = await look(accept);
        return answer.status === 429 && answer;
    }, { what: 'a look to be refused', everyMs: 10 });
    const page = await refused('text/html,*/*;q=0.8');
    assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.equal(page.headers.get('retry-after'), '1');
    assert.match(page.text, /asked for too often/);
    const other = await refused('*/*');
    assert.equal(JSON.parse(other.text).error.code, 'too_many_requests');
});

sceneTest('events: one address follows too many -> refused; who leaves makes room', { audit: false }, async (scene) => {
    const sessions = [];
    for (let i = 0; i < 5; i += 1) sessions.push((await scene.order()).session);
    const streams = [];
    for (let i = 0; i < 32; i += 1) streams.push(await scene.api.follow(eventsOf(sessions[Math.floor(i / 8)])));
    assert.ok(streams.every(({ status }) => status === 200));
    const refused = await scene.api.exchange('GET', eventsOf(sessions[4]));
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '5']);
    streams[0].close();
    await until(async () => await scene.daemon.metric('depositd_event_streams') === 31, { what: 'a place to be free' });
    const again = await scene.api.follow(eventsOf(sessions[4]));
    assert.equal(again.status, 200);
    for (const stream of [...streams, again]) stream.close();
});
