#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/task.hpp"

namespace depositd {

//! Something that runs as long as the daemon does.
struct Part {
    std::string name;
    //! Runs until cancelled. One that returns or throws before the stop stops the daemon.
    std::function<core::Task<void>()> run;
    //! Optional: ends what is under way, before `run` is cancelled.
    std::function<core::Task<void>()> drain = {};
};

//! Starts parts in order and stops them in reverse order, each ended before the next is told.
//!
//! Life: run() starts all → waits for request_stop() or for a part to end → stops all → returns.
//! On one executor; the parts' captured state must outlive it.
class Lifecycle {
  public:
    Lifecycle(core::asio::any_io_executor executor, std::vector<Part> parts, core::Log& log,
              core::Millis stop_within = core::Millis{9'000});
    ~Lifecycle();
    Lifecycle(const Lifecycle&) = delete;
    Lifecycle& operator=(const Lifecycle&) = delete;

    //! 0 after a stop on request that every part obeyed in time, 1 otherwise. `started` is called once
    //! all parts were started, `stopping` when the stop begins.
    core::Task<int> run(std::function<void()> started, std::function<void()> stopping);

    //! From the executor. The second one changes nothing.
    void request_stop(std::string why);

    //! False when a part is still running although run() has returned.
    bool all_ended() const;

  private:
    struct Running;

    void start(const Part& part);
    core::Task<void> wait_for_end_of(Running& running, std::chrono::steady_clock::time_point until);
    core::Task<void> stop(Running& running, std::chrono::steady_clock::time_point until);

    core::asio::any_io_executor executor_;
    std::vector<Part> parts_;
    core::Log& log_;
    core::Millis stop_within_;
    core::asio::steady_timer stop_gate_;
    bool stop_requested_ = false;
    bool failed_ = false;
    std::list<Running> running_;
};

}  // namespace depositd
