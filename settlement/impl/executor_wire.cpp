#include "settlement/executor.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/crash_point.hpp"
#include "settlement/impl/grants.hpp"
#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

// From a reserved nonce to the wire: sign, store, send, send again, bid higher.

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;
using core::Task;

Expected<bool> is_to_sign(const db::PayoutFull& full, core::StepId id) {
    const db::PayoutStep* current = current_step(full);
    return current != nullptr && current->id == id && current->status != db::PayoutStatus::kSeen;
}

}  // namespace

Task<Expected<Done>> Executor::sign_reserved(db::PayoutFull full, db::PayoutStep step) {
    auto price = co_await sender_.suggest_price();
    if (!price) co_return price.error();
    co_return co_await sign(std::move(full), std::move(step), *price);
}

chains::UnsignedTx Executor::unsigned_tx(const db::PayoutFull& full, const db::PayoutStep& step,
                                         const chains::GasPrice& price) const {
    chains::UnsignedTx tx;
    tx.chain = chain_.id;
    tx.order = order_of(step, full.payout.calldata);
    tx.nonce = step.nonce;
    tx.gas_limit = step.gas_limit;
    tx.price = price;
    tx.legacy = price.legacy;
    return tx;
}

Task<Expected<core::Units>> Executor::missing_gas(const db::PayoutFull& full,
                                                  const db::PayoutStep& step,
                                                  const chains::GasPrice& price) {
    auto cost = co_await sender_.cost_max(unsigned_tx(full, step, price));
    if (!cost) co_return cost.error();
    Expected<core::Units> fee = *cost;
    if (step.asset.is_native()) fee = cost->minus(step.units);
    if (!fee) co_return fee.error();
    auto have = co_await gas_money(full.payout);
    if (!have) co_return have.error();
    if (*have >= *fee) co_return core::Units{};
    co_return *fee->minus(*have);
}

Task<Expected<Done>> Executor::sign(db::PayoutFull full, db::PayoutStep step,
                                    chains::GasPrice price) {
    const chains::UnsignedTx tx = unsigned_tx(full, step, price);
    if (step.kind != db::StepKind::kTopUp) {
        // The price may have moved since the receiver was given its gas money.
        auto missing = co_await missing_gas(full, step, price);
        if (!missing) co_return missing.error();
        if (!missing->is_zero()) co_return co_await top_up(std::move(full), *missing, std::move(step));
    }
    const bool is_receiver = step.key_role == static_cast<int>(chains::KeyRole::kReceiver);
    chains::SigningRequest request;
    request.tx = tx;
    request.key = {static_cast<chains::KeyRole>(step.key_role), step.key_index};
    request.payout = full.payout.id;
    request.leg = std::string{to_string(full.payout.leg)};
    if (is_receiver) {
        const core::ReceiverId receiver_id = full.payout.receiver;
        auto receiver_job = context_.database.read<std::optional<db::Receiver>>(
            [receiver_id](db::UnitOfWork& work) { return work.receivers().by_id(receiver_id); });
        auto receiver = co_await std::move(receiver_job);
        if (!receiver) co_return receiver.error();
        CHECK(receiver->has_value(), "receivers are never deleted");
        request.key.index = (*receiver)->derivation_index;
    }
    CRASH_POINT("sign_before");
    auto signed_tx = co_await signer_.sign(std::move(request));
    if (!signed_tx) co_return signed_tx.error();
    CRASH_POINT("sign_after");

    db::Attempt attempt;
    attempt.step = step.id;
    attempt.tx = signed_tx->id;
    attempt.raw = signed_tx->raw;
    attempt.max_fee = price.max_fee;
    attempt.max_priority_fee = price.max_priority_fee;
    attempt.status = db::AttemptStatus::kSigned;
    attempt.signed_at = context_.clock.now();
    // One that was final once and left the chain stays as it is: only its bytes are new.
    const bool is_lost = db::is_terminal(step.status);
    if (!is_lost) step.status = db::PayoutStatus::kSigned;
    const core::PayoutId id = full.payout.id;
    auto stored_job = context_.database.write<db::Attempt>(
        [attempt, step, id, is_lost](db::UnitOfWork& work) mutable -> Expected<db::Attempt> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            db::Payout payout = (*loaded)->payout;
            auto may_sign = is_lost ? work.payouts().is_lost(step.id) : is_to_sign(**loaded, step.id);
            if (!may_sign) return may_sign.error();
            if (!*may_sign) return Error{Errc::kConflict, "the step moved meanwhile"};
            // A top-up is the operator's own coin, and its nonce must not be left as a gap. Nobody is paid
            // by what fills a nonce or takes an allowance back.
            auto ends_grant = serves_end(work, payout, step);
            if (!ends_grant) return ends_grant.error();
            const bool fills = step.kind == db::StepKind::kTopUp || step.kind == db::StepKind::kCancel;
            if (!fills && !*ends_grant) {
                auto may = is_lost ? may_go_again(work, payout) : may_move(work, payout);
                if (!may) return may.error();
            }
            auto added = work.payouts().add_attempt(attempt);
            if (!added) return added.error();
            attempt.id = *added;
            if (is_lost) return attempt;
            if (auto saved = work.payouts().save_step(step); !saved) return saved.error();
            if (db::is_terminal(payout.status)) return attempt;
            payout.status = db::PayoutStatus::kSigned;
            payout.waiting_for.clear();
            payout.updated_at = attempt.signed_at;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            return attempt;
        });
    auto stored = co_await std::move(stored_job);
    if (!stored) co_return stored.error();
    CRASH_POINT("store_after");
    co_return co_await send(std::move(full), std::move(step), *stored);
}

Task<Expected<Done>> Executor::send(db::PayoutFull full, db::PayoutStep step, db::Attempt attempt,
                                    std::string waits_for) {
    CRASH_POINT("send_before");
    auto report = co_await sender_.send(attempt.raw);
    CRASH_POINT("send_answered");
    const core::Instant now = context_.clock.now();
    // Whatever was answered, even nothing: the bytes may be out. Only blocks tell.
    attempt.last_answer = report ? std::string{name_of(report->outcome)} + ": " + report->text
                                 : "unclear: " + report.error().message;
    const std::string waiting = waits_for.empty() ? waiting_text(report) : waits_for;
    context_.log.info("payout sent", {{"payout", full.payout.id.value},
                                      {"leg", to_string(full.payout.leg)},
                                      {"step", to_string(step.kind)},
                                      {"nonce", step.nonce},
                                      {"tx", attempt.tx.hex0x()},
                                      {"answer", attempt.last_answer}});
    context_.metrics.count("depositd_payout_sends_total", {{"chain", chain_.id.text()}});
    const core::PayoutId id = full.payout.id;
    const core::AttemptId attempt_id = attempt.id;
    const std::string answer = attempt.last_answer;
    auto job = context_.database.write<Done>(
        [=](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            db::PayoutFull current = **loaded;
            for (db::Attempt& row : current.attempts) {
                if (row.id != attempt_id) continue;
                row.send_count += 1;
                row.last_answer = answer;
                row.sent_at = now;
                if (row.status == db::AttemptStatus::kSigned) row.status = db::AttemptStatus::kSent;
                if (auto saved = work.payouts().save_attempt(row); !saved) return saved.error();
            }
            for (db::PayoutStep& row : current.steps) {
                // The watcher may have seen it mined before we could write that it was sent.
                if (row.id != step.id || row.status != db::PayoutStatus::kSigned) continue;
                row.status = db::PayoutStatus::kSent;
                if (auto saved = work.payouts().save_step(row); !saved) return saved.error();
            }
            db::Payout& payout = current.payout;
            const bool first = payout.status == db::PayoutStatus::kSigned;
            const bool again = payout.status == db::PayoutStatus::kSent;
            if (!first && (!again || payout.waiting_for == waiting)) return Done{};
            payout.status = db::PayoutStatus::kSent;
            payout.waiting_for = waiting;
            payout.updated_at = now;
            return work.payouts().save(payout);
        });
    auto marked = co_await std::move(job);
    CRASH_POINT("send_marked");
    co_return marked;
}

Task<Expected<Done>> Executor::keep_going(db::PayoutFull full, db::PayoutStep step) {
    const db::Attempt* newest = newest_attempt(full, step.id);
    CHECK(newest != nullptr, "a sent step has an attempt");
    const db::Attempt attempt = *newest;
    const bool is_time = context_.clock.now() - attempt.signed_at >= pace_.bump_after;
    Due due{is_time && !is_unaffordable(attempt), is_to_send_again(attempt)};
    if (is_time && !due.bid && due.send) {
        const auto lacks = co_await lacks_gas_money(full, step, attempt);
        due.bid = lacks && *lacks;  // when nobody can tell, the same bytes go out meanwhile
    }
    co_return co_await send_or_bid(std::move(full), std::move(step), attempt, due);
}

// A higher bid does not help a sender who cannot afford this one, unless that is so by the books too, and
// nothing is on its way: then another transaction of the address has cost more than it should, and the
// bid begins with gas money.
Task<Expected<bool>> Executor::lacks_gas_money(const db::PayoutFull& full, const db::PayoutStep& step,
                                               const db::Attempt& attempt) {
    if (step.kind == db::StepKind::kTopUp) co_return false;
    const bool gas_comes =
        std::any_of(full.steps.begin(), full.steps.end(), [](const db::PayoutStep& other) {
            return other.kind == db::StepKind::kTopUp && !db::is_terminal(other.status);
        });
    if (gas_comes) co_return false;
    const chains::GasPrice price{attempt.max_fee, attempt.max_priority_fee};
    auto missing = co_await missing_gas(full, step, price);
    if (!missing) co_return missing.error();
    co_return !missing->is_zero();
}

bool Executor::is_to_send_again(const db::Attempt& attempt) const {
    const core::Instant sent_at = attempt.sent_at.value_or(attempt.signed_at);
    return context_.clock.now() - sent_at >= pace_.resend_after;
}

Task<Expected<Done>> Executor::send_or_bid(db::PayoutFull full, db::PayoutStep step,
                                           db::Attempt attempt, Due due) {
    if (!due.bid && !due.send) co_return Done{};
    if (!due.bid) co_return co_await send(std::move(full), std::move(step), attempt);
    auto suggested = co_await sender_.suggest_price();
    Expected<chains::GasPrice> higher =
        suggested ? sender_.bump({attempt.max_fee, attempt.max_priority_fee}, *suggested)
                  : Expected<chains::GasPrice>{suggested.error()};
    Expected<Done> bid = Done{};
    if (higher) {
        context_.metrics.count("depositd_payout_bumps_total", {{"chain", chain_.id.text()}});
        CRASH_POINT("bump_before");
        bid = co_await sign(full, step, *higher);
        CRASH_POINT("bump_after");
    } else {
        bid = higher.error();
    }
    // Too dear, or too little gas money for it: the old bytes stay good.
    if (bid || !due.send) co_return bid;
    auto sent = co_await send(std::move(full), std::move(step), attempt, bid.error().message);
    co_return sent ? bid : sent;
}

}  // namespace settlement
