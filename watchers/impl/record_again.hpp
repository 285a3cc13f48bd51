#pragma once

#include "chains/ports/reader.hpp"
#include "core/expected.hpp"
#include "db/database.hpp"
#include "watchers/impl/record.hpp"

#include <vector>

namespace watchers {

//! Heights of the scans that hold a deposit which is not among the rows.
core::Expected<std::vector<std::uint64_t>> heights_with_news(
    db::UnitOfWork& work, const std::vector<chains::BlockScan>& scans);

//! Blocks that were committed before and read once more: records what was missing. kReorged when one
//! of them is not ours. A payment in native coin that nobody had seen is left out where the balance
//! of its receiver was booked already: the coin may be in there.
core::Expected<Tally> record_again(db::UnitOfWork& work, const chains::ChainInfo& info,
                                   const std::vector<chains::BlockScan>& scans, core::Instant now);

}  // namespace watchers
