// A local EVM node: starts the anvil binary of the npm package and speaks to it.
import { accessSync, closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PAYER_PATH, TEST_MNEMONIC } from './keys.mjs';
import { freePort, spawnTied, stopChild, until } from './process.mjs';
import { rpcBatch, rpcCall } from './rpc.mjs';

const binary = fileURLToPath(new URL('../node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil', import.meta.url));

export const toHex = (number) => `0x${BigInt(number).toString(16)}`;

// States of old blocks that a node keeps on disk, beside the 500 in its memory.
const OLD_STATES_MAX = 500;

// A node writes a file of the whole state for each old block, and leaves them behind when it is killed.
const stateFolders = new Set();
const removeStates = (folder) => {
    rmSync(folder, { recursive: true, force: true });
    stateFolders.delete(folder);
};
process.on('exit', () => stateFolders.forEach(removeStates));

function anvilArguments({ port, chainId, mine, blockTime, slotsInAnEpoch, gasLimit, statePath, stateFolder }) {
    const args = [
        '--host', '127.0.0.1', '--port', String(port), '--chain-id', String(chainId),
        '--mnemonic', TEST_MNEMONIC, '--derivation-path', PAYER_PATH,
        '--gas-limit', String(gasLimit),
        '--slots-in-an-epoch', String(slotsInAnEpoch),
        '--preserve-historical-states', '--no-request-size-limit',
        '--cache-path', stateFolder, '--max-persisted-states', String(OLD_STATES_MAX),
    ];
    if (mine === 'manual') args.push('--no-mining');
    if (mine === 'interval') args.push('--block-time', String(blockTime));
    if (statePath) args.push('--state', statePath);
    return args;
}

/**
 * Starts a node on 127.0.0.1 and waits until it answers.
 *
 * - port: 0 picks a free one.
 * - mine: 'auto' (a block for each transaction), 'manual' (only mine()) or 'interval' (every blockTime seconds,
 *   fractions allowed). The default is 'interval' when a blockTime is given, else 'auto'.
 * - slotsInAnEpoch: the tags safe and finalized are one and two epochs behind the head.
 * - statePath: file to load the chain from and to save it to on stop().
 * - log: file that gets what the node prints.
 */
export async function startAnvil({
    port = 0, chainId = 31337, blockTime, mine = blockTime ? 'interval' : 'auto', slotsInAnEpoch = 1,
    gasLimit = 60_000_000, statePath, log,
} = {}) {
    try {
        accessSync(binary, constants.X_OK);
    } catch {
        throw new Error('anvil is not installed: run "npm ci" in devnet/');
    }
    if (mine === 'interval' && !blockTime) throw new Error("mine: 'interval' needs a blockTime");

    const chosenPort = port || (await freePort());
    const url = `http://127.0.0.1:${chosenPort}`;
    const output = log ? openSync(log, 'a') : 'ignore';
    const stateFolder = mkdtempSync(join(tmpdir(), 'depositd-anvil-'));
    stateFolders.add(stateFolder);
    const args = anvilArguments({
        port: chosenPort, chainId, mine, blockTime, slotsInAnEpoch, gasLimit, statePath, stateFolder,
    });
    const child = spawnTied(binary, log ? args : [...args, '--quiet'], { stdio: ['ignore', output, output] });
    if (log) closeSync(output);

    let gone;
    child.exited.then((how) => {
        gone = how;
        removeStates(stateFolder);
    });
    await until(() => {
        if (gone) {
            const reason = gone.error?.message ?? `exit code ${gone.code}, signal ${gone.signal}`;
            throw Object.assign(new Error(`anvil did not start: ${reason}`), { final: true });
        }
        return rpcCall(url, 'eth_chainId');
    }, { what: `anvil on ${url}`, everyMs: 10 });
    return new Anvil({ url, chainId, mining: mine, child });
}

/** A running node. Methods that take block numbers or counts take plain numbers. */
class Anvil {
    #child;

    constructor({ url, chainId, mining, child }) {
        this.url = url;
        this.chainId = chainId;
        this.mining = mining;
        this.pid = child.pid;
        this.#child = child;
    }

    rpc(method, params = []) {
        return rpcCall(this.url, method, params);
    }

    /** `calls` is a list of [method, params]. */
    batch(calls) {
        return rpcBatch(this.url, calls);
    }

    async blockNumber() {
        return Number(await this.rpc('eth_blockNumber'));
    }

    /** Header with transaction hashes, or null. `block` is a number, a tag or a block hash. */
    block(block = 'latest') {
        if (typeof block === 'string' && block.length === 66) return this.rpc('eth_getBlockByHash', [block, false]);
        return this.rpc('eth_getBlockByNumber', [typeof block === 'number' ? toHex(block) : block, false]);
    }

    /** Mines `count` blocks; the first takes the waiting transactions. Returns the new height. */
    async mine(count = 1) {
        // anvil_mine with a count gives all blocks at once, and the pool goes into the first.
        await this.rpc('anvil_mine', [toHex(count)]);
        return this.blockNumber();
    }

    /**
     * Replaces the last `depth` blocks by as many others; the height stays. The transactions of the old blocks are
     * gone, except those given in `transactions`: a list of [signed bytes or request, index of the new block].
     */
    reorg(depth, transactions = []) {
        return this.rpc('anvil_reorg', [depth, transactions]);
    }

    /** Cuts the last `depth` blocks off; the chain is shorter afterwards. */
    rollback(depth = 1) {
        return this.rpc('anvil_rollback', [depth]);
    }

    snapshot() {
        return this.rpc('evm_snapshot');
    }

    /** Goes back to a snapshot, which can be used once. */
    revert(snapshotId) {
        return this.rpc('evm_revert', [snapshotId]);
    }

    /** Turns mining for each transaction on or off while the node runs. */
    async setAutomine(on) {
        await this.rpc('evm_setAutomine', [on]);
        this.mining = on ? 'auto' : 'manual';
    }

    /** Stops answering without stopping: requests hang until resume(). */
    pause() {
        this.#child.kill('SIGSTOP');
    }

    resume() {
        this.#child.kill('SIGCONT');
    }

    /** Ends the node; it saves its state first when it was started with a statePath. */
    async stop() {
        this.resume();
        await stopChild(this.#child, { signal: 'SIGINT', graceMs: 10_000 });
    }
}
