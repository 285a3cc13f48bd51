#pragma once

#include <string>

#include "tests/simulation/auditor.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

//! The person who runs the daemon: looks at the status page now and then, and lets go on what is held or halted.
class Operator {
  public:
    Operator(World& world, Auditor& auditor) : world_{world}, auditor_{auditor} {}
    void open();

  private:
    void look();
    void order(std::string path);

    World& world_;
    Auditor& auditor_;
};

}  // namespace simulation
