#pragma once

#include "chains/ports/reader.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "db/database.hpp"
#include "watchers/watch_set.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace watchers {

//! Blocks read whole, linked to each other, that one unit of work will commit.
struct Batch {
    std::vector<chains::BlockScan> scans;  //!< ascending, never empty
    //! Of the watch set when reading began: every receiver up to it was looked for.
    core::ReceiverId revision;
    //! Every block was at or below the node's finalized block when it was read.
    bool below_final = false;
    bool range = false;

    const core::BlockRef& first() const { return scans.front().block; }
    const core::BlockRef& last() const { return scans.back().block; }
};

//! Heights up to this can be read in ranges: the finalized block; without the tag, far below the
//! head.
std::uint64_t settled_height(const chains::ChainInfo& info, const chains::Heads& heads);

//! Reads what comes next: one block near the head, a batch of them below finality.
class Scanner {
  public:
    Scanner(chains::ChainReader& reader, WatchSet& watch, db::Database& db, unsigned range_batch);

    //! The blocks from `from` on; brings the watch set up to date first.
    core::Task<core::Expected<Batch>> fetch(std::uint64_t from, chains::Heads heads);
    //! The same heights once more, for receivers that were issued meanwhile; fewer when one of them tells a
    //! transaction that another one told before it.
    core::Task<core::Expected<Batch>> again(std::uint64_t from, std::uint64_t to, bool range,
                                            bool below_final);

  private:
    chains::ChainReader& reader_;
    WatchSet& watch_;
    db::Database& db_;
    std::uint64_t range_batch_;
};

//! Heights from…to without a hole and each block's parent the one before; kMalformed otherwise.
core::Expected<core::Done> check_linked(const std::vector<chains::BlockScan>& scans,
                                        std::uint64_t from, std::uint64_t to);

}  // namespace watchers
