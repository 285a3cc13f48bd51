#pragma once

#include "api/errors.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace api::impl {

//! Unicode code points of valid UTF-8.
std::size_t characters(std::string_view text);

//! A body: one JSON object, without repeated keys.
Checked<nlohmann::json> parse_object(std::string_view body);

//! A string of 1 to `max` characters that is not blank. `param`: its name for people.
Checked<std::string> required_text(const nlohmann::json& object, const char* key,
                                   const std::string& param, std::size_t max);
//! Absent and null are none; the empty string is a problem.
Checked<std::optional<std::string>> optional_text(const nlohmann::json& object, const char* key,
                                                  const std::string& param, std::size_t max);

}  // namespace api::impl
