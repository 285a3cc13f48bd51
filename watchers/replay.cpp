#include "watchers/replay.hpp"

#include "core/crash_point.hpp"
#include "watchers/impl/begin.hpp"
#include "watchers/impl/record.hpp"
#include "watchers/impl/record_again.hpp"
#include "watchers/scan.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace watchers {
namespace {

//! Our clock and the chain's may differ by this when a session's first block is looked for.
constexpr core::Millis kClockSlack{10 * 60 * 1000};

struct Covered {
    ReplayRange range;
    std::optional<core::BlockRef> final;
};

//! What has been read of the wanted heights. Blocks up to the tip are read without a hole.
core::Expected<Covered> covered_of(db::UnitOfWork& work, const core::ChainId& chain,
                                   ReplayRange wanted) {
    auto position = load_position(work, chain);
    if (!position) return position.error();
    if (!position->tip) return core::Error{core::Errc::kNotFound, "the chain was never read"};
    auto rows = work.blocks().coverage(chain, wanted.from, wanted.to);
    if (!rows) return rows.error();
    const std::uint64_t to = std::min(wanted.to, position->tip->height);
    if (rows->empty() || to < wanted.from) {
        return core::Error{core::Errc::kNotFound, "none of these blocks was read yet"};
    }
    return Covered{{std::max(wanted.from, rows->front().from), to}, position->final};
}

}  // namespace

struct Replay::Plan {
    ReplayRange range;
    std::uint64_t final_height = 0;
    std::unique_ptr<WatchSet> only;  //!< a session's addresses; none: all that are watched
};

Replay::Replay(chains::ChainReader& reader, db::Database& db, WatchSet& watch, core::Clock& clock,
               core::Log& log, unsigned range_batch)
    : reader_{reader},
      db_{db},
      watch_{watch},
      clock_{clock},
      log_{log},
      range_batch_{std::max(1U, std::min(range_batch, reader.info().range_blocks_max))} {}

core::Task<core::Expected<Replay::Plan>> Replay::plan(ReplayRequest request) {
    ReplayRange wanted{0, INT64_MAX};
    if (const auto* range = std::get_if<ReplayRange>(&request)) {
        if (range->from > range->to) co_return core::invalid("the range ends before it begins");
        wanted = {range->from, std::min<std::uint64_t>(range->to, INT64_MAX)};
    }
    if (const auto* tx = std::get_if<core::TxId>(&request)) {
        auto block = co_await reader_.block_of(*tx);
        if (!block) co_return block.error();
        if (!*block) {
            co_return core::Error{core::Errc::kNotFound, "the node does not know the transaction"};
        }
        wanted = {(**block).height, (**block).height};
    }
    auto job = [chain = reader_.info().id, wanted](db::UnitOfWork& work) {
        return covered_of(work, chain, wanted);
    };
    auto covered = co_await db_.read<Covered>(std::move(job));
    if (!covered) co_return covered.error();
    Plan plan;
    if (const auto* session = std::get_if<core::SessionId>(&request)) {
        auto of_session = co_await plan_session(*session, covered->range);
        if (!of_session) co_return of_session.error();
        plan = std::move(*of_session);
    } else {
        plan.range = covered->range;
    }
    if (covered->final) plan.final_height = covered->final->height;
    co_return plan;
}

core::Task<core::Expected<Replay::Plan>> Replay::plan_session(core::SessionId session,
                                                              ReplayRange covered) {
    struct Found {
        std::vector<db::Receiver> receivers;
        core::Instant created_at;
    };
    auto job = [session](db::UnitOfWork& work) -> core::Expected<Found> {
        auto row = work.sessions().load(session);
        if (!row) return row.error();
        if (!*row) return core::Error{core::Errc::kNotFound, "there is no such session"};
        auto receivers = work.receivers().of_session(session);
        if (!receivers) return receivers.error();
        return Found{std::move(*receivers), (**row).created_at};
    };
    auto found = co_await db_.read<Found>(std::move(job));
    if (!found) co_return found.error();
    Plan plan;
    plan.only = std::make_unique<WatchSet>(watch_.family(), std::vector<core::Address>{});
    for (const db::Receiver& receiver : found->receivers) {
        if (receiver.family == watch_.family()) plan.only->insert(receiver.address);
    }
    if (plan.only->size() == 0) {
        co_return core::Error{core::Errc::kNotFound, "the session has no address on this chain"};
    }
    auto from = co_await first_mined_at(found->created_at - kClockSlack, covered);
    if (!from) co_return from.error();
    plan.range = {*from, covered.to};
    co_return plan;
}

core::Task<core::Expected<std::uint64_t>> Replay::first_mined_at(core::Instant at,
                                                                 ReplayRange covered) {
    std::uint64_t low = covered.from;
    std::uint64_t high = covered.to;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        auto block = co_await reader_.block_at(middle);
        if (!block) co_return block.error();
        if (block->mined_at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    co_return low;
}

core::Task<core::Expected<std::vector<chains::BlockScan>>> Replay::read(
    std::uint64_t from, std::uint64_t to, bool range, const chains::WatchFilter& filter) {
    if (range) co_return co_await reader_.scan_range(from, to, filter);
    auto scan = co_await reader_.scan_block(from, filter);
    if (!scan) co_return scan.error();
    std::vector<chains::BlockScan> scans;
    scans.push_back(std::move(*scan));
    co_return scans;
}

core::Task<core::Expected<ReplayProgress>> Replay::run(
    ReplayRequest request, std::function<void(const ReplayProgress&)> report) {
    if (auto fresh = co_await watch_.refresh(db_); !fresh) co_return fresh.error();
    auto plan = co_await this->plan(std::move(request));
    if (!plan) co_return plan.error();
    const chains::WatchFilter& filter =
        plan->only ? static_cast<const chains::WatchFilter&>(*plan->only) : watch_;
    const auto info = std::make_shared<const chains::ChainInfo>(reader_.info());
    const core::Tick begun = clock_.tick();
    ReplayProgress progress;
    progress.total = plan->range.to - plan->range.from + 1;
    for (std::uint64_t from = plan->range.from; from <= plan->range.to;) {
        const bool range = from <= plan->final_height;
        const std::uint64_t to =
            range ? std::min({plan->range.to, plan->final_height, from + range_batch_ - 1}) : from;
        auto read_again = co_await read(from, to, range, filter);
        if (!read_again) co_return read_again.error();
        if (auto linked = check_linked(*read_again, from, to); !linked) co_return linked.error();
        auto scans = std::make_shared<const std::vector<chains::BlockScan>>(std::move(*read_again));
        auto job = [info, scans, now = clock_.now()](db::UnitOfWork& work) {
            return record_again(work, *info, *scans, now);
        };
        auto tally = co_await db_.write<Tally>(std::move(job));
        if (!tally) co_return tally.error();
        progress.done += to - from + 1;
        progress.height = to;
        progress.deposits_found += tally->found;
        progress.new_deposits += tally->changed;
        progress.new_own_txs += tally->own_changed;
        const auto spent = clock_.tick() - begun;
        progress.eta = spent * static_cast<std::int64_t>(progress.total - progress.done) /
                       static_cast<std::int64_t>(progress.done);
        if (report) report(progress);
        CRASH_POINT("replay_midway");
        from = to + 1;
    }
    log_.info("replay done", {{"chain", info->id.text()},
                              {"blocks", progress.done},
                              {"found", progress.deposits_found},
                              {"restored", progress.new_deposits}});
    co_return progress;
}

std::string summary_of(const ReplayProgress& progress) {
    const std::string read = std::to_string(progress.done) + " blocks read again, " +
                             std::to_string(progress.deposits_found) + " deposits found: ";
    if (progress.new_deposits == 0 && progress.new_own_txs == 0) return read + "nothing missing";
    return read + std::to_string(progress.new_deposits) + " deposits and " +
           std::to_string(progress.new_own_txs) +
           " transactions of ours were missing and are recorded now";
}

}  // namespace watchers
