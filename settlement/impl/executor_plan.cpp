#include "settlement/executor.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/crash_point.hpp"
#include "settlement/impl/grants.hpp"
#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

// Everything that may say no: asked before a nonce is reserved.

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;
using core::Task;

//! Further top-ups come one by one with this between them: a price that rose for good must not hold a
//! payment for ever, and one that jumps must not empty the gas station.
constexpr std::size_t kTopUpsAtOnce = 4;
constexpr core::Millis kBetweenFurtherTopUps{30 * 60'000};
//! After these an operator has to look, and once more after as many as go at once: it may be that we do not
//! see what we send.
constexpr std::size_t kTopUpsUnwatched = 12;

std::optional<core::Instant> newest_top_up(const db::PayoutFull& full) {
    std::optional<core::Instant> newest;
    for (const db::PayoutStep& step : full.steps) {
        if (step.kind != db::StepKind::kTopUp) continue;
        for (const db::Attempt& attempt : full.attempts) {
            if (attempt.step != step.id) continue;
            newest = std::max(newest.value_or(attempt.signed_at), attempt.signed_at);
        }
    }
    return newest;
}

//! kNotReady when nothing with this nonce is final.
Expected<Done> is_used_up(db::UnitOfWork& work, const core::ChainId& chain, const core::Address& sender,
                          std::uint64_t nonce) {
    auto final = work.own_txs().final_with_nonce(chain, sender, nonce);
    if (!final) return final.error();
    if (*final) return Done{};
    return not_now("nonce " + std::to_string(nonce) + " of its address to be used up for good");
}

bool is_to_be_looked_at(std::size_t top_ups) {
    return top_ups >= kTopUpsUnwatched && (top_ups - kTopUpsUnwatched) % kTopUpsAtOnce == 0;
}

}  // namespace

// Nothing of the payout is on the wire or reserved here, so that giving up is safe.
Task<Expected<Done>> Executor::next_step(db::PayoutFull full) {
    const db::Payout& payout = full.payout;
    if (is_call(payout) || is_leftover(payout)) {
        auto ended = co_await end_grants(full);
        if (!ended) co_return ended.error();
        if (*ended) co_return Done{};
    }
    if (payout.recipient.empty()) {
        co_return co_await hold(std::move(full), "the session has no refund address");
    }
    if (auto allowed = signer_.allows(final_order(payout)); !allowed) {
        co_return co_await stop(std::move(full), allowed.error().message);
    }
    if (auto ready = sender_.ready_to_pay(); !ready) co_return ready.error();
    auto parties = co_await check_parties(payout);
    if (!parties) {
        if (parties.error().code == Errc::kRefused) {
            co_return co_await stop(std::move(full), parties.error().message);
        }
        co_return parties.error();
    }
    auto credited_at = co_await youngest_claim(payout);
    if (!credited_at) co_return credited_at.error();
    if (is_call(payout)) co_return co_await next_of_call(std::move(full), *credited_at);
    // A node that has not reached the deposit would truthfully say that the money is not there.
    auto simulated = co_await sender_.simulate(final_order(payout), *credited_at);
    if (!simulated) co_return simulated.error();
    if (!simulated->would_succeed) {
        co_return co_await refused(std::move(full), simulated->reason);
    }
    refusals_.erase(payout.id);
    db::PayoutStep step = step_from_receiver(full, db::StepKind::kTransfer, payout.units);
    step.gas_limit = simulated->gas_limit;
    co_return co_await fund_and_reserve(std::move(full), std::move(step));
}

Task<Expected<Done>> Executor::refused(db::PayoutFull full, std::string reason) {
    const core::PayoutId id = full.payout.id;
    const unsigned times = ++refusals_[id];
    if (times < pace_.refusals) {
        co_return not_now("the chain refuses the " + what_is_refused(full.payout) + " (" +
                          std::to_string(times) + " of " + std::to_string(pace_.refusals) +
                          " looks): " + reason);
    }
    refusals_.erase(id);
    co_return co_await give_up(std::move(full), std::move(reason));
}

Task<Expected<Done>> Executor::fund_and_reserve(db::PayoutFull full, db::PayoutStep step,
                                                std::uint64_t gas_to_come) {
    auto price = co_await sender_.suggest_price();
    if (!price) co_return price.error();
    auto cost = co_await sender_.cost_max(unsigned_tx(full, step, *price));
    if (!cost) co_return cost.error();
    Expected<core::Units> fee = *cost;
    if (step.asset.is_native()) fee = cost->minus(step.units);
    if (!fee) co_return fee.error();
    auto have = co_await gas_money(full.payout);
    if (!have) co_return have.error();
    if (*have < *fee) {
        const auto later = price->max_fee.times(gas_to_come);
        if (!later) co_return later.error();
        const auto wanted = fee->plus(*later);
        if (!wanted) co_return wanted.error();
        const auto missing = wanted->minus(*have);
        co_return co_await top_up(std::move(full), *missing, std::move(step));
    }
    co_return co_await reserve(std::move(full), step, step);
}

Task<Expected<std::uint64_t>> Executor::youngest_claim(const db::Payout& payout) {
    if (!payout.session) co_return std::uint64_t{0};
    const core::SessionId session = *payout.session;
    auto job = context_.database.read<std::uint64_t>(
        [session](db::UnitOfWork& work) -> Expected<std::uint64_t> {
            auto deposits = work.deposits().of_session(session);
            if (!deposits) return deposits.error();
            std::uint64_t height = 0;
            for (const db::Deposit& deposit : *deposits) {
                if (deposit.claim) height = std::max(height, deposit.height);
            }
            return height;
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::check_parties(const db::Payout& payout) {
    auto sender_code = co_await sender_.has_code(payout.sender);
    if (!sender_code) co_return sender_code.error();
    if (*sender_code) {
        co_return Error{Errc::kRefused, "the receiver has code: its key no longer rules it alone"};
    }
    if (payout.leg == db::Leg::kDelivery) co_return Done{};
    // A contract wallet exists only where it was deployed: a refund elsewhere could be lost for good.
    auto code_here = co_await sender_.has_code(payout.recipient);
    if (!code_here) co_return code_here.error();
    if (*code_here) co_return Done{};
    for (chains::TxSender* sibling : siblings_) {
        auto code_there = co_await sibling->has_code(payout.recipient);
        if (!code_there) co_return code_there.error();
        if (*code_there) {
            co_return Error{Errc::kRefused, "the refund address is a contract on " +
                                                sibling->info().id.text() + " and has no code on " +
                                                chain_.id.text()};
        }
    }
    co_return Done{};
}

Task<Expected<core::Units>> Executor::gas_money(const db::Payout& payout) {
    const core::ChainId chain = chain_.id;
    const core::AssetId native = chain_.native_asset;
    const core::Address owner = payout.sender;
    auto job = context_.database.read<core::Units>(
        [chain, native, owner, payout](db::UnitOfWork& work) -> Expected<core::Units> {
            auto books = work.deposits().native_expected(chain, native, {owner});
            if (!books) return books.error();
            const std::optional<core::Units>& held = books->front();
            if (!held) return not_now("the books say that the receiver paid more than it had");
            // Customers' coin is not gas money, neither this payout's nor another's.
            auto owed = owed_native(work, payout, native);
            if (!owed) return owed.error();
            if (*held < *owed) return not_now("another payment of this receiver to be final");
            return held->minus(*owed);
        });
    co_return co_await std::move(job);
}

//! Is the last top-up old enough, by the clock on the wall, which survives us, or by our own, which nobody
//! sets back?
bool Executor::may_top_up_further(const db::PayoutFull& full, std::size_t top_ups) {
    const auto newest = newest_top_up(full);
    if (!newest || context_.clock.now() - *newest >= kBetweenFurtherTopUps) return true;
    const core::Tick now = context_.clock.tick();
    TopUpsSeen& seen = top_ups_seen_.try_emplace(full.payout.id, TopUpsSeen{top_ups, now}).first->second;
    if (seen.top_ups != top_ups) seen = {top_ups, now};
    return now - seen.since >= kBetweenFurtherTopUps;
}

Task<Expected<Done>> Executor::top_up(db::PayoutFull full, core::Units missing,
                                      db::PayoutStep purpose) {
    const auto earlier = static_cast<std::size_t>(
        std::count_if(full.steps.begin(), full.steps.end(), [](const db::PayoutStep& step) {
            return step.kind == db::StepKind::kTopUp;
        }));
    // What had ended and left the chain is let go on by nobody: one each half hour is all that it gets.
    const bool is_for_lost = db::is_terminal(purpose.status);
    if (is_for_lost && full.payout.status == db::PayoutStatus::kHeld) {
        co_return not_now("its payout is held, and too little gas money there for a higher bid");
    }
    // Whoever lets the payout go on wants one more now.
    const bool let_go_on = was_let_go_on(full.payout) && !is_for_lost;
    if (!let_go_on && !is_for_lost && is_to_be_looked_at(earlier)) {
        co_return co_await hold(
            std::move(full), std::to_string(earlier) +
                                 " top-ups of gas money went to the payer's address, and by the books it "
                                 "still has too little. Is the gas price that high, or are their blocks "
                                 "told without them (depositd reconcile)? Resumed, it gets more");
    }
    // A call has three transactions of its own that may each find the price risen.
    const std::size_t at_once = is_call(full.payout) ? 2 * kTopUpsAtOnce : kTopUpsAtOnce;
    if (!let_go_on && earlier >= at_once && !may_top_up_further(full, earlier)) {
        co_return not_now("the gas price rose faster than " + std::to_string(earlier) +
                          " top-ups; waiting for it to fall, or for half an hour since the last");
    }
    auto station = signer_.address_of({chains::KeyRole::kGasStation, 0});
    if (!station) co_return station.error();
    auto units = missing.mul_ratio_ceil(5, 4);  // room for the price to rise meanwhile
    if (!units) co_return units.error();

    db::PayoutStep step;
    step.payout = full.payout.id;
    step.ordinal = static_cast<std::uint32_t>(full.steps.size());
    step.kind = db::StepKind::kTopUp;
    step.key_role = static_cast<int>(chains::KeyRole::kGasStation);
    step.sender = *station;
    step.recipient = full.payout.sender;
    step.asset = chain_.native_asset;
    step.units = *units;
    if (auto allowed = signer_.allows(order_of(step, {})); !allowed) {
        co_return not_now("gas money is refused: " + allowed.error().message);
    }

    auto balance = co_await sender_.native_balance(*station);
    if (!balance) co_return balance.error();
    // Asked before the simulation: a node just refuses to run what its sender cannot pay for.
    if (*balance < *units) co_return station_is_short(*station, *balance, *units);
    auto simulated = co_await sender_.simulate(order_of(step, {}));
    if (!simulated) co_return simulated.error();
    if (!simulated->would_succeed) {
        co_return not_now("the chain refuses gas money for the receiver: " + simulated->reason);
    }
    step.gas_limit = simulated->gas_limit;
    auto price = co_await sender_.suggest_price();
    if (!price) co_return price.error();
    auto cost = co_await sender_.cost_max(unsigned_tx(full, step, *price));
    if (!cost) co_return cost.error();
    if (*balance < *cost) co_return station_is_short(*station, *balance, *cost);
    co_return co_await reserve(std::move(full), step, std::move(purpose));
}

Task<Expected<Done>> Executor::reserve(db::PayoutFull full, db::PayoutStep step,
                                       db::PayoutStep purpose) {
    auto chain_nonce = co_await sender_.nonce_final(step.sender);
    if (!chain_nonce) co_return chain_nonce.error();
    CRASH_POINT("reserve_before");
    const core::Instant now = context_.clock.now();
    const core::ChainId chain = chain_.id;
    const db::Payout payout = full.payout;
    auto reserved_job = context_.database.write<db::PayoutStep>(
        [=, nonce = *chain_nonce](db::UnitOfWork& work) mutable -> Expected<db::PayoutStep> {
            const bool is_receiver = step.key_role == static_cast<int>(chains::KeyRole::kReceiver);
            if (is_receiver) {
                // Two payouts of one receiver would count on the same gas money.
                auto open = work.payouts().open_nonces(chain, step.sender);
                if (!open) return open.error();
                if (!open->empty()) return not_now("another payout of this address to end");
            }
            // What ends an allowance pays nobody: nothing that stops payouts may keep one standing.
            auto ends_grant = serves_end(work, payout, purpose);
            if (!ends_grant) return ends_grant.error();
            const bool is_for_lost = db::is_terminal(purpose.status);
            if (!*ends_grant) {
                auto may = is_for_lost ? may_go_again(work, payout) : may_move(work, payout);
                if (!may) return may.error();
            }
            if (is_for_lost) {
                auto lost = work.payouts().is_lost(purpose.id);
                if (!lost) return lost.error();
                if (!*lost) return Error{Errc::kConflict, "it is on the chain again"};
            }
            auto id = work.payouts().add_step(step);
            if (!id) return id.error();
            step.id = *id;
            auto taken = work.payouts().reserve_nonce(chain, step.sender, nonce, step.id);
            if (!taken) return taken.error();
            if (is_receiver && !*ends_grant && *taken > nonce) {
                // The nodes count less than we do: one is behind, or the one before has left the chain.
                auto used = is_used_up(work, chain, step.sender, *taken - 1);
                if (!used) return used.error();
            }
            step.nonce = *taken;
            step.status = db::PayoutStatus::kReserved;
            if (auto saved = work.payouts().save_step(step); !saved) return saved.error();
            if (is_for_lost) return step;
            db::Payout next = payout;
            next.status = db::PayoutStatus::kReserved;
            next.held_from = db::PayoutStatus::kPlanned;
            next.waiting_for.clear();
            next.updated_at = now;
            if (auto saved = work.payouts().save(next); !saved) return saved.error();
            return step;
        });
    auto reserved = co_await std::move(reserved_job);
    if (!reserved) co_return reserved.error();
    CRASH_POINT("reserve_after");
    const core::PayoutId id = full.payout.id;
    auto fresh_job = context_.database.read<std::optional<db::PayoutFull>>(
        [id](db::UnitOfWork& work) { return work.payouts().load(id); });
    auto fresh = co_await std::move(fresh_job);
    if (!fresh) co_return fresh.error();
    CHECK(fresh->has_value(), "payouts are never deleted");
    co_return co_await sign_reserved(std::move(**fresh), *reserved);
}

}  // namespace settlement
