#include "settlement/executor.hpp"

#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

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

//! One pass of all payouts is not held up by many sends to slow nodes.
constexpr std::size_t kSendsPerPass = 8;

struct Lost {
    bool halted = false;
    std::size_t left_alone = 0;
    std::vector<db::Payouts::AttemptPlace> to_send;
};

//! An approval fills its nonce like any other transaction. One is left alone: what was given for a call
//! that failed, which is not sent again, so that what takes the allowance back waits behind a gap.
bool may_allow_again(const db::PayoutFull& full, const db::PayoutStep& approval) {
    const db::PayoutStep* call = ended_call(full);
    const bool has_gap = call != nullptr && call->status == db::PayoutStatus::kFinalFailed;
    return pays_nobody(approval) || !has_gap;
}

//! A transfer that had failed is never sent again: its money went back since, and now it might succeed.
//! One whose deposits are gone is not either: money that came no more is not paid out.
Expected<bool> may_go_again(db::UnitOfWork& work, const db::Payouts::AttemptPlace& place) {
    if (place.step.kind == db::StepKind::kTopUp) return true;
    if (place.attempt.status != db::AttemptStatus::kFinalOk) return false;
    auto full = work.payouts().load(place.payout);
    if (!full) return full.error();
    const db::Payout& payout = (*full)->payout;
    if (place.step.kind == db::StepKind::kApprove) return may_allow_again(**full, place.step);
    return may_move(work, payout).has_value();
}

Expected<Lost> find_lost(db::UnitOfWork& work, const core::ChainId& chain, bool look) {
    Lost out;
    auto halted = is_halted(work, chain);
    if (!halted) return halted.error();
    out.halted = *halted;
    if (out.halted || !look) return out;
    auto places = work.payouts().lost(chain);
    if (!places) return places.error();
    for (db::Payouts::AttemptPlace& place : *places) {
        auto may = may_go_again(work, place);
        if (!may) return may.error();
        if (!*may) {
            ++out.left_alone;
        } else if (out.to_send.size() < kSendsPerPass) {
            out.to_send.push_back(std::move(place));
        }
    }
    return out;
}

}  // namespace

void Executor::tell_left_alone(std::size_t count) {
    context_.metrics.gauge("depositd_payouts_lost", {{"chain", chain_.id.text()}},
                           static_cast<double>(count));
    if (count > left_alone_told_) {
        context_.log.error(
            "transactions that were final left the chain and are not sent again: what they paid failed "
            "then, or its deposits are gone too; later payouts of the same addresses wait behind them",
            {{"chain", chain_.id.text()}, {"count", count}});
    }
    left_alone_told_ = count;
}

Task<Expected<Done>> Executor::send_lost() {
    const bool look = !look_for_lost_ || context_.clock.tick() >= *look_for_lost_;
    const core::ChainId chain = chain_.id;
    auto job = context_.database.read<Lost>(
        [chain, look](db::UnitOfWork& work) { return find_lost(work, chain, look); });
    auto lost = co_await std::move(job);
    if (!lost) co_return lost.error();
    if (lost->halted) look_for_lost_.reset();
    if (lost->halted || !look) co_return Done{};
    look_for_lost_ =
        context_.clock.tick() + (lost->to_send.empty() ? kLookAgain : pace_.resend_after);
    tell_left_alone(lost->left_alone);
    for (const db::Payouts::AttemptPlace& place : lost->to_send) {
        auto ask = context_.database.read<bool>(
            [chain](db::UnitOfWork& work) { return is_halted(work, chain); });
        auto halted = co_await std::move(ask);
        if (!halted) co_return halted.error();
        if (*halted) break;
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
