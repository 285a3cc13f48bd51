#pragma once

#include "core/time.hpp"

#include <string>
#include <string_view>

namespace api {

inline constexpr std::string_view kSignatureHeader = "Daimo-Signature";

//! "t=<unix seconds>,v1=<hex>": HMAC-SHA-256 of "<unix seconds>.<body>", keyed with the secret's text.
//! Each attempt is signed anew: receivers refuse what is older than five minutes.
std::string webhook_signature(std::string_view secret, core::Instant at, std::string_view body);

}  // namespace api
