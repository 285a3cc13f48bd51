#pragma once

#include "chains/ports/reader.hpp"
#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/task.hpp"
#include "db/database.hpp"
#include "watchers/config.hpp"
#include "watchers/poll.hpp"
#include "watchers/scan.hpp"
#include "watchers/second_reading.hpp"
#include "watchers/watch_set.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace watchers {

struct Balances;
struct CommitOutcome;
struct NotThere;

//! Follows one chain: look at the head; where the chain was rewritten, walk back; read what is
//! next; commit it with everything that became due. One unit of work per block near the head, one
//! per range below finality. After any failure the cursor is where it was, and the next look tries
//! again. One thread: the executor's. All references outlive it.
class ChainWatcher {
  public:
    ChainWatcher(core::asio::any_io_executor executor, chains::ChainReader& reader,
                 db::Database& db, WatchSet& watch, core::Clock& clock, core::Log& log,
                 core::Metrics& metrics, WatcherConfig config);
    ~ChainWatcher();
    ChainWatcher(const ChainWatcher&) = delete;
    ChainWatcher& operator=(const ChainWatcher&) = delete;

    //! Looks again and again. Ends by cancellation only.
    core::Task<void> run();
    //! Reads what is final once more; runs beside run().
    SecondReading& second_reading() { return second_; }
    //! One look: everything up to the head that the node names at its beginning.
    core::Task<core::Expected<core::Done>> step();
    //! Makes run() look at once. From any thread.
    void nudge() { pacer_.nudge(); }
    WatcherStatus status() const { return status_; }

  private:
    enum class Position { kAhead, kSame, kBehind, kForked };
    struct Quorum;

    core::Task<core::Expected<core::Done>> look();
    core::Task<core::Expected<core::Done>> open(chains::Heads heads);
    core::Task<core::Expected<core::Done>> begin(chains::Heads heads);
    core::Task<core::Expected<Position>> position(chains::Heads heads);
    core::Task<core::Expected<core::Done>> go_back(core::BlockRef head);
    //! False when the blocks do not stand on our tip.
    core::Task<core::Expected<bool>> catch_up(chains::Heads heads);
    core::Task<core::Expected<Batch>> fetch(std::uint64_t from, chains::Heads heads);
    core::Task<core::Expected<CommitOutcome>> commit(Batch batch, chains::Heads heads);
    core::Task<core::Expected<CommitOutcome>> commit_once(std::optional<Batch> batch,
                                                          chains::Heads heads,
                                                          bool accept_newer_receivers);
    //! Makes sure what of its contradictions was told falsely.
    core::Task<core::Expected<core::Done>> settle(CommitOutcome outcome, NotThere& not_there);
    //! None when the batch is so old that the node has no balances at it any more.
    core::Task<core::Expected<std::optional<Balances>>> look_for_native(const Batch& batch,
                                                                        chains::Heads heads);
    core::Task<core::Expected<core::Done>> credit_due(chains::Heads heads);
    //! Asks endpoints about what needs several. True when one more was agreed on.
    core::Task<core::Expected<bool>> seek_quorum();
    core::Task<core::Expected<core::Done>> forget_old();
    void committed(const CommitOutcome& outcome, std::size_t blocks);
    void note(const core::Expected<core::Done>& looked);
    void set_tip(const core::BlockRef& tip);
    core::MetricLabels labels() const { return {{"chain", chain_.text()}}; }

    chains::ChainReader& reader_;
    db::Database& db_;
    WatchSet& watch_;
    core::Clock& clock_;
    core::Log& log_;
    core::Metrics& metrics_;
    WatcherConfig config_;
    std::shared_ptr<const chains::ChainInfo> info_;
    core::ChainId chain_;
    Pacer pacer_;
    Scanner scanner_;
    SecondReading second_;
    WatcherStatus status_;

    std::optional<core::BlockRef> tip_;  //!< as committed; none: read it again
    std::optional<core::BlockRef> final_;
    std::optional<core::BlockRef> credited_for_;  //!< the node's final block at the last commit
    bool disputed_ = false;  //!< somebody says that our blocks are not the chain's: compare again
    std::optional<core::Tick> forked_since_;
    std::unique_ptr<Quorum> quorum_;
    std::uint64_t blocks_since_prune_ = 0;
};

}  // namespace watchers
