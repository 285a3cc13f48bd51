#include "settlement/executor.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

// Deliveries that call a contract: allow it to take exactly the payout's tokens, and call it. Coin goes with
// the call and needs no allowance. Nothing is allowed or called before a rehearsal showed what leaves the
// caller: the function's name proves nothing. executor_grants.cpp ends allowances.

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Expected;
using core::Task;

std::ptrdiff_t failed_approvals(const db::PayoutFull& full) {
    return std::count_if(full.steps.begin(), full.steps.end(), [](const db::PayoutStep& step) {
        return step.kind == db::StepKind::kApprove && !step.units.is_zero() &&
               step.status == db::PayoutStatus::kFinalFailed;
    });
}

bool was_cleared(const db::PayoutFull& full) {
    return std::any_of(full.steps.begin(), full.steps.end(), [](const db::PayoutStep& step) {
        return step.kind == db::StepKind::kApprove && step.units.is_zero() &&
               step.status == db::PayoutStatus::kFinalOk;
    });
}

//! Where the step's transaction is final now: one of its bids.
Expected<std::uint64_t> final_height(db::UnitOfWork& work, const core::ChainId& chain,
                                     const db::PayoutFull& full, const db::PayoutStep& step) {
    std::optional<core::TxId> left;
    for (const db::Attempt& attempt : full.attempts) {
        if (attempt.step != step.id) continue;
        auto row = work.own_txs().by_tx(chain, attempt.tx);
        if (!row) return row.error();
        if (*row && (**row).status == db::OwnTxStatus::kFinal) return (**row).height;
        if (*row && attempt.status == db::AttemptStatus::kFinalOk) left = attempt.tx;
    }
    if (!left) return std::uint64_t{0};
    return not_now("its transaction " + left->hex0x() + " to be on the chain again");
}

}  // namespace

Task<Expected<Done>> Executor::next_of_call(db::PayoutFull full, std::uint64_t height) {
    // Once for good or not at all: what came of a call is decided by its block.
    CHECK(ended_call(full) == nullptr, "a payout makes one call");
    const bool allowed = full.payout.asset.is_native() || open_grant(full).has_value();
    if (allowed) co_return co_await call(std::move(full), height);
    co_return co_await allow(std::move(full), height);
}

Task<Expected<Done>> Executor::allow(db::PayoutFull full, std::uint64_t height) {
    if (failed_approvals(full) >= kMinedFailuresMax) {
        co_return co_await give_up(std::move(full),
                                   "the token's approval is mined and fails again and again");
    }
    db::PayoutStep step = step_from_receiver(full, db::StepKind::kApprove, full.payout.units);
    const chains::TxOrder approval = order_of(step, core::Bytes{});
    if (auto allowed = signer_.allows(approval); !allowed) {
        co_return co_await hold(std::move(full), allowed.error().message);
    }
    auto simulated = co_await sender_.simulate(approval, height);
    if (!simulated) co_return simulated.error();
    if (!simulated->would_succeed) {
        co_return co_await cannot_allow(std::move(full), height, simulated->reason);
    }
    // Nothing was spent yet: the last moment at which a refusal of the call costs nobody anything.
    std::vector<chains::TxOrder> orders;
    orders.push_back(approval);
    orders.push_back(final_order(full.payout));
    auto rehearsed = co_await rehearse(full.payout, std::move(orders), height);
    if (!rehearsed) co_return co_await unrehearsed(std::move(full), rehearsed.error());
    if (!rehearsed->would_succeed) {
        co_return co_await refused(std::move(full), rehearsed->reason);
    }
    const std::uint64_t gas_to_come = rehearsed->gas_limit;
    refusals_.erase(full.payout.id);
    step.gas_limit = simulated->gas_limit;
    co_return co_await fund_and_reserve(std::move(full), std::move(step), gas_to_come);
}

// Some tokens change an allowance only when there is none: one that is there, from whatever time, is
// taken back first. Once, and not before the refusal is certain.
Task<Expected<Done>> Executor::cannot_allow(db::PayoutFull full, std::uint64_t height,
                                            std::string reason) {
    const auto refusals = refusals_.find(full.payout.id);
    const unsigned before = refusals == refusals_.end() ? 0U : refusals->second;
    if (before + 1 < pace_.refusals || was_cleared(full)) {
        co_return co_await refused(std::move(full), std::move(reason));
    }
    db::PayoutStep step = step_from_receiver(full, db::StepKind::kApprove, core::Units{});
    const chains::TxOrder clearing = order_of(step, core::Bytes{});
    auto simulated = co_await sender_.simulate(clearing, height);
    if (!simulated) co_return simulated.error();
    if (!simulated->would_succeed) {
        co_return co_await refused(std::move(full), std::move(reason));
    }
    refusals_.erase(full.payout.id);
    step.gas_limit = simulated->gas_limit;
    co_return co_await fund_and_reserve(std::move(full), std::move(step));
}

Task<Expected<Done>> Executor::call(db::PayoutFull full, std::uint64_t height) {
    auto given_at = co_await youngest_step(full);
    if (!given_at) co_return given_at.error();
    // A node that has not reached the allowance would truthfully refuse the call.
    const std::uint64_t stands_at = std::max(height, *given_at);
    std::vector<chains::TxOrder> orders;
    orders.push_back(final_order(full.payout));
    auto rehearsed = co_await rehearse(full.payout, std::move(orders), stands_at);
    if (!rehearsed) co_return co_await unrehearsed(std::move(full), rehearsed.error());
    if (!rehearsed->would_succeed) {
        co_return co_await refused(std::move(full), rehearsed->reason);
    }
    // The rehearsal decides; an estimate, where one can be had, knows the gas better.
    auto simulated = co_await sender_.simulate(final_order(full.payout), stands_at);
    const bool is_estimated = simulated && simulated->would_succeed;
    if (simulated && !simulated->would_succeed) {
        co_return co_await refused(std::move(full), simulated->reason);
    }
    refusals_.erase(full.payout.id);
    db::PayoutStep step = step_from_receiver(full, db::StepKind::kCall, full.payout.units);
    step.gas_limit = rehearsed->gas_limit;
    if (is_estimated) step.gas_limit = std::max(step.gas_limit, simulated->gas_limit);
    co_return co_await fund_and_reserve(std::move(full), std::move(step));
}

Task<Expected<chains::Simulation>> Executor::rehearse(db::Payout payout,
                                                      std::vector<chains::TxOrder> orders,
                                                      std::uint64_t height) {
    auto job = context_.database.read<core::Units>(
        [payout](db::UnitOfWork& work) { return least_taken(work, payout); });
    auto least = co_await std::move(job);
    if (!least) co_return least.error();
    auto answer = co_await sender_.rehearse(std::move(orders), height);
    if (answer) unrehearsed_.erase(payout.id);
    if (answer && answer->would_succeed) {
        const CallVerdict verdict = judge_call(payout.asset, payout.units, answer->moves);
        answer->would_succeed = pays(verdict, *least);
        answer->reason = "in a rehearsal the call " + verdict.text;
    }
    const std::string outcome = !answer ? "unknown" : answer->would_succeed ? "good" : "refused";
    context_.metrics.count("depositd_call_rehearsals_total",
                           {{"chain", chain_.id.text()}, {"outcome", outcome}});
    co_return answer;
}

Task<Expected<Done>> Executor::unrehearsed(db::PayoutFull full, core::Error why) {
    const core::Tick now = context_.clock.tick();
    Unrehearsed& so_far = unrehearsed_[full.payout.id];
    if (so_far.tries++ == 0) so_far.since = now;
    const std::string told = "the call cannot be rehearsed: " + why.message;
    const bool is_over =
        so_far.tries >= pace_.rehearsals && now - so_far.since >= pace_.rehearsal_patience;
    if (!is_over) co_return not_now(told + "; without that it is never made");
    unrehearsed_.erase(full.payout.id);
    // Names of endpoints and their words are for the operator; the reason is told to the merchant.
    context_.log.error("a call is given up", {{"payout", full.payout.id.value}, {"reason", told}});
    co_return co_await give_up(std::move(full), "the call cannot be rehearsed");
}

Task<Expected<Done>> Executor::give_up(db::PayoutFull full, std::string reason) {
    std::optional<db::PayoutStep> grant;
    if (is_call(full.payout)) grant = open_grant(full);
    if (!grant) co_return co_await impossible(std::move(full), std::move(reason));
    full.payout.reason = std::string{kNeverCalled} + "the chain refuses the call: " + reason;
    co_return co_await take_back(std::move(full), *grant);
}

Task<Expected<Done>> Executor::stop(db::PayoutFull full, std::string why) {
    const bool grants = is_call(full.payout) && open_grant(full).has_value();
    if (grants) co_return co_await give_up(std::move(full), std::move(why));
    co_return co_await hold(std::move(full), std::move(why));
}

Task<Expected<std::uint64_t>> Executor::youngest_step(const db::PayoutFull& full) {
    const core::ChainId chain = chain_.id;
    const db::PayoutFull payout = full;
    auto job = context_.database.read<std::uint64_t>(
        [chain, payout](db::UnitOfWork& work) -> Expected<std::uint64_t> {
            std::uint64_t height = 0;
            for (const db::PayoutStep& step : payout.steps) {
                if (step.status != db::PayoutStatus::kFinalOk) continue;
                auto final_at = final_height(work, chain, payout, step);
                if (!final_at) return final_at.error();
                height = std::max(height, *final_at);
            }
            return height;
        });
    co_return co_await std::move(job);
}

}  // namespace settlement
