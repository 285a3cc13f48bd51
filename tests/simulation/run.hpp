#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/trace.hpp"

namespace simulation {

struct RunOptions {
    std::uint64_t seed = 1;
    double days = 1;
    std::size_t chains = 1;
    unsigned orders_per_day = 56;
    bool faults = true;
    std::size_t liars = 1;  //!< nodes of a chain that tell the same lie at a time
    //! Each life dies at the crash point of its number; those after the last one live.
    std::vector<std::string> crashes;
    Trace::Listener listener;  //!< null: nobody listens
};

struct RunReport {
    std::vector<std::string> violations;
    std::uint64_t trace_hash = 0;
    std::uint64_t events = 0;
    std::uint64_t orders = 0;
    std::map<std::string, std::uint64_t> ends;  //!< orders by their last status
    std::uint64_t deliveries = 0;
    std::uint64_t returns = 0;
    std::uint64_t told = 0;  //!< events that receivers took
    std::uint64_t lives = 0;
    std::map<std::string, std::uint64_t> faults;
    double simulated_days = 0;  //!< with the quiet end
    double seconds = 0;         //!< that it really took: no part of the world
};

//! One world from its beginning to its rest: so many days with faults, then without until everything
//! has ended. The same options give the same report, to the last bit of the hash.
RunReport run(const RunOptions& options);

}  // namespace simulation
