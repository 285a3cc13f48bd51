#include "settlement/driver.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/crash_point.hpp"
#include "settlement/accounts.hpp"
#include "settlement/payout_rules.hpp"

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;

constexpr std::size_t kBatch = 200;
constexpr core::Millis kPollAtMost{1000};
constexpr core::Millis kRetryAfter{500};

//! What was counted once stays what it is, whatever a reorganisation made of the row meanwhile.
session::DepositItem item_of(const db::Deposit& deposit) {
    const bool fund = deposit.can_fund.value_or(false);
    if (deposit.counted != db::Counted::kNot && deposit.counted_as) {
        const db::CountedAs& was = *deposit.counted_as;
        return {deposit.id, was.asset, was.units, was.mined_at, fund};
    }
    return {deposit.id, deposit.asset, deposit.units, deposit.mined_at, fund};
}

Error not_configured(const core::ChainId& chain) {
    return Error{Errc::kNotFound, chain.text() + " is not in the configuration any more"};
}

std::string describe(const std::vector<db::Deposit>& deposits) {
    std::string out;
    for (const db::Deposit& deposit : deposits) {
        if (!out.empty()) out += "; ";
        out += deposit.units.decimal() + " of " + deposit.asset.text() + " in " +
               (deposit.tx.empty() ? deposit.key : deposit.tx.hex0x()) + ", block " +
               std::to_string(deposit.height);
    }
    return out;
}

//! All deposits of one fact belong to one receiver, so to one session.
std::optional<core::SessionId> session_of(const std::vector<db::Deposit>& deposits) {
    return deposits.empty() ? std::nullopt : deposits.front().session;
}

}  // namespace

core::Task<void> Driver::run() {
    std::uint64_t seen = 0;
    for (;;) {
        auto drove = co_await drive_once();
        if (!drove) {
            context_.log.warn("facts wait", {{"error", drove.error().message}});
            co_await context_.clock.sleep_for(kRetryAfter);
            continue;
        }
        if (*drove < kBatch) seen = co_await context_.database.changes().wait(seen, kPollAtMost);
    }
}

// A batch is one unit of work. When a fact of it cannot be applied, the facts are applied one by one,
// so that those before it count, and the bad one is set aside: its chain halts, the others go on.
core::Task<Expected<std::size_t>> Driver::drive_once() {
    auto drove = co_await apply_some(kBatch);
    if (drove || core::is_transient(drove.error().code) ||
        drove.error().code == Errc::kCancelled) {
        co_return drove;
    }
    auto one = co_await apply_some(1);
    if (one) co_return one;
    co_return co_await set_aside(one.error().message);
}

core::Task<Expected<std::size_t>> Driver::set_aside(std::string why) {
    auto job = context_.database.write<std::size_t>(
        [this, why](db::UnitOfWork& work) -> Expected<std::size_t> {
            auto cursor = work.facts().cursor(kDriverName);
            if (!cursor) return cursor.error();
            auto facts = work.facts().after(*cursor, 1);
            if (!facts) return facts.error();
            if (facts->empty()) return std::size_t{0};
            const db::Fact& fact = facts->front();
            const std::string text = "fact " + std::to_string(fact.seq.value) + " (" +
                                     std::string{to_string(fact.kind)} +
                                     ") cannot be applied: " + why;
            context_.log.error("a fact is set aside", {{"chain", fact.chain.text()}, {"what", text}});
            auto halted = work.blocks().halt(fact.chain, text, context_.clock.now());
            if (!halted) return halted.error();
            if (auto moved = work.facts().advance(kDriverName, fact.seq); !moved) return moved.error();
            return std::size_t{1};
        });
    co_return co_await std::move(job);
}

core::Task<Expected<std::size_t>> Driver::apply_some(std::size_t most) {
    auto job = context_.database.write<std::size_t>(
        [this, most](db::UnitOfWork& work) -> Expected<std::size_t> {
            auto cursor = work.facts().cursor(kDriverName);
            if (!cursor) return cursor.error();
            auto facts = work.facts().after(*cursor, most);
            if (!facts) return facts.error();
            for (const db::Fact& fact : *facts) {
                if (auto done = apply(work, fact); !done) return done.error();
            }
            if (!facts->empty()) {
                auto moved = work.facts().advance(kDriverName, facts->back().seq);
                if (!moved) return moved.error();
            }
            return facts->size();
        });
    auto applied = co_await std::move(job);
    if (applied && *applied > 0) CRASH_POINT("facts_committed");
    co_return applied;
}

Expected<Done> Driver::apply(db::UnitOfWork& work, const db::Fact& fact) const {
    switch (fact.kind) {
        case db::FactKind::kDepositsDetected: return deposits_detected(work, fact);
        case db::FactKind::kDepositsConfirmed: return deposits_confirmed(work, fact);
        case db::FactKind::kDepositsOrphaned: return deposits_orphaned(work, fact);
        case db::FactKind::kOwnTxMined:
        case db::FactKind::kOwnTxOrphaned: return own_tx_moved(work, fact);
        case db::FactKind::kOwnTxFinal: return own_tx_final(work, fact);
        case db::FactKind::kOpeningBalance: {
            const auto posting = opening_posting(fact);
            auto posted = work.ledger().posted(posting.key);
            if (!posted) return posted.error();
            if (*posted) return Done{};
            return work.ledger().post(posting);
        }
        case db::FactKind::kBalanceMissing: return balance_missing(work, fact);
    }
    core::check_failed("FactKind is known", __FILE__, __LINE__);
}

Expected<Done> Driver::deposits_detected(db::UnitOfWork& work, const db::Fact& fact) const {
    auto deposits = work.deposits().load_many(fact.deposits);
    if (!deposits) return deposits.error();
    const auto id = session_of(*deposits);
    if (!id) return Done{};  // an operator's own address: counts once it is confirmed
    auto row = work.sessions().load(*id);
    if (!row) return row.error();
    CHECK(row->has_value(), "a receiver belongs to a session");

    session::DepositsDetected event;
    std::vector<db::Deposit> fresh;
    for (db::Deposit& deposit : *deposits) {
        if (deposit.counted != db::Counted::kNot) continue;
        if (!deposit.can_fund) {
            deposit.can_fund =
                context_.router.can_fund((*row)->session.destination, deposit.asset);
        }
        auto counted =
            work.deposits().set_counted(deposit.id, db::Counted::kDetected, *deposit.can_fund);
        if (!counted) return counted.error();
        event.deposits.push_back(item_of(deposit));
        fresh.push_back(deposit);
    }
    if (event.deposits.empty()) return Done{};
    return events_.apply(work, *id, event, {describe(fresh), {}, {}});
}

Expected<Done> Driver::deposits_confirmed(db::UnitOfWork& work, const db::Fact& fact) const {
    auto deposits = work.deposits().load_many(fact.deposits);
    if (!deposits) return deposits.error();
    const core::Instant now = context_.clock.now();
    const auto id = session_of(*deposits);

    session::DepositsConfirmed event;
    std::vector<db::Deposit> fresh;
    for (const db::Deposit& deposit : *deposits) {
        if (deposit.counted == db::Counted::kConfirmed) continue;
        if (id && deposit.counted == db::Counted::kNot) {
            // Its detection was never told (rows lost and restored): tell it now.
            db::Fact missing = fact;
            missing.kind = db::FactKind::kDepositsDetected;
            missing.deposits = {deposit.id};
            if (auto done = deposits_detected(work, missing); !done) return done.error();
        }
        auto again = work.deposits().load(deposit.id);
        if (!again) return again.error();
        const bool can_fund = (*again)->can_fund.value_or(false);
        auto counted = work.deposits().set_counted(deposit.id, db::Counted::kConfirmed, can_fund);
        if (!counted) return counted.error();
        again = work.deposits().load(deposit.id);
        if (!again) return again.error();
        event.deposits.push_back(item_of(**again));
        fresh.push_back(**again);
    }
    if (fresh.empty()) return Done{};
    if (id) {
        EventContext about{describe(fresh), {}, {}};
        about.chain = fact.chain;
        auto applied = events_.apply(work, *id, event, std::move(about));
        if (!applied) return applied.error();
    }
    for (const db::Deposit& deposit : fresh) {
        std::string creditor = kOperatorAccount;
        if (id) {
            auto after = work.deposits().load(deposit.id);
            if (!after) return after.error();
            const auto claim = (*after)->claim;
            const bool stray = claim == db::ClaimUse::kStray || claim == db::ClaimUse::kBooked ||
                               claim == db::ClaimUse::kHeld;
            creditor = stray ? stray_account(deposit.receiver.value_or(core::ReceiverId{}))
                             : session_account(*id);
        }
        const auto posting = deposit_posting(deposit, creditor, now);
        auto posted = work.ledger().posted(posting.key);
        if (!posted) return posted.error();
        if (*posted) continue;
        if (auto done = work.ledger().post(posting); !done) return done.error();
    }
    return Done{};
}

Expected<Done> Driver::deposits_orphaned(db::UnitOfWork& work, const db::Fact& fact) const {
    auto deposits = work.deposits().load_many(fact.deposits);
    if (!deposits) return deposits.error();
    session::DepositsOrphaned event;
    std::vector<db::Deposit> taken_back;
    for (const db::Deposit& deposit : *deposits) {
        if (deposit.counted == db::Counted::kNot) continue;
        const bool was_confirmed = deposit.counted == db::Counted::kConfirmed;
        event.deposits.push_back({item_of(deposit), was_confirmed});
        taken_back.push_back(deposit);
        // As in the session machine: counting what was confirmed afresh could pay twice.
        if (was_confirmed) continue;
        auto counted = work.deposits().set_counted(deposit.id, db::Counted::kNot,
                                                   deposit.can_fund.value_or(false));
        if (!counted) return counted.error();
    }
    const auto id = session_of(*deposits);
    if (event.deposits.empty()) return Done{};
    if (!id) {
        return work.blocks().halt(fact.chain, "finality violation: operator money left the chain",
                                  context_.clock.now());
    }
    EventContext about{"no longer on the chain: " + describe(taken_back), {}, {}};
    about.chain = fact.chain;
    return events_.apply(work, *id, event, std::move(about));
}

Expected<Done> Driver::own_tx_moved(db::UnitOfWork& work, const db::Fact& fact) const {
    CHECK(fact.own_tx.has_value(), "an own-transaction fact names it");
    auto tx = work.own_txs().load(*fact.own_tx);
    if (!tx) return tx.error();
    if (!*tx) return Done{};
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
    if (db::is_terminal(step.status)) return Done{};  // told before

    const chains::ChainInfo* chain = context_.chain(tx.chain);
    if (chain == nullptr) return not_configured(tx.chain);
    std::string debtor = full.payout.leg == db::Leg::kStray
                             ? stray_account(full.payout.receiver)
                             : session_account(full.payout.session.value_or(core::SessionId{}));
    if (step.kind == db::StepKind::kTopUp) debtor = address_account(step.recipient);
    const auto posting = own_tx_posting(tx, chain->native_asset, debtor, context_.clock.now());
    auto posted = work.ledger().posted(posting.key);
    if (!posted) return posted.error();
    CRASH_POINT("ledger_before");
    if (!*posted && !posting.lines.empty()) {
        if (auto done = work.ledger().post(posting); !done) return done.error();
    }
    CRASH_POINT("ledger_after");

    const bool ok = does_what_it_should(tx, step);
    const std::string why =
        ok ? "" : tx.success ? "the transaction succeeded but did not move what it should"
                             : "the transaction was mined and failed";
    for (db::Attempt attempt : full.attempts) {
        if (attempt.step != step.id) continue;
        attempt.status = attempt.id != place.attempt.id ? db::AttemptStatus::kDead
                         : ok                           ? db::AttemptStatus::kFinalOk
                                                        : db::AttemptStatus::kFinalFailed;
        if (auto done = work.payouts().save_attempt(attempt); !done) return done.error();
    }
    step.status = ok ? db::PayoutStatus::kFinalOk : db::PayoutStatus::kFinalFailed;
    step.reason = why;
    if (auto done = work.payouts().save_step(step); !done) return done.error();

    db::Payout payout = full.payout;
    const bool last = step.kind == db::StepKind::kTransfer || step.kind == db::StepKind::kCall;
    // A step on the way decides nothing: without its gas money the transfer just asks again.
    if (!last) return go_on(work, payout, ok ? "its next step" : "another try: " + why);
    return payout_final(work, payout, ok, tx,
                        ok ? "" : std::string{to_string(step.kind)} + ": " + why + " (" + tx.tx.hex0x() + ")");
}

Expected<Done> Driver::payout_final(db::UnitOfWork& work, db::Payout payout, bool ok,
                                    const db::OwnTx& tx, const std::string& why) const {
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
    about.detail = ok ? payout.units.decimal() + " of " + payout.asset.text() + " to " +
                            payout.recipient.hex0x() + " in " + tx.tx.hex0x()
                      : why;
    if (ok) {
        about.outcome_tx = tx.tx;
        about.outcome_units = payout.units;
    }
    return events_.apply(work, *payout.session, *event, std::move(about));
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
    if (!*taken || db::is_terminal((*taken)->status)) return Done{};

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

Expected<Done> Driver::balance_missing(db::UnitOfWork& work, const db::Fact& fact) const {
    const std::string text = "address " + fact.address.hex0x() + " holds " + fact.units.decimal() +
                             " less of " + fact.asset.text() + " than its known ins and outs explain";
    context_.log.error("ledger and chain differ", {{"chain", fact.chain.text()}, {"what", text}});
    return work.blocks().halt(fact.chain, text, context_.clock.now());
}

}  // namespace settlement
