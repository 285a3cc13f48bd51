#pragma once

#include "chains/evm/word.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace chains::evm {

// How a block's header commits to its receipts: a Merkle-Patricia trie of their encodings, keyed by
// their index. Yellow paper, 4.3.2 and appendix D; https://eips.ethereum.org/EIPS/eip-2718.

//! One log as it stands in its receipt's encoding.
core::Bytes encode_log(const core::Address& contract, std::span<const Bytes32> topics,
                       core::ByteView data);

//! What of a receipt goes into the trie. Not among it: the transaction's hash, what this one
//! transaction used, its price, the logs' numbers.
struct ReceiptParts {
    std::uint64_t type = 0;
    bool success = false;
    std::uint64_t cumulative_gas = 0;
    core::ByteView bloom;                          //!< 256 bytes
    std::span<const core::Bytes> logs;             //!< of encode_log
    std::optional<std::uint64_t> deposit_nonce;    //!< OP stack, type 0x7e only
    std::optional<std::uint64_t> deposit_version;  //!< the same, from Canyon on
};

//! Types 0 to 4, which encode alike on every chain, and the OP stack's deposits:
//! https://specs.optimism.io/protocol/deposits.html. kUnsupported for others.
core::Expected<core::Bytes> encode_receipt(const ReceiptParts& parts);

//! Is this a type of Ethereum itself?
inline bool is_ethereum_type(std::uint64_t type) { return type <= 4; }

//! The root of the trie whose keys are the values' indices, as of receipts and transactions. No
//! value may be empty (CHECKed).
Bytes32 ordered_trie_root(std::span<const core::Bytes> values);

}  // namespace chains::evm
