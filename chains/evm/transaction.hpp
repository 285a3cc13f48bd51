#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "chains/crypto/secp256k1.hpp"
#include "chains/evm/word.hpp"

namespace chains::evm {

//! With the replay protection of https://eips.ethereum.org/EIPS/eip-155.
struct LegacyTransaction {
    std::uint64_t chain_id = 0;
    std::uint64_t nonce = 0;
    core::Units gas_price;  //!< wei per gas
    std::uint64_t gas_limit = 0;
    std::optional<core::Address> to;  //!< none creates a contract
    core::Units value;                //!< wei
    core::Bytes data;

    friend bool operator==(const LegacyTransaction&, const LegacyTransaction&) = default;
};

struct AccessListEntry {
    core::Address address;
    std::vector<Bytes32> storage_keys;

    friend bool operator==(const AccessListEntry&, const AccessListEntry&) = default;
};

//! https://eips.ethereum.org/EIPS/eip-1559
struct DynamicFeeTransaction {
    std::uint64_t chain_id = 0;
    std::uint64_t nonce = 0;
    core::Units max_priority_fee_per_gas;  //!< wei
    core::Units max_fee_per_gas;           //!< wei
    std::uint64_t gas_limit = 0;
    std::optional<core::Address> to;  //!< none creates a contract
    core::Units value;                //!< wei
    core::Bytes data;
    std::vector<AccessListEntry> access_list;

    friend bool operator==(const DynamicFeeTransaction&, const DynamicFeeTransaction&) = default;
};

using Transaction = std::variant<LegacyTransaction, DynamicFeeTransaction>;

//! What is hashed for signing.
core::Bytes signing_payload(const Transaction& tx);
crypto::Digest signing_hash(const Transaction& tx);

//! The bytes for eth_sendRawTransaction.
core::Bytes encode_raw(const Transaction& tx, const crypto::RecoverableSignature& signature);

//! Of the raw bytes.
core::TxId tx_id_of(core::ByteView raw);

struct SignedTransaction {
    Transaction tx;
    crypto::RecoverableSignature signature;
    core::Address sender;  //!< recovered
    core::TxId id;
};

//! The inverse of encode_raw, and nothing else: kInvalid for any other encoding of the same fields,
//! a high s, a signature of nobody; kUnsupported for another type of transaction and for a legacy
//! one without chain id.
core::Expected<SignedTransaction> decode_raw(core::ByteView raw);

}  // namespace chains::evm
