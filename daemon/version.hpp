#pragma once

#include <string_view>

namespace depositd {

inline constexpr std::string_view kVersion = DEPOSITD_VERSION;

}  // namespace depositd
