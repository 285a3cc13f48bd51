#include "api/impl/webhook_view.hpp"

#include "api/webhook_request.hpp"
#include "core/check.hpp"

namespace api::impl {
namespace {

using nlohmann::json;

constexpr std::size_t kShownOfSecret = 4;

//! Enough to tell two secrets apart, and nothing to sign with.
std::string masked(const std::string& secret) {
    if (secret.size() < 4 * kShownOfSecret) return "********";
    return "********" + secret.substr(secret.size() - kShownOfSecret);
}

session::State sample_state(std::string_view event_type) {
    if (event_type == "session.succeeded") return session::State::kDelivered;
    if (event_type == "session.bounced") return session::State::kRefunded;
    if (event_type == "session.expired" || event_type == "deposit.late") {
        return session::State::kExpired;
    }
    if (event_type == "payout.held") return session::State::kHeld;
    const bool waits = event_type == "session.waiting_payment" || event_type == "deposit.orphaned";
    return waits ? session::State::kSourceSet : session::State::kDetected;
}

core::Address sample_address(std::uint8_t last) {
    core::Bytes bytes(20, 0);
    bytes.back() = last;
    auto made = core::Address::from_bytes(bytes);
    CHECK(made.has_value(), "20 bytes are an address");
    return *made;
}

core::AssetId sample_asset(const Chains& chains) {
    const auto configured = chains.evm_chains();
    CHECK(!configured.empty(), "at least one chain is configured");
    const auto tokens = chains.tokens(configured.front().id);
    if (!tokens.empty()) return tokens.front().asset;
    auto coin = core::AssetId::from_text(configured.front().id.text() + "/slip44:60");
    CHECK(coin.has_value(), "a chain's coin has an id");
    return *coin;
}

}  // namespace

json webhook_json(const db::Webhook& webhook, Secret secret) {
    json out{{"id", webhook.id},
             {"url", webhook.url},
             {"events", webhook.events},
             {"secret", secret == Secret::kClear ? webhook.secret : masked(webhook.secret)},
             {"createdAt", webhook.created_at.unix_seconds()}};
    if (!webhook.description.empty()) out["description"] = webhook.description;
    return out;
}

json delivery_json(const db::WebhookDelivery& delivery,
                   const std::vector<db::WebhookAttempt>& attempts) {
    json log = json::array();
    for (const db::WebhookAttempt& attempt : attempts) {
        json one{{"number", attempt.number},
                 {"at", attempt.at.unix_seconds()},
                 {"durationMs", attempt.duration_ms}};
        if (attempt.status) one["status"] = *attempt.status;
        if (!attempt.error.empty()) one["error"] = attempt.error;
        log.push_back(std::move(one));
    }
    json out{{"id", delivery.id},
             {"eventId", delivery.event},
             {"eventType", delivery.event_type},
             {"sessionId", delivery.session ? json(delivery.session->text()) : json(nullptr)},
             {"state", delivery_state_name(delivery.state)},
             {"attempts", delivery.attempts},
             {"createdAt", delivery.created_at.unix_seconds()},
             {"updatedAt", delivery.updated_at.unix_seconds()},
             {"attemptLog", std::move(log)}};
    if (delivery.sequence > 0) out["sequence"] = delivery.sequence;
    if (delivery.next_at) out["nextAttemptAt"] = delivery.next_at->unix_seconds();
    if (delivery.last_status) out["lastStatus"] = *delivery.last_status;
    if (!delivery.last_error.empty()) out["lastError"] = delivery.last_error;
    return out;
}

SessionFacts sample_session(std::string_view event_type, const Chains& chains, core::Instant now) {
    constexpr core::Millis kHour{3'600'000};
    SessionFacts facts;
    db::SessionRow& row = facts.row;
    row.session.id = core::SessionId{std::string(32, '0')};
    row.session.state = sample_state(event_type);
    row.session.destination.asset = sample_asset(chains);
    row.session.destination.address = sample_address(1);
    row.session.expires_at = now + kHour;
    row.method = "evm";
    row.method_at = now;
    row.display_json = R"({"title":"Test","verb":"Pay"})";
    row.metadata_json = R"({"test":"true"})";
    row.created_at = row.updated_at = now;
    facts.receiver = db::Receiver{};
    facts.receiver->address = sample_address(2);
    const bool ended = row.session.state == session::State::kDelivered ||
                       row.session.state == session::State::kRefunded;
    if (ended) {
        auto tx = core::TxId::from_bytes(core::Bytes(32, 0));
        CHECK(tx.has_value(), "32 bytes are a transaction id");
        row.outcome_tx = *tx;
        row.outcome_units = core::Units{1'000'000};
    }
    return facts;
}

}  // namespace api::impl
