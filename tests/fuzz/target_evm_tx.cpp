// Signed transactions: what decode_raw accepts is what encode_raw writes, byte for byte.

#include "chains/evm/address.hpp"
#include "chains/evm/transaction.hpp"
#include "tests/fuzz/target.hpp"

FUZZ_TARGET(evm_tx) {
    using namespace chains::evm;
    const auto raw = core::bytes_of(input);
    const auto decoded = decode_raw(raw);
    if (!decoded) {
        MUST(decoded.error().code == core::Errc::kInvalid ||
             decoded.error().code == core::Errc::kUnsupported ||
             decoded.error().code == core::Errc::kOverflow);
        return;
    }
    const core::Bytes again = encode_raw(decoded->tx, decoded->signature);
    MUST(std::equal(again.begin(), again.end(), raw.begin(), raw.end()));
    MUST(decoded->id == tx_id_of(raw));
    const auto key =
        chains::crypto::Secp256k1::recover(signing_hash(decoded->tx), decoded->signature);
    MUST(key && address_of(*key) == decoded->sender);
    MUST(!decoded->sender.is_zero() && decoded->signature.y_parity <= 1);
}
