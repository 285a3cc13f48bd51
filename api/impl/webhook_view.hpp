#pragma once

#include "api/ports.hpp"
#include "api/session_view.hpp"
#include "db/types.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

// How webhooks look from outside. Pure.
namespace api::impl {

enum class Secret { kClear, kMasked };
nlohmann::json webhook_json(const db::Webhook& webhook, Secret secret);

nlohmann::json delivery_json(const db::WebhookDelivery& delivery,
                             const std::vector<db::WebhookAttempt>& attempts);

//! An invented session that looks as one does when this event is sent.
SessionFacts sample_session(std::string_view event_type, const Chains& chains, core::Instant now);

}  // namespace api::impl
