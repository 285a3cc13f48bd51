#include "settlement/deadlines.hpp"

namespace settlement {
namespace {

using core::Expected;

constexpr std::size_t kSessionsPerJob = 200;
constexpr core::Millis kInterval{1000};

}  // namespace

core::Task<void> Deadlines::run() {
    for (;;) {
        auto looked = co_await look_once();
        if (!looked) context_.log.warn("deadlines wait", {{"error", looked.error().message}});
        co_await context_.clock.sleep_for(kInterval);
    }
}

core::Task<Expected<std::size_t>> Deadlines::look_once() {
    const core::Instant now = context_.clock.now();
    auto job = context_.database.write<std::size_t>(
        [this, now](db::UnitOfWork& work) -> Expected<std::size_t> {
            auto tips = work.blocks().tips();
            if (!tips) return tips.error();
            std::size_t moved = 0;
            // The direct route: only the destination's own chain can pay.
            for (const auto& [chain, tip] : *tips) {
                auto rows = work.sessions().waiting_past(chain, tip.mined_at, kSessionsPerJob);
                if (!rows) return rows.error();
                for (const db::SessionRow& row : *rows) {
                    auto applied =
                        events_.apply(work, row.session.id, session::DeadlinePassed{},
                                      {"no payment that is enough before the deadline", {}, {}});
                    if (!applied) return applied.error();
                }
                moved += rows->size();
                auto overdue = work.sessions().count_waiting_past(chain, now);
                if (!overdue) return overdue.error();
                context_.metrics.gauge("depositd_sessions_overdue", {{"chain", chain.text()}},
                                       static_cast<double>(*overdue));
            }
            return moved;
        });
    co_return co_await std::move(job);
}

}  // namespace settlement
