#pragma once

#include "tests/simulation/auditor.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

//! The person who runs the daemon: looks at the status page now and then, and lets go on what is held.
class Operator {
  public:
    Operator(World& world, Auditor& auditor) : world_{world}, auditor_{auditor} {}
    void open();

  private:
    void look();
    void resume(std::int64_t payout);

    World& world_;
    Auditor& auditor_;
};

}  // namespace simulation
