#pragma once

#include "daemon/config.hpp"

namespace depositd {

//! Runs the daemon until SIGTERM or SIGINT. 0 after a clean stop; 1 when it could not start, when a
//! part ended on its own, or when one did not stop in time. What happened is in the log.
int serve(const Config& config);

}  // namespace depositd
