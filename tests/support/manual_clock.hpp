#pragma once

#include "core/clock.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>

namespace support {

//! Time that moves when it is told to. Sleepers wake in the order of their times; nothing really
//! sleeps.
class ManualClock final : public core::Clock {
  public:
    explicit ManualClock(core::asio::any_io_executor executor,
                         core::Instant start = core::Instant::from_unix_seconds(1'700'000'000));

    core::Instant now() const override { return now_ + wall_; }
    core::Tick tick() const override { return {now_.unix_ms}; }
    core::Task<void> sleep_for(core::Millis duration) override;

    //! Moves on, waking whoever's time has come.
    void advance(core::Millis by);
    //! Somebody sets the clock on the wall; what was measured goes on.
    void set_wall(core::Millis ahead) { wall_ = ahead; }
    //! Moves to the first sleeper's time and wakes it; false when nobody sleeps.
    bool jump_to_next_sleeper();
    std::size_t sleepers() const { return sleepers_.size(); }

  private:
    struct Sleeper {
        explicit Sleeper(const core::asio::any_io_executor& executor)
            : gate{executor, core::asio::steady_timer::time_point::max()} {}
        core::asio::steady_timer gate;
        bool woken = false;
    };
    void wake_due();

    core::asio::any_io_executor executor_;
    core::Instant now_;
    core::Millis wall_{0};
    std::multimap<core::Instant, std::shared_ptr<Sleeper>> sleepers_;
};

//! Runs everything that is ready and jumps over all waiting, until nobody sleeps or `until` is
//! reached.
void run_until(core::asio::io_context& ioc, ManualClock& clock, core::Instant until);

}  // namespace support
