#pragma once

#include "core/clock.hpp"

namespace support {

//! Time that never moves, for those who only need to be given one: every sleep ends at once.
struct StillClock final : core::Clock {
    core::Instant now() const override { return core::Instant::from_unix_seconds(1'700'000'000); }
    core::Tick tick() const override { return {}; }
    core::Task<void> sleep_for(core::Millis) override { co_return; }
};

}  // namespace support
