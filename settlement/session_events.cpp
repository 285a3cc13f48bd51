#include "settlement/session_events.hpp"

#include <algorithm>
#include <map>

#include "core/crash_point.hpp"
#include "session/transition.hpp"
#include "settlement/accounts.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;

//! The same set always has the same name, and a large set no long one: a UUID (RFC 4122, version 5) of
//! the sorted keys.
std::string claims_key(const std::vector<db::Deposit>& deposits) {
    std::vector<std::string> keys;
    for (const auto& deposit : deposits) keys.push_back(deposit.key);
    std::sort(keys.begin(), keys.end());
    std::string all;
    for (const auto& key : keys) all += key + "\n";
    boost::uuids::name_generator_sha1 name{boost::uuids::ns::oid()};
    return std::to_string(keys.size()) + ":" + boost::uuids::to_string(name(all));
}

//! What the books and the payouts go by: the amount that was counted.
const core::Units& counted_units(const db::Deposit& deposit) {
    return deposit.counted_as ? deposit.counted_as->units : deposit.units;
}
const core::AssetId& counted_asset(const db::Deposit& deposit) {
    return deposit.counted_as ? deposit.counted_as->asset : deposit.asset;
}

//! Our own books disagree: the fact is set aside and its chain halts (Driver).
Error broken(std::string what) { return Error{Errc::kRefused, std::move(what)}; }

bool may_claim(db::Leg leg, const std::optional<db::ClaimUse>& claim) {
    // A refund takes over what the failed delivery, or the refund that failed before it, had claimed.
    return !claim || (leg == db::Leg::kRefund && (*claim == db::ClaimUse::kDelivery ||
                                                  *claim == db::ClaimUse::kRefund));
}

}  // namespace

Expected<Done> SessionEvents::apply(db::UnitOfWork& work, const core::SessionId& id,
                                    const session::Event& event, EventContext about) const {
    auto loaded = work.sessions().load(id);
    if (!loaded) return loaded.error();
    if (!*loaded) return Error{Errc::kNotFound, "no session " + id.text()};
    db::SessionRow row = **loaded;

    auto step = session::transition(row.session, event);
    if (!step) return step.error();
    const session::Session was = row.session;
    const session::State before = was.state;
    const bool changed = !(step->next == was);
    row.session = std::move(step->next);

    if (changed) {
        const core::Instant now = context_.clock.now();
        if (about.outcome_tx) row.outcome_tx = about.outcome_tx;
        if (about.outcome_units) row.outcome_units = about.outcome_units;
        row.updated_at = now;
        const std::int64_t expected = row.version;
        row.version += 1;
        db::JournalEntry entry;
        entry.session = id;
        entry.version = row.version;
        entry.from = before;
        entry.to = row.session.state;
        entry.event = std::string{session::name_of(event)};
        entry.detail = about.detail;
        entry.at = now;
        CRASH_POINT("journal_before");
        if (auto saved = work.sessions().save(row, expected, entry); !saved) return saved.error();
        CRASH_POINT("journal_after");
    }
    for (const session::Effect& effect : step->effects) {
        if (auto done = carry_out(work, row, effect, about); !done) return done.error();
    }
    if (auto told = tell(work, id, news_of(was, row.session, event)); !told) return told.error();
    if (row.session.state != before) {
        context_.log.info("session moved", {{"session", id.text()},
                                            {"from", session::to_string(before)},
                                            {"to", session::to_string(row.session.state)},
                                            {"event", session::name_of(event)},
                                            {"detail", about.detail}});
    }
    return Done{};
}

Expected<Done> SessionEvents::tell(db::UnitOfWork& work, const core::SessionId& id,
                                   const std::vector<News>& news) const {
    if (context_.teller == nullptr || news.empty()) return Done{};
    CRASH_POINT("outbox_before");
    auto told = context_.teller->tell(work, id, news, context_.clock.now());
    if (told) CRASH_POINT("outbox_after");
    return told;
}

Expected<Done> SessionEvents::carry_out(db::UnitOfWork& work, const db::SessionRow& row,
                                        const session::Effect& effect,
                                        const EventContext& about) const {
    if (const auto* delivery = std::get_if<session::PlanDelivery>(&effect)) {
        return plan(work, row, db::Leg::kDelivery, delivery->asset, delivery->units);
    }
    if (const auto* refund = std::get_if<session::PlanRefund>(&effect)) {
        return plan(work, row, db::Leg::kRefund, refund->asset, refund->units);
    }
    if (const auto* excess = std::get_if<session::PlanExcess>(&effect)) {
        return plan(work, row, db::Leg::kExcess, excess->asset, excess->units);
    }
    if (const auto* strays = std::get_if<session::ReturnStrays>(&effect)) {
        auto deposits = work.deposits().load_many(strays->deposits);
        if (!deposits) return deposits.error();
        return return_strays(work, row, std::move(*deposits));
    }
    if (const auto* notify = std::get_if<session::Notify>(&effect)) {
        context_.metrics.count("depositd_session_events_total", {{"type", notify->type}});
        return Done{};
    }
    const auto& violation = std::get<session::ReportViolation>(effect);
    context_.log.error("finality violation",
                       {{"session", row.session.id.text()}, {"what", violation.text}});
    return work.blocks().halt(about.chain.empty() ? row.session.destination.asset.chain() : about.chain,
                              "finality violation: session " + row.session.id.text() + ": " +
                                  violation.text,
                              context_.clock.now());
}

Expected<Done> SessionEvents::plan(db::UnitOfWork& work, const db::SessionRow& row, db::Leg leg,
                                   const core::AssetId& asset, const core::Units& units) const {
    const core::SessionId& id = row.session.id;
    auto deposits = work.deposits().of_session(id);
    if (!deposits) return deposits.error();

    std::vector<db::Deposit> claimed;
    std::vector<db::Deposit> strays;
    for (const db::Deposit& deposit : *deposits) {
        if (deposit.counted != db::Counted::kConfirmed) continue;
        if (leg == db::Leg::kExcess) {
            if (counted_asset(deposit) == asset && deposit.claim == db::ClaimUse::kDelivery) {
                claimed.push_back(deposit);
            }
        } else if (counted_asset(deposit) == asset && may_claim(leg, deposit.claim)) {
            claimed.push_back(deposit);
        } else if (counted_asset(deposit) != asset && !deposit.claim) {
            strays.push_back(deposit);
        }
    }
    if (claimed.empty()) return broken("a payout was planned and no confirmed deposit is left for it");
    if (leg != db::Leg::kExcess) {
        core::Units sum;
        for (const db::Deposit& deposit : claimed) {
            auto total = sum.plus(counted_units(deposit));
            if (!total) return total.error();
            sum = *total;
            const auto use =
                leg == db::Leg::kDelivery ? db::ClaimUse::kDelivery : db::ClaimUse::kRefund;
            if (deposit.claim == use) continue;
            auto done = deposit.claim ? work.deposits().reclaim(deposit.id, use)
                                      : work.deposits().claim(deposit.id, use);
            if (!done) return done.error();
        }
        if (!row.session.funding || sum != row.session.funding->received) {
            return broken("the claimed deposits are not what the session received");
        }
    }
    if (!strays.empty()) {
        if (auto done = return_strays(work, row, std::move(strays)); !done) return done.error();
    }

    if (!claimed.front().receiver) return broken("a deposit of a session has no receiver");
    db::Payout payout;
    payout.session = id;
    payout.environment = row.environment;
    payout.leg = leg;
    payout.asset = asset;
    payout.receiver = *claimed.front().receiver;
    payout.sender = claimed.front().to;
    payout.recipient = leg == db::Leg::kDelivery
                           ? row.session.destination.address
                           : row.session.refund_address.value_or(core::Address{});
    payout.units = units;
    if (leg == db::Leg::kDelivery) payout.calldata = row.session.destination.calldata;
    payout.claims_key = claims_key(claimed);
    payout.created_at = payout.updated_at = context_.clock.now();
    if (payout.recipient.empty()) {
        // Only excess gets here without one: refunds are held by the session machine.
        payout.status = db::PayoutStatus::kHeld;
        payout.held_from = db::PayoutStatus::kPlanned;
        payout.reason = "the session has no refund address";
    }
    CRASH_POINT("plan_before");
    auto planned = work.payouts().plan(payout);
    if (!planned) return planned.error();
    CRASH_POINT("plan_after");
    if (payout.status == db::PayoutStatus::kHeld) {
        if (auto told = tell(work, id, {{"payout.held", {}}}); !told) return told.error();
    }
    context_.metrics.count("depositd_payouts_planned_total",
                           {{"chain", asset.chain().text()}, {"leg", std::string{to_string(leg)}}});
    return Done{};
}

Expected<Done> SessionEvents::return_strays(db::UnitOfWork& work, const db::SessionRow& row,
                                            std::vector<db::Deposit> strays) const {
    const core::Instant now = context_.clock.now();
    std::map<core::AssetId, std::vector<db::Deposit>> by_asset;
    for (db::Deposit& deposit : strays) {
        if (!deposit.claim) by_asset[counted_asset(deposit)].push_back(std::move(deposit));
    }
    for (auto& [asset, deposits] : by_asset) {
        core::Units sum;
        for (const db::Deposit& deposit : deposits) {
            auto total = sum.plus(counted_units(deposit));
            if (!total) return total.error();
            sum = *total;
        }
        const chains::ChainInfo* chain = context_.chain(asset.chain());
        const chains::TokenInfo* token = chain == nullptr ? nullptr : chain->token(asset);
        db::ClaimUse use = db::ClaimUse::kStray;
        std::string why = "goes back to the refund address";
        if (token == nullptr) {
            use = db::ClaimUse::kHeld;
            why = "held: the token is no longer configured";
        } else if (sum < token->stray_min) {
            use = db::ClaimUse::kBooked;
            why = "kept on the books: below the smallest amount that is returned";
        } else if (!row.session.refund_address) {
            use = db::ClaimUse::kHeld;
            why = "held: the session has no refund address";
        }
        for (const db::Deposit& deposit : deposits) {
            if (auto done = work.deposits().claim(deposit.id, use); !done) return done.error();
            auto was_booked = work.ledger().posted(deposit_key(deposit));
            if (!was_booked) return was_booked.error();
            if (*was_booked) {
                auto posted = work.ledger().post(stray_posting(deposit, now));
                if (!posted) return posted.error();
            }
        }
        db::JournalEntry note;
        note.session = row.session.id;
        note.version = row.version;
        note.from = note.to = row.session.state;
        note.event = "stray";
        note.detail = sum.decimal() + " of " + asset.text() + " belongs to no outcome; " + why;
        note.at = now;
        if (auto noted = work.sessions().note(note); !noted) return noted.error();
        context_.metrics.count("depositd_strays_total", {{"chain", asset.chain().text()},
                                                         {"use", use == db::ClaimUse::kStray ? "returned"
                                                                 : use == db::ClaimUse::kBooked
                                                                     ? "booked"
                                                                     : "held"}});
        if (use != db::ClaimUse::kStray) continue;
        db::Payout payout;
        payout.session = row.session.id;
        payout.environment = row.environment;
        payout.leg = db::Leg::kStray;
        payout.asset = asset;
        payout.receiver = deposits.front().receiver.value_or(core::ReceiverId{});
        payout.sender = deposits.front().to;
        payout.recipient = *row.session.refund_address;
        payout.units = sum;
        payout.claims_key = claims_key(deposits);
        payout.created_at = payout.updated_at = now;
        if (auto planned = work.payouts().plan(payout); !planned) return planned.error();
    }
    return Done{};
}

}  // namespace settlement
