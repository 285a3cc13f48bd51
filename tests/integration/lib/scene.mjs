// What nearly every test needs: a chain with tokens, a daemon that watches it, money to pay with, and the audit at
// the end. Blocks come only when asked for, so that nothing depends on time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAnvil } from '../../../devnet/lib/anvil.mjs';
import { NATIVE, openChain, parseEther, viem } from '../../../devnet/lib/chain.mjs';
import { gasStation } from '../../../devnet/lib/keys.mjs';
import { startProxy } from '../../../devnet/proxy.mjs';
import { assertBooks, unsettled } from './books.mjs';
import { query } from './database.mjs';
import { chainConfig, scratchDir, startDepositd, until } from './depositd.mjs';

export { NATIVE, parseEther, viem };
export { until } from './depositd.mjs';

const FUND_UNITS = 1_000_000_000_000n;
const SYMBOLS = { usdc: 'USDC', usdt: 'USDT', lying: 'LIE', usdce: 'USDC.e', fee: 'FEE' };

/**
 * A test with a scene of its own that ends with the audit: books and chain agree to the unit, and so does the
 * daemon's own `reconcile`. Options, beside those of node:test:
 * - tokens: names of devnet tokens to configure (default usdc and usdt)
 * - chainId: of the chain, default 31337
 * - chain: keys of the [[chain]] entry; config: other tables; policy: arguments of `environment create`
 * - proxy: put the fault proxy between daemon and node; proxies: so many of them, each an endpoint of its own
 * - start: false leaves the daemon stopped; audit: false when the end is no state that could be audited
 */
export function sceneTest(name, options, body) {
    if (typeof options === 'function') return sceneTest(name, {}, options);
    return test(name, { timeout: 120_000, ...options }, async (t) => {
        const scene = await openScene(t, options);
        await body(scene, t);
        if (options.audit !== false) await scene.audit();
    });
}

export async function openScene(t, options = {}) {
    const scene = new Scene();
    t.after(() => scene.close());
    await scene.open(t, options);
    return scene;
}

class Scene {
    #addresses = 0;

    async open(t, {
        tokens = ['usdc', 'usdt'], chainId = 31337, chain, config = {}, policy = [], proxy = false,
        proxies = proxy ? 1 : 0, start = true,
    }) {
        this.node = await startAnvil({ mine: 'auto', chainId });
        this.chain = await openChain(this.node);
        this.contracts = await this.chain.deployAll();
        this.tokens = Object.fromEntries(tokens.map((key) => [key, this.contracts[key]]));
        this.payer = this.chain.accounts[1].address;
        this.gasStation = gasStation().address;
        for (const key of Object.keys(SYMBOLS)) await this.chain.mint(this.contracts[key], this.payer, FUND_UNITS);
        await this.chain.setNativeBalance(this.gasStation, parseEther('100'));
        await this.node.setAutomine(false);
        await this.node.mine(8);
        this.proxies = [];
        for (let index = 0; index < proxies; index += 1) {
            this.proxies.push(await startProxy({ target: this.node.url, seed: index + 1 }));
        }
        [this.proxy] = this.proxies;

        const entry = chainConfig({
            chainId, urls: proxies ? this.proxies.map(({ url }) => url) : [this.node.url], poll_ms: 40, finalized_tag: false, scan_native: true,
            mainnet: false, start_height: await this.node.blockNumber(),
            tokens: tokens.map((key) => [SYMBOLS[key], this.contracts[key].address, 6]), ...chain,
        });
        this.dir = scratchDir(t);
        // Started apart, so that a daemon that does not get ready is ended like any other.
        this.daemon = await startDepositd({ dir: this.dir, config: { chain: [entry], ...config }, policy, start: false });
        this.api = this.daemon.api;
        if (start) await this.daemon.start();
    }

    async close() {
        await this.daemon?.kill();
        for (const proxy of this.proxies ?? []) await proxy.stop();
        await this.node?.stop();
    }

    // ---- actors

    /** An address that nobody used before. */
    fresh() {
        this.#addresses += 1;
        return viem.getAddress(`0xd0d0${this.#addresses.toString(16).padStart(36, '0')}`);
    }

    units(amount, token = this.contracts.usdc) {
        return viem.parseUnits(amount, token === NATIVE ? 18 : 6);
    }

    /**
     * Opens a session and its address: { session, receiver, destination, refund }. `amount` in whole tokens, null
     * for what may come; `refund: null` gives none.
     */
    async order({
        amount = '10', token = this.contracts.usdc, destination = this.fresh(), refund = this.fresh(),
    } = {}) {
        const more = refund === null ? {} : { refundAddress: refund };
        const tokenAddress = token === NATIVE ? NATIVE : token.address;
        const { session, receiver } = await this.api.openEvm({
            address: destination, chainId: this.node.chainId, tokenAddress, amountUnits: amount ?? undefined,
        }, more);
        return { session, receiver, destination, refund, token };
    }

    /** Pays from the payer and mines one block; returns { hash, receipt }. */
    pay(receiver, amount = '10', token = this.contracts.usdc, options = {}) {
        const units = this.units(amount, token);
        if (token === NATIVE) return this.chain.transferNative(receiver, units, { from: this.payer, ...options });
        return this.chain.transferToken(token, receiver, units, { from: this.payer, ...options });
    }

    // ---- time

    /** Mines `blocks` before each look until `probe` gives something truthy. */
    mineUntil(probe, { what = 'the condition', timeoutMs = 30_000, blocks = 1 } = {}) {
        return until(async () => {
            const result = await probe();
            if (!result) await this.node.mine(blocks);
            return result;
        }, { what, timeoutMs, everyMs: 60 });
    }

    /** Waits, without a block, until the daemon has read the head. */
    readUp({ timeoutMs = 15_000 } = {}) {
        return until(async () => {
            const [tip] = this.tip();
            return tip !== undefined && tip.height === await this.node.blockNumber() &&
                tip.hash.replace('0x', '') === (await this.node.block()).hash.slice(2);
        }, { what: 'the daemon to read the head', timeoutMs });
    }

    /** Mines until the session has this status; fails at once when it ended differently. */
    async settle(session, status, { timeoutMs = 30_000, blocks = 1 } = {}) {
        const final = ['succeeded', 'bounced', 'expired'];
        return this.mineUntil(async () => {
            const now = await this.api.getSession(session);
            if (now.status === status) return now;
            if (!final.includes(now.status)) return undefined;
            const error = new Error(`the session is ${now.status}, not ${status}: ${JSON.stringify(now)}`);
            throw Object.assign(error, { final: true });
        }, { what: `session ${session.sessionId} to be ${status}`, timeoutMs, blocks });
    }

    /** Waits, without a block, until the session has this status. */
    seen(session, status, options) {
        return this.daemon.untilStatus(session, status, options);
    }

    /** The chain's clock jumps past the deadline of a session; the next block is after it. */
    async passDeadline(session) {
        const { timestamp } = await this.node.block();
        const seconds = session.expiresAt - Number(timestamp) + 5;
        assert.ok(seconds > 0, 'the deadline lies ahead');
        await this.node.rpc('evm_increaseTime', [seconds]);
        await this.node.mine();
    }

    /** Mines until nothing is under way any more. */
    async rest({ blocks = 1 } = {}) {
        await this.mineUntil(() => Object.keys(unsettled(this.daemon.databaseFile)).length === 0,
            { what: 'everything to come to rest', blocks }).catch((error) => {
            error.message += `; under way: ${JSON.stringify(unsettled(this.daemon.databaseFile))}`;
            throw error;
        });
        await this.readUp();
    }

    // ---- looking

    sql(text) {
        return query(this.daemon.databaseFile, text);
    }

    tip() {
        return this.sql(`SELECT height, hash FROM chain_tips WHERE chain = 'eip155:${this.node.chainId}'`);
    }

    /** The names of what happened to a session, oldest first. */
    journal({ sessionId }) {
        const rows = this.sql(`SELECT event FROM session_journal WHERE session_id = '${sessionId}' ORDER BY id`);
        return rows.map(({ event }) => event);
    }

    deposits({ sessionId }) {
        return this.sql(`SELECT * FROM deposits WHERE session_id = '${sessionId}' ORDER BY id`);
    }

    payouts(session) {
        return this.sql(`SELECT * FROM payouts WHERE session_id = '${session.sessionId}' ORDER BY id`);
    }

    balance(address, token = this.contracts.usdc) {
        return this.chain.balance(address, token === NATIVE ? undefined : token);
    }

    async assertBalance(address, amount, token = this.contracts.usdc) {
        assert.equal(await this.balance(address, token), this.units(amount, token), `balance of ${address}`);
    }

    /** How many transfers of a token an address ever got on the chain as it is now. */
    async transfersTo(address, token = this.contracts.usdc) {
        const logs = await this.node.rpc('eth_getLogs', [{
            fromBlock: '0x0', toBlock: 'latest', address: token.address,
            topics: [viem.toEventSelector('Transfer(address,address,uint256)'), null, viem.pad(address).toLowerCase()],
        }]);
        return logs.length;
    }

    /** Our own payouts never jam: no gap and nothing left in the pool. */
    async pool() {
        const { pending, queued } = await this.node.rpc('txpool_status');
        return Number(pending) + Number(queued);
    }

    readiness() {
        return fetch(`${this.daemon.operatorUrl}/readyz`).then(async (response) => ({
            status: response.status, text: await response.text(),
        }));
    }

    /** Nothing under way, books and chain equal to the unit by our own count and by the daemon's. */
    async audit() {
        await this.rest();
        await assertBooks(this.daemon.databaseFile, {
            chain: this.chain, tokens: Object.values(this.tokens), others: [this.gasStation],
        });
        await this.daemon.cli(['reconcile', '--all', '--json']);
        assert.equal(await this.daemon.metric('depositd_foreign_transactions_total'), 0);
        // A copy that was sent again just as its block came is dropped with the next one.
        await this.mineUntil(async () => await this.pool() === 0, { what: 'the pool to be empty' });
    }
}
