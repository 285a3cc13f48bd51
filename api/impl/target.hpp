#pragma once

#include "core/expected.hpp"

#include <map>
#include <string>
#include <string_view>

namespace api::impl {

struct Target {
    std::string path;
    std::map<std::string, std::string> query;
};

//! Origin form only ("/path?query"). kInvalid for bad percent-encoding, control characters, a
//! repeated query name.
core::Expected<Target> parse_target(std::string_view target);

}  // namespace api::impl
