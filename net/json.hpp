#pragma once

#include "core/expected.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string_view>

namespace net {

struct JsonLimits {
    std::size_t max_depth = 32;
    std::size_t max_bytes = 64 * 1024;
};

//! For foreign JSON of moderate size. Beyond what nlohmann checks it refuses a repeated key (nlohmann
//! keeps the last), an integer outside 64 bits (becomes a double), a zero byte (taken for the end),
//! depth and size; data after the document, NaN and invalid UTF-8 as well. kInvalid or kTooLarge,
//! naming the place: "at /a/0/b: …".
core::Expected<nlohmann::json> parse_strict(std::string_view text, JsonLimits limits = {});

}  // namespace net
