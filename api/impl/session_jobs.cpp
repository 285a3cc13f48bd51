#include "api/impl/session_jobs.hpp"

#include "api/impl/payout_story.hpp"
#include "api/impl/successors.hpp"
#include "session/transition.hpp"

#include <limits>
#include <utility>

namespace api::impl {
namespace {

using core::Errc;
using core::Error;
using core::Expected;

constexpr std::string_view kFamily = "eip155";

//! Receivers pay out to themselves for ever otherwise: two sessions must not feed each other.
Expected<bool> is_receiver(db::UnitOfWork& work, const core::Address& address) {
    auto found = work.receivers().by_address(kFamily, address);
    if (!found) return found.error();
    return found->has_value();
}

bool has_open_payout(session::State state) {
    return state == session::State::kDelivering || state == session::State::kRefunding ||
           state == session::State::kHeld;
}

//! What was final is told by the transaction that stands now: finality may have been broken since.
Expected<core::Done> tell_what_stands(db::UnitOfWork& work, SessionFacts& facts) {
    if (!facts.row.outcome_tx) return core::Done{};
    auto other = work.payouts().standing_for(facts.row.session.destination.asset.chain(),
                                             *facts.row.outcome_tx);
    if (!other) return other.error();
    if (*other) facts.row.outcome_tx = **other;
    return core::Done{};
}

Expected<core::Done> tell_what_stands(db::UnitOfWork& work, db::PayoutFull& full) {
    const db::Attempt* told = told_attempt(full);
    if (told == nullptr) return core::Done{};
    auto other = work.payouts().standing_for(full.payout.asset.chain(), told->tx);
    if (!other) return other.error();
    if (!*other) return core::Done{};
    const db::AttemptStatus status = told->status;
    for (db::Attempt& attempt : full.attempts) {
        if (attempt.tx != **other) continue;
        attempt.status = status;
        std::swap(attempt, full.attempts.back());
        break;
    }
    return core::Done{};
}

}  // namespace

Expected<SessionFacts> facts_of(db::UnitOfWork& work, db::SessionRow row, Deposits deposits) {
    SessionFacts facts;
    facts.row = std::move(row);
    const core::SessionId& id = facts.row.session.id;
    if (facts.row.receiver) {
        auto receiver = work.receivers().by_id(*facts.row.receiver);
        if (!receiver) return receiver.error();
        facts.receiver = *receiver;
        constexpr auto kNoLimit = static_cast<std::size_t>(std::numeric_limits<int>::max());
        const std::size_t most = deposits == Deposits::kAll ? kNoLimit : kDepositsListed;
        auto brief = work.deposits().in_brief(id, most);
        if (!brief) return brief.error();
        facts.deposits = std::move(brief->listed);
        facts.others = std::move(brief->others);
    }
    if (auto told = tell_what_stands(work, facts); !told) return told.error();
    if (has_open_payout(facts.row.session.state)) {
        auto payouts = work.payouts().of_session(id);
        if (!payouts) return payouts.error();
        facts.waiting_for = waiting_for(*payouts);
    }
    return facts;
}

Expected<std::optional<SessionFacts>> load_facts(db::UnitOfWork& work, const core::SessionId& id,
                                                 Deposits deposits) {
    auto row = work.sessions().load(id);
    if (!row) return row.error();
    if (!*row) return std::optional<SessionFacts>{};
    auto facts = facts_of(work, std::move(**row), deposits);
    if (!facts) return facts.error();
    return std::optional<SessionFacts>{std::move(*facts)};
}

Expected<std::optional<SessionFacts>> load_in_full(db::UnitOfWork& work,
                                                   const core::SessionId& id) {
    auto facts = load_facts(work, id, Deposits::kAll);
    if (!facts || !*facts) return facts;
    auto journal = work.sessions().journal_end(id, kStoryMost);
    if (!journal) return journal.error();
    auto payouts = work.payouts().newest_of_session(id, kStoryMost);
    if (!payouts) return payouts.error();
    for (db::PayoutFull& full : *payouts) {
        if (auto told = tell_what_stands(work, full); !told) return told.error();
    }
    auto near = neighbours(work, (*facts)->row);
    if (!near) return near.error();
    (*facts)->story = SessionStory{std::move(*journal), std::move(*payouts),
                                   std::move(near->before), std::move(near->after)};
    return facts;
}

Expected<Created> create_session(db::UnitOfWork& work, const db::SessionRow& row,
                                 const std::string& idempotency_key,
                                 const std::string& request_hash) {
    using How = Created::How;
    if (!idempotency_key.empty()) {
        auto before = work.sessions().by_idempotency_key(row.environment, idempotency_key);
        if (!before) return before.error();
        if (*before) {
            if ((*before)->second != request_hash) return Created{How::kKeyReused, {}};
            auto facts = load_in_full(work, (*before)->first);
            if (!facts) return facts.error();
            if (!*facts) return Error{Errc::kStorage, "an idempotency key names no session"};
            return Created{How::kRepeated, std::move(**facts)};
        }
    }
    auto pays_us = is_receiver(work, row.session.destination.address);
    if (!pays_us) return pays_us.error();
    if (*pays_us) return Created{How::kPaysReceiver, {}};
    if (row.session.refund_address) {
        auto refunds_us = is_receiver(work, *row.session.refund_address);
        if (!refunds_us) return refunds_us.error();
        if (*refunds_us) return Created{How::kRefundsReceiver, {}};
    }
    auto inserted = work.sessions().insert(row, idempotency_key, request_hash);
    if (!inserted) return inserted.error();
    Created created;
    created.facts.row = row;
    created.facts.story.emplace();
    return created;
}

bool has_evm_receiver(const SessionFacts& facts) {
    return facts.row.session.state == session::State::kSourceSet && facts.row.method == "evm" &&
           facts.receiver.has_value();
}

Expected<std::optional<SessionFacts>> issue_evm_receiver(db::UnitOfWork& work,
                                                         const core::SessionId& id,
                                                         core::Instant now,
                                                         const ReceiverDeriver& derive,
                                                         const WebhookOutbox* outbox) {
    auto loaded = load_facts(work, id);
    if (!loaded) return loaded.error();
    if (!*loaded) return Error{Errc::kNotFound, "the session is gone"};
    SessionFacts& facts = **loaded;
    if (has_evm_receiver(facts)) return std::move(*loaded);
    const session::State from = facts.row.session.state;
    auto step = session::transition(facts.row.session, session::Event{session::MethodSet{}});
    if (!step) {
        if (step.error().code != Errc::kRefused) return step.error();
        return std::optional<SessionFacts>{};
    }
    auto receiver = work.receivers().issue(id, kFamily, now, derive);
    if (!receiver) return receiver.error();
    const std::int64_t version = facts.row.version;
    facts.receiver = *receiver;
    facts.row.session = std::move(step->next);
    facts.row.receiver = receiver->id;
    facts.row.method = "evm";
    if (!facts.row.method_at) facts.row.method_at = now;
    facts.row.updated_at = now;
    db::JournalEntry entry;
    entry.session = id;
    entry.version = version + 1;
    entry.from = from;
    entry.to = facts.row.session.state;
    entry.event = session::name_of(session::Event{session::MethodSet{}});
    entry.detail = "evm, receiver " + receiver->address.hex0x();
    entry.at = now;
    auto saved = work.sessions().save(facts.row, version, entry);
    if (!saved) return saved.error();
    facts.row.version = version + 1;
    if (from == session::State::kCreated && outbox != nullptr) {
        auto told = outbox->write(work, id, {{"session.waiting_payment", {}}}, now);
        if (!told) return told.error();
    }
    return std::move(*loaded);
}

}  // namespace api::impl
