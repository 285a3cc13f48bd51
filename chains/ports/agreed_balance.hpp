#pragma once

#include <string>
#include <vector>

#include "core/units.hpp"

namespace chains {

//! What several endpoints say that an address holds.
struct AgreedBalance {
    core::Units units;
    std::vector<std::string> agreed;     //!< names of the endpoints that say so
    std::vector<std::string> disagreed;  //!< names of those that said something else
};

}  // namespace chains
