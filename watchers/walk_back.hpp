#pragma once

#include "chains/ports/reader.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "core/time.hpp"
#include "db/database.hpp"

#include <cstdint>
#include <string>

namespace watchers {

struct WalkedBack {
    core::BlockRef tip;       //!< the common ancestor, now our tip
    std::uint64_t depth = 0;  //!< blocks taken back; 0: the node agrees with our tip
    std::uint64_t deposits = 0;
    std::uint64_t own_txs = 0;
    //! What was final for us is not on the chain any more. Empty when all is well. The chain is
    //! halted with this reason, in the same unit of work.
    std::string violation;
};

//! Finds the highest block that we and the node (whose head is `head`) agree on, and takes our
//! chain back to it: blocks, deposits, own transactions and the facts about them in one unit of
//! work. About 2·log2(depth) headers are asked for. kHalted when none of the blocks kept agrees:
//! the chain is halted too, and the cursor stays.
core::Task<core::Expected<WalkedBack>> walk_back(chains::ChainReader& reader, db::Database& db,
                                                 core::BlockRef tip, core::BlockRef head,
                                                 core::Instant now);

}  // namespace watchers
