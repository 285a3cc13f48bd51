#!/usr/bin/env node
// Sessions created and read per second over HTTP, on loopback, with the load generator on the same cores.
//
//   node bench/api.mjs [--seconds 10] [--connections 64] [--loris 1000] [--rate 500]
//
// First as many creates as possible. After them the daemon is killed with SIGKILL, and the file must hold exactly as
// many sessions as were answered with success: an answer means that the session is durable. Then reads. Then `rate`
// creates a second by the clock, for three times as long, beside `loris` connections that never finish a request.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { startAnvil } from '../devnet/lib/anvil.mjs';
import { isMain } from '../devnet/lib/process.mjs';
import { oneToken, prepareDaemon, query } from './lib/daemon.mjs';
import { Loris } from './lib/loris.mjs';
import { quiet, usage } from './lib/machine.mjs';
import { tool } from './lib/paths.mjs';
import { report } from './lib/report.mjs';

const TOKEN = '0x5fbdb2315678afecb367f032d93f642f64180aa3';
const DESTINATION = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const run = promisify(execFile);

function requestText(method, path, { host, key, body = '' }) {
    const type = body && 'Content-Type: application/json\r\n';
    return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\n${type}`
        + `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function createBody() {
    return JSON.stringify({
        destination: {
            type: 'evm', address: DESTINATION, chainId: 31337, tokenAddress: TOKEN, amountUnits: '10.50',
        },
        display: { title: 'Order 4711', verb: 'Pay' },
        refundAddress: DESTINATION,
        metadata: { order: '4711' },
    });
}

export async function api({ seconds = 10, connections = 64, loris = 1000, rate = 500 } = {}) {
    const node = await startAnvil({ mine: 'manual' });
    const daemon = await prepareDaemon('api', { chains: [oneToken(node.url, TOKEN, { poll_ms: 1_000 })] });
    const host = daemon.publicListen;
    const key = daemon.api.apiKey;
    const port = host.split(':')[1];
    const generate = async (name, request, { values, perSecond = 0, lasting = seconds } = {}) => {
        const file = join(daemon.dir, `${name}.request`);
        writeFileSync(file, request);
        const more = values ? [join(daemon.dir, `${name}.values`)] : [];
        if (values) writeFileSync(more[0], values.join('\n'));
        const { stdout } = await run(tool('load'), [port, connections, lasting, perSecond, file, ...more].map(String));
        return JSON.parse(stdout);
    };

    await daemon.start();
    let loadBefore = await quiet();
    const create = requestText('POST', '/v1/sessions', { host, key, body: createBody() });
    const created = await generate('create', create);
    const used = usage(daemon.pid);
    await daemon.kill('SIGKILL');
    const [{ stored }] = query(daemon.databaseFile, 'SELECT count(*) AS stored FROM sessions');
    report('api_create', { connections, loadBefore, ...created, ...used, storedAfterKill: stored });
    const succeeded = Object.entries(created.statuses).filter(([status]) => status.startsWith('2'));
    const answered = succeeded.reduce((sum, [, count]) => sum + count, 0);
    if (stored < answered) throw new Error(`${answered} sessions were answered, ${stored} are stored`);

    await daemon.start({ timeoutMs: 60_000 });
    const ids = query(daemon.databaseFile, 'SELECT id FROM sessions LIMIT 5000').map(({ id }) => id);
    loadBefore = await quiet();
    const read = await generate('read', requestText('GET', '/v1/sessions/{}', { host, key }), { values: ids });
    report('api_read', { connections, loadBefore, ...read, ...usage(daemon.pid) });

    loadBefore = await quiet();
    const slow = await Loris.open(Number(port), loris);
    const paced = await generate('create', create, { perSecond: rate, lasting: 3 * seconds });
    report('api_create_beside_loris', { connections, rate, loadBefore, ...paced, ...slow.tally(), ...usage(daemon.pid) });
    slow.close();
    await daemon.stop();
    await node.stop();
}

if (isMain(import.meta.url)) {
    const options = Object.fromEntries(['seconds', 'connections', 'loris', 'rate'].map((name) => [name, { type: 'string' }]));
    const { values } = parseArgs({ options });
    await api(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)])));
}
