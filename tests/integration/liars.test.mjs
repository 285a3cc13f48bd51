// Three endpoints of one chain, of which one lies: money that came is credited once with its true amount, money
// that did not come is not, the service goes on, and who lied is named.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RANGE_REFUSALS, RATE_REFUSALS, RESULT_REFUSALS } from '../../devnet/lib/proxy/provider_texts.mjs';
import { openScene, until } from './lib/scene.mjs';

const TIMEOUT = 60_000;
const THREE = { proxies: 3, chain: { quorum: 2, finalized_tag: true } };
const FIRST = [0];
const BOTH = [0, 2];

/**
 * One row per way to lie: `faults` are given to the liar's proxy before the payment. What has to be seen of the liar: `doubt` is a reason of depositd_endpoint_doubts_total, `quarantine` a
 * part of the reason; `at` are its places in the configuration.
 */
const LIES = [
    { name: 'a head that is 20 blocks old', faults: [['stale-head', { blocks: 20 }]], doubt: 'behind', at: BOTH },
    { name: 'a head that stands still', faults: [['stale-head', { at: 25 }]], doubt: 'behind' },
    { name: 'a head that goes up and down, and beyond the end', faults: [['head-jitter', { blocks: 5, ahead: 5 }]] },
    { name: 'a head block that nobody has', faults: [['phantom-head']] },
    { name: 'no logs', faults: [['empty-logs']], doubt: 'incomplete', at: BOTH, ifLast: {} },
    { name: 'a part of the logs', faults: [['partial-logs', { keep: 0 }]], doubt: 'incomplete' },
    { name: 'no receipts', faults: [['missing-receipts']], doubt: 'unknown' },
    { name: 'no blocks', faults: [['missing-blocks']], doubt: 'unknown' },
    {
        name: 'a transfer that never happened, in a transaction of its own', doubt: 'malformed',
        faults: [['forged-logs', { value: 10_000_000 }]],
    },
    {
        name: 'a transfer that never happened, in a real transaction', at: BOTH, ifLast: {},
        faults: [['forged-logs', { value: 10_000_000, inside: true }]], quarantine: 'logs that are not in the block',
    },
    { name: 'another block\'s hash', faults: [['wrong-block-hash']], doubt: 'malformed' },
    { name: 'logs that are said to be removed', faults: [['removed-logs']], doubt: 'malformed' },
    { name: 'every log twice', faults: [['duplicate-logs']], doubt: 'malformed' },
    {
        name: 'receipts of failure', faults: [['forged-receipts', { status: '0x0' }]],
        quarantine: 'receipts that are not in the block',
    },
    {
        name: 'receipts of another amount', faults: [['forged-receipts', { value: 999_000_000 }]],
        quarantine: 'receipts that are not in the block',
    },
    {
        name: 'headers with another time', faults: [['wrong-header', { later: 5000 }]],
        quarantine: 'fields do not make up its hash', at: BOTH,
    },
    {
        name: 'headers with another root', quarantine: 'fields do not make up its hash',
        faults: [['wrong-header', { fields: { receiptsRoot: `0x${'56'.repeat(32)}` } }]],
    },
    { name: 'another chain id', faults: [['chain-id', { chainId: 1 }]], quarantine: 'serves chain 1', at: BOTH, ifLast: {} },
    {
        name: 'another genesis', faults: [['chain-id', { chainId: 31337, genesis: true }]],
        quarantine: 'another genesis', at: BOTH, ifLast: {},
    },
    { name: 'that the head is final', faults: [['finalized-ahead']] },
    { name: 'pages for people', faults: [['html']] },
    { name: 'half of the answer', faults: [['truncated']] },
    { name: 'answers to other questions', faults: [['wrong-id']] },
    { name: 'batches with holes', faults: [['mixed-batch', { lose: 1 }]] },
    { name: 'nothing at all', faults: [['hang']] },
    ...Object.keys(RATE_REFUSALS).map((provider) => ({
        name: `"slow down", as ${provider} says it`, faults: [['rate-error', { provider }]],
    })),
    { name: 'that it took the transaction, and tells nobody', faults: [['swallow']], at: BOTH },
    { name: 'nothing after it took the transaction', faults: [['lost-reply']], at: BOTH },
    { name: 'a million times the price of gas', faults: [['wrong-fees']], doubt: 'price', at: BOTH },
    { name: 'a nonce that is 7 too high', faults: [['wrong-nonce', { by: 7 }]], at: BOTH },
    { name: 'a nonce of 0', faults: [['wrong-nonce', { by: -1_000_000 }]] },
    { name: 'that everybody is rich', faults: [['wrong-balance', { more: 10n ** 18n }]], at: BOTH },
    { name: 'that everybody is poor', faults: [['wrong-balance', { units: 0 }]] },
    {
        name: 'that every transfer would fail',
        faults: [['error', { methods: ['eth_call', 'eth_estimateGas'], code: 3, message: 'execution reverted' }]],
    },
];

/** Gives the lie at a place, sees a payment through, and checks what is said of the liar. */
async function tell(scene, lie, place) {
    const liar = scene.proxies[place];
    const honest = await scene.order();
    const unpaid = await scene.order();
    for (const [kind, options] of lie.faults) {
        liar.fault(kind, { token: scene.contracts.usdc.address, to: unpaid.receiver, ...options });
    }
    await scene.pay(honest.receiver);
    await scene.settle(honest.session, 'succeeded', { timeoutMs: TIMEOUT });
    await scene.assertBalance(honest.destination, '10');
    assert.equal(await scene.transfersTo(honest.destination), 1, 'delivered once');
    assert.equal((await scene.api.getSession(unpaid.session)).status, 'waiting_payment', 'no money, no credit');
    const credited = scene.sql(`SELECT units FROM deposits WHERE session_id = '${honest.session.sessionId}'`);
    assert.deepEqual(credited.map(({ units }) => units), ['10000000'], 'credited once, with what came');
    await named(scene, place, place === 0 ? lie : lie.ifLast ?? lie);
}

/** A block in which there is something to lie about. */
async function mineTransfer(scene) {
    await scene.chain.transferToken(scene.contracts.usdc, scene.fresh(), 1n, { from: scene.payer });
}

async function named(scene, place, { doubt, quarantine }) {
    const endpoint = `node${place}`;
    // Who is quickest is asked first; that has to be the liar now.
    if (place === 0) for (const proxy of scene.proxies.slice(1)) proxy.fault('delay', { ms: 120 });
    const others = [0, 1, 2].filter((index) => index !== place).map((index) => `node${index}`);
    if (doubt) {
        await until(async () => {
            await mineTransfer(scene);
            return scene.daemon.metric('depositd_endpoint_doubts_total', { endpoint, reason: doubt });
        }, { what: `${endpoint} to be doubted: ${doubt}`, timeoutMs: TIMEOUT });
        assert.match(scene.daemon.log(), new RegExp(`endpoint is doubted.*${endpoint}`));
    }
    if (quarantine) {
        await until(async () => {
            await mineTransfer(scene);
            return scene.daemon.metric('depositd_endpoint_quarantined', { endpoint });
        }, { what: `${endpoint} to be quarantined`, timeoutMs: TIMEOUT });
        assert.match(scene.daemon.log(), new RegExp(`endpoint is quarantined.*${endpoint}.*${quarantine}`));
    }
    for (const other of others) {
        const quarantined = await scene.daemon.metric('depositd_endpoint_quarantined', { endpoint: other });
        assert.equal(quarantined, 0, `${other} is honest`);
    }
}

test('liars: one of three lies in every way -> credited once, delivered once, the liar named [F01][F02][F14][F25][F26][F28]',
    { timeout: 600_000 }, async (t) => {
        const scene = await openScene(t, { ...THREE, start: false });
        await scene.node.mine(30);
        for (const lie of LIES) {
            for (const place of lie.at ?? FIRST) {
                await t.test(`${lie.name}, as endpoint ${place + 1} of 3`, async () => {
                    // Afresh, so that nobody is known as a liar yet.
                    await scene.daemon.start();
                    try {
                        await tell(scene, lie, place);
                    } finally {
                        for (const proxy of scene.proxies) proxy.clear();
                        await scene.daemon.kill();
                    }
                });
            }
        }
        await scene.daemon.start();
        await scene.audit();
    });
