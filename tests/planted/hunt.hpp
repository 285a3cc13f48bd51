#pragma once

#include <string>

#include "tests/simulation/run.hpp"

namespace planted {

//! Proof that the simulation's auditor finds defects: each is switched on in world after world, until a
//! rule is broken or `days_max` fault-days are over.
struct Hunt {
    simulation::RunOptions world;  //!< its seed is the first one
    double days_max = 50;
    unsigned jobs = 1;             //!< processes at once
    std::string only;              //!< names with this in them; empty: all
    bool as_table = false;         //!< rows for docs/PLANTED_DEFECTS.md
};

//! Prints a line for each defect and, at the end, how many were found. True: all.
bool hunt_all(const Hunt& hunt);

}  // namespace planted
