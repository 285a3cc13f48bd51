#include "api/impl/rate_limiter.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/api/store_fixture.hpp"

#include <catch2/catch.hpp>

using namespace api;
using namespace api_test;

namespace {

//! Asks as who holds `key` does; 200 or the refusal's status.
int ask(StoreFixture& f, Authenticator& auth, const std::string& key) {
    const auto ask = [&]() -> core::Task<int> {
        auto caller = co_await auth.caller("Bearer " + key);
        co_return caller ? 200 : caller.problem().status;
    };
    return run(f.io, ask());
}

core::Bytes pepper_of(StoreFixture& f) {
    return run(f.io, load_key_pepper(*f.database, f.rng)).value();
}

}  // namespace

TEST_CASE(
    "key limit: a key asks too often -> 429, again allowed with time; other keys do not mind") {
    StoreFixture f;
    Authenticator auth{*f.database, pepper_of(f), f.clock, f.log, {1, 3}};
    for (int i = 0; i < 3; ++i) CHECK(ask(f, auth, f.key) == 200);
    CHECK(ask(f, auth, f.key) == 429);
    CHECK(ask(f, auth, f.foreign_key) == 200);
    f.clock.ticks = f.clock.ticks + core::Millis{1000};
    CHECK(ask(f, auth, f.key) == 200);
    CHECK(ask(f, auth, f.key) == 429);
}

TEST_CASE(
    "key limit: somebody who knows only the beginning of a key -> cannot use up its requests") {
    StoreFixture f;
    Authenticator auth{*f.database, pepper_of(f), f.clock, f.log, {1, 1}};
    std::string wrong = f.key;
    wrong.back() = wrong.back() == '0' ? '1' : '0';
    for (int i = 0; i < 10; ++i) CHECK(ask(f, auth, wrong) == 401);
    CHECK(ask(f, auth, f.key) == 200);
}

TEST_CASE("key limit: none -> never refused") {
    StoreFixture f;
    Authenticator auth{*f.database, pepper_of(f), f.clock, f.log};
    for (int i = 0; i < 100; ++i) CHECK(ask(f, auth, f.key) == 200);
}

TEST_CASE("key limit: the refusal -> says when to come back") {
    const Response slow = problem_response(too_many_requests("Please slow down."));
    CHECK(slow.status == 429);
    REQUIRE(slow.headers.size() == 1);
    CHECK(slow.headers[0].first == "retry-after");
    CHECK(slow.headers[0].second == "1");
    CHECK(problem_response(not_found("x", "y")).headers.empty());
}

// The defaults of an address, and a household or an office of payers behind it.
TEST_CASE("rate limiter: eighty pages that ask every two seconds for an hour -> none refused") {
    impl::RateLimiter limiter{50, 200};
    int refused = 0;
    for (std::int64_t ms = 0; ms < 3'600'000; ms += 2'000) {
        for (int page = 0; page < 80; ++page) {
            if (!limiter.allow("office", core::Tick{ms})) ++refused;
        }
    }
    CHECK(refused == 0);
}
