#include "settlement/reconciler.hpp"

#include <algorithm>

namespace settlement {
namespace {

using core::Done;
using core::Expected;

//! Balances asked for at one look, so that it costs a node a few calls a second.
constexpr std::size_t kPart = 200;
constexpr core::Millis kLookAgain{2'000};
constexpr std::size_t kToldMax = 1'000;

}  // namespace

core::Task<void> Reconciler::run() {
    for (;;) {
        auto looked = co_await look();
        const bool again = looked ? !suspected_.empty() : core::is_transient(looked.error().code);
        if (!looked) {
            context_.log.debug("books were not compared", {{"chain", chain_.request.chain.text()},
                                                           {"why", looked.error().message}});
        }
        co_await context_.clock.sleep_for(again ? std::min(every_, kLookAgain) : every_);
    }
}

std::string Reconciler::tell(const ReconcileLine& line) const {
    const bool less = !line.missing.is_zero();
    return line.owner.hex0x() + " holds " + (less ? line.missing : line.surplus).decimal() +
           (less ? " less of " : " more of ") + line.asset.text() + " than the books say";
}

core::Task<Expected<std::size_t>> Reconciler::look() {
    ReconcileRequest request = chain_.request;
    request.part = kPart;
    request.after = part_after_;
    auto report = co_await reconcile(context_.database, std::move(request), chain_.balance_at);
    const std::string outcome = !report ? "none" : report->differences == 0 ? "equal" : "differs";
    context_.metrics.count("depositd_reconcile_looks_total",
                           {{"chain", chain_.request.chain.text()}, {"outcome", outcome}});
    if (!report) co_return report.error();

    std::map<Place, core::Units> missing;
    std::vector<std::string> certain;
    bool is_fresh = false;
    for (const ReconcileLine& line : report->lines) {
        if (line.equal) continue;
        const bool less = !line.missing.is_zero();
        if (told_.insert(tell(line)).second) {
            context_.log.warn(less ? "less on the chain than on the books"
                                   : "more on the chain than on the books",
                              {{"chain", chain_.request.chain.text()}, {"what", tell(line)}});
            context_.metrics.count("depositd_reconcile_differences_total",
                                   {{"chain", chain_.request.chain.text()},
                                    {"kind", less ? "missing" : "surplus"}});
        }
        if (!less) continue;
        const Place place{line.owner, line.asset};
        const auto before = suspected_.find(place);
        const bool same = before != suspected_.end() && before->second == line.missing;
        if (same) certain.push_back(tell(line));
        is_fresh = is_fresh || !same;
        missing.emplace(place, line.missing);
    }
    if (!certain.empty()) {
        auto halted = co_await halt(std::move(certain));
        if (!halted) co_return halted.error();
    }
    // The same part again while a finding is fresh.
    suspected_ = is_fresh ? std::move(missing) : std::map<Place, core::Units>{};
    if (!is_fresh) part_after_ = report->last;
    if (told_.size() > kToldMax) told_.clear();
    co_return report->differences;
}

core::Task<Expected<Done>> Reconciler::halt(std::vector<std::string> findings) {
    const core::ChainId chain = chain_.request.chain;
    const core::Instant now = context_.clock.now();
    auto job = context_.database.write<std::string>(
        [=](db::UnitOfWork& work) -> Expected<std::string> {
            auto open = work.blocks().open_halts();
            if (!open) return open.error();
            const bool is_halted = std::any_of(open->begin(), open->end(), [&](const db::Halt& one) {
                return one.chain == chain;
            });
            if (is_halted) return std::string{};
            for (const std::string& finding : findings) {
                const std::string text = "ledger and chain differ: " + finding;
                auto known = work.blocks().is_acknowledged(chain, text);
                if (!known) return known.error();
                if (*known) continue;
                if (auto done = work.blocks().halt(chain, text, now); !done) return done.error();
                return text;
            }
            return std::string{};
        });
    auto halted = co_await std::move(job);
    if (!halted) co_return halted.error();
    if (!halted->empty()) {
        context_.log.error("payouts are halted", {{"chain", chain.text()}, {"why", *halted}});
    }
    co_return Done{};
}

}  // namespace settlement
