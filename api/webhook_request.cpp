#include "api/webhook_request.hpp"

#include "api/impl/fields.hpp"
#include "api/webhook_events.hpp"
#include "core/check.hpp"
#include "core/units.hpp"
#include "net/json.hpp"

#include <algorithm>
#include <limits>

namespace api {
namespace {

using nlohmann::json;

constexpr std::size_t kWebhookUrlMax = 2048;
constexpr std::size_t kDescriptionMax = 500;
constexpr std::size_t kEventsMax = 32;

constexpr db::DeliveryState kDeliveryStates[] = {db::DeliveryState::kBehind, db::DeliveryState::kDue,
                                                 db::DeliveryState::kDelivered,
                                                 db::DeliveryState::kFailed};

//! No body at all is the empty object.
Checked<json> webhook_body(std::string_view text) {
    if (text.empty()) return json::object();
    auto parsed = net::parse_strict(text);
    if (!parsed) {
        return invalid_parameter("body", "The body is not usable JSON: " + parsed.error().message);
    }
    if (!parsed->is_object()) return invalid_parameter("body", "The body must be a JSON object.");
    return std::move(*parsed);
}

std::string known_types() {
    std::string out = "*";
    for (const std::string_view type : webhook_event_types()) out += ", " + std::string{type};
    return out;
}

Checked<std::vector<std::string>> parse_events(const json& body) {
    const auto at = body.find("events");
    if (at == body.end() || at->is_null()) return std::vector<std::string>{"*"};
    if (!at->is_array() || at->empty() || at->size() > kEventsMax) {
        return invalid_parameter("events", "events must be an array of 1 to 32 event types.");
    }
    std::vector<std::string> out;
    for (std::size_t i = 0; i < at->size(); ++i) {
        const json& one = (*at)[i];
        const std::string param = "events[" + std::to_string(i) + "]";
        const std::string type = one.is_string() ? one.get<std::string>() : std::string{};
        if (type != "*" && !is_webhook_event_type(type)) {
            return invalid_parameter(param, param + " must be one of: " + known_types() + ".");
        }
        if (std::find(out.begin(), out.end(), type) == out.end()) out.push_back(type);
    }
    return out;
}

}  // namespace

Checked<CreateWebhook> parse_create_webhook(std::string_view text, net::TargetRules rules) {
    auto body = webhook_body(text);
    if (!body) return body.problem();
    CreateWebhook out;
    auto url = impl::required_text(*body, "url", "url", kWebhookUrlMax);
    if (!url) return url.problem();
    auto target = net::parse_target(*url, rules);
    if (!target) {
        return invalid_parameter("url", "url cannot be called: " + target.error().message + ".");
    }
    out.url = target->url();
    auto events = parse_events(*body);
    if (!events) return events.problem();
    out.events = std::move(*events);
    auto description = impl::optional_text(*body, "description", "description", kDescriptionMax);
    if (!description) return description.problem();
    if (*description) out.description = std::move(**description);
    return out;
}

Checked<std::string> parse_test_webhook(std::string_view text) {
    auto body = webhook_body(text);
    if (!body) return body.problem();
    auto type = impl::optional_text(*body, "eventType", "eventType", 100);
    if (!type) return type.problem();
    if (!*type) return std::string{"session.succeeded"};
    if (!is_webhook_event_type(**type)) {
        return invalid_parameter("eventType", "eventType must be the type of an event.");
    }
    return std::move(**type);
}

Checked<ReplayWebhook> parse_replay_webhook(std::string_view text) {
    auto body = webhook_body(text);
    if (!body) return body.problem();
    ReplayWebhook out;
    auto session = impl::required_text(*body, "sessionId", "sessionId", 100);
    if (!session) return session.problem();
    out.session = core::SessionId{std::move(*session)};
    const auto from = body->find("fromSequence");
    if (from == body->end() || from->is_null()) return out;
    const bool good = from->is_number_unsigned() && from->get<std::uint64_t>() >= 1 &&
                      from->get<std::uint64_t>() <=
                          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!good) {
        return invalid_parameter("fromSequence", "fromSequence must be a whole number from 1 on.");
    }
    out.from_sequence = from->get<std::int64_t>();
    return out;
}

Checked<db::DeliveryFilter> parse_list_deliveries(const std::map<std::string, std::string>& query) {
    db::DeliveryFilter out;
    if (const auto at = query.find("limit"); at != query.end()) {
        auto limit = core::Units::from_decimal(at->second);
        if (!limit || limit->is_zero() || *limit > core::Units{100}) {
            return invalid_parameter("limit", "limit must be a number from 1 to 100.");
        }
        out.limit = static_cast<std::size_t>(*limit->to_u64());
    }
    if (const auto at = query.find("after"); at != query.end()) {
        if (at->second.empty() || at->second.size() > 100) {
            return invalid_parameter("after", "after must be the id of a delivery.");
        }
        out.after = at->second;
    }
    if (const auto at = query.find("state"); at != query.end()) {
        for (const db::DeliveryState state : kDeliveryStates) {
            if (at->second == delivery_state_name(state)) out.state = state;
        }
        if (!out.state) {
            return invalid_parameter("state", "state must be waiting, pending, delivered or failed.");
        }
    }
    return out;
}

std::string_view delivery_state_name(db::DeliveryState state) {
    switch (state) {
        case db::DeliveryState::kBehind: return "waiting";
        case db::DeliveryState::kDue: return "pending";
        case db::DeliveryState::kDelivered: return "delivered";
        case db::DeliveryState::kFailed: return "failed";
    }
    core::check_failed("DeliveryState is known", __FILE__, __LINE__);
}

}  // namespace api
