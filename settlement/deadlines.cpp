#include "settlement/deadlines.hpp"

namespace settlement {
namespace {

using core::Expected;

constexpr std::size_t kSessionsPerLook = 200;
constexpr core::Millis kInterval{2'000};
//! What is due follows from rows alone, and who writes them wakes us.
constexpr core::Millis kSleepAtMost{30'000};

}  // namespace

core::Task<void> Deadlines::run() {
    for (;;) {
        const std::uint64_t seen = context_.database.changes().revision();
        auto looked = co_await look_once();
        if (!looked) context_.log.warn("deadlines wait", {{"error", looked.error().message}});
        co_await context_.clock.sleep_for(kInterval);
        if (looked && is_all_moved_) co_await context_.database.changes().wait(seen, kSleepAtMost);
    }
}

core::Task<Expected<std::size_t>> Deadlines::look_once() {
    auto due_job = context_.database.read<std::vector<core::SessionId>>(
        [this](db::UnitOfWork& work) { return due(work); });
    auto sessions = co_await std::move(due_job);
    if (!sessions) co_return sessions.error();
    std::size_t moved = 0;
    for (const core::SessionId& id : *sessions) {
        auto job = context_.database.write<core::Done>([this, id](db::UnitOfWork& work) {
            return events_.apply(work, id, session::DeadlinePassed{},
                                 {"no payment that is enough before the deadline", {}, {}});
        });
        auto applied = co_await std::move(job);
        if (applied) {
            ++moved;
        } else if (!core::is_transient(applied.error().code)) {
            context_.log.error("a deadline cannot be applied",
                               {{"session", id.text()}, {"error", applied.error().message}});
        }
    }
    is_all_moved_ = moved == sessions->size();
    co_return moved;
}

Expected<std::vector<core::SessionId>> Deadlines::due(db::UnitOfWork& work) const {
    std::vector<core::SessionId> out;
    // What was read of a chain counts only once settlement has counted it too.
    auto newest = work.facts().newest();
    if (!newest) return newest.error();
    auto applied = work.facts().cursor(kDriverName);
    if (!applied) return applied.error();
    const bool counted = *applied >= *newest;
    auto tips = work.blocks().tips();
    if (!tips) return tips.error();
    const core::Instant now = context_.clock.now();
    // The direct route: only the destination's own chain can pay.
    for (const auto& known : *tips) {
        const core::ChainId& chain = known.first;
        auto overdue = work.sessions().count_waiting_past(chain, now);
        if (!overdue) return overdue.error();
        context_.metrics.gauge("depositd_sessions_overdue", {{"chain", chain.text()}},
                               static_cast<double>(*overdue));
        if (!counted) continue;
        auto agreed = work.blocks().agreed_to(chain);
        if (!agreed) return agreed.error();
        if (!*agreed) continue;
        const core::Instant reached = (**agreed).mined_at;
        auto rows = work.sessions().waiting_past(chain, reached, kSessionsPerLook);
        if (!rows) return rows.error();
        auto balances_read = work.blocks().native_read_to(chain);
        if (!balances_read) return balances_read.error();
        const chains::ChainInfo* info = context_.chain(chain);
        for (const db::SessionRow& row : *rows) {
            // Coin that a contract sent shows in balances only: they must be read past the deadline too.
            const bool by_balance = info != nullptr && info->scan_native &&
                                    row.session.destination.asset.is_native();
            if (by_balance && (!*balances_read || (*balances_read)->height < (**agreed).height)) {
                continue;
            }
            out.push_back(row.session.id);
        }
    }
    return out;
}

}  // namespace settlement
