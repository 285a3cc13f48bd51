#include "settlement/executor.hpp"

#include "settlement/impl/grants.hpp"
#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

// Calls that are not made after all, and what is over once an allowance has ended.

namespace settlement {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;
using core::Task;

Task<Expected<Done>> Executor::go_on_reserved(db::PayoutFull full, db::PayoutStep step) {
    if (!may_be_filled(full, step)) co_return co_await sign_reserved(std::move(full), step);
    auto why = co_await why_not_signed(full, step);
    if (!why) co_return why.error();
    if (why->empty()) co_return co_await sign_reserved(std::move(full), step);
    co_return co_await fill(std::move(full), std::move(step), *why);
}

Task<Expected<std::string>> Executor::why_not_signed(const db::PayoutFull& full,
                                                     const db::PayoutStep& step) {
    const auto allowed = signer_.allows(order_of(step, full.payout.calldata));
    if (!allowed) co_return allowed.error().message;
    const db::Payout payout = full.payout;
    auto job = context_.database.read<std::string>(
        [payout](db::UnitOfWork& work) -> Expected<std::string> {
            const auto may = may_move(work, payout);
            return may ? std::string{} : may.error().message;
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::fill(db::PayoutFull full, db::PayoutStep step, std::string why) {
    const core::PayoutId id = full.payout.id;
    const core::StepId step_id = step.id;
    const core::Instant now = context_.clock.now();
    auto job = context_.database.write<std::optional<db::PayoutFull>>(
        [id, step_id, why, now](db::UnitOfWork& work) -> Expected<std::optional<db::PayoutFull>> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            const db::PayoutStep* current = current_step(**loaded);
            const bool is_still = current != nullptr && current->id == step_id &&
                                  may_be_filled(**loaded, *current);
            if (!is_still) return Error{Errc::kConflict, "the step moved meanwhile"};
            db::PayoutStep filler = filler_of(*current);
            filler.reason = why;
            if (auto saved = work.payouts().save_step(filler); !saved) return saved.error();
            db::Payout payout = (**loaded).payout;
            payout.waiting_for = "its nonce to be used up: " + why;
            payout.updated_at = now;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            return work.payouts().load(id);
        });
    auto filled = co_await std::move(job);
    if (!filled) co_return filled.error();
    context_.log.warn("a nonce that was reserved for a call is used up without it",
                      {{"payout", id.value}, {"step", to_string(step.kind)}, {"reason", why}});
    db::PayoutFull fresh = **filled;
    const db::PayoutStep filler = *current_step(fresh);
    co_return co_await sign_reserved(std::move(fresh), filler);
}

Task<Expected<Done>> Executor::end_done(db::PayoutFull full) {
    const core::PayoutId id = full.payout.id;
    const core::Instant now = context_.clock.now();
    auto job = context_.database.write<Done>([id, now](db::UnitOfWork& work) -> Expected<Done> {
        auto loaded = work.payouts().load(id);
        if (!loaded) return loaded.error();
        if (current_step(**loaded) != nullptr) return Error{Errc::kConflict, "a step is alive"};
        db::Payout payout = (**loaded).payout;
        if (db::is_terminal(payout.status)) return Done{};
        payout.status = db::PayoutStatus::kDead;
        payout.reason = "nothing to pay: its delivery's allowance has ended";
        payout.waiting_for.clear();
        payout.updated_at = now;
        return work.payouts().save(payout);
    });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::pay_rest(db::PayoutFull full, core::Units missing) {
    const core::PayoutId id = full.payout.id;
    auto job = context_.database.write<Done>(
        [this, id, missing](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            const db::Payout& payout = (**loaded).payout;
            const bool is_still = current_step(**loaded) == nullptr &&
                                  !db::is_terminal(payout.status) && was_let_go_on(payout);
            if (!is_still) return Error{Errc::kConflict, "the payout moved meanwhile"};
            return events_.plan_rest(work, payout, missing);
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::fail_call(db::PayoutFull full) {
    const core::PayoutId id = full.payout.id;
    const core::Instant now = context_.clock.now();
    auto job = context_.database.write<Done>(
        [this, id, now](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            if (current_step(**loaded) != nullptr) return Error{Errc::kConflict, "a step is alive"};
            db::Payout payout = (**loaded).payout;
            if (db::is_terminal(payout.status)) return Done{};
            payout.status = db::PayoutStatus::kFinalFailed;
            if (payout.reason.empty()) payout.reason = "the call came to nothing";
            payout.waiting_for.clear();
            payout.updated_at = now;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            const session::DeliveryFailed failed{payout.reason};
            return events_.apply(work, payout.session.value_or(core::SessionId{}), failed,
                                 {payout.reason, {}, {}});
        });
    auto done = co_await std::move(job);
    if (!done) co_return done;
    context_.metrics.count(
        "depositd_payouts_final_total",
        {{"chain", chain_.id.text()}, {"leg", "delivery"}, {"outcome", "failed"}});
    context_.log.info("payout final", {{"payout", id.value}, {"leg", "delivery"}, {"ok", false}});
    co_return done;
}

}  // namespace settlement
