#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace watchers {

//! When a chain's next block is due, learned from when its last ones came. Polling at a fixed interval
//! meets a block half an interval late on average; a look at the right moment meets it at once. Says
//! nothing about chains whose blocks come unevenly, or nearly as often as we look.
class Rhythm {
  public:
    struct Window {
        core::Tick from;
        core::Tick to;
        friend bool operator==(const Window&, const Window&) = default;
    };

    explicit Rhythm(core::Millis interval) : interval_{interval} {}

    //! A look that began at `at` found the head at `height`.
    void looked(std::uint64_t height, core::Tick at);
    //! Nothing was seen for a while: what is known of the last look says nothing about the next.
    void interrupted() { last_look_.reset(); }
    //! When the next block should come; none when the last ones were not even.
    std::optional<Window> next() const;
    //! How long to rest at `now` so that the next look is neither later than the interval nor misses
    //! the moment when a block is due.
    core::Millis pause(core::Tick now) const;

  private:
    //! The block came after a look that did not see it and before one that did.
    struct Arrival {
        std::uint64_t height = 0;
        core::Tick after;
        core::Tick before;
    };

    core::Millis interval_;
    std::optional<core::Tick> last_look_;
    std::optional<std::uint64_t> head_;
    std::deque<Arrival> arrivals_;
};

}  // namespace watchers
