#include "api/auth.hpp"
#include "api/impl/rate_limiter.hpp"
#include "api/impl/target.hpp"
#include "api/router.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/api/fakes.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace api;
using nlohmann::json;

TEST_CASE("target: path and query -> decoded") {
    auto target = impl::parse_target("/v1/a%20b?x=1%2B2&y=a+b&z");
    REQUIRE(target);
    CHECK(target->path == "/v1/a b");
    CHECK(target->query ==
          std::map<std::string, std::string>{{"x", "1+2"}, {"y", "a b"}, {"z", ""}});
}

TEST_CASE("target: malformed -> refused") {
    for (const char* bad : {"", "v1", "http://x/y", "/a%", "/a%2", "/a%zz", "/a%00", "/a%0d%0aX:y",
                            "/a?x=1&x=2", "*"}) {
        CAPTURE(bad);
        CHECK_FALSE(impl::parse_target(bad));
    }
}

TEST_CASE("rate limiter: burst used up -> refused until time passes") {
    impl::RateLimiter limiter{2, 3};
    const core::Tick start{1000};
    for (int i = 0; i < 3; ++i) CHECK(limiter.allow("a", start));
    CHECK_FALSE(limiter.allow("a", start));
    CHECK(limiter.allow("b", start));
    CHECK_FALSE(limiter.allow("a", start + core::Millis{400}));
    CHECK(limiter.allow("a", start + core::Millis{500}));
}

TEST_CASE("rate limiter: very many callers -> memory stays bounded") {
    impl::RateLimiter limiter{1, 1, 100};
    for (int i = 0; i < 1000; ++i) CHECK(limiter.allow(std::to_string(i), core::Tick{0}));
    CHECK(limiter.size() <= 100);
}

TEST_CASE("router: method and captures -> the right handler") {
    Router router;
    router.add("GET", "/v1/things/{id}", [](Request r) -> core::Task<Response> {
        Response response;
        response.body = r.captures.at(0);
        co_return response;
    });
    core::asio::io_context io;
    const auto send = [&](std::string method, std::string path) {
        Request request;
        request.method = std::move(method);
        request.path = std::move(path);
        return api_test::run(io, router.dispatch(std::move(request)));
    };
    CHECK(send("GET", "/v1/things/7").body == "7");
    CHECK(send("GET", "/v1/things/").status == 404);
    CHECK(send("GET", "/v1/things/7/").status == 404);
    CHECK(send("GET", "/").status == 404);
    const Response refused = send("PUT", "/v1/things/7");
    CHECK(refused.status == 405);
    CHECK(refused.headers.at(0) == std::pair<std::string, std::string>{"allow", "GET"});
    const json error = json::parse(refused.body)["error"];
    CHECK(error["type"] == "invalid_request_error");
    CHECK(error["code"] == "method_not_allowed");
    CHECK(error["message"].is_string());
}

TEST_CASE("problem: text that is not UTF-8 -> still an answer") {
    const Response response = problem_response(invalid_parameter("a", "bad \xff byte"));
    CHECK(response.status == 400);
    CHECK(json::accept(response.body));
}

TEST_CASE("API key: made -> of our form, hashed with the pepper") {
    api_test::FakeRng rng;
    const core::Bytes pepper(32, 7);
    const NewApiKey key = make_api_key(core::EnvironmentId{"env"}, "shop", pepper, rng, {5});
    CHECK(key.text.size() == 4 + 8 + 1 + 64);
    CHECK(key.text.starts_with(key.row.prefix + "_"));
    CHECK(key.row.prefix.size() == 12);
    CHECK(key.row.hash == hash_api_key(pepper, key.text));
    CHECK(key.row.hash != hash_api_key(core::Bytes(32, 8), key.text));
}

TEST_CASE("HMAC-SHA-256: known answer -> the same") {
    // RFC 4231, test case 2.
    const core::Bytes key{'J', 'e', 'f', 'e'};
    CHECK(core::to_hex(hash_api_key(key, "what do ya want for nothing?")) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
