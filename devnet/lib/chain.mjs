// What tests and demos do on a local chain: deploy, pay, block, look at balances. Everything is sent from
// accounts that the node holds the keys of, with a fixed gas limit, so that a step costs one or two requests.
import {
    createPublicClient, createWalletClient, decodeFunctionResult, defineChain, encodeDeployData, encodeFunctionData,
    getAddress, getContractAddress, http, parseEther,
} from 'viem';
import { loadContracts } from '../compile.mjs';
import { toHex } from './anvil.mjs';
import { payer } from './keys.mjs';
import { until } from './process.mjs';

export * as viem from 'viem';
export * as viemAccounts from 'viem/accounts';
export { parseEther };

export const NATIVE = '0x0000000000000000000000000000000000000000';

/**
 * The tokens and helpers of the devnet in the order of their deployment. They come from account 0 with the nonces
 * 0, 1, 2, …, so their addresses are the same on every fresh chain.
 */
const DEPLOYMENTS = [
    ['usdc', 'UsdLike', () => ['USD Coin', 'USDC', 6]],
    ['usdt', 'TetherLike', () => ['Tether USD', 'USDT', 6]],
    ['fee', 'FeeToken', () => ['Fee Token', 'FEE', 6]],
    ['lying', 'FalseToken', () => ['Lying Token', 'LIE', 6]],
    ['payer', 'Payer', () => []],
    ['merchant', 'Merchant', (deployed) => [deployed.usdc.address]],
    ['blaster', 'Blaster', () => []],
    ['usdce', 'UsdLike', () => ['Bridged USDC', 'USDC.e', 6]],
    ['usdtMerchant', 'Merchant', (deployed) => [deployed.usdt.address]],
];

/** Wraps a node from startAnvil. */
export async function openChain(node) {
    return new Chain(node, loadContracts());
}

class Chain {
    constructor(node, contracts) {
        this.node = node;
        this.contracts = contracts;
        /** Ten funded accounts (viem accounts, so they can sign too); 0 deploys, tests pay from the others. */
        this.accounts = Array.from({ length: 10 }, (_, index) => payer(index));
        /** What deployAll() deployed: { usdc: { address, abi }, … }. */
        this.deployed = {};
        this.viemChain = defineChain({
            id: node.chainId,
            name: `devnet ${node.chainId}`,
            nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
            rpcUrls: { default: { http: [node.url] } },
        });
        /** viem's client for everything that is not below. */
        this.client = createPublicClient({ chain: this.viemChain, transport: http(node.url), pollingInterval: 20 });
    }

    /** viem's wallet client for an account that signs here instead of in the node. */
    wallet(account) {
        return createWalletClient({ account, chain: this.viemChain, transport: http(this.node.url) });
    }

    // ---- sending

    /**
     * Sends a transaction from an account of the node and returns { hash, receipt }. With `wait: false` it is only
     * handed to the node and there is no receipt. A chain that mines on demand mines one block first. A failed
     * transaction throws unless `allowFailure` is set.
     */
    async send({ from = this.accounts[1].address, to, data, value = 0n, gas = 10_000_000, nonce },
               { wait = true, allowFailure = false } = {}) {
        const request = { from, to, data, value: toHex(value), gas: toHex(gas) };
        if (nonce !== undefined) request.nonce = toHex(nonce);
        const hash = await this.node.rpc('eth_sendTransaction', [request]);
        if (!wait) return { hash };
        if (this.node.mining === 'manual') await this.node.mine();
        const receipt = await this.receipt(hash);
        if (receipt.status !== '0x1' && !allowFailure) throw new Error(`transaction ${hash} failed`);
        return { hash, receipt };
    }

    /** Waits for the receipt of a transaction. */
    receipt(hash, { timeoutMs = 10_000 } = {}) {
        return until(() => this.node.rpc('eth_getTransactionReceipt', [hash]),
            { timeoutMs, everyMs: 4, what: `the receipt of ${hash}` });
    }

    /** Calls a function of a contract in a transaction. `contract` is { address, abi }. */
    write(contract, functionName, args = [], { from, value, gas, ...options } = {}) {
        const data = encodeFunctionData({ abi: contract.abi, functionName, args });
        return this.send({ from, to: contract.address, data, value, gas }, options);
    }

    /** Reads from a contract, at the head or at `block` (a number, a tag or a block hash). */
    async read(contract, functionName, args = [], { block = 'latest' } = {}) {
        const data = encodeFunctionData({ abi: contract.abi, functionName, args });
        const answer = await this.node.rpc('eth_call', [{ to: contract.address, data }, blockParameter(block)]);
        return decodeFunctionResult({ abi: contract.abi, functionName, data: answer });
    }

    // ---- contracts

    /** Deploys a contract by its name in contracts/ and returns { address, abi, hash }. */
    async deploy(name, args = [], { from = this.accounts[0].address } = {}) {
        const { abi, bytecode } = this.contracts[name] ?? missing(name, this.contracts);
        const data = encodeDeployData({ abi, bytecode, args });
        const { hash, receipt } = await this.send({ from, data });
        return { address: getAddress(receipt.contractAddress), abi, hash };
    }

    /** Deploys all of DEPLOYMENTS on a fresh chain, or finds them on one where this was done before. */
    async deployAll() {
        const deployer = this.accounts[0].address;
        for (const [nonce, [key, name, args]] of DEPLOYMENTS.entries()) {
            const address = contractAddress(deployer, nonce);
            const { abi } = this.contracts[name];
            const code = await this.node.rpc('eth_getCode', [address, 'latest']);
            this.deployed[key] = code === '0x' ? await this.deploy(name, args(this.deployed)) : { address, abi };
            if (this.deployed[key].address !== address) {
                const where = this.deployed[key].address;
                throw new Error(`${key} is at ${where}, not ${address}: account 0 was used before`);
            }
        }
        return this.deployed;
    }

    // ---- money

    /** Creates `amount` of a test token out of nothing. */
    mint(token, to, amount, options) {
        return this.write(token, 'mint', [to, BigInt(amount)], options);
    }

    transferToken(token, to, amount, options) {
        return this.write(token, 'transfer', [to, BigInt(amount)], options);
    }

    transferNative(to, amount, { from, ...options } = {}) {
        return this.send({ from, to, value: BigInt(amount) }, options);
    }

    /** Sets the native balance of an address without any transaction. */
    setNativeBalance(address, amount) {
        return this.node.rpc('anvil_setBalance', [address, toHex(amount)]);
    }

    /** Native balance, or that of `token`, at the head or at `block`; a bigint. */
    async balance(address, token, { block = 'latest' } = {}) {
        if (token && token !== NATIVE) return this.read(token, 'balanceOf', [address], { block });
        return BigInt(await this.node.rpc('eth_getBalance', [address, blockParameter(block)]));
    }

    nonce(address, block = 'latest') {
        return this.node.rpc('eth_getTransactionCount', [address, blockParameter(block)]).then(Number);
    }

    /** Puts an address on the block list of a token, or takes it off. */
    setBlacklisted(token, address, on = true) {
        const names = token.abi.some((item) => item.name === 'addBlackList')
            ? ['addBlackList', 'removeBlackList']
            : ['blacklist', 'unBlacklist'];
        return this.write(token, names[on ? 0 : 1], [address]);
    }
}

/** The address of the contract that `deployer` creates with `nonce`. */
export function contractAddress(deployer, nonce) {
    return getContractAddress({ from: deployer, nonce: BigInt(nonce) });
}

function blockParameter(block) {
    if (typeof block === 'number' || typeof block === 'bigint') return toHex(block);
    return block.length === 66 ? { blockHash: block } : block;
}

function missing(name, contracts) {
    throw new Error(`no contract ${name}; there are ${Object.keys(contracts).join(', ')}`);
}
