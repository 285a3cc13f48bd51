#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "core/time.hpp"

namespace simulation {

//! What the world does at a time of its own: blocks, customers, faults. Things of one time happen in
//! the order in which they were put down.
class Agenda {
  public:
    using Deed = std::function<void()>;

    void set_time(core::Instant now) { now_ = now; }
    core::Instant now() const { return now_; }
    void at(core::Instant when, Deed deed) {
        deeds_.emplace(std::pair{when < now_ ? now_.unix_ms : when.unix_ms, sequence_++},
                       std::move(deed));
    }
    void after(core::Millis wait, Deed deed) { at(now_ + wait, std::move(deed)); }

    std::optional<core::Instant> next() const {
        if (deeds_.empty()) return std::nullopt;
        return core::Instant{deeds_.begin()->first.first};
    }
    //! Does what is due; what that puts down for the same time is done as well.
    void run_due() {
        while (!deeds_.empty() && deeds_.begin()->first.first <= now_.unix_ms) {
            const Deed deed = std::move(deeds_.begin()->second);
            deeds_.erase(deeds_.begin());
            deed();
        }
    }

  private:
    core::Instant now_;
    std::uint64_t sequence_ = 0;
    std::map<std::pair<std::int64_t, std::uint64_t>, Deed> deeds_;
};

}  // namespace simulation
