import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startAnvil } from '../lib/anvil.mjs';
import { openChain, parseEther, viem, viemAccounts } from '../lib/chain.mjs';
import { evmAccountXpub, gasStation, receiver } from '../lib/keys.mjs';

let node;
let chain;
let snapshot;
const stranger = '0x00000000000000000000000000000000000a11ce';
const other = '0x0000000000000000000000000000000000000b0b';

before(async () => {
    node = await startAnvil();
    chain = await openChain(node);
    await chain.deployAll();
    snapshot = await node.snapshot();
});
beforeEach(async () => {
    await node.revert(snapshot);
    snapshot = await node.snapshot();
});
after(() => node?.stop());

const payerAddress = () => chain.accounts[1].address;

async function approve(token, spender, amount) {
    await chain.mint(token, payerAddress(), amount);
    await chain.write(token, 'approve', [spender, amount]);
}

test('keys: the well-known mnemonic -> the published account key and addresses', () => {
    assert.equal(receiver(0).address, '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266');
    const account = viemAccounts.HDKey.fromExtendedKey(evmAccountXpub());
    assert.equal(account.privateKey, null);
    assert.deepEqual(account.derive('m/0/7').publicKey, receiver(7).getHdKey().publicKey);
    assert.notEqual(gasStation().address, receiver(0).address);
});

test('chain: receivers start empty, payers rich', async () => {
    assert.equal(await chain.balance(receiver(0).address), 0n);
    assert.ok((await chain.balance(payerAddress())) > parseEther('9999'));
});

test('chain: a fresh chain -> contracts at the same addresses each time', () => {
    assert.equal(chain.deployed.usdc.address, viem.getContractAddress({ from: chain.accounts[0].address, nonce: 0n }));
    assert.equal(Object.keys(chain.deployed).length, 9);
});

test('balance: asked at a block hash -> the balance of that block', async () => {
    const { receipt } = await chain.transferNative(stranger, 5n);
    await chain.transferNative(stranger, 7n);
    await chain.mint(chain.deployed.usdc, stranger, 9n);
    assert.equal(await chain.balance(stranger, undefined, { block: receipt.blockHash }), 5n);
    assert.equal(await chain.balance(stranger, chain.deployed.usdc, { block: receipt.blockHash }), 0n);
    assert.equal(await chain.balance(stranger), 12n);
    assert.equal(await chain.balance(stranger, chain.deployed.usdc), 9n);
});

test('reorg: of a block with a payment -> same height, other hash, payment gone or moved', async () => {
    await node.mine(2);
    const { hash, receipt } = await chain.transferNative(stranger, 5n);
    const height = await node.blockNumber();
    await node.mine(1);
    await node.reorg(2);
    assert.equal(await node.blockNumber(), height + 1);
    assert.notEqual((await node.block(height)).hash, receipt.blockHash);
    assert.equal(await node.rpc('eth_getTransactionReceipt', [hash]), null);
    assert.equal(await chain.balance(stranger), 0n);

    const replacement = { from: payerAddress(), to: stranger, value: '0x6', gas: '0x5208' };
    await node.reorg(1, [[replacement, 0]]);
    assert.equal(await chain.balance(stranger), 6n);
});

test('UsdLike: a signed authorization -> paid once, without gas of the owner', async () => {
    const { usdc } = chain.deployed;
    const owner = receiver(3);
    await chain.mint(usdc, owner.address, 100n);
    const message = {
        from: owner.address, to: stranger, value: 60n, validAfter: 0n, validBefore: 2n ** 40n,
        nonce: viem.keccak256('0x01'),
    };
    const signature = viem.parseSignature(await owner.signTypedData({
        domain: { name: 'USD Coin', version: '2', chainId: node.chainId, verifyingContract: usdc.address },
        primaryType: 'TransferWithAuthorization',
        types: {
            TransferWithAuthorization: [
                { name: 'from', type: 'address' }, { name: 'to', type: 'address' },
                { name: 'value', type: 'uint256' }, { name: 'validAfter', type: 'uint256' },
                { name: 'validBefore', type: 'uint256' }, { name: 'nonce', type: 'bytes32' },
            ],
        },
        message,
    }));
    const args = [...Object.values(message), Number(signature.v), signature.r, signature.s];
    await chain.write(usdc, 'transferWithAuthorization', args);
    assert.equal(await chain.balance(stranger, usdc), 60n);
    assert.equal(await chain.read(usdc, 'authorizationState', [owner.address, message.nonce]), true);
    await assert.rejects(chain.write(usdc, 'transferWithAuthorization', args), /failed/);
});

test('UsdLike: a permit -> allowance; the same permit again -> refused', async () => {
    const { usdc } = chain.deployed;
    const owner = receiver(4);
    const message = { owner: owner.address, spender: stranger, value: 8n, nonce: 0n, deadline: 2n ** 40n };
    const signature = viem.parseSignature(await owner.signTypedData({
        domain: { name: 'USD Coin', version: '2', chainId: node.chainId, verifyingContract: usdc.address },
        primaryType: 'Permit',
        types: {
            Permit: [
                { name: 'owner', type: 'address' }, { name: 'spender', type: 'address' },
                { name: 'value', type: 'uint256' }, { name: 'nonce', type: 'uint256' },
                { name: 'deadline', type: 'uint256' },
            ],
        },
        message,
    }));
    const args = [owner.address, stranger, 8n, message.deadline, Number(signature.v), signature.r, signature.s];
    await chain.write(usdc, 'permit', args);
    assert.equal(await chain.read(usdc, 'allowance', [owner.address, stranger]), 8n);
    await assert.rejects(chain.write(usdc, 'permit', args), /failed/);
});

test('UsdLike and TetherLike: a blocked account -> cannot pay', async () => {
    for (const token of [chain.deployed.usdc, chain.deployed.usdt]) {
        await chain.mint(token, payerAddress(), 10n);
        await chain.setBlacklisted(token, payerAddress());
        await assert.rejects(chain.transferToken(token, stranger, 1n), /failed/);
        await chain.setBlacklisted(token, payerAddress(), false);
        await chain.transferToken(token, stranger, 1n);
    }
});

test('TetherLike: returns nothing, and an allowance must go through zero', async () => {
    const { usdt } = chain.deployed;
    await approve(usdt, stranger, 5n);
    await assert.rejects(chain.write(usdt, 'approve', [stranger, 6n]), /failed/);
    await chain.write(usdt, 'approve', [stranger, 0n]);
    await chain.write(usdt, 'approve', [stranger, 6n]);
    const data = viem.encodeFunctionData({ abi: usdt.abi, functionName: 'transfer', args: [stranger, 1n] });
    assert.equal(await node.rpc('eth_call', [{ from: payerAddress(), to: usdt.address, data }, 'latest']), '0x');
});

test('FeeToken and FalseToken: less arrives, or nothing without a revert', async () => {
    const { fee, lying } = chain.deployed;
    await chain.mint(fee, payerAddress(), 100n);
    await chain.transferToken(fee, stranger, 100n);
    assert.equal(await chain.balance(stranger, fee), 97n);
    const { receipt } = await chain.transferToken(lying, stranger, 100n);
    assert.equal(receipt.logs.length, 0);
    assert.equal(await chain.balance(stranger, lying), 0n);
});

test('Payer: batches -> every recipient paid; undone payments -> nobody paid, transaction ok', async () => {
    const { payer, usdc, usdt } = chain.deployed;
    await chain.write(payer, 'payNative', [[stranger, other], [3n, 4n]], { value: 10n });
    assert.deepEqual([await chain.balance(stranger), await chain.balance(other)], [3n, 4n]);
    await chain.write(payer, 'payNativeBySelfDestruct', [stranger], { value: 5n });
    assert.equal(await chain.balance(stranger), 8n);
    await chain.write(payer, 'payNativeAndUndo', [stranger], { value: 5n });
    assert.equal(await chain.balance(stranger), 8n);

    for (const token of [usdc, usdt]) {
        await approve(token, payer.address, 100n);
        const { receipt } = await chain.write(payer, 'payToken', [token.address, [stranger, stranger], [3n, 4n]]);
        assert.equal(receipt.logs.length, 2);
        assert.equal(await chain.balance(stranger, token), 7n);
        const undone = await chain.write(payer, 'payTokenAndUndo', [token.address, stranger, 5n]);
        assert.equal(undone.receipt.logs.length, 0);
        assert.equal(await chain.balance(stranger, token), 7n);
    }
});

test('Merchant: pay -> takes the allowance; told to revert -> takes nothing', async () => {
    const { merchant, usdc } = chain.deployed;
    const order = viem.keccak256('0x02');
    await approve(usdc, merchant.address, 50n);
    await chain.write(merchant, 'setMode', [1]);
    await assert.rejects(chain.write(merchant, 'pay', [order]), /failed/);
    await chain.write(merchant, 'setMode', [0]);
    await chain.write(merchant, 'pay', [order]);
    assert.equal(await chain.balance(merchant.address, usdc), 50n);
    assert.equal(await chain.read(merchant, 'paid', [order]), 50n);
});

test('Merchant: told to give half back -> keeps half; grab -> takes what was approved, uncalled', async () => {
    const { usdtMerchant, usdt } = chain.deployed;
    const order = viem.keccak256('0x03');
    await chain.mint(usdt, payerAddress(), 100n);
    await chain.write(usdt, 'approve', [usdtMerchant.address, 50n]);
    await chain.write(usdtMerchant, 'setMode', [6]);
    await chain.write(usdtMerchant, 'pay', [order]);
    assert.equal(await chain.balance(usdtMerchant.address, usdt), 25n);
    await chain.write(usdtMerchant, 'payNative', [order], { value: 8n });
    assert.equal(await chain.balance(usdtMerchant.address), 4n);
    await chain.write(usdt, 'approve', [usdtMerchant.address, 7n]);
    await chain.write(usdtMerchant, 'grab', [payerAddress()], { from: chain.accounts[2].address });
    assert.equal(await chain.balance(usdtMerchant.address, usdt), 32n);
});

test('Blaster: blast -> as many logs as asked, every third to a watched address', async () => {
    const { blaster } = chain.deployed;
    await chain.write(blaster, 'watch', [[stranger, other]]);
    const { receipt } = await chain.write(blaster, 'blast', [30n, 1n, 3n]);
    assert.equal(receipt.logs.length, 30);
    const watched = receipt.logs.filter((log) => [stranger, other].includes(`0x${log.topics[2].slice(26)}`));
    assert.equal(watched.length, 10);
});
