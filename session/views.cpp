#include "session/views.hpp"

#include <algorithm>

#include "core/check.hpp"

namespace session {

std::string_view sessions_api_status(const Session& session) {
    switch (session.state) {
        case State::kCreated: return "requires_payment_method";
        case State::kSourceSet:
        case State::kQuoted:
        case State::kSigning: return "waiting_payment";
        case State::kSubmitted: {
            const bool seen = std::any_of(
                session.tallies.begin(), session.tallies.end(), [](const Tally& tally) {
                    return !tally.detected.is_zero() || !tally.confirmed.is_zero();
                });
            return seen ? "processing" : "waiting_payment";
        }
        case State::kDetected:
        case State::kDelivering:
        case State::kRefunding:
        case State::kHeld: return "processing";
        case State::kDelivered: return "succeeded";
        case State::kRefunded: return "bounced";
        case State::kExpired:
        case State::kCancelled:
        case State::kSourceFailed: return "expired";
    }
    core::check_failed("State is known", __FILE__, __LINE__);
}

}  // namespace session
