#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace depositd {

//! The closest candidate when it is close enough to be meant, else empty.
std::string closest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace depositd
