#pragma once

#include "api/sessions_api.hpp"

#include <string>

// Sessions that wait for their money, and the address that it goes to.
namespace api::impl {

//! Is there still time, and nothing under way? The clock may be ahead of the watchers: no address
//! is handed out for money that would be late.
bool can_be_paid(const session::Session& session, core::Instant now);

//! Why it takes no payment any more.
Problem not_payable(const session::Session& session);

//! The session with its EVM address: the same one however often this is asked, and only the first
//! time costs a write. not_payable() for one that takes no payment any more.
core::Task<Checked<SessionFacts>> with_receiver(const SessionsNeeds& needs, SessionFacts facts,
                                                std::string request_id);

}  // namespace api::impl
