// A disk that is full at the opening of a session, by the kernel's own word, or loses what was not synced. The faults
// come from shim/faults.c, which is preloaded into the daemon. Each write of a payment: disk_points.test.mjs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { Shim } from './lib/shim.mjs';
import { sceneTest, until } from './lib/scene.mjs';

const shimOf = (scene) => new Shim(scene.daemon, { port: new URL(scene.proxy?.url ?? scene.node.url).port });

/** Every transaction that reached the node has its bytes in the database. */
function assertIntents(scene) {
    const sent = scene.proxy.trace('eth_sendRawTransaction').map(({ params }) => params[0].toLowerCase().slice(2));
    const stored = new Set(scene.sql('SELECT raw FROM attempts').map(({ raw }) => raw));
    assert.deepEqual(sent.filter((raw) => !stored.has(raw)), [], 'nothing was sent without its bytes being stored');
    return new Set(sent).size;
}

/** Mines until the daemon has ended by itself, or `enough` says that it will not; how it ended, or undefined. */
async function ending(scene, { enough = async () => false, what = 'the daemon to end', mine = true } = {}) {
    let how;
    scene.daemon.ended().then((end) => { how = end; });
    await until(async () => {
        if (how === undefined && mine) await scene.node.mine();
        return how ?? await enough();
    }, { what, timeoutMs: 90_000, everyMs: 60 });
    return how;
}

async function assertPaidOnce(scene, { session, destination }) {
    await scene.settle(session, 'succeeded', { timeoutMs: 90_000 });
    await scene.rest();
    await scene.assertBalance(destination, '10');
    assert.equal(await scene.transfersTo(destination), 1, 'paid once');
}

const spread = (count, points) => [...new Set(Array.from({ length: points },
    (_, index) => 1 + Math.floor((index * count) / points)))];

sceneTest('disk: full when a session is opened -> an error to the caller, no half session [F89]', async (scene) => {
    const shim = shimOf(scene);
    await scene.daemon.kill();
    await scene.daemon.start({ env: shim.env({ at: 'write:1', how: 'ENOSPC', armed: false }) });
    await scene.order();
    await scene.rest();
    const before = scene.sql('SELECT count(*) AS n FROM sessions')[0].n;
    shim.arm();
    await assert.rejects(scene.order(), (error) => error.status === undefined || error.status >= 500);
    assert.equal((await ending(scene)).code, 1);
    assert.equal(scene.sql('SELECT count(*) AS n FROM sessions')[0].n, before);
    shim.disarm();
    await scene.daemon.start();
    const order = await scene.order();
    await scene.pay(order.receiver);
    await assertPaidOnce(scene, order);
});

sceneTest('disk: the kernel refuses a longer file (EFBIG) -> stops, says so, goes on after a restart [F89]',
    { config: { log: { level: 'error' } } }, async (scene) => {
        const limit = 1_500_000;
        execFileSync('prlimit', ['--pid', String(scene.daemon.pid), `--fsize=${limit}`]);
        const orders = [];
        let how;
        scene.daemon.ended().then((end) => { how = end; });
        await until(async () => {
            if (how) return true;
            const order = await scene.order().catch(() => undefined);
            if (order) {
                orders.push(order);
                await scene.pay(order.receiver);
            }
            return how;
        }, { what: 'the limit to be met', timeoutMs: 90_000, everyMs: 1 });
        assert.deepEqual(how, { code: 1, signal: null });
        assert.match(scene.daemon.log(), /the store stopped: a write failed/);
        assert.ok(statSync(scene.daemon.databaseFile).size <= limit);
        await scene.daemon.start();
        for (const order of orders) await scene.settle(order.session, 'succeeded', { timeoutMs: 60_000 });
        await scene.rest();
        for (const { destination } of orders) assert.equal(await scene.transfersTo(destination), 1);
    });

sceneTest('power: lost at each send, with all that was not synced -> every intent survives, paid once [F82]',
    { proxy: true, timeout: 300_000 }, async (scene) => {
        const shim = shimOf(scene);
        for (const at of ['raw:1', 'raw:2']) {
            for (const how of ['kill', 'kill-half', 'kill-after', 'kill-reply']) {
                await scene.daemon.stop();
                await scene.daemon.start({ env: shim.env({ at, how, synced: true, armed: false }) });
                const order = await scene.order();
                await scene.rest();
                shim.arm();
                await scene.pay(order.receiver);
                const end = await ending(scene, { what: `${how} at ${at}` });
                assert.equal(end.signal, 'SIGKILL', `${how} at ${at}`);
                shim.losePower();
                assertIntents(scene);
                await scene.daemon.start();
                await assertPaidOnce(scene, order);
            }
        }
    });

sceneTest('database: any page damaged -> refuses to start, says what to do, changes nothing [F83]',
    { audit: false }, async (scene) => {
        const order = await scene.order();
        await scene.pay(order.receiver);
        await assertPaidOnce(scene, order);
        await scene.daemon.stop();
        const file = scene.daemon.databaseFile;
        const sound = `${file}.sound`;
        copyFileSync(file, sound);
        const pages = statSync(file).size / 4096;
        for (const page of spread(pages, 6)) {
            copyFileSync(sound, file);
            const fd = openSync(file, 'r+');
            writeSync(fd, Buffer.alloc(4096, 0x5a), 0, 4096, (page - 1) * 4096);
            closeSync(fd);
            const found = readFileSync(file);
            await scene.daemon.start({ ready: false });
            const end = await ending(scene, { mine: false, what: `the end with page ${page} of ${pages} damaged` });
            assert.deepEqual(end, { code: 1, signal: null }, `page ${page} of ${pages}`);
            assert.match(scene.daemon.log(), /is damaged.*put a backup in their place/);
            assert.ok(found.equals(readFileSync(file)), 'the file is left as it was found');
        }
        copyFileSync(sound, file);
        await scene.daemon.start();
    });
