#pragma once

#include <string_view>

#include "session/types.hpp"

namespace session {

//! Status of the sessions API: requires_payment_method, waiting_payment, processing, succeeded,
//! bounced, expired.
std::string_view sessions_api_status(const Session& session);

}  // namespace session
