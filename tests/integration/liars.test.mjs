// Three endpoints of one chain, of which one lies: money that came is credited once with its true amount, money
// that did not come is not, the service goes on, and who lied is named in a metric and in the log.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RANGE_REFUSALS, RATE_REFUSALS, RESULT_REFUSALS } from '../../devnet/lib/proxy/provider_texts.mjs';
import { openScene, until } from './lib/scene.mjs';

const TIMEOUT = 60_000;
/** Slower than an answer of the others, who otherwise would all be a block further than the liar. */
const BLOCK_MS = 250;
const THREE = { proxies: 3, chain: { quorum: 2, finalized_tag: true } };
/** The cases mostly wait: so many daemons at once, each with a chain of its own. */
const LANES = 2;
const FIRST = [0];
const BOTH = [0, 2];
/** Outcomes of a call that are the endpoint's fault. */
const FAULTY = ['timeout', 'unreachable', 'rate_limited', 'malformed', 'unauthorized'];

/**
 * One row per way to lie: `faults` are given to the liar's proxy before the payment, with `backlog` before the daemon
 * starts, so many blocks behind. `at` are the liar's places in the configuration. How it has to be named, one or more:
 * - doubt: a reason of depositd_endpoint_doubts_total, and of "endpoint is doubted"
 * - quarantine: a part of the reason of "endpoint is quarantined"
 * - fails: an outcome of depositd_rpc_requests_total, and of "endpoint fails"
 * - leftAlone: depositd_endpoint_healthy, and "endpoint is left alone"
 * - unnamed: why it can't be told from an honest endpoint; then it must not be named
 * Meanwhile there are transfers in new blocks, or with `again` whole payments, and `others` are faults of the honest.
 */
const LIMIT = 'a limit that the provider names is no lie: the reader keeps to it';
const LIES = [
    { name: 'a head that is 20 blocks old', faults: [['stale-head', { blocks: 20 }]], doubt: 'behind', at: BOTH },
    { name: 'a head that stands still', faults: [['stale-head', { at: 25 }]], doubt: 'behind' },
    {
        name: 'a head that goes up and down a little', faults: [['head-jitter', { blocks: 5 }]],
        unnamed: 'honest nodes behind one address are as far apart',
    },
    { name: 'a head that goes up and down', faults: [['head-jitter', { blocks: 20 }]], doubt: 'behind' },
    {
        name: 'a head that goes up and down, and beyond the end', doubt: 'ahead',
        faults: [['phantom-head', { probability: 0.9 }], ['head-jitter', { blocks: 5, ahead: 5 }]],
    },
    { name: 'a head block that nobody has', faults: [['phantom-head']], doubt: 'ahead' },
    {
        name: 'a head that is 20 blocks beyond the end', faults: [['phantom-head', { ahead: 20 }]], doubt: 'ahead',
        at: BOTH,
    },
    { name: 'no logs', faults: [['empty-logs']], doubt: 'incomplete', at: BOTH },
    { name: 'a part of the logs', faults: [['partial-logs', { keep: 0 }]], doubt: 'incomplete' },
    { name: 'no receipts', faults: [['missing-receipts']], doubt: 'unknown' },
    { name: 'no blocks', faults: [['missing-blocks']], doubt: 'unknown' },
    {
        name: 'a transfer that never happened, in a transaction of its own', doubt: 'malformed',
        faults: [['forged-logs', { value: 10_000_000 }]],
    },
    {
        name: 'a transfer that never happened, in a real transaction', at: BOTH,
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
    { name: 'another chain id', faults: [['chain-id', { chainId: 1 }]], quarantine: 'serves chain 1', at: BOTH },
    {
        name: 'another genesis', faults: [['chain-id', { chainId: 31337, genesis: true }]],
        quarantine: 'another genesis', at: BOTH,
    },
    {
        name: 'that the head is final', faults: [['finalized-ahead']], others: [['frozen-finality']], doubt: 'ahead',
        at: BOTH,
    },
    { name: 'pages for people', faults: [['html']], fails: 'malformed', leftAlone: true },
    { name: 'half of the answer', faults: [['truncated']], fails: 'malformed', leftAlone: true },
    { name: 'answers to other questions', faults: [['wrong-id']], fails: 'malformed', leftAlone: true },
    { name: 'batches with holes', faults: [['mixed-batch', { lose: 1 }]], fails: 'malformed', doubt: 'failing' },
    { name: 'nothing at all', faults: [['hang']], fails: 'timeout', leftAlone: true },
    {
        name: 'more than anybody can read', doubt: 'failing', faults: [['bomb']],
    },
    { name: 'that the key is wrong', faults: [['http', { status: 401 }]], fails: 'unauthorized', leftAlone: true },
    { name: 'that it is down', faults: [['http', { status: 503 }]], fails: 'unreachable', leftAlone: true },
    { name: 'an error that nobody has heard of', faults: [['error']], fails: 'unreachable', doubt: 'failing' },
    ...Object.keys(RATE_REFUSALS).map((provider) => ({
        name: `"slow down", as ${provider} says it`, faults: [['rate-error', { provider }]],
        fails: 'rate_limited', leftAlone: true,
    })),
    { name: '"slow down", once', faults: [['rate-error', { times: 1 }]], fails: 'rate_limited' },
    ...['alchemy', 'tenderly'].map((provider) => ({
        name: `"too many blocks", as ${provider} says it`, faults: [['range-cap', { blocks: 10, provider }]],
        backlog: 120, unnamed: LIMIT,
    })),
    ...['infura', 'reth'].map((provider) => ({
        name: `"too many results", as ${provider} says it`, faults: [['result-cap', { results: 2, provider }]],
        backlog: 120, unnamed: LIMIT,
    })),
    {
        name: 'that it took the transaction, and tells nobody', faults: [['swallow']], at: BOTH,
        unnamed: 'the others were told as well, so its pool and its blocks hold the transaction all the same',
    },
    {
        name: 'that it took another transaction', doubt: 'malformed', again: true,
        faults: [['result', { methods: ['eth_sendRawTransaction'], value: `0x${'12'.repeat(32)}` }]],
    },
    { name: 'nothing after it took the transaction', faults: [['lost-reply']], at: BOTH, fails: 'unreachable' },
    { name: 'a million times the price of gas', faults: [['wrong-fees']], doubt: 'price', at: BOTH },
    {
        name: 'a nonce that is 7 too high', faults: [['wrong-nonce', { by: 7 }]], doubt: 'outvoted', again: true,
        at: BOTH,
    },
    { name: 'a nonce of 0', faults: [['wrong-nonce', { by: -1_000_000 }]], doubt: 'outvoted', again: true },
    {
        name: 'that everybody is rich', faults: [['wrong-balance', { more: 10n ** 18n }]], doubt: 'outvoted',
        again: true, at: BOTH,
    },
    { name: 'that everybody is poor', faults: [['wrong-balance', { units: 0 }]], doubt: 'outvoted', again: true },
    {
        name: 'that every transfer would fail', doubt: 'outvoted', again: true,
        faults: [['error', { methods: ['eth_call', 'eth_estimateGas'], code: 3, message: 'execution reverted' }]],
    },
];

/** Starts the daemon, gives the lie at a place, sees a payment through, and checks what is said of the liar. */
async function tell(scene, lie, place) {
    const liar = scene.proxies[place];
    const lieNow = (options = {}) => {
        const known = { token: scene.contracts.usdc.address, ...options };
        for (const [kind, more] of lie.faults) liar.fault(kind, { ...known, ...more });
    };
    const before = scene.daemon.log().length;
    if (lie.backlog) {
        await mineTransfers(scene, 3);
        await scene.node.mine(lie.backlog);
        lieNow();
    }
    await scene.daemon.start();
    const honest = await scene.order();
    const unpaid = await scene.order();
    if (!lie.backlog) lieNow({ to: unpaid.receiver });
    await scene.pay(honest.receiver);
    await scene.settle(honest.session, 'succeeded', { timeoutMs: TIMEOUT });
    await scene.assertBalance(honest.destination, '10');
    assert.equal(await scene.transfersTo(honest.destination), 1, 'delivered once');
    assert.equal((await scene.api.getSession(unpaid.session)).status, 'waiting_payment', 'no money, no credit');
    const credited = scene.sql(`SELECT units FROM deposits WHERE session_id = '${honest.session.sessionId}'`);
    assert.deepEqual(credited.map(({ units }) => units), ['10000000'], 'credited once, with what came');
    await named(scene, lie, `node${place}`, { proxy: liar, before });
}

/** Several transfers in one block. */
async function mineTransfers(scene, count) {
    for (let i = 0; i < count; i += 1) {
        await scene.chain.transferToken(scene.contracts.usdc, scene.fresh(), 1n, { from: scene.payer, wait: false });
    }
    await scene.node.mine();
}

/** Something to lie about. */
async function goOn(scene, { again }) {
    if (!again) {
        await mineTransfers(scene, 1);
        return;
    }
    const { session, receiver } = await scene.order();
    await scene.pay(receiver);
    await scene.settle(session, 'succeeded', { timeoutMs: TIMEOUT });
}

/** What the log says of endpoints since `before`. */
function said(scene, before) {
    const naming = /^endpoint (is doubted|is quarantined|is left alone|fails)$/;
    return scene.daemon.log().slice(before).split('\n').filter((line) => /^{.*}$/.test(line))
        .map((line) => JSON.parse(line)).filter(({ message }) => naming.test(message));
}

/** The ways in which a row wants its liar named: { what, metric: whether it does, line: whether this is the line }. */
function waysToName(scene, { doubt, quarantine, fails, leftAlone }, endpoint) {
    const metric = (name, labels) => scene.daemon.metric(`depositd_${name}`, { endpoint, ...labels });
    return [
        doubt && {
            what: `doubted: ${doubt}`, metric: () => metric('endpoint_doubts_total', { reason: doubt }),
            line: ({ message, reason }) => message === 'endpoint is doubted' && reason === doubt,
        },
        quarantine && {
            what: `quarantined: ${quarantine}`, metric: () => metric('endpoint_quarantined'),
            line: ({ message, reason }) => message === 'endpoint is quarantined' && reason.includes(quarantine),
        },
        fails && {
            what: `named for its failure: ${fails}`, metric: () => metric('rpc_requests_total', { outcome: fails }),
            line: ({ message, reason }) => message === 'endpoint fails' && reason.startsWith(`${fails}: `),
        },
        leftAlone && {
            what: 'left alone', metric: async () => await metric('endpoint_healthy') === 0,
            line: ({ message }) => message === 'endpoint is left alone',
        },
    ].filter(Boolean);
}

async function named(scene, lie, endpoint, { proxy, before }) {
    const others = scene.proxies.filter((other) => other !== proxy);
    // Who is quickest is asked first; that has to be the liar now.
    for (const other of others) {
        other.fault('delay', { ms: 120 });
        for (const [kind, options] of lie.others ?? []) other.fault(kind, options);
    }
    const ways = waysToName(scene, lie, endpoint);
    for (const { what, metric, line } of ways) {
        await until(async () => {
            if (await metric()) return true;
            await goOn(scene, lie);
            return metric();
        }, { what: `${endpoint} to be ${what}`, timeoutMs: TIMEOUT, everyMs: BLOCK_MS });
        await until(() => said(scene, before).some((one) => one.endpoint === endpoint && line(one)),
            { what: `the log to say that ${endpoint} is ${what}` });
    }
    if (lie.unnamed) {
        for (let i = 0; i < 5; i += 1) await goOn(scene, lie);
        assert.ok(proxy.faults().some(({ struck }) => struck > 0), 'it did lie');
        assert.deepEqual(said(scene, before), [], `nobody is named: ${lie.unnamed}`);
    }
    for (const honest of others.map((other) => `node${scene.proxies.indexOf(other)}`)) {
        assert.deepEqual(said(scene, before).filter((one) => one.endpoint === honest), [], `${honest} is honest`);
        assert.equal(await scene.daemon.metric('depositd_endpoint_doubts_total', { endpoint: honest }), 0);
        assert.equal(await scene.daemon.metric('depositd_endpoint_quarantined', { endpoint: honest }), 0);
        assert.equal(await scene.daemon.metric('depositd_endpoint_healthy', { endpoint: honest }), 1);
        for (const outcome of FAULTY) {
            assert.equal(await scene.daemon.metric('depositd_rpc_requests_total', { endpoint: honest, outcome }), 0);
        }
    }
}

test('liars: every row says how its liar is named, or why not [F25]', () => {
    for (const { name, doubt, quarantine, fails, leftAlone, unnamed } of LIES) {
        const isNamed = Boolean(doubt || quarantine || fails || leftAlone);
        assert.notEqual(isNamed, Boolean(unnamed), name);
    }
});

/** One chain and one daemon, which is started afresh for each case, so that nobody is known as a liar yet. */
async function tellAll(t, cases) {
    const scene = await openScene(t, { ...THREE, start: false });
    await scene.node.mine(30);
    for (const { lie, place } of cases) {
        await t.test(`${lie.name}, as endpoint ${place + 1} of 3`, async () => {
            try {
                await tell(scene, lie, place);
            } finally {
                for (const proxy of scene.proxies) proxy.clear();
                await scene.daemon.kill();
            }
        });
    }
    await scene.daemon.start();
    await scene.audit();
}

test('liars: one of three lies in every way -> credited once, delivered once, named [F01][F02][F14][F25][F26][F28]',
    { timeout: 900_000, concurrency: LANES }, async (t) => {
        const cases = LIES.flatMap((lie) => (lie.at ?? FIRST).map((place) => ({ lie, place })));
        await Promise.all(Array.from({ length: LANES }, (_, lane) => {
            const some = cases.filter((_case, index) => index % LANES === lane);
            return t.test(`part ${lane + 1} of ${LANES}`, (part) => tellAll(part, some));
        }));
    });
