#include "api/impl/names.hpp"
#include "api/impl/payout_story.hpp"
#include "api/session_timeline.hpp"
#include "api/session_view.hpp"
#include "core/check.hpp"

#include <algorithm>

// Money on its way back: refunds and strays.
namespace api {
namespace {

using impl::Names;
using nlohmann::json;

std::string_view status_of(db::PayoutStatus status) {
    switch (status) {
        case db::PayoutStatus::kPlanned:
        case db::PayoutStatus::kReserved:
        case db::PayoutStatus::kSigned: return "planned";
        case db::PayoutStatus::kSent: return "sent";
        case db::PayoutStatus::kSeen: return "mined";
        case db::PayoutStatus::kFinalOk: return "returned";
        case db::PayoutStatus::kFinalFailed:
        case db::PayoutStatus::kDead: return "failed";
        case db::PayoutStatus::kHeld: return "held";
    }
    core::check_failed("PayoutStatus is known", __FILE__, __LINE__);
}

json money_json(const core::AssetId& asset, const core::Units& units, const Names& names) {
    json out = json::object();
    names.put_chain(out, asset.chain());
    names.put_token(out, asset);
    names.put_units(out, "units", asset, units);
    out["baseUnits"] = units.decimal();
    return out;
}

json payout_json(const db::PayoutFull& full, const Names& names) {
    const db::Payout& payout = full.payout;
    const core::ChainId chain = payout.asset.chain();
    json out = money_json(payout.asset, payout.units, names);
    out["status"] = status_of(payout.status);
    // What was over is planned even when nobody said where it should go: then it is held.
    if (!payout.recipient.empty()) out["to"] = names.address(chain, payout.recipient);
    if (const db::Attempt* attempt = impl::told_attempt(full)) {
        names.put_tx(out, chain, attempt->tx);
    }
    if (!payout.reason.empty()) out["reason"] = impl::for_people(payout.reason);
    if (auto waits = impl::waits_for(payout); !waits.empty()) out["waitingFor"] = std::move(waits);
    out["createdAt"] = payout.created_at.unix_seconds();
    out["updatedAt"] = payout.updated_at.unix_seconds();
    return out;
}

//! Not claimed for anything yet, but nothing that the session will use.
bool will_be_stray(const db::Deposit& deposit, const session::Session& session) {
    if (deposit.claim || deposit.status == db::DepositStatus::kOrphaned) return false;
    return session.funding || session::is_final(session.state) ||
           !deposit.can_fund.value_or(true) || deposit.mined_at > session.expires_at;
}

//! A stray without a payout; null when it has one, or is none.
json unpaid_stray(const db::Deposit& deposit, const session::Session& session, const Names& names) {
    json out = money_json(deposit.asset, deposit.units, names);
    if (deposit.claim == db::ClaimUse::kHeld) {
        const bool nowhere = !session.refund_address;
        out["status"] = "held";
        out["waitingFor"] = nowhere ? "an operator: the session has no refund address"
                                    : "an operator: the token was no longer configured";
    } else if (deposit.claim == db::ClaimUse::kBooked) {
        out["status"] = "booked";
        out["reason"] = "below the smallest amount that is returned";
    } else if (will_be_stray(deposit, session)) {
        out["status"] = "confirming";
        out["waitingFor"] = "its confirmations";
    } else {
        return nullptr;
    }
    if (!deposit.tx.empty()) out["depositTxHash"] = names.tx(deposit.chain, deposit.tx);
    out["createdAt"] = deposit.detected_at.unix_seconds();
    return out;
}

}  // namespace

json refunds_json(const SessionStory& story, const Chains& chains) {
    json out = json::array();
    for (const db::PayoutFull& full : story.payouts) {
        const db::Leg leg = full.payout.leg;
        if (leg != db::Leg::kRefund && leg != db::Leg::kExcess) continue;
        if (full.payout.units.is_zero()) continue;  // it ends an allowance, and returns nothing
        json refund = payout_json(full, Names{chains});
        refund["leg"] = to_string(leg);
        out.push_back(std::move(refund));
    }
    return out;
}

json strays_json(const SessionFacts& facts, const SessionStory& story, const Chains& chains) {
    const Names names{chains};
    json out = json::array();
    for (const db::PayoutFull& full : story.payouts) {
        if (full.payout.leg == db::Leg::kStray) out.push_back(payout_json(full, names));
    }
    const auto& deposits = facts.deposits;
    for (std::size_t i = deposits.size() - std::min(deposits.size(), kStoryMost);
         i < deposits.size(); ++i) {
        json stray = unpaid_stray(deposits[i], facts.row.session, names);
        if (!stray.is_null()) out.push_back(std::move(stray));
    }
    return out;
}

}  // namespace api
