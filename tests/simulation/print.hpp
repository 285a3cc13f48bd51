#pragma once

#include "tests/simulation/run.hpp"

namespace simulation {

//! Prints the line of a world, and one for each rule that it broke.
void print(const RunReport& report, std::uint64_t seed);

//! Prints all that happens: day and time of the world, who, what.
Trace::Listener printer();

}  // namespace simulation
