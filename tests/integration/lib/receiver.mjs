// A merchant's receiver of webhooks. What it knows of the signature is what the documentation says, not what
// the daemon does.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { freePort } from '../../../devnet/lib/process.mjs';
import { noteEvent } from './openapi.mjs';

const TOLERANCE_S = 300;

/** Throws unless `header` signs these bytes with this secret, now. */
export function verifySignature(header, rawBody, secret, nowS = Date.now() / 1000) {
    const parts = Object.fromEntries(String(header).split(',').map((part) => part.split('=')));
    if (!/^\d+$/.test(parts.t ?? '')) throw new Error(`no time in ${header}`);
    if (Math.abs(nowS - Number(parts.t)) > TOLERANCE_S) throw new Error(`signed at ${parts.t}, now is ${nowS}`);
    const expected = createHmac('sha256', secret).update(`${parts.t}.`).update(rawBody).digest();
    const given = Buffer.from(parts.v1 ?? '', 'hex');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Error('wrong signature');
}

/**
 * Listens on a port of its own. `answer(request, response, event)` may answer differently; without it, 200.
 * .calls has every request: { event, raw, headers, at, error } where error is what was wrong with its signature.
 */
export async function startReceiver(t, answer = (_, response) => response.end('{"ok":true}')) {
    const receiver = { calls: [], secrets: new Set(), answer, open: new Set() };
    const server = createServer((request, response) => {
        const chunks = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('end', () => {
            const raw = Buffer.concat(chunks);
            const call = { raw, headers: request.headers, method: request.method, path: request.url, at: Date.now() };
            try {
                call.event = JSON.parse(raw.toString('utf8'));
                noteEvent(request.headers, call.event);
                const good = [...receiver.secrets].some((secret) => {
                    try {
                        verifySignature(request.headers['daimo-signature'], raw, secret);
                        return true;
                    } catch (error) {
                        call.error = error;
                        return false;
                    }
                });
                if (good) call.error = undefined;
            } catch (error) {
                call.error = error;
            }
            receiver.calls.push(call);
            receiver.answer(request, response, call.event);
        });
    });
    server.on('connection', (socket) => {
        receiver.open.add(socket);
        socket.on('close', () => receiver.open.delete(socket));
        socket.on('error', () => {});
    });
    const port = await freePort();
    await new Promise((done, fail) => {
        server.once('error', fail);
        server.listen(port, '127.0.0.1', done);
    });
    receiver.url = `http://127.0.0.1:${port}/hooks?token=canary-in-the-query`;
    receiver.close = () => new Promise((done) => {
        for (const socket of receiver.open) socket.destroy();
        server.close(done);
    });
    receiver.of = (session) => receiver.calls.filter(({ event }) => event?.data?.session?.sessionId === session.sessionId);
    t.after(() => receiver.close());
    return receiver;
}
