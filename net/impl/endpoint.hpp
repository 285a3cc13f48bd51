#pragma once

#include "core/rng.hpp"
#include "core/time.hpp"
#include "net/endpoint_pool.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace net::impl {

//! Health and pace of one endpoint. Does no I/O and reads no clock.
class Endpoint {
  public:
    Endpoint(EndpointConfig config, PoolOptions options);

    const EndpointConfig& config() const { return config_; }
    const std::string& operator_name() const;

    //! Until when it is better left alone: an open circuit, or what it asked for itself.
    core::Millis closed_for(core::Tick now) const;
    core::Millis asked_wait(core::Tick now) const;
    //! Until `calls` may go, at the configured rate.
    core::Millis pace_wait(std::size_t calls, core::Tick now);
    //! Takes them; the bucket may go below zero, then the next ones wait longer.
    void take(std::size_t calls, core::Tick now);
    //! Smaller is better, in milliseconds.
    std::int64_t score(std::size_t calls, core::Tick now);

    //! While a failing one is tried again the others stay away.
    void begin_probe(core::Tick now, core::Millis timeout);
    void succeeded(core::Millis latency);
    void failed(const core::Error& error, std::optional<core::Millis> retry_after, core::Tick now,
                core::Rng& rng);

    //! Asked last for a while, longer each time; a long time without another doubt makes good.
    void doubt(core::Tick now);
    //! Counts one more "unknown" that others outdid; true at every tenth within a minute of the first.
    bool is_often_outdone(core::Tick now);
    //! Once a minute: how many there were since the last time.
    std::optional<int> complaint(core::Tick now);
    //! True for the first doubt of each reason, until it is no more doubted.
    bool is_new_reason(std::string_view reason, core::Tick now);
    bool doubted(core::Tick now) const { return doubts_ > 0 && now < doubted_until_; }

    bool circuit_open() const { return failures_ >= options_.failures_to_open; }
    bool healthy() const { return !quarantined && !circuit_open(); }
    EndpointStatus status(core::Tick now) const;

    //! Foreign text without anything that stands in our URL or headers.
    std::string scrub(std::string text) const;

    std::optional<std::string> quarantined;  //!< why

  private:
    void refill(core::Tick now);
    core::Millis back_off(core::Rng& rng) const;

    EndpointConfig config_;
    PoolOptions options_;
    std::vector<std::string> secrets_;
    int failures_ = 0;
    core::Tick open_until_{};
    core::Tick asked_until_{};
    core::Tick doubted_until_{};
    int doubts_ = 0;
    core::Tick outdone_since_{};
    int outdone_ = 0;
    std::optional<core::Tick> complained_;
    int complaints_ = 0;
    std::set<std::string, std::less<>> reasons_;
    std::int64_t latency_ms_ = 0;
    std::string last_error_;
    double burst_;
    double tokens_;
    std::optional<core::Tick> refilled_;
};

}  // namespace net::impl
