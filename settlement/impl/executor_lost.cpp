#include "settlement/executor.hpp"

#include "core/check.hpp"
#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

#include <algorithm>
#include <set>

// Transactions that were final and are not on the chain any more. Their rows are closed; the same order is
// sent again from the same nonce, and bid higher for when the price has risen: without it the nonce would
// stay a gap that every later payout of the address waits behind.

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
    std::vector<LostStep> steps;
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
Expected<bool> is_to_go_again(db::UnitOfWork& work, const db::PayoutFull& full,
                              const db::Payouts::AttemptPlace& place) {
    if (place.step.kind == db::StepKind::kTopUp || place.step.kind == db::StepKind::kCancel) return true;
    if (place.attempt.status != db::AttemptStatus::kFinalOk) return false;
    if (place.step.kind == db::StepKind::kApprove) return may_allow_again(full, place.step);
    return may_go_again(work, full.payout).has_value();
}

//! Gas money goes first, or it would be given twice; and of an address the first nonce: all of its coin
//! counts for that.
void decide_bids(std::vector<LostStep>& steps) {
    std::set<core::Address> has_first;
    for (LostStep& one : steps) {
        const bool is_first = has_first.insert(one.step.sender).second && one.may_bid;
        if (one.step.kind == db::StepKind::kTopUp) {
            one.may_bid = is_first;
            continue;
        }
        const bool gas_is_lost = std::any_of(steps.begin(), steps.end(), [&](const LostStep& other) {
            return other.step.kind == db::StepKind::kTopUp && other.step.recipient == one.step.sender;
        });
        const db::PayoutStep* alive = current_step(one.full);
        const bool gas_comes = alive != nullptr && alive->kind == db::StepKind::kTopUp;
        one.may_bid = is_first && !gas_is_lost && !gas_comes;
    }
}

Expected<Lost> find_lost(db::UnitOfWork& work, const core::ChainId& chain, bool look) {
    Lost out;
    auto halted = is_halted(work, chain);
    if (!halted) return halted.error();
    out.halted = *halted;
    if (out.halted || !look) return out;
    auto places = work.payouts().lost(chain);
    if (!places) return places.error();
    std::set<core::StepId> seen;
    std::set<core::Address> have_gaps;
    for (const db::Payouts::AttemptPlace& place : *places) {
        if (!seen.insert(place.step.id).second) continue;
        auto full = work.payouts().load(place.payout);
        if (!full) return full.error();
        CHECK(full->has_value(), "an attempt belongs to a payout");
        auto may = is_to_go_again(work, **full, place);
        if (!may) return may.error();
        if (!*may) {
            ++out.left_alone;
            have_gaps.insert(place.step.sender);
        } else {
            // No bid helps what is behind a gap.
            const bool may_bid = !have_gaps.contains(place.step.sender);
            out.steps.push_back({std::move(**full), place.step, may_bid});
        }
    }
    decide_bids(out.steps);
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
        context_.clock.tick() + (lost->steps.empty() ? kLookAgain : pace_.resend_after);
    tell_left_alone(lost->left_alone);
    std::erase_if(lost_seen_, [&](const auto& seen) {
        return std::none_of(lost->steps.begin(), lost->steps.end(),
                            [&](const LostStep& one) { return one.step.id == seen.first; });
    });
    std::vector<LostStep> steps = std::move(lost->steps);
    if (steps.empty()) co_return Done{};
    // Those that wait for long must not be all that is ever looked at.
    const std::size_t turn = lost_turn_ % steps.size();
    std::rotate(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(turn), steps.end());
    if (steps.size() > kSendsPerPass) steps.resize(kSendsPerPass);
    lost_turn_ = turn + steps.size();
    for (LostStep& one : steps) {
        auto ask = context_.database.read<bool>(
            [chain](db::UnitOfWork& work) { return is_halted(work, chain); });
        auto halted = co_await std::move(ask);
        if (!halted) co_return halted.error();
        if (*halted) break;
        co_await send_lost_step(std::move(one));
    }
    co_return Done{};
}

// The lost bytes may be in a block again at any time, and so may an older bid: whichever is, the nonce is
// used once, for the same order.
Task<void> Executor::send_lost_step(LostStep lost) {
    db::Attempt dearest;
    for (const db::Attempt& attempt : lost.full.attempts) {
        if (attempt.step == lost.step.id) dearest = attempt;
    }
    CHECK(dearest.step == lost.step.id, "what left the chain was signed");
    const core::Tick now = context_.clock.tick();
    const core::PayoutId payout = lost.full.payout.id;
    const core::StepId id = lost.step.id;
    const auto [seen, is_first] = lost_seen_.try_emplace(id, LostSeen{now, {}});
    if (is_first) {
        context_.log.warn("a final transaction left the chain and is sent again until it is back",
                          {{"payout", payout.value},
                           {"step", to_string(lost.step.kind)},
                           {"nonce", lost.step.nonce},
                           {"tx", dearest.tx.hex0x()}});
    }
    const bool is_new_bid = !db::is_decided(dearest.status);
    const core::Millis waited =
        is_new_bid ? context_.clock.now() - dearest.signed_at : now - seen->second.since;
    // A receiver that cannot afford a bid is given gas money for the next; the station has what it has.
    const bool is_short = lost.step.kind == db::StepKind::kTopUp && is_unaffordable(dearest);
    const bool may_bid = lost.may_bid && !is_short && waited >= pace_.bump_after;
    const Due due{may_bid, is_first || is_to_send_again(dearest)};
    auto done = co_await send_or_bid(std::move(lost.full), std::move(lost.step), dearest, due);
    const std::string why = done ? std::string{} : done.error().message;
    std::string& told = lost_seen_[id].waits_for;
    if (!done && kind_of_wait(told) != kind_of_wait(why)) {
        context_.log.warn("what left the chain waits", {{"payout", payout.value}, {"for", why}});
    }
    told = why;
}

}  // namespace settlement
