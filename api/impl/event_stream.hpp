#pragma once

#include <string>
#include <string_view>

// The text of server-sent events (HTML standard, section 9.2).
namespace api::impl {

//! One event. Every line of `data` becomes a field of its own, so that no text can begin another
//! event.
std::string event_text(std::string_view name, std::string_view data);

//! A line that clients pass over: it keeps the connection, and proxies, from falling asleep.
std::string heartbeat_text();

//! How long clients wait before they connect again.
std::string retry_text(unsigned milliseconds);

}  // namespace api::impl
