#include "settlement/executor.hpp"

#include "settlement/impl/payout_checks.hpp"

#include <algorithm>

// Transactions that were final and are not on the chain any more. Their rows are closed, so only the
// bytes are sent again: without them the nonce would stay a gap that every later payout waits behind.

namespace settlement {
namespace {

using core::Done;
using core::Expected;
using core::Task;

//! After a look that found none; a halt in between makes the next look immediate.
constexpr core::Millis kLookAgain{600'000};

struct Lost {
    bool halted = false;
    std::size_t all = 0;
    std::vector<db::Payouts::AttemptPlace> to_send;
};

Expected<bool> is_halted(db::UnitOfWork& work, const core::ChainId& chain) {
    auto halts = work.blocks().open_halts();
    if (!halts) return halts.error();
    return std::any_of(halts->begin(), halts->end(),
                       [&](const db::Halt& halt) { return halt.chain == chain; });
}

Expected<Lost> find_lost(db::UnitOfWork& work, const core::ChainId& chain, bool look) {
    Lost out;
    auto halted = is_halted(work, chain);
    if (!halted) return halted.error();
    out.halted = *halted;
    if (out.halted || !look) return out;
    auto places = work.payouts().lost(chain);
    if (!places) return places.error();
    out.all = places->size();
    for (db::Payouts::AttemptPlace& place : *places) {
        if (place.step.kind != db::StepKind::kTopUp) {
            // Money that came no more is not paid out again either.
            auto full = work.payouts().load(place.payout);
            if (!full) return full.error();
            if (!may_move(work, (*full)->payout)) continue;
        }
        out.to_send.push_back(std::move(place));
    }
    return out;
}

}  // namespace

Task<Expected<Done>> Executor::send_lost() {
    const bool look = !look_for_lost_ || context_.clock.tick() >= *look_for_lost_;
    const core::ChainId chain = chain_.id;
    auto job = context_.database.read<Lost>(
        [chain, look](db::UnitOfWork& work) { return find_lost(work, chain, look); });
    auto lost = co_await std::move(job);
    if (!lost) co_return lost.error();
    if (lost->halted) look_for_lost_.reset();
    if (lost->halted || !look) co_return Done{};
    look_for_lost_ = context_.clock.tick() + (lost->all == 0 ? kLookAgain : pace_.resend_after);
    for (const db::Payouts::AttemptPlace& place : lost->to_send) {
        auto report = co_await sender_.send(place.attempt.raw);
        const std::string answer = report ? std::string{name_of(report->outcome)} + ": " + report->text
                                          : "unclear: " + report.error().message;
        context_.log.warn("a final transaction that left the chain is sent again",
                          {{"payout", place.payout.value},
                           {"step", to_string(place.step.kind)},
                           {"nonce", place.step.nonce},
                           {"tx", place.attempt.tx.hex0x()},
                           {"answer", answer}});
        context_.metrics.count("depositd_payout_sends_total", {{"chain", chain_.id.text()}});
    }
    co_return Done{};
}

}  // namespace settlement
