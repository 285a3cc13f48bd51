#include "api/session_view.hpp"

#include "api/impl/names.hpp"
#include "core/check.hpp"
#include "session/transition.hpp"
#include "session/views.hpp"

#include <algorithm>
#include <utility>

namespace api {

namespace {

//! Of a deposit, or of a group of them.
template <class D>
bool is_paying(const D& deposit, bool late) {
    if (deposit.status == db::DepositStatus::kOrphaned) return false;
    if (deposit.claim) {
        return *deposit.claim == db::ClaimUse::kDelivery || *deposit.claim == db::ClaimUse::kRefund;
    }
    return deposit.can_fund.value_or(true) && !late;
}

bool is_late(const db::Deposit& deposit, const session::Session& session) {
    return deposit.mined_at > session.expires_at;
}

}  // namespace

bool pays(const db::Deposit& deposit, const session::Session& session) {
    return is_paying(deposit, is_late(deposit, session));
}

bool any_money(const SessionFacts& facts) {
    const auto on_chain = [](const auto& one) {
        return one.status != db::DepositStatus::kOrphaned;
    };
    return std::any_of(facts.deposits.begin(), facts.deposits.end(), on_chain) ||
           std::any_of(facts.others.begin(), facts.others.end(), on_chain);
}

bool late_money(const SessionFacts& facts) {
    const session::Session& session = facts.row.session;
    return std::any_of(facts.deposits.begin(), facts.deposits.end(),
                       [&](const db::Deposit& one) {
                           return one.status != db::DepositStatus::kOrphaned &&
                                  is_late(one, session);
                       }) ||
           std::any_of(facts.others.begin(), facts.others.end(), [](const db::DepositGroup& one) {
               return one.status != db::DepositStatus::kOrphaned && one.late;
           });
}

std::uint64_t count_others(const SessionFacts& facts) {
    std::uint64_t out = 0;
    for (const db::DepositGroup& group : facts.others) out += group.count;
    return out;
}

namespace {

using impl::Names;
using nlohmann::json;

//! What was stored by us was valid when it was written.
json stored_json(const std::string& text) {
    json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
    CHECK(!parsed.is_discarded(), "stored JSON is well-formed");
    return parsed;
}

//! The paying deposits of one asset: the funding's, or of the first that came.
std::vector<const db::Deposit*> paying(const SessionFacts& facts) {
    std::vector<const db::Deposit*> out;
    const auto& session = facts.row.session;
    for (const db::Deposit& deposit : facts.deposits) {
        if (!pays(deposit, session)) continue;
        const core::AssetId& asset = session.funding ? session.funding->asset
                                     : out.empty()   ? deposit.asset
                                                     : out.front()->asset;
        if (deposit.asset == asset) out.push_back(&deposit);
    }
    return out;
}

//! Several deposits add up; sender and transaction are the largest one's.
std::optional<json> source_json(const SessionFacts& facts, const Names& names) {
    const auto deposits = paying(facts);
    if (deposits.empty()) return std::nullopt;
    const db::Deposit* largest = deposits.front();
    for (const db::Deposit* deposit : deposits) {
        if (deposit->units > largest->units) largest = deposit;
    }
    json out = json::object();
    if (!largest->from.empty()) out["address"] = names.address(largest->chain, largest->from);
    names.put_chain(out, largest->chain);
    names.put_token(out, largest->asset);
    names.put_units(out, "sentUnits", largest->asset, paid_so_far(facts)->units);
    if (largest->status == db::DepositStatus::kConfirmed && !largest->tx.empty()) {
        out["txHash"] = names.tx(largest->chain, largest->tx);
    }
    return out;
}

json destination_json(const db::SessionRow& row, const Names& names) {
    const auto& session = row.session;
    const auto& destination = session.destination;
    const core::ChainId chain = destination.asset.chain();
    json out{{"type", "evm"}, {"address", names.address(chain, destination.address)}};
    names.put_chain(out, chain);
    names.put_token(out, destination.asset);
    if (destination.units)
        names.put_units(out, "amountUnits", destination.asset, *destination.units);
    if (!destination.calldata.empty()) out["calldata"] = core::to_hex0x(destination.calldata);

    const bool delivered = session.state == session::State::kDelivered;
    const bool refunded = session.state == session::State::kRefunded;
    if ((!delivered && !refunded) || !row.outcome_tx) return out;
    // A refund goes back in what was paid with, where it was paid.
    const core::AssetId asset =
        refunded && session.funding ? session.funding->asset : destination.asset;
    json delivery{{"txHash", names.tx(asset.chain(), *row.outcome_tx)}};
    if (row.outcome_units) names.put_units(delivery, "receivedUnits", asset, *row.outcome_units);
    if (refunded) {
        names.put_chain(delivery, asset.chain());
        names.put_token(delivery, asset);
    }
    out["delivery"] = std::move(delivery);
    return out;
}

json method_json(const SessionFacts& facts, const Names& names) {
    const db::SessionRow& row = facts.row;
    if (row.method.empty()) return nullptr;
    json out{{"type", row.method}};
    if (row.method_at) out["createdAt"] = row.method_at->unix_seconds();
    if (facts.receiver) {
        out["receiverAddress"] =
            names.address(row.session.destination.asset.chain(), facts.receiver->address);
    }
    if (auto source = source_json(facts, names)) out["source"] = std::move(*source);
    return out;
}

std::string_view use_name(db::ClaimUse use) {
    switch (use) {
        case db::ClaimUse::kDelivery: return "delivery";
        case db::ClaimUse::kRefund: return "refund";
        case db::ClaimUse::kStray: return "stray";
        case db::ClaimUse::kBooked: return "booked";
        case db::ClaimUse::kHeld: return "held";
    }
    core::check_failed("ClaimUse is known", __FILE__, __LINE__);
}

std::string_view status_name(db::DepositStatus status) {
    switch (status) {
        case db::DepositStatus::kDetected: return "detected";
        case db::DepositStatus::kConfirmed: return "confirmed";
        case db::DepositStatus::kOrphaned: return "orphaned";
    }
    core::check_failed("DepositStatus is known", __FILE__, __LINE__);
}

json deposit_json(const db::Deposit& deposit, const session::Session& session, const Names& names) {
    json out = json::object();
    names.put_chain(out, deposit.chain);
    names.put_token(out, deposit.asset);
    names.put_units(out, "units", deposit.asset, deposit.units);
    out["baseUnits"] = deposit.units.decimal();
    if (!deposit.tx.empty()) out["txHash"] = names.tx(deposit.chain, deposit.tx);
    if (!deposit.from.empty()) out["from"] = names.address(deposit.chain, deposit.from);
    out["status"] = status_name(deposit.status);
    out["use"] = deposit.claim ? json(use_name(*deposit.claim)) : json(nullptr);
    out["minedAt"] = deposit.mined_at.unix_seconds();
    out["detectedAt"] = deposit.detected_at.unix_seconds();
    if (deposit.confirmed_at) out["confirmedAt"] = deposit.confirmed_at->unix_seconds();
    if (deposit.mined_at > session.expires_at) out["late"] = true;
    return out;
}

//! The shown part of what was stored: options only steer a page.
json display_json(const std::string& stored) {
    json out = stored_json(stored);
    out.erase("paymentOptions");
    return out;
}

StatusReason confirming_reason(const SessionFacts& facts, const Names& names) {
    const auto deposits = paying(facts);
    if (deposits.empty()) return {"confirming", "A deposit is waiting for confirmations."};
    const db::Deposit& first = *deposits.front();
    return {"confirming",
            "A deposit on " + names.chain_name(first.chain) + " is waiting for its confirmations."};
}

StatusReason waiting_reason(const SessionFacts& facts, const Names& names) {
    const auto& session = facts.row.session;
    if (paid_enough(facts)) return confirming_reason(facts, names);
    const auto paid = paid_so_far(facts);
    if (!paid) {
        if (any_money(facts))
            return {"unusable_deposit", "What was sent so far cannot pay for this session."};
        if (session.state == session::State::kCreated) {
            return {"waiting_for_payment_method", "No payment method has been chosen yet."};
        }
        return {"waiting_for_deposit", "No deposit has been seen yet."};
    }
    std::string message = names.amount(paid->asset, paid->units) + " came so far";
    if (session.destination.units) {
        message += " of " + names.amount(session.destination.asset, *session.destination.units);
    }
    return {"underpaid", message + "; the rest is awaited until the deadline."};
}

std::string held_message(session::Reason reason) {
    switch (reason) {
        case session::Reason::kNoRefundAddress:
            return "The money cannot be delivered and no refund address was given.";
        case session::Reason::kRefundImpossible: return "The refund cannot be sent.";
        case session::Reason::kPayoutHeld: return "The payment out was stopped for a check.";
        case session::Reason::kOutOfRange: return "An amount is out of every range.";
        case session::Reason::kDeliveryImpossible: return "The delivery cannot be sent.";
        case session::Reason::kNone:
        case session::Reason::kUnderpaidAtDeadline: break;
    }
    return "The payment was stopped for a check.";
}

std::string return_message(session::Reason reason) {
    if (reason == session::Reason::kUnderpaidAtDeadline) {
        return "Less than asked came before the deadline";
    }
    if (reason == session::Reason::kDeliveryImpossible)
        return "The destination refused the delivery";
    return "The payment could not be delivered";
}

std::string reason_code(session::Reason reason, const char* otherwise) {
    return reason == session::Reason::kNone ? otherwise : std::string{session::to_string(reason)};
}

StatusReason closed_reason(const SessionFacts& facts) {
    const auto& session = facts.row.session;
    switch (session.state) {
        case session::State::kDelivered: return {"delivered", "The money was delivered."};
        case session::State::kRefunded:
            return {reason_code(session.reason, "refunded"),
                    return_message(session.reason) + "; the money was returned."};
        case session::State::kCancelled: return {"cancelled", "The session was cancelled."};
        case session::State::kSourceFailed:
            return {"source_failed", "The payer's transaction failed."};
        default: break;
    }
    if (any_money(facts)) {
        return {
            "expired_with_deposit",
            "The time ran out. What came and could not pay for the session is listed in deposits."};
    }
    return {"expired", "No payment arrived before the deadline."};
}

StatusReason base_reason(const SessionFacts& facts, const Names& names) {
    const auto& session = facts.row.session;
    if (session::is_final(session.state)) return closed_reason(facts);
    switch (session.state) {
        case session::State::kDetected: return confirming_reason(facts, names);
        case session::State::kDelivering: return {"delivering", "The money is being delivered."};
        case session::State::kRefunding:
            return {reason_code(session.reason, "refunding"),
                    return_message(session.reason) + "; the money is being returned."};
        case session::State::kHeld:
            return {reason_code(session.reason, "held"),
                    held_message(session.reason) + " An operator has to look at it."};
        default: return waiting_reason(facts, names);
    }
}

//! What is written down for each event must not grow with every grain of dust that is sent.
std::size_t first_told(const SessionFacts& facts) {
    constexpr std::size_t kTold = 50;
    return facts.deposits.size() - std::min(facts.deposits.size(), kTold);
}

}  // namespace

std::optional<Paid> paid_so_far(const SessionFacts& facts) {
    const auto deposits = paying(facts);
    const auto& funding = facts.row.session.funding;
    std::optional<Paid> out;
    if (!deposits.empty()) out = Paid{deposits.front()->asset, {}};
    const auto add = [&](const core::Units& units) {
        auto next = out->units.plus(units);
        if (next) out->units = *next;
    };
    for (const db::Deposit* deposit : deposits) add(deposit->units);
    for (const db::DepositGroup& group : facts.others) {
        if (!is_paying(group, group.late)) continue;
        if (!out && (!funding || funding->asset == group.asset)) out = Paid{group.asset, {}};
        if (out && out->asset == group.asset) add(group.units);
    }
    return out;
}

bool paid_enough(const SessionFacts& facts) {
    const auto paid = paid_so_far(facts);
    const session::Session& session = facts.row.session;
    // Whether another asset can pay is not known before the session was told.
    return paid && paid->asset == session.destination.asset && !paid->units.is_zero() &&
           paid->units >= session::enough(session.destination, session.policy);
}

std::string waiting_for(const std::vector<db::PayoutFull>& payouts) {
    for (const db::PayoutFull& full : payouts) {
        const db::Payout& payout = full.payout;
        const bool ends_session = payout.leg == db::Leg::kDelivery || payout.leg == db::Leg::kRefund;
        if (ends_session && !db::is_terminal(payout.status)) return payout.waiting_for;
    }
    return {};
}

StatusReason status_reason(const SessionFacts& facts, const Chains& chains, Audience audience) {
    StatusReason reason = base_reason(facts, Names{chains});
    // What the machinery says in its own words is for the owner only.
    if (audience == Audience::kPublic || session::is_final(facts.row.session.state)) return reason;
    const auto& session = facts.row.session;
    if (!session.reason_text.empty()) reason.message += " Reason: " + session.reason_text + ".";
    if (!facts.waiting_for.empty()) reason.message += " Waiting for: " + facts.waiting_for + ".";
    return reason;
}

json session_json(const SessionFacts& facts, const Chains& chains, Audience audience) {
    const Names names{chains};
    const db::SessionRow& row = facts.row;
    const StatusReason reason = status_reason(facts, chains, audience);
    json deposits = json::array();
    const std::size_t from = audience == Audience::kWebhook ? first_told(facts) : 0;
    for (std::size_t i = from; i < facts.deposits.size(); ++i) {
        deposits.push_back(deposit_json(facts.deposits[i], row.session, names));
    }
    const std::uint64_t more = from + count_others(facts);
    json out{{"sessionId", row.session.id.text()},
             {"status", session::sessions_api_status(row.session)},
             {"destination", destination_json(row, names)},
             {"display", display_json(row.display_json)},
             {"paymentMethod", method_json(facts, names)},
             {"createdAt", row.created_at.unix_seconds()},
             {"expiresAt", row.session.expires_at.unix_seconds()},
             {"statusReason", {{"code", reason.code}, {"message", reason.message}}},
             {"deposits", std::move(deposits)}};
    if (more > 0) out["moreDeposits"] = more;
    if (audience != Audience::kPublic) out["metadata"] = stored_json(row.metadata_json);
    if (audience == Audience::kOwner) out["clientSecret"] = row.client_secret;
    if (audience == Audience::kOwner && facts.story) {
        const bool ended = session::is_final(row.session.state);
        put_story(out, facts, chains, ended ? std::string{} : reason.message);
    }
    return out;
}

json deposits_json(const SessionFacts& facts, const std::vector<core::DepositId>& ids,
                   const Chains& chains) {
    json out = json::array();
    for (std::size_t i = first_told(facts); i < facts.deposits.size(); ++i) {
        const db::Deposit& deposit = facts.deposits[i];
        if (std::find(ids.begin(), ids.end(), deposit.id) == ids.end()) continue;
        out.push_back(deposit_json(deposit, facts.row.session, Names{chains}));
    }
    return out;
}

}  // namespace api
