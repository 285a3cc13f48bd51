#pragma once

#include <map>
#include <memory>
#include <optional>

#include "core/clock.hpp"

namespace simulation {

//! The clock of one process. Monotonic time is the world's; wall time may be wrong by an offset that
//! jumps. Sleepers wake in the order of their times, those of one time in the order they lay down.
class HostClock final : public core::Clock {
  public:
    HostClock(core::asio::any_io_executor executor, core::Instant now, core::Millis offset);
    ~HostClock() override;

    core::Instant now() const override { return now_ + offset_; }
    core::Tick tick() const override { return {now_.unix_ms}; }
    core::Task<void> sleep_for(core::Millis duration) override;

    void set_offset(core::Millis offset) { offset_ = offset; }
    //! World time of the next to wake.
    std::optional<core::Instant> next() const;
    //! Moves on to `now` and wakes who is due.
    void advance(core::Instant now);
    //! Forgets all sleepers, whose coroutines end where they are: the process is gone.
    void clear();

  private:
    struct Sleeper;
    using Place = std::pair<std::int64_t, std::uint64_t>;

    core::asio::any_io_executor executor_;
    core::Instant now_;
    core::Millis offset_;
    std::uint64_t sequence_ = 0;
    std::map<Place, std::shared_ptr<Sleeper>> sleepers_;
};

}  // namespace simulation
