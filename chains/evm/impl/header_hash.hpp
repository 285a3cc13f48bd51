#pragma once

#include "chains/evm/impl/bloom.hpp"
#include "chains/evm/word.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace chains::evm::impl {

//! An Ethereum block header up to Prague. Yellow paper, 4.3; EIPs 1559, 4895, 4844, 4788, 7685.
struct HeaderFields {
    Bytes32 parent;
    Bytes32 uncles;
    core::Address miner;
    Bytes32 state_root;
    Bytes32 transactions_root;
    Bytes32 receipts_root;
    Bloom bloom;
    core::Units difficulty;
    std::uint64_t height = 0;
    std::uint64_t gas_limit = 0;
    std::uint64_t gas_used = 0;
    std::uint64_t timestamp = 0;
    core::Bytes extra;
    Bytes32 mix;
    std::array<std::uint8_t, 8> nonce{};
    std::optional<core::Units> base_fee;
    std::optional<Bytes32> withdrawals_root;
    std::optional<std::uint64_t> blob_gas_used;
    std::optional<std::uint64_t> excess_blob_gas;
    std::optional<Bytes32> beacon_root;
    std::optional<Bytes32> requests_hash;
};

core::BlockHash header_hash(const HeaderFields& header);

}  // namespace chains::evm::impl
