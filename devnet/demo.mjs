#!/usr/bin/env node
// depositd at work: a chain, a daemon, payers who do all sorts of things, and the audit at the end.
// Started by scripts/demo, which builds the binary first.
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chainConfig, depositdBinary, startDepositd } from '../tests/integration/lib/depositd.mjs';
import { startAnvil } from './lib/anvil.mjs';
import { NATIVE, openChain, parseEther, viem } from './lib/chain.mjs';
import { SCENES } from './lib/demo/scenes.mjs';
import { LiveTable, paint } from './lib/demo/table.mjs';
import { gasStation } from './lib/keys.mjs';
import { sleep, until } from './lib/process.mjs';

const SESSION_TTL_S = 60;
const END_TIMEOUT_MS = 150_000;
const dir = fileURLToPath(new URL('../run/demo/', import.meta.url));
const say = (text = '') => console.log(text);
const heading = (text) => say(`\n${paint('bold', text)}`);

class Stage {
    async open() {
        rmSync(dir, { recursive: true, force: true });
        mkdirSync(dir, { recursive: true });
        this.node = await startAnvil({ blockTime: 1, slotsInAnEpoch: 1, log: `${dir}anvil.log` });
        // Setting up does not wait for the clock: each of its transactions gets a block at once.
        this.node.mining = 'manual';
        this.chain = await openChain(this.node);
        const { usdc, usdt, payer } = await this.chain.deployAll();
        Object.assign(this, { usdc, usdt, payerContract: payer });
        for (const account of this.chain.accounts.slice(1)) await this.chain.mint(usdc, account.address, 10n ** 12n);
        await this.chain.setNativeBalance(gasStation().address, parseEther('10'));
        await this.node.mine(3);
        this.node.mining = 'interval';

        this.firstHeight = await this.node.blockNumber();
        const entry = chainConfig({
            name: 'Devnet', urls: [this.node.url], poll_ms: 100, finalized_tag: false, scan_native: true,
            mainnet: false, start_height: this.firstHeight,
            tokens: [['USDC', usdc.address, 6], ['USDT', usdt.address, 6]],
        });
        this.daemon = await startDepositd({
            dir, policy: ['--overpaid', 'refund_excess'],
            config: { chain: [entry], server: { session_ttl_s: SESSION_TTL_S }, log: { format: 'console' } },
        });
        this.api = this.daemon.api;
    }

    async close() {
        await this.daemon?.stop();
        await this.node?.stop();
    }

    async order(index, scene) {
        const address = (kind) => viem.getAddress(`0x${kind}${String(index + 1).padStart(38, '0')}`);
        const order = {
            ...scene, index, destination: address('d0'), refund: address('b0'),
            payer: this.chain.accounts[index + 1].address,
        };
        await scene.prepare?.(this, order);
        const tokenAddress = order.token ?? this.usdc.address;
        Object.assign(order, await this.api.openEvm(
            { address: order.destination, tokenAddress, amountUnits: order.asked }, { refundAddress: order.refund },
        ));
        return order;
    }

    payUsdc(to, amount) {
        return this.chain.transferToken(this.usdc, to, viem.parseUnits(amount, 6), { from: this.payerOf(to) });
    }

    payByContract(to, value) {
        return this.chain.write(this.payerContract, 'payNative', [[to], [value]], { from: this.payerOf(to), value });
    }

    payerOf(receiver) {
        return this.orders.find((order) => order.receiver === receiver).payer;
    }

    async killDaemon() {
        this.down = true;
        await this.daemon.restart({ signal: 'SIGKILL' });
        this.down = false;
    }

    balance(address, { token }) {
        return this.chain.balance(address, token === NATIVE ? undefined : this.usdc);
    }
}

/** Asks the API how an order stands, and the chain what it got. */
async function look(stage, order) {
    const session = await stage.api.getSession(order.session);
    order.status = session.status;
    order.reasonCode = session.statusReason?.code;
    order.why = session.statusReason?.message ?? '';
    order.destinationHas = await stage.balance(order.destination, order);
    order.refundHas = await stage.balance(order.refund, order);
    order.tx = session.destination.delivery?.txHash;
    order.came = order.destinationHas === order.got.destination && order.refundHas === order.got.refund;
    order.done = order.status === order.status0 && order.came;
}

function rowOf(order) {
    const units = (amount) => viem.formatUnits(amount, order.token === NATIVE ? 18 : 6);
    return {
        key: order.key, name: order.name, paid: order.paid, status: order.status ?? 'opened', done: order.done,
        delivered: units(order.destinationHas ?? 0n), returned: units(order.refundHas ?? 0n), why: order.why,
    };
}

const COLUMNS = [
    { key: 'name', title: 'payment', width: 20 },
    { key: 'paid', title: 'paid', width: 13 },
    {
        key: 'status', title: 'session', width: 15,
        style: ({ done, status }) => (done ? 'green' : status === 'processing' ? 'yellow' : 'cyan'),
    },
    { key: 'delivered', title: 'delivered', width: 9 },
    { key: 'returned', title: 'returned', width: 8 },
    { key: 'why', title: 'why', width: 40 },
];

async function play(stage) {
    stage.orders = [];
    for (const [index, scene] of SCENES.entries()) {
        stage.orders.push({ ...(await stage.order(index, scene)), status0: scene.status, status: undefined });
    }
    const expiresAt = Math.max(...stage.orders.map(({ session }) => session.expiresAt));
    const failures = [];
    for (const order of stage.orders) {
        Promise.resolve(order.play(stage, order)).catch((error) => failures.push(`${order.name}: ${error.message}`));
    }
    const table = new LiveTable(COLUMNS);
    const giveUp = Date.now() + END_TIMEOUT_MS;
    while (stage.orders.some(({ done }) => !done)) {
        if (failures.length > 0) throw new Error(failures.join('\n'));
        try {
            for (const order of stage.orders) if (!order.done) await look(stage, order);
        } catch (error) {
            if (!stage.down) throw error;
        }
        const left = expiresAt - Math.floor(Date.now() / 1000);
        const footer = stage.down ? 'the daemon was killed with SIGKILL and starts again'
            : left > 0 ? `the deadline of those who wait is in ${left} s` : 'the deadline has passed';
        table.show(stage.orders.map(rowOf), footer);
        if (Date.now() > giveUp) throw new Error('not everything ended as it should, see the table');
        await sleep(200);
    }
    table.show(stage.orders.map(rowOf), 'everything has come to rest');
}

/** The books against the chain by the daemon itself, then the recipients against the chain by us. */
async function audit(stage) {
    heading('Audit: what the books say against what the chain says, at one final block');
    // The last payout is seen before it is final; the books follow what is final.
    const settled = async () => JSON.parse(await stage.daemon.cli(['reconcile', '--all', '--json']))
        .every(({ lines }) => lines.every(({ booked, onChain }) => booked === onChain));
    await until(settled, { timeoutMs: 30_000, everyMs: 500, what: 'the books to close' });
    const report = await stage.daemon.cli(['reconcile', '--all']);
    say(report.trimEnd());
    heading('The same from outside: what everybody must have got, asked from the node');
    let wrong = 0;
    for (const order of stage.orders) {
        await look(stage, order);
        const transfers = order.token === NATIVE ? '' : `${await transfersTo(stage, order)} transfer(s)`;
        const once = order.token === NATIVE || transfers.startsWith(`${expectedTransfers(order)} `);
        const good = order.done && once;
        if (!good) wrong += 1;
        const mark = good ? paint('green', 'ok   ') : paint('red', 'WRONG');
        const { delivered, returned } = rowOf(order);
        const got = `delivered ${delivered.padEnd(5)} returned ${returned.padEnd(5)} ${transfers}`;
        say(`  ${mark} ${order.name.padEnd(20)} ${got}`);
    }
    if (wrong > 0) throw new Error(`${wrong} payment(s) did not end as they should`);
}

const expectedTransfers = ({ got }) => Number(got.destination > 0n) + Number(got.refund > 0n);

async function transfersTo(stage, order) {
    const logs = await stage.node.rpc('eth_getLogs', [{
        fromBlock: '0x0', toBlock: 'latest', address: stage.usdc.address,
        topics: [viem.toEventSelector('Transfer(address,address,uint256)'), null,
            [order.destination, order.refund].map((address) => viem.pad(address).toLowerCase())],
    }]);
    return logs.length;
}

function whatNext(stage, keep) {
    const { daemon, orders } = stage;
    const late = orders.find(({ key }) => key === 'late');
    const program = `${daemon.binary} --config ${daemon.configFile}`;
    const create = JSON.stringify({
        destination: {
            type: 'evm', address: orders[0].destination, chainId: 31337, tokenAddress: stage.usdc.address,
            amountUnits: '5',
        },
        display: { title: 'Order 1', verb: 'Pay' }, refundAddress: orders[0].refund,
    });
    heading(keep ? 'Everything keeps running. Try:' : 'With --keep everything stays up, and you can try:');
    say(`  curl ${stage.api.url}/v1/sessions/${late.session.sessionId} -H 'Authorization: Bearer ${stage.api.apiKey}'`);
    say(`  curl ${stage.api.url}/v1/sessions -H 'Authorization: Bearer ${stage.api.apiKey}' \\`);
    say(`       -H 'Content-Type: application/json' -d '${create}'`);
    say(`  curl ${daemon.operatorUrl}/readyz; curl ${daemon.operatorUrl}/metrics`);
    for (const words of nextCommands(late, stage.firstHeight)) say(`  ${program.replace(daemon.binary, `${daemon.binary} ${words}`)}`);
    say(`  log: ${daemon.logFile}   node: ${stage.node.url}`);
}

const nextCommands = ({ session }, from) => [
    `session explain ${session.sessionId}`,
    `coverage --chain eip155:31337 --from ${from} --to ${from + 50}`,
    `replay --chain eip155:31337 --from ${from} --to ${from + 50}`,
    'reconcile --all',
    'doctor',
];

async function main() {
    const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
    say(`depositd: ${depositdBinary()}`);
    const stage = new Stage();
    let failed;
    try {
        await stage.open();
        say(`chain ${stage.node.url}, API ${stage.api.url}, operator ${stage.daemon.operatorUrl}, files ${dir}`);
        heading(`${SCENES.length} payments; sessions live for ${SESSION_TTL_S} s here`);
        await play(stage);
        await audit(stage);
        whatNext(stage, values.keep);
    } catch (error) {
        failed = error;
        say(paint('red', `\nThe demo did not go as it should: ${error.message}`));
        stage.daemon?.showLog(30);
    }
    if (values.keep && !failed) {
        say(`\nStop it with Ctrl-C, or from elsewhere with: kill ${process.pid}`);
        await new Promise((resolve) => { for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve); });
    }
    await stage.close().catch((error) => { failed ??= error; });
    say(failed ? '' : paint('green', '\nThe demo went as it should.'));
    process.exit(failed ? 1 : 0);
}

await main();
