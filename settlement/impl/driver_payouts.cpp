#include "settlement/driver.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/crash_point.hpp"
#include "settlement/accounts.hpp"
#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

// Facts about our own transactions: what became of payouts.
namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;

Error not_configured(const core::ChainId& chain) {
    return Error{Errc::kNotFound, chain.text() + " is not in the configuration any more"};
}

//! What a call that did something did, in words that are the same for the same; empty for other steps.
std::string effect_text(const db::OwnTx& tx, const db::PayoutStep& step) {
    return step.kind == db::StepKind::kCall ? judge_call(tx, step).text : "";
}

constexpr const char* kTooLittle = ", less than the tolerance allows";

std::string why_in_vain(const db::OwnTx& tx, const db::PayoutStep& step) {
    if (!tx.success) return "the transaction was mined and failed";
    if (step.kind == db::StepKind::kCall) return "it was mined and " + judge_call(tx, step).text;
    return "the transaction succeeded but did not move what it should";
}

//! One transaction with their nonce is final: it decides over all of them that nothing decided before.
Expected<Done> decide_attempts(db::UnitOfWork& work, const db::PayoutFull& full,
                               const db::Payouts::AttemptPlace& place, bool ok) {
    for (db::Attempt attempt : full.attempts) {
        if (attempt.step != place.step.id || db::is_decided(attempt.status)) continue;
        attempt.status = attempt.id != place.attempt.id ? db::AttemptStatus::kDead
                         : ok                           ? db::AttemptStatus::kFinalOk
                                                        : db::AttemptStatus::kFinalFailed;
        if (auto done = work.payouts().save_attempt(attempt); !done) return done.error();
    }
    return Done{};
}

}  // namespace

Expected<Done> Driver::own_tx_moved(db::UnitOfWork& work, const db::Fact& fact) const {
    CHECK(fact.own_tx.has_value(), "an own-transaction fact names it");
    auto tx = work.own_txs().load(*fact.own_tx);
    if (!tx) return tx.error();
    if (!*tx) return Done{};
    if (fact.kind == db::FactKind::kOwnTxOrphaned) {
        // Booked only when it was final: the books follow the chain.
        auto taken = work.ledger().take_back(own_tx_key(**tx), context_.clock.now());
        if (!taken) return taken.error();
    }
    auto place = work.payouts().by_tx((*tx)->chain, (*tx)->tx);
    if (!place) return place.error();
    if (!*place) {
        context_.log.warn("a transaction that we did not sign left one of our addresses",
                          {{"chain", fact.chain.text()},
                           {"sender", (*tx)->sender.hex0x()},
                           {"tx", (*tx)->tx.hex0x()}});
        context_.metrics.count("depositd_foreign_transactions_total",
                               {{"chain", fact.chain.text()}});
        return Done{};
    }
    CRASH_POINT("seen_before");
    const bool mined = fact.kind == db::FactKind::kOwnTxMined;
    db::Attempt attempt = (*place)->attempt;
    db::PayoutStep step = (*place)->step;
    if (db::is_terminal(step.status)) return Done{};
    attempt.status = mined ? db::AttemptStatus::kMined : db::AttemptStatus::kSent;
    step.status = mined ? db::PayoutStatus::kSeen : db::PayoutStatus::kSent;
    if (auto done = work.payouts().save_attempt(attempt); !done) return done.error();
    if (auto done = work.payouts().save_step(step); !done) return done.error();
    auto full = work.payouts().load((*place)->payout);
    if (!full) return full.error();
    db::Payout payout = (*full)->payout;
    if (db::is_terminal(payout.status) || payout.status == db::PayoutStatus::kHeld) return Done{};
    payout.status = step.status;
    payout.waiting_for = mined ? "finality of " + attempt.tx.hex0x()
                               : "its block left the chain; sending the same bytes again";
    payout.updated_at = context_.clock.now();
    if (auto saved = work.payouts().save(payout); !saved) return saved.error();
    CRASH_POINT("seen_after");
    return Done{};
}

Expected<Done> Driver::own_tx_final(db::UnitOfWork& work, const db::Fact& fact) const {
    CHECK(fact.own_tx.has_value(), "an own-transaction fact names it");
    auto tx = work.own_txs().load(*fact.own_tx);
    if (!tx) return tx.error();
    if (!*tx) return Error{Errc::kNotFound, "an own transaction's row is missing"};
    auto place = work.payouts().by_tx((*tx)->chain, (*tx)->tx);
    if (!place) return place.error();
    if (*place) return attempt_final(work, **tx, **place);
    return foreign_final(work, **tx);
}

Expected<Done> Driver::attempt_final(db::UnitOfWork& work, const db::OwnTx& tx,
                                     const db::Payouts::AttemptPlace& place) const {
    auto loaded = work.payouts().load(place.payout);
    if (!loaded) return loaded.error();
    CHECK(loaded->has_value(), "an attempt belongs to a payout");
    const db::PayoutFull& full = **loaded;
    db::PayoutStep step = place.step;
    const chains::ChainInfo* chain = context_.chain(tx.chain);
    if (chain == nullptr) return not_configured(tx.chain);
    const std::string debtor = step.kind == db::StepKind::kTopUp ? address_account(step.recipient)
                                                                 : creditor_account(full.payout);
    const auto posting = own_tx_posting(tx, chain->native_asset, debtor, context_.clock.now());
    auto posted = work.ledger().posted(posting.key);
    if (!posted) return posted.error();
    CRASH_POINT("ledger_before");
    if (!*posted && !posting.lines.empty()) {
        if (auto done = work.ledger().post(posting); !done) return done.error();
    }
    CRASH_POINT("ledger_after");

    const bool ok = does_what_it_should(tx, step);
    if (auto done = decide_attempts(work, full, place, ok); !done) return done.error();
    if (db::is_terminal(step.status)) return final_again(work, tx, step, ok);
    const std::string why = ok ? "" : why_in_vain(tx, step);
    step.status = ok ? db::PayoutStatus::kFinalOk : db::PayoutStatus::kFinalFailed;
    step.reason = ok ? effect_text(tx, step) : why;
    if (auto done = work.payouts().save_step(step); !done) return done.error();

    db::Payout payout = full.payout;
    const StepEnd end = end_of(full, step, ok);
    const std::string told =
        ok ? "" : std::string{to_string(step.kind)} + ": " + why + " (" + tx.tx.hex0x() + ")";
    if (ok && step.kind == db::StepKind::kCall) {
        auto least = least_taken(work, payout);
        if (!least) return least.error();
        const CallVerdict verdict = judge_call(tx, step);
        if (!pays(verdict, *least)) {
            // Neither a delivery nor money that could go back: nothing of it is decided here.
            const bool is_too_little = verdict.effect == CallEffect::kTookPart;
            payout.reason = "the call " + step.reason + (is_too_little ? kTooLittle : "") + " (" +
                            tx.tx.hex0x() + ")";
            return go_on(work, payout, "its allowance to end: " + payout.reason);
        }
    }
    if (end != StepEnd::kGoesOn) {
        return payout_final(work, payout, step, end == StepEnd::kDone, tx, told);
    }
    if (step.kind == db::StepKind::kCall) {
        payout.reason = told;
        return go_on(work, payout, "the allowance to be taken back: " + told);
    }
    // A step on the way decides nothing: without its gas money the transfer just asks again.
    return go_on(work, payout, ok ? "its next step" : "another try: " + why);
}

// Told before, or the chain took it back and it is final once more: what it came to must be the same.
Expected<Done> Driver::final_again(db::UnitOfWork& work, const db::OwnTx& tx,
                                   const db::PayoutStep& step, bool ok) const {
    // Gas money pays nobody: a second try that comes out otherwise is only booked.
    if (step.kind == db::StepKind::kTopUp) return Done{};
    const bool is_same = ok == (step.status == db::PayoutStatus::kFinalOk);
    const std::string effect = ok ? effect_text(tx, step) : "";
    if (is_same && (effect.empty() || effect == step.reason)) return Done{};
    const std::string text = "finality violation: payout " + std::to_string(step.payout.value) +
                             " had ended (" + std::string{to_string(step.status)} + "), and now " +
                             tx.tx.hex0x() + (ok ? " succeeded" : " failed") +
                             (effect.empty() ? "" : ", " + effect + " instead of what it had,") +
                             " and is final";
    context_.log.error("a payout ended twice, differently",
                       {{"chain", tx.chain.text()}, {"what", text}});
    return work.blocks().halt(tx.chain, text, context_.clock.now());
}

Expected<Done> Driver::payout_final(db::UnitOfWork& work, db::Payout payout,
                                    const db::PayoutStep& step, bool ok, const db::OwnTx& tx,
                                    const std::string& why) const {
    core::Units arrived = payout.units;
    if (step.kind == db::StepKind::kCall) {
        arrived = std::min(judge_call(tx, step).taken, payout.units);
    }
    payout.status = ok ? db::PayoutStatus::kFinalOk : db::PayoutStatus::kFinalFailed;
    payout.reason = why;
    payout.waiting_for.clear();
    payout.updated_at = context_.clock.now();
    CRASH_POINT("final_before");
    if (auto saved = work.payouts().save(payout); !saved) return saved.error();
    CRASH_POINT("final_after");
    context_.metrics.count("depositd_payouts_final_total",
                           {{"chain", payout.asset.chain().text()},
                            {"leg", std::string{to_string(payout.leg)}},
                            {"outcome", ok ? "ok" : "failed"}});
    context_.log.info("payout final", {{"payout", payout.id.value},
                                       {"leg", to_string(payout.leg)},
                                       {"ok", ok},
                                       {"tx", tx.tx.hex0x()}});
    const auto event = end_event(payout.leg, ok, why);
    if (!event && !ok) {
        // No session waits for a stray or an excess; an operator has to, or it would be forgotten.
        db::Payout again = payout;
        again.status = db::PayoutStatus::kHeld;
        again.held_from = db::PayoutStatus::kPlanned;
        again.reason = "payout " + std::to_string(payout.id.value) + " failed: " + why;
        again.waiting_for = "an operator: " + again.reason;
        again.version = 1;
        again.created_at = payout.updated_at;
        auto planned = work.payouts().plan(again);
        if (!planned) return planned.error();
    }
    if (!event || !payout.session) return Done{};
    EventContext about;
    about.detail = ok ? arrived.decimal() + " of " + payout.asset.text() + " to " +
                            payout.recipient.hex0x() + " in " + tx.tx.hex0x()
                      : why;
    if (ok) {
        about.outcome_tx = tx.tx;
        about.outcome_units = arrived;
    }
    auto applied = events_.apply(work, *payout.session, *event, std::move(about));
    // Coin goes with the call, and needs no allowance that could outlive it.
    const bool was_allowed = step.kind == db::StepKind::kCall && !payout.asset.is_native();
    if (!applied || !ok || !was_allowed) return applied;
    const auto left = payout.units.minus(arrived);
    if (!left) return left.error();
    return events_.plan_leftover(work, payout, *left);
}

Expected<Done> Driver::foreign_final(db::UnitOfWork& work, const db::OwnTx& tx) const {
    const chains::ChainInfo* chain = context_.chain(tx.chain);
    if (chain == nullptr) return not_configured(tx.chain);
    const auto posting =
        own_tx_posting(tx, chain->native_asset, kOperatorAccount, context_.clock.now());
    auto posted = work.ledger().posted(posting.key);
    if (!posted) return posted.error();
    if (!*posted && !posting.lines.empty()) {
        if (auto done = work.ledger().post(posting); !done) return done.error();
    }
    auto taken = work.payouts().by_nonce(tx.chain, tx.sender, tx.nonce);
    if (!taken) return taken.error();
    if (!*taken) return Done{};
    if (db::is_terminal((*taken)->status)) return foreign_instead(work, tx, **taken);

    // The evidence: another transaction with this nonce is final, so none of ours ever can be.
    db::PayoutStep step = **taken;
    auto full = work.payouts().load(step.payout);
    if (!full) return full.error();
    for (db::Attempt attempt : (*full)->attempts) {
        if (attempt.step != step.id) continue;
        attempt.status = db::AttemptStatus::kDead;
        if (auto done = work.payouts().save_attempt(attempt); !done) return done.error();
    }
    step.status = db::PayoutStatus::kDead;
    step.reason = "nonce " + std::to_string(tx.nonce) + " was used by " + tx.tx.hex0x() +
                  ", final in block " + std::to_string(tx.height);
    if (auto done = work.payouts().save_step(step); !done) return done.error();
    context_.log.error("a foreign transaction took a nonce of ours",
                       {{"chain", tx.chain.text()}, {"tx", tx.tx.hex0x()}, {"nonce", tx.nonce}});
    return go_on(work, (*full)->payout, "a new nonce: " + step.reason);
}

// What had been final left the chain, and somebody else has its nonce there now: it never comes back.
Expected<Done> Driver::foreign_instead(db::UnitOfWork& work, const db::OwnTx& tx,
                                       const db::PayoutStep& step) const {
    const bool paid = step.status == db::PayoutStatus::kFinalOk && step.kind != db::StepKind::kTopUp;
    if (!paid) return Done{};
    const std::string text = "finality violation: payout " + std::to_string(step.payout.value) +
                             " had ended (" + std::string{to_string(step.status)} +
                             "), and now nonce " + std::to_string(tx.nonce) + " of it was used by " +
                             tx.tx.hex0x() + ", which we did not sign, and is final";
    context_.log.error("a payout that had ended is gone for good",
                       {{"chain", tx.chain.text()}, {"what", text}});
    return work.blocks().halt(tx.chain, text, context_.clock.now());
}

Expected<Done> Driver::go_on(db::UnitOfWork& work, db::Payout payout,
                             const std::string& waiting_for) const {
    if (db::is_terminal(payout.status) || payout.status == db::PayoutStatus::kHeld) return Done{};
    auto full = work.payouts().load(payout.id);
    if (!full) return full.error();
    // A transfer may be on the wire while a top-up for a higher bid ended.
    const db::PayoutStep* alive = current_step(**full);
    payout.status = alive == nullptr ? db::PayoutStatus::kPlanned : alive->status;
    payout.waiting_for = waiting_for;
    payout.updated_at = context_.clock.now();
    return work.payouts().save(payout);
}

}  // namespace settlement
