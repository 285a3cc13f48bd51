// The bad days and the daily rounds of an operator.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startDepositd } from './lib/depositd.mjs';
import { execute } from './lib/database.mjs';
import { sceneTest, until } from './lib/scene.mjs';

const CHAIN = ['--chain', 'eip155:31337'];

async function replayAll(scene) {
    const head = await scene.node.blockNumber();
    const first = Number(scene.sql('SELECT min(from_height) AS n FROM coverage')[0].n);
    return scene.daemon.cli(['replay', ...CHAIN, '--from', String(first), '--to', String(head)]);
}

const rows = (scene) => ({
    deposits: scene.sql('SELECT key, units, status FROM deposits ORDER BY key'),
    payouts: scene.sql('SELECT leg, units, recipient, status FROM payouts ORDER BY id'),
    lines: scene.sql('SELECT account, asset, debit, units FROM ledger_lines ORDER BY posting_id, ordinal'),
    sessions: scene.sql('SELECT id, state, version FROM sessions ORDER BY id'),
});

/** One delivered, one refunded and one stray, all at rest. */
async function someHistory(scene) {
    const good = await scene.order({ amount: '10' });
    await scene.pay(good.receiver, '10');
    await scene.settle(good.session, 'succeeded');
    const bad = await scene.order({ amount: '5' });
    await scene.chain.setBlacklisted(scene.contracts.usdc, bad.destination);
    await scene.pay(bad.receiver, '5');
    await scene.settle(bad.session, 'bounced');
    await scene.pay(good.receiver, '3');
    await scene.mineUntil(async () => (await scene.balance(good.refund)) > 0n, { what: 'the stray to go back' });
    await scene.rest();
    return { good, bad };
}

sceneTest('replay: over a healthy range -> nothing changes', async (scene) => {
    await someHistory(scene);
    const before = rows(scene);
    await replayAll(scene);
    await scene.rest();
    assert.deepEqual(rows(scene), before);
});

sceneTest('replay: after facts were lost -> restored, nothing is paid again', async (scene) => {
    const { good, bad } = await someHistory(scene);
    const before = rows(scene);
    await scene.daemon.stop();
    lose(scene);
    assert.deepEqual(scene.sql('SELECT key FROM deposits'), []);
    await scene.daemon.start();
    await replayAll(scene);
    await scene.rest();
    const after = rows(scene);
    assert.deepEqual(after.deposits, before.deposits);
    assert.deepEqual(after.payouts, before.payouts);
    assert.deepEqual(after.lines, before.lines);
    assert.equal(await scene.transfersTo(good.destination), 1);
    assert.equal(await scene.transfersTo(bad.refund), 1);
    assert.equal(await scene.transfersTo(good.refund), 1);
});

/** Deletes what was read from the chain about deposits, against the will of the triggers. */
function lose(scene) {
    const triggers = scene.sql(`SELECT name, sql FROM sqlite_master WHERE type = 'trigger'
                                AND tbl_name IN ('deposits', 'facts', 'fact_deposits')`);
    execute(scene.daemon.databaseFile, [
        'PRAGMA foreign_keys = OFF;',
        ...triggers.map(({ name }) => `DROP TRIGGER ${name};`),
        'DELETE FROM fact_deposits; DELETE FROM facts WHERE kind <= 3; DELETE FROM deposits;',
        ...triggers.map(({ sql }) => `${sql};`),
    ].join('\n'));
}

sceneTest('coverage: every block since the start -> read without a hole', async (scene) => {
    await someHistory(scene);
    const first = Number(scene.sql('SELECT min(from_height) AS n FROM coverage')[0].n);
    const [{ height }] = scene.tip();
    const text = await scene.daemon.cli(['coverage', ...CHAIN, '--from', String(first), '--to', String(height)]);
    assert.match(text, new RegExp(String(height)));
    await assert.rejects(scene.daemon.cli(['coverage', ...CHAIN, '--from', '0', '--to', String(height + 1000)]),
        'blocks that were not read are not covered');
});

sceneTest('second daemon on the same database -> refuses to start and says why [F83]', async (scene) => {
    const dir = join(scene.dir, 'second');
    mkdirSync(dir);
    const second = await startDepositd({
        dir, start: false, environment: false,
        config: { ...scene.daemon.config, server: {}, storage: { path: scene.daemon.databaseFile } },
    });
    await second.start({ ready: false });
    const how = await second.ended();
    assert.equal(how.signal, null);
    assert.notEqual(how.code, 0);
    assert.match(second.log(), /another|already|in use/i);
    assert.ok(second.log().includes(scene.daemon.databaseFile), 'the file is named');
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
});

sceneTest('SIGTERM: with sessions open -> ends with 0, nothing is lost', async (scene) => {
    const { session, receiver, destination } = await scene.order();
    await scene.pay(receiver);
    await scene.seen(session, 'processing');
    await scene.daemon.stop();
    await scene.daemon.start();
    await scene.settle(session, 'succeeded');
    await scene.assertBalance(destination, '10');
});

sceneTest('SIGTERM: while the node hangs -> still ends, with 0', { proxy: true, audit: false }, async (scene) => {
    scene.proxy.fault('hang');
    await scene.node.mine(2);
    await until(() => Object.keys(scene.proxy.calls()).length > 0, { what: 'a call to hang' });
    await scene.daemon.stop();
});

sceneTest('operator listener: health, readiness, metrics; none of them in public', async (scene) => {
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
    await scene.rest();
    for (const path of ['/healthz', '/readyz', '/metrics']) {
        const inside = await fetch(scene.daemon.operatorUrl + path);
        assert.equal(inside.status, 200, path);
        const outside = await scene.api.exchange('GET', path);
        assert.equal(outside.status, 404, `${path} in public`);
    }
    assert.equal(await scene.daemon.metric('depositd_ready'), 1);
    assert.equal(await scene.daemon.metric('depositd_payouts_final_total', { leg: 'delivery', outcome: 'ok' }), 1);
    assert.equal(await scene.daemon.metric('depositd_session_events_total', { type: 'session.succeeded' }), 1);
    assert.ok((await scene.daemon.metric('depositd_rpc_requests_total', { chain: 'eip155:31337' })) > 0);
});

sceneTest('reconcile: money that the books do not know -> exit code not 0', { audit: false }, async (scene) => {
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded');
    await scene.audit();
    // Coins out of nowhere: no transaction and no log tells of them.
    const there = await scene.balance(scene.gasStation, '0x0000000000000000000000000000000000000000');
    await scene.chain.setNativeBalance(scene.gasStation, there - 1_000_000_000n);
    await scene.node.mine(6);
    await scene.readUp();
    await assert.rejects(scene.daemon.cli(['reconcile', '--json']), (error) => error.code !== 0);
});

sceneTest('config: a token that takes a fee -> refused', { start: false, audit: false }, async (scene) => {
    const [chain] = scene.daemon.config.chain;
    const fee = { symbol: 'FEE', address: scene.contracts.fee.address, decimals: 6, fee_on_transfer: true };
    scene.daemon.configure({ ...scene.daemon.config, chain: [{ ...chain, token: [...chain.token, fee] }] });
    await scene.daemon.start({ ready: false });
    const { code } = await scene.daemon.ended();
    assert.notEqual(code, 0);
    assert.match(scene.daemon.log(), /fee_on_transfer/);
});
