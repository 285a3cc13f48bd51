// Stands in for @solana/web3.js, which the SDK needs to sign for Solana only.
export class VersionedTransaction {
    static deserialize() {
        throw new Error('Solana is not part of the tests');
    }
}
