// The keys of a development setup, all from one well-known mnemonic. Never use it for anything of value.
import { mnemonicToAccount } from 'viem/accounts';

export const TEST_MNEMONIC = 'test test test test test test test test test test test junk';

// depositd's receivers are m/44'/60'/0'/0/i, which is also where development nodes put their rich accounts. Ours
// live elsewhere, so that a receiver starts with nothing, as in real life.
export const PAYER_PATH = "m/44'/60'/9'/0/";

/** The account public key from which depositd derives its EVM receivers. */
export function evmAccountXpub(mnemonic = TEST_MNEMONIC) {
    return mnemonicToAccount(mnemonic, { path: "m/44'/60'/0'" }).getHdKey().publicExtendedKey;
}

/** Receiver number `index`, a viem account. */
export function receiver(index, mnemonic = TEST_MNEMONIC) {
    return mnemonicToAccount(mnemonic, { path: `m/44'/60'/0'/0/${index}` });
}

/** The treasury that pays on another chain than the deposit's, a viem account. */
export function treasury(mnemonic = TEST_MNEMONIC) {
    return mnemonicToAccount(mnemonic, { path: "m/44'/60'/1'/0/0" });
}

/** The gas station that gives receivers the native coin they need, a viem account. */
export function gasStation(mnemonic = TEST_MNEMONIC) {
    return mnemonicToAccount(mnemonic, { path: "m/44'/60'/2'/0/0" });
}

/** Funded account number `index` of a chain started by this devnet (0 to 9), a viem account. */
export function payer(index, mnemonic = TEST_MNEMONIC) {
    return mnemonicToAccount(mnemonic, { path: `${PAYER_PATH}${index}` });
}
