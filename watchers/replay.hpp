#pragma once

#include "chains/ports/reader.hpp"
#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/log.hpp"
#include "core/task.hpp"
#include "db/database.hpp"
#include "watchers/watch_set.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

namespace watchers {

//! Heights, both included; cut to what has been read.
struct ReplayRange {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};
//! A range; the block a transaction is in; or a session's addresses from its creation to the tip.
using ReplayRequest = std::variant<ReplayRange, core::TxId, core::SessionId>;

struct ReplayProgress {
    std::uint64_t done = 0;  //!< blocks
    std::uint64_t total = 0;
    std::uint64_t height = 0;  //!< last block read
    std::uint64_t deposits_found = 0;
    std::uint64_t new_deposits = 0;
    std::uint64_t new_own_txs = 0;
    std::optional<core::Millis> eta;
};

//! Reads blocks again that were committed before, through the code that recorded them. On a healthy
//! system it changes nothing. What was missing comes back with its facts; what was claimed or
//! posted is unique under the deposit's key, so a second payment cannot follow. Confirming is left
//! to the watcher's next look. kReorged when the node's block is not ours (let the watcher walk
//! back first), kNotFound when the transaction, session or range is not known.
class Replay {
  public:
    Replay(chains::ChainReader& reader, db::Database& db, WatchSet& watch, core::Clock& clock,
           core::Log& log, unsigned range_batch = 200);

    //! `report` is called after each batch. Fails at the first failure; what was found before it
    //! stays.
    core::Task<core::Expected<ReplayProgress>> run(
        ReplayRequest request, std::function<void(const ReplayProgress&)> report);

  private:
    struct Plan;
    core::Task<core::Expected<Plan>> plan(ReplayRequest request);
    core::Task<core::Expected<Plan>> plan_session(core::SessionId session, ReplayRange covered);
    core::Task<core::Expected<std::uint64_t>> first_mined_at(core::Instant at, ReplayRange covered);
    core::Task<core::Expected<std::vector<chains::BlockScan>>> read(
        std::uint64_t from, std::uint64_t to, bool range, const chains::WatchFilter& filter);

    chains::ChainReader& reader_;
    db::Database& db_;
    WatchSet& watch_;
    core::Clock& clock_;
    core::Log& log_;
    std::uint64_t range_batch_;
};

//! "nothing missing" or what was, for people.
std::string summary_of(const ReplayProgress& progress);

}  // namespace watchers
