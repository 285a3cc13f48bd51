// One database and the many lives of its daemon, under the preloaded library, as quick as they can be had: the daemon
// is looked at often, and a block comes as soon as it has read the one before.
import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { OPEN } from './books.mjs';
import { Reader } from './database.mjs';
import { until } from './scene.mjs';
import { Shim } from './shim.mjs';

/** The [[chain]] entry that lets a payment be over soonest. */
export const QUICK = { poll_ms: 20, confirmations: 1 };

const LATEST = 'SELECT raw FROM attempts ORDER BY id DESC LIMIT 200';

const sizeOf = (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

const OFTEN = { timeoutMs: 120_000, everyMs: 8 };
// Delivered and refunded.
const SETTLED = '8, 10';
const LOOK = { ...OPEN, tip: 'SELECT height FROM chain_tips' };

export class Lives {
    #logged = 0;

    /** `scene` is one that was not started. `orders` is for the test to remember whom to ask for at the end. */
    constructor(scene) {
        this.scene = scene;
        this.orders = [];
        this.shim = new Shim(scene.daemon, { port: new URL(scene.node.url).port });
        this.reader = new Reader(scene.daemon.databaseFile);
    }

    close() {
        return this.reader.close();
    }

    /** Begins a life; `.end` is how it ended: undefined as long as it lasts, then { code, signal }. */
    async start({ ready = true, ...fault } = {}) {
        this.end = undefined;
        this.#logged = sizeOf(this.scene.daemon.logFile);
        await this.scene.daemon.start({ ready: false, env: this.shim.env({ armed: false, ...fault }) });
        this.ended = this.scene.daemon.ended().then((end) => { this.end = end; });
        if (ready) await this.until(() => this.scene.daemon.isReady(), 'the daemon to be ready');
    }

    /** What was logged in this life. */
    log() {
        const fd = openSync(this.scene.daemon.logFile);
        try {
            const text = Buffer.alloc(sizeOf(this.scene.daemon.logFile) - this.#logged);
            return text.toString('utf8', 0, readSync(fd, text, 0, text.length, this.#logged));
        } finally {
            closeSync(fd);
        }
    }

    async kill() {
        await this.scene.daemon.kill();
        await this.ended;
    }

    /** Waits for something in this life; that the life ends meanwhile is a failure unless it may. */
    until(probe, what, { mayEnd = false } = {}) {
        return until(async () => {
            const found = this.end === undefined && await probe();
            if (found || this.end === undefined) return found;
            if (mayEnd) return true;
            throw Object.assign(new Error(`the daemon ended: ${JSON.stringify(this.end)}`), { final: true });
        }, { ...OFTEN, what });
    }

    /** Where the daemon has come to, in one look: { height, open, settled: of these orders, how many }. */
    async #look(orders) {
        const ids = orders.map(({ session }) => `'${session.sessionId}'`).join(', ');
        const { tip, settled, ...open } = await this.reader.all({
            ...LOOK, settled: `SELECT count(*) AS n FROM sessions WHERE id IN (${ids}) AND state IN (${SETTLED})`,
        });
        return { height: tip[0]?.height, settled: settled[0].n,
            open: Object.values(open).some((rows) => rows.length > 0) };
    }

    /** A block, once the last one has been read. */
    async #step(look) {
        this.height ??= await this.scene.node.blockNumber();
        if (look.height === this.height) this.height = await this.scene.node.mine();
    }

    /** Pays and mines one block. */
    async pay(order, amount = '10') {
        await this.scene.pay(order.receiver, amount);
        this.height = undefined;
    }

    /**
     * Mines until this life is over, or the order, if any, is settled; how it ended, or undefined. `idle` is called
     * when there is nothing to do any more.
     */
    untilEnded(order, what, { idle } = {}) {
        return until(async () => {
            if (this.end) return { end: this.end };
            const look = await this.#look(order ? [order] : []);
            if (order && look.settled === 1) return { end: undefined };
            if (idle && !look.open && look.height === this.height) await idle();
            if (this.end === undefined) await this.#step(look);
            return false;
        }, { ...OFTEN, what }).then(({ end }) => end);
    }

    /** Mines until these orders are settled and everything rests. */
    settle(orders) {
        return this.until(async () => {
            const look = await this.#look(orders);
            if (look.settled === orders.length && !look.open && look.height === this.height) return true;
            return this.#step(look);
        }, `${orders.length} sessions to be settled`);
    }

    /** Every transaction that was sent since the last question has its bytes in the database, among the latest. */
    async assertIntents(when) {
        const sent = this.shim.takeSent();
        if (sent.length === 0) return;
        const stored = new Set((await this.reader.rows(LATEST)).map(({ raw }) => raw));
        assert.deepEqual(sent.filter((raw) => !stored.has(raw)), [], `nothing was sent that is not stored: ${when}`);
    }
}
