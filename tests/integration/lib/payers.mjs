// Payers that sign for themselves: what they sent can be mined again elsewhere, or be replaced.
import { viem } from '../../../devnet/lib/chain.mjs';

/**
 * A signed transfer that is not sent yet, from an account of its own. `nonce` repeats one that was used: of two
 * such transfers only one can ever be mined, and the money of the other is there for it.
 */
export async function signedTransfer(
    scene, to, amount = '10', { account = scene.chain.accounts[2], nonce, gwei = 1n } = {},
) {
    const { usdc } = scene.contracts;
    if (nonce === undefined) await scene.chain.mint(usdc, account.address, scene.units(amount));
    return account.signTransaction({
        chainId: scene.node.chainId, nonce: nonce ?? await scene.chain.nonce(account.address), to: usdc.address,
        gas: 200_000n, maxFeePerGas: 200n * 10n ** 9n, maxPriorityFeePerGas: gwei * 10n ** 9n,
        data: viem.encodeFunctionData({ abi: usdc.abi, functionName: 'transfer', args: [to, scene.units(amount)] }),
    });
}

/** A request that fills a block with logs of others, so that later ones in the block get other places. */
export function noise(scene, logs = 5n) {
    const { address: to, abi } = scene.contracts.blaster;
    const data = viem.encodeFunctionData({ abi, functionName: 'blast', args: [logs, 1n, 0n] });
    return { from: scene.payer, to, gas: '0x4c4b40', data };
}
