#pragma once

#include "core/task.hpp"
#include "core/time.hpp"

namespace core {

//! Where time comes from. Everything that reads or waits for time is given one, so that a test can
//! turn it.
struct Clock {
    virtual ~Clock() = default;
    virtual Instant now() const = 0;
    virtual Tick tick() const = 0;
    //! Returns after `duration`, or throws Asio's cancellation.
    virtual Task<void> sleep_for(Millis duration) = 0;
};

}  // namespace core
