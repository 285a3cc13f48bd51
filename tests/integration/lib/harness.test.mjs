// The harness itself, tried on a stand-in for the binary.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chainConfig, scratchDir, startDepositd } from './depositd.mjs';
import { toToml } from './toml.mjs';

const STAND_IN = `#!${process.execPath}
const http = require('node:http');
const fs = require('node:fs');
const args = process.argv.slice(2);
const text = fs.readFileSync(args[args.indexOf('--config') + 1], 'utf8');
const port = Number(/operator_listen = "127.0.0.1:(\\d+)"/.exec(text)[1]);
if (args[0] === 'environment') console.log('{"id": "env_1"}');
else if (args[0] === 'key') console.log(JSON.stringify({ key: args[args.indexOf('--environment') + 1] + '_key' }));
else if (args[0] === 'doctor') { console.error('not well'); process.exit(3); }
else {
    process.on('SIGTERM', () => process.exit(process.env.BAD_END ? 7 : 0));
    http.createServer((request, response) => {
        response.end(request.url === '/metrics'
            ? '# HELP x y\\nx{a="1",b="2"} 3\\nx{a="2"} 4\\nxy 9\\n' : 'ok');
    }).listen(port, '127.0.0.1');
}
`;

function standIn(dir) {
    const path = join(dir, 'stand-in.cjs');
    writeFileSync(path, STAND_IN);
    chmodSync(path, 0o755);
    return path;
}

test('toToml: tables and lists of tables -> nested headers', () => {
    const text = toToml({ a: { b: 'x"y', n: 1 }, chain: [{ id: 'i', endpoint: [{ url: 'u' }], token: [] }] });
    assert.equal(text, '[a]\nb = "x\\"y"\nn = 1\n\n[[chain]]\nid = "i"\ntoken = []\n\n[[chain.endpoint]]\nurl = "u"');
});

test('harness: start, ask, kill, restart, stop', async (t) => {
    const dir = scratchDir(t);
    const chain = [chainConfig({ urls: ['http://127.0.0.1:1'], tokens: [['USDC', '0x01']] })];
    const daemon = await startDepositd({ dir, binary: standIn(dir), config: { chain, log: { level: 'info' } } });
    t.after(() => daemon.kill());
    assert.equal(daemon.environment, 'env_1');
    assert.equal(daemon.api.apiKey, 'test_key');
    const written = readFileSync(daemon.configFile, 'utf8');
    assert.match(written, /level = "info"/);
    assert.match(written, /\[\[chain.endpoint\]\]\nname = "node0"/);
    assert.equal(await daemon.metric('x'), 7);
    assert.equal(await daemon.metric('x', { a: '1' }), 3);
    await assert.rejects(daemon.cli(['doctor']), { code: 3 });

    const first = daemon.pid;
    await daemon.restart({ signal: 'SIGKILL' });
    assert.notEqual(daemon.pid, first);
    await daemon.stop();
    assert.equal(daemon.pid, undefined);
});

test('harness: a daemon that does not end with 0 -> stop fails', async (t) => {
    const dir = scratchDir(t);
    const daemon = await startDepositd({ dir, binary: standIn(dir), start: false });
    t.after(() => daemon.kill());
    await daemon.start({ env: { BAD_END: '1' } });
    await assert.rejects(daemon.stop(), /must end with 0/);
});
