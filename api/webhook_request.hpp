#pragma once

#include "api/errors.hpp"
#include "core/ids.hpp"
#include "db/repositories.hpp"
#include "net/target.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What callers may send to the webhooks API, checked. Pure.
namespace api {

struct CreateWebhook {
    std::string url;                  //!< as the strict parser writes it
    std::vector<std::string> events;  //!< each once, in the order given
    std::string description;
};
Checked<CreateWebhook> parse_create_webhook(std::string_view body, net::TargetRules rules);

//! The type of the event to send; without one, "session.succeeded".
Checked<std::string> parse_test_webhook(std::string_view body);

struct ReplayWebhook {
    core::SessionId session;
    std::int64_t from_sequence = 1;
};
Checked<ReplayWebhook> parse_replay_webhook(std::string_view body);

//! limit, after, state.
Checked<db::DeliveryFilter> parse_list_deliveries(const std::map<std::string, std::string>& query);

//! The words of the wire for a delivery's state.
std::string_view delivery_state_name(db::DeliveryState state);

}  // namespace api
