#include "settlement/driver.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/crash_point.hpp"
#include "settlement/accounts.hpp"
#include "settlement/payout_rules.hpp"
#include "settlement/reconcile.hpp"

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;

constexpr std::size_t kBatch = 200;
constexpr core::Millis kPollAtMost{30'000};
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
        if (may_be_more_) continue;
        seen = co_await context_.database.changes().wait(seen, kPollAtMost, db::Concern::kFacts);
    }
}

// A batch is one unit of work. When a fact of it cannot be applied, the facts are applied one by one,
// so that those before it count, and the bad one is set aside: its chain halts, the others go on.
core::Task<Expected<std::size_t>> Driver::drive_once() {
    auto drove = co_await apply_some(kBatch);
    may_be_more_ = !drove || *drove == kBatch;
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
    const auto id = session_of(*deposits);

    session::DepositsConfirmed event;
    std::vector<db::Deposit> fresh;
    // Counted before, then taken back by the chain and now there again: only the books forgot it.
    std::vector<db::Deposit> booked_again;
    for (const db::Deposit& deposit : *deposits) {
        if (deposit.counted == db::Counted::kConfirmed) {
            booked_again.push_back(deposit);
            continue;
        }
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
    if (id && !fresh.empty()) {
        EventContext about{describe(fresh), {}, {}};
        about.chain = fact.chain;
        auto applied = events_.apply(work, *id, event, std::move(about));
        if (!applied) return applied.error();
    }
    fresh.insert(fresh.end(), booked_again.begin(), booked_again.end());
    return book_deposits(work, fresh, id);
}

Expected<Done> Driver::book_deposits(db::UnitOfWork& work, const std::vector<db::Deposit>& deposits,
                                     const std::optional<core::SessionId>& id) const {
    const core::Instant now = context_.clock.now();
    for (const db::Deposit& deposit : deposits) {
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
        // As in the session machine: counting what was confirmed afresh could pay twice. The books
        // follow the chain; what the session owes us then is to be seen in its account.
        if (was_confirmed) {
            // With what made it a stray: once it is there again it is booked as one directly.
            for (const auto& key : {deposit_key(deposit), stray_key(deposit)}) {
                auto taken = work.ledger().take_back(key, context_.clock.now());
                if (!taken) return taken.error();
            }
            continue;
        }
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

Expected<Done> Driver::balance_missing(db::UnitOfWork& work, const db::Fact& fact) const {
    const std::string text = "address " + fact.address.hex0x() + " holds " + fact.units.decimal() +
                             " less of " + fact.asset.text() + " than its known ins and outs explain";
    auto uncertain = uncertain_native(work, fact.chain, fact.asset, fact.address);
    if (!uncertain) return uncertain.error();
    if (fact.units <= *uncertain) {
        context_.log.warn("ledger and chain differ, by what is not final yet",
                          {{"chain", fact.chain.text()}, {"what", text}});
        return Done{};
    }
    // It is told anew after a start, and when less of it can be excused.
    auto acknowledged = work.blocks().acknowledged(fact.chain);
    if (!acknowledged) return acknowledged.error();
    if (std::ranges::find(*acknowledged, text) != acknowledged->end()) return Done{};
    context_.log.error("ledger and chain differ", {{"chain", fact.chain.text()}, {"what", text}});
    return work.blocks().halt(fact.chain, text, context_.clock.now());
}

}  // namespace settlement
