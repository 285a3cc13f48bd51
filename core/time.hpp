#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace core {

using Millis = std::chrono::milliseconds;

//! A point of wall time, what people and chains agree on: unix milliseconds, UTC.
struct Instant {
    std::int64_t unix_ms = 0;

    static constexpr Instant from_unix_seconds(std::int64_t seconds) { return {seconds * 1000}; }
    constexpr std::int64_t unix_seconds() const { return unix_ms / 1000; }

    friend constexpr bool operator==(const Instant&, const Instant&) = default;
    friend constexpr auto operator<=>(const Instant&, const Instant&) = default;
    friend constexpr Instant operator+(Instant at, Millis by) { return {at.unix_ms + by.count()}; }
    friend constexpr Instant operator-(Instant at, Millis by) { return {at.unix_ms - by.count()}; }
    friend constexpr Millis operator-(Instant a, Instant b) { return Millis{a.unix_ms - b.unix_ms}; }
};

//! A point of monotonic time, for durations and deadlines. Only differences mean something.
struct Tick {
    std::int64_t ms = 0;

    friend constexpr bool operator==(const Tick&, const Tick&) = default;
    friend constexpr auto operator<=>(const Tick&, const Tick&) = default;
    friend constexpr Tick operator+(Tick at, Millis by) { return {at.ms + by.count()}; }
    friend constexpr Millis operator-(Tick a, Tick b) { return Millis{a.ms - b.ms}; }
};

}  // namespace core
