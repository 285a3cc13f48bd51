#pragma once

#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/rng.hpp"

namespace depositd {

//! The host's clocks. sleep_for waits on the executor of the coroutine that calls it.
class SystemClock final : public core::Clock {
  public:
    core::Instant now() const override;
    core::Tick tick() const override;
    core::Task<void> sleep_for(core::Millis duration) override;
};

//! getrandom(2). Aborts when the kernel has none to give.
class SystemRng final : public core::Rng {
  public:
    void fill(std::span<std::uint8_t> out) override;
};

//! systemd's notification protocol; every call is harmless when systemd is not there.
//! https://www.freedesktop.org/software/systemd/man/sd_notify.html
class SystemdNotifier {
  public:
    void ready() const;
    void stopping() const;
    void status(const std::string& text) const;
    void watchdog() const;
    //! How often watchdog() has to be called, with a margin of three; none when nobody waits for it.
    std::optional<core::Millis> watchdog_period() const;
};

}  // namespace depositd
