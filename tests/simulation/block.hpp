#pragma once

#include "chains/evm/word.hpp"
#include "core/chain_types.hpp"
#include "tests/simulation/execution.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace simulation {

using BlockId = std::uint32_t;  //!< every block ever mined, also those that were dropped
using TxIndex = std::uint32_t;

inline constexpr BlockId kNoBlock = 0xFFFF'FFFF;

struct Tx {
    core::TxId id;
    core::Address from;
    core::Address to;  //!< empty: creates a contract
    U256 value;
    core::Bytes data;
    std::uint64_t nonce = 0;
    std::uint64_t gas_limit = 0;
    std::uint64_t fee_max = 0;  //!< wei per gas
    std::uint64_t tip_max = 0;
    std::uint64_t type = 2;
    //! Made up by the simulation: no signature, its nonce is whatever its sender's is when it is
    //! mined.
    bool synthetic = false;
    bool pays_fee = true;
    bool dead = false;  //!< never to be mined again
    bool was_in_vain = false;  //!< moved nothing in a block of some branch
    struct Place {
        BlockId block;
        std::uint32_t index;
    };
    std::vector<Place> places;  //!< on all branches
};

//! A transaction as it stands in a block.
struct Included {
    TxIndex tx = 0;
    bool success = false;
    std::uint64_t nonce = 0;
    std::uint64_t gas_used = 0;
    std::uint64_t gas_cumulative = 0;
    std::uint64_t gas_price = 0;
    std::uint32_t first_log = 0;  //!< number in the block of its first log
    std::vector<LogRecord> logs;
};

//! Where a Moved is neither a log nor a transaction's value: coin or tokens that appear.
inline constexpr std::uint32_t kGrantPosition = 0xFFFF'FFFE;

//! Money that moved, or (`success` false) that a transaction tried to move in vain. The truth.
struct Moved {
    core::TxId tx;  //!< empty for a grant
    //! As chains::TransferSeen::position: which log of its transaction, chains::kNativePosition for
    //! its value, or kGrantPosition.
    std::uint32_t position = 0;
    Asset asset = kNative;
    core::Address from;
    core::Address to;
    core::Units units;
    std::uint64_t height = 0;
    core::BlockHash block;
    bool success = false;
};

using Bloom = std::array<std::uint8_t, 256>;

//! What only blocks have in which something happened.
struct BlockBody {
    Bloom bloom{};
    std::vector<Included> txs;
    std::vector<Move> grants;
    std::vector<StateChange> changes;
    std::vector<Moved> moves;
};

struct Block {
    core::BlockHash hash;
    core::BlockHash parent;
    chains::evm::Bytes32 receipts_root;
    std::uint64_t height = 0;
    std::uint64_t timestamp = 0;
    std::uint64_t base_fee = 0;
    std::uint64_t base_fee_next = 0;
    std::uint64_t gas_used = 0;
    std::uint32_t branch = 0;  //!< makes the same block on another branch another one
    BlockId parent_id = kNoBlock;
    std::shared_ptr<const BlockBody> body;  //!< null: an empty block

    core::BlockRef ref() const {
        return {height, hash, parent,
                core::Instant::from_unix_seconds(static_cast<std::int64_t>(timestamp))};
    }
    const std::vector<Included>& txs() const;
};

//! The header's hash, worked out here once more and not by the code under test.
core::BlockHash hash_of(const Block& block, std::uint64_t gas_limit);
void add_to_bloom(Bloom& bloom, const LogRecord& log);
Bloom bloom_of(const std::vector<LogRecord>& logs);
chains::evm::Bytes32 receipts_root_of(const std::vector<Included>& txs,
                                      const std::vector<std::uint64_t>& types);

//! Constant parts of every header, as hex digits.
inline constexpr std::string_view kUnclesHex =
    "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";
inline constexpr std::string_view kEmptyRootHex =
    "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
inline constexpr std::string_view kRequestsHex =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace simulation
