#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.hpp"
#include "tests/simulation/order.hpp"

namespace simulation {

//! Everything that can be asked for beside "*".
inline constexpr const char* kNamedEvents[] = {
    "session.waiting_payment", "session.expired", "deposit.detected", "deposit.confirmed",
    "deposit.orphaned",        "deposit.late",    "payout.held",
};
//! What "*" means.
inline constexpr const char* kUsualEvents[] = {"session.processing", "session.succeeded",
                                               "session.bounced"};

//! A merchant's server that is told of their sessions, and what they know of the webhook to it.
struct Receiver {
    std::size_t number = 0;
    std::string host;
    Terms* terms = nullptr;
    std::vector<std::string> events;

    std::string webhook;  //!< as the API said; empty until then
    std::string secret;
    //! To be deleted one day.
    bool is_for_a_while = false;
    bool is_leaving = false;                    //!< that was asked for
    std::optional<core::Instant> deleted_at{};  //!< and answered

    int refuses_with = 0;  //!< what it answers instead of taking anything; 0: it takes
    bool is_in_trouble = false;
    core::Instant in_trouble_until{};  //!< when its last trouble ended
    //! Until then calls may have failed before anybody saw what they were about.
    core::Instant unknown_until{};

    std::string url() const { return "https://" + host + "/told?by=depositd"; }
    bool wants(std::string_view type) const {
        const auto has = [&type](const auto& list) {
            return std::find(std::begin(list), std::end(list), type) != std::end(list);
        };
        return has(events) ||
               (has(kUsualEvents) && std::find(events.begin(), events.end(), "*") != events.end());
    }
    bool wants_all() const { return events.size() > std::size(kNamedEvents); }
};

}  // namespace simulation
