#pragma once

#include <vector>

#include "core/clock.hpp"
#include "core/ids.hpp"
#include "core/log.hpp"
#include "core/task.hpp"
#include "net/endpoint_pool.hpp"

namespace depositd {

//! Asks endpoints that were quarantined for serving another chain, now and then, whether they serve the
//! right one again, and takes them back when they do. Until cancelled.
core::Task<void> readmit_corrected(std::vector<net::EndpointPool*> pools, core::Clock& clock,
                                   core::Log& log);

}  // namespace depositd
