#pragma once

#include "chains/ports/reader.hpp"
#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "core/time.hpp"
#include "watchers/rhythm.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>

namespace watchers {

//! When to look at the chain again: after the interval, or sooner when a block is due before; twice as
//! long after each failure in a row, at once after a nudge.
class Pacer {
  public:
    Pacer(core::asio::any_io_executor executor, core::Clock& clock, core::Millis interval,
          core::Millis longest);

    //! Returns when it is time for the next look; throws Asio's cancellation.
    core::Task<void> rest();
    //! A look that began at `at` saw the head at `height`.
    void saw(std::uint64_t height, core::Tick at) { rhythm_.looked(height, at); }
    void succeeded() { pause_ = interval_; }
    void failed();
    //! From any thread.
    void nudge();
    core::Millis pause() const;

  private:
    struct Gate {
        explicit Gate(const core::asio::any_io_executor& executor) : timer{executor} {}
        core::asio::steady_timer timer;
        bool nudged = false;
    };
    core::Task<void> wait_nudge();

    core::asio::any_io_executor executor_;
    core::Clock& clock_;
    core::Millis interval_;
    core::Millis longest_;
    core::Millis pause_;
    Rhythm rhythm_;
    std::shared_ptr<Gate> gate_;
};

//! One look at the node's heads. Refuses an answer that contradicts itself (kMalformed).
core::Task<core::Expected<chains::Heads>> poll_heads(chains::ChainReader& reader);

}  // namespace watchers
