#include "watchers/rhythm.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

using core::Millis;
using core::Tick;
using watchers::Rhythm;

namespace {

constexpr Millis kInterval{100};

struct Met {
    std::vector<std::int64_t> delays;  //!< from a block's arrival to the look that saw it
    int looks = 0;
};

//! Looks at a chain whose block n comes at `arrival(n)`, as a pacer would, until `blocks` were seen.
Met follow(const std::function<std::int64_t(std::int64_t)>& arrival, int blocks) {
    Rhythm rhythm{kInterval};
    Met met;
    std::int64_t now = 37;
    std::int64_t head = 0;
    while (met.delays.size() < static_cast<std::size_t>(blocks)) {
        while (arrival(head + 1) <= now) {
            ++head;
            met.delays.push_back(now - arrival(head));
        }
        rhythm.looked(static_cast<std::uint64_t>(head), Tick{now});
        ++met.looks;
        now += rhythm.pause(Tick{now}).count();
    }
    return met;
}

std::int64_t worst_after(const Met& met, std::size_t learned) {
    return *std::max_element(met.delays.begin() + static_cast<std::ptrdiff_t>(learned),
                             met.delays.end());
}

}  // namespace

TEST_CASE("rhythm: even blocks -> met within a quarter of the interval, at a few looks more") {
    const std::int64_t period = GENERATE(1000, 1037, 2000, 12'000);
    const auto met = follow([=](std::int64_t n) { return n * period; }, 40);
    CHECK(worst_after(met, 8) <= 25);
    CHECK(met.looks <= 40 * (period / 100 + 6));
}

TEST_CASE("rhythm: blocks that come a little early or late -> still met well within the interval") {
    const auto met = follow([](std::int64_t n) { return n * 1000 + (n * 7919) % 30; }, 60);
    CHECK(worst_after(met, 10) <= 60);
}

TEST_CASE("rhythm: uneven blocks -> never later than the interval") {
    const auto met = follow([](std::int64_t n) { return n * 1000 + (n * 7919) % 900; }, 60);
    CHECK(worst_after(met, 0) <= kInterval.count());
}

TEST_CASE("rhythm: blocks nearly as often as looks -> the plain interval") {
    Rhythm rhythm{kInterval};
    for (int n = 0; n < 20; ++n) rhythm.looked(static_cast<std::uint64_t>(n / 2), Tick{n * 100});
    CHECK_FALSE(rhythm.next().has_value());
    CHECK(rhythm.pause(Tick{2000}) == kInterval);
}

TEST_CASE("rhythm: a jump of several blocks, a step back, a failed look -> learned anew") {
    Rhythm rhythm{kInterval};
    for (int n = 0; n <= 60; ++n) rhythm.looked(static_cast<std::uint64_t>(n / 10), Tick{n * 100});
    REQUIRE(rhythm.next().has_value());
    SECTION("jump") { rhythm.looked(9, Tick{6100}); }
    SECTION("back") { rhythm.looked(3, Tick{6100}); }
    SECTION("failed look") {
        rhythm.interrupted();
        rhythm.looked(7, Tick{9000});
    }
    CHECK_FALSE(rhythm.next().has_value());
}
