#include "settlement/executor.hpp"

#include <algorithm>

#include "settlement/accounts.hpp"
#include "settlement/impl/grants.hpp"
#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

// How an allowance ends: taken back, that final, and what the token's contract says then on file. Only after
// that money goes back: whoever could take it may have done so in a transaction that nobody of us reads.

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;
using core::Task;

//! It failed so often, for this allowance, that somebody has to look before the next try.
bool fails_for_good(const db::PayoutFull& full, const db::PayoutStep& grant) {
    const db::PayoutStep* last = full.steps.empty() ? nullptr : &full.steps.back();
    const auto failed = [&](const db::PayoutStep& step) {
        return pays_nobody(step) && step.id > grant.id &&
               step.status == db::PayoutStatus::kFinalFailed;
    };
    if (last == nullptr || !failed(*last) || was_let_go_on(full.payout)) return false;
    return std::count_if(full.steps.begin(), full.steps.end(), failed) % kMinedFailuresMax == 0;
}

Expected<bool> handled(const Expected<Done>& done) {
    if (!done) return done.error();
    return true;
}

}  // namespace

Task<Expected<bool>> Executor::end_grants(db::PayoutFull full) {
    const db::Payout payout = full.payout;
    auto job = context_.database.read<Grants>(
        [payout](db::UnitOfWork& work) { return grants_of(work, payout); });
    auto grants = co_await std::move(job);
    if (!grants) co_return grants.error();
    const bool calls = is_call(full.payout);
    const db::PayoutStep* call = calls ? ended_call(full) : nullptr;
    if (grants->open) {
        const bool is_needed = calls && call == nullptr && !is_given_up(payout);
        if (is_needed && grants->barred.empty()) co_return false;
        if (is_needed) full.payout.reason = std::string{kNeverCalled} + grants->barred;
        if (ends_grant_only(payout)) {
            co_return handled(co_await file_end(std::move(full), *grants->open, true));
        }
        co_return handled(co_await take_back(std::move(full), *grants->open));
    }
    if (!grants->not_filed.empty()) {
        co_return handled(co_await file_end(std::move(full), grants->not_filed.front(), false));
    }
    if (!grants->missing.is_zero()) {
        if (is_leftover(payout) && was_let_go_on(payout)) {
            co_return handled(co_await pay_rest(std::move(full), grants->missing));
        }
        const std::string why = grants->missing.decimal() + " of " + full.payout.asset.text() +
                                " was taken by the contract, and not by our call of it";
        co_return handled(co_await hold(std::move(full), why));
    }
    if (call != nullptr && call->status == db::PayoutStatus::kFinalOk) {
        const std::string why = payout.reason.empty() ? "the call " + call->reason : payout.reason;
        co_return handled(co_await hold(std::move(full), why));
    }
    if (ends_grant_only(payout)) co_return handled(co_await end_done(std::move(full)));
    if (calls && has_granted(full)) co_return handled(co_await fail_call(std::move(full)));
    co_return false;
}

Task<Expected<Done>> Executor::take_back(db::PayoutFull full, db::PayoutStep grant) {
    if (auto ready = sender_.ready_to_pay(); !ready) co_return ready.error();
    const std::string refuses = "the token does not take its allowance back: ";
    if (fails_for_good(full, grant)) {
        co_return co_await hold(std::move(full), refuses + "mined and failed again and again");
    }
    db::PayoutStep step = step_from_receiver(full, db::StepKind::kApprove, core::Units{});
    step.recipient = grant.recipient;
    step.asset = grant.asset;
    const chains::TxOrder clearing = order_of(step, core::Bytes{});
    auto simulated = co_await sender_.simulate(clearing, 0);
    if (!simulated) co_return simulated.error();
    if (!simulated->would_succeed) {
        const core::PayoutId id = full.payout.id;
        const std::string why = refuses + simulated->reason;
        // Counted apart: the call's own refusals come in between, and end their count each time.
        if (++end_refusals_[id] < pace_.refusals) co_return not_now(why);
        end_refusals_.erase(id);
        co_return co_await hold(std::move(full), why);
    }
    end_refusals_.erase(full.payout.id);
    step.gas_limit = simulated->gas_limit;
    co_return co_await fund_and_reserve(std::move(full), std::move(step));
}

Task<Expected<Done>> Executor::file_end(db::PayoutFull full, db::PayoutStep grant,
                                        bool is_open) {
    const core::SessionId session = full.payout.session.value_or(core::SessionId{});
    auto ask = context_.database.read<std::vector<Look>>(
        [grant, session](db::UnitOfWork& work) { return looks_at(work, grant, session); });
    auto looks = co_await std::move(ask);
    if (!looks) co_return looks.error();
    if (looks->empty()) co_return not_now("the end of its allowance to be final");
    std::optional<Look> seen;
    Expected<chains::Holding> holding = not_now("nobody was asked");
    for (const Look& look : *looks) {
        holding = co_await sender_.holding(grant.asset, grant.sender, grant.recipient, look.at);
        if (!holding) continue;
        seen = look;
        break;
    }
    if (!seen) {
        co_return not_now("how its allowance ended cannot be read: " + holding.error().message);
    }
    if (is_open && !holding->allowance.is_zero()) {
        co_return co_await take_back(std::move(full), std::move(grant));
    }
    if (!holding->allowance.is_zero()) {
        co_return co_await hold(std::move(full), "the token says that the contract may still take " +
                                                     holding->allowance.decimal());
    }
    db::GrantEnd end;
    end.step = grant.id;
    end.height = seen->at.height;
    if (holding->balance < seen->known) end.missing = *seen->known.minus(holding->balance);
    end.at = context_.clock.now();
    if (!end.missing.is_zero()) {
        context_.log.warn("a contract took of its allowance by itself",
                          {{"payout", full.payout.id.value},
                           {"contract", grant.recipient.hex0x()},
                           {"units", end.missing.decimal()}});
    }
    const core::PayoutId id = full.payout.id;
    auto job = context_.database.write<Done>(
        [id, grant, session, end](db::UnitOfWork& work) -> Expected<Done> {
            if (auto filed = work.payouts().end_grant(end); !filed) return filed.error();
            if (end.missing.is_zero()) return Done{};
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            db::Payout payout = (**loaded).payout;
            if (was_let_go_on(payout)) {
                // An operator said so before this was known.
                payout.held_from = db::PayoutStatus::kPlanned;
                if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            }
            return work.ledger().post(taken_posting(grant, session, end.missing, end.at));
        });
    co_return co_await std::move(job);
}

}  // namespace settlement
