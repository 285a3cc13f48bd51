#pragma once

#include <string>
#include <string_view>

#include "core/time.hpp"

namespace simulation {

//! What a merchant's server looks at before it believes a call, written from docs/WEBHOOKS.md
//! alone. Empty when it is ours; else what is wrong with it.
std::string why_not_genuine(std::string_view header, std::string_view body, std::string_view secret,
                            core::Instant now);

//! The one thing that may be wrong although it is ours: its clock, or mine.
inline constexpr std::string_view kNotOfNow = "signed at another time";

}  // namespace simulation
