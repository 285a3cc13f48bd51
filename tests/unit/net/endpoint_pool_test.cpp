#include "net/endpoint_pool.hpp"

#include "tests/support/loopback_server.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/net/fakes.hpp"

#include <catch2/catch.hpp>

using core::Errc;
using net::CallOptions;
using net::EndpointConfig;
using net::HttpRequest;
using net::HttpResponse;
using net::RpcCall;
using support::first_rpc_id;

namespace {

using Answer = core::Expected<HttpResponse>;

HttpResponse http(int status, std::string body) {
    HttpResponse out;
    out.status = status;
    out.body = std::move(body);
    return out;
}

HttpResponse result_of(const HttpRequest& request, const std::string& json) {
    return http(200, R"({"jsonrpc":"2.0","id":)" + std::to_string(first_rpc_id(request.body)) +
                         R"(,"result":)" + json + "}");
}

HttpResponse error_of(const HttpRequest& request, int code, const std::string& message) {
    return http(200, R"({"jsonrpc":"2.0","id":)" + std::to_string(first_rpc_id(request.body)) +
                         R"(,"error":{"code":)" + std::to_string(code) + R"(,"message":")" +
                         message + R"("}})");
}

//! Two endpoints, "a" and "b"; each answers by its own function.
struct Bench {
    std::function<Answer(const HttpRequest&)> a = [](auto& r) { return result_of(r, "\"a\""); };
    std::function<Answer(const HttpRequest&)> b = [](auto& r) { return result_of(r, "\"b\""); };

    explicit Bench(int endpoints = 2, double rate = 0) {
        std::vector<EndpointConfig> configs;
        configs.push_back(
            EndpointConfig{"a", "https://user:PASSWORD@a.test/v3/APIKEY123", {}, "", rate});
        if (endpoints > 1) configs.push_back(EndpointConfig{"b", "https://b.test/", {}, "", rate});
        configure(std::move(configs));
    }
    void configure(std::vector<EndpointConfig> configs) {
        pool = std::make_unique<net::EndpointPool>(core::ChainId{"eip155:1"}, std::move(configs),
                                                   net::PoolOptions{}, client, clock, rng, log,
                                                   metrics);
    }
    core::Expected<std::string> call(CallOptions options = {}) {
        auto reply = net::testing::run(loop, pool->call(RpcCall{"m", "[]"}, options));
        if (!reply) return reply.error();
        auto result = reply->result();
        if (!result) return result.error();
        return std::string{*result};
    }

    core::asio::io_context loop{1};
    net::testing::FakeClock clock;
    net::testing::CountingRng rng;
    net::testing::KeptLog log;
    net::testing::KeptMetrics metrics;
    net::testing::ScriptedHttp client{[this](const HttpRequest& request) {
        return request.url.find("a.test") != std::string::npos ? a(request) : b(request);
    }};
    std::unique_ptr<net::EndpointPool> pool;
};

Answer dead(const HttpRequest&) { return core::Error{Errc::kUnreachable, "Couldn't connect"}; }

}  // namespace

TEST_CASE("endpoint pool: healthy -> the first configured answers, counted by name") {
    Bench bench;
    CHECK(bench.call().value() == "\"a\"");
    CHECK(bench.client.asked("b.test") == 0);
    CHECK(bench.metrics.values["depositd_rpc_requests_total,chain=eip155:1,endpoint=a,method=m,"
                               "outcome=ok"] == 1);
    CHECK(bench.metrics.values["depositd_endpoint_healthy,chain=eip155:1,endpoint=a"] == 1);
}

TEST_CASE("endpoint pool: transient failures -> the next endpoint answers") {
    const std::vector<std::function<Answer(const HttpRequest&)>> failures{
        dead,
        [](auto&) { return http(200, "<html>"); },
        [](auto&) { return http(502, "Bad gateway"); },
        [](auto&) { return http(429, ""); },
        [](auto&) { return http(401, ""); },
        [](auto& r) { return error_of(r, -32000, "header not found"); },
        [](auto& r) { return error_of(r, -32005, "rate limit"); },
        [](auto& r) { return error_of(r, -32000, "never seen before"); },
        [](auto& r) { return error_of(r, -32601, "method not found"); },
    };
    for (const auto& failure : failures) {
        Bench bench;
        bench.a = failure;
        CHECK(bench.call().value() == "\"b\"");
    }
}

TEST_CASE("endpoint pool: an answer about the question -> given back without asking another") {
    for (const auto& [message, code] : std::vector<std::pair<std::string, Errc>>{
             {"execution reverted", Errc::kReverted},
             {"query returned more than 10000 results", Errc::kSplit},
             {"nonce too low", Errc::kRefused}}) {
        Bench bench;
        const auto text = message;
        bench.a = [&text](auto& r) { return error_of(r, -32000, text); };
        CHECK(bench.call().error().code == code);
        CHECK(bench.client.asked("b.test") == 0);
        CHECK(bench.pool->status()[0].consecutive_failures == 0);
    }
}

TEST_CASE("endpoint pool: all know nothing -> kNotReady, never an empty answer [F27]", "[F27]") {
    Bench bench;
    bench.a = bench.b = [](auto& r) { return error_of(r, -32000, "unknown block"); };
    CHECK(bench.call().error().code == Errc::kNotReady);
    CHECK(bench.client.seen.size() == 2);
    CHECK(bench.pool->status()[0].healthy);
}

TEST_CASE("endpoint pool: null again and again for what another knows -> doubted, asked last [F27]",
          "[F27]") {
    Bench bench;
    bench.a = [](auto& r) { return result_of(r, "null"); };
    const auto ask = [&] {
        RpcCall call{"m", "[]"};
        call.null_is_unknown = true;
        auto reply = net::testing::run(bench.loop, bench.pool->call(call));
        CHECK(reply.value().result().value() == "\"b\"");
    };
    for (int i = 0; i < 9; ++i) ask();
    CHECK_FALSE(bench.pool->status().at(0).doubted);
    ask();
    CHECK(bench.pool->status().at(0).doubted);
}

TEST_CASE("endpoint pool: an unknown error again and again where another answers -> doubted [F25]",
          "[F25]") {
    Bench bench;
    bench.a = [](auto& r) { return error_of(r, -32603, "never seen before"); };
    for (int i = 0; i < 9; ++i) CHECK(bench.call().value() == "\"b\"");
    CHECK_FALSE(bench.pool->status().at(0).doubted);
    CHECK(bench.call().value() == "\"b\"");
    CHECK(bench.pool->status().at(0).doubted);
    CHECK(bench.metrics.values["depositd_endpoint_doubts_total,chain=eip155:1,endpoint=a,"
                               "reason=failing"] == 1);
    CHECK(bench.call().value() == "\"b\"");
    CHECK(bench.client.asked("a.test") == 10);
}

TEST_CASE("endpoint pool: more than anybody can read -> another answers, doubted in the end [F25]",
          "[F25]") {
    Bench bench;
    bench.a = [](auto&) -> Answer { return core::Error{Errc::kTooLarge, "above its size limit"}; };
    for (int i = 0; i < 10; ++i) CHECK(bench.call().value() == "\"b\"");
    CHECK(bench.metrics.values["depositd_endpoint_doubts_total,chain=eip155:1,endpoint=a,"
                               "reason=failing"] == 1);
    // Where everybody's answer is too long the question is to blame.
    bench.b = bench.a;
    CHECK(bench.call().error().code == Errc::kTooLarge);
    CHECK_FALSE(bench.pool->status().at(1).doubted);
}

TEST_CASE("endpoint pool: good for single calls, never for batches -> doubted [F25]", "[F25]") {
    Bench bench;
    CallOptions only_a;
    only_a.endpoint = 0;
    const auto good = bench.a;
    for (int i = 0; i < 10; ++i) {
        CHECK_FALSE(bench.pool->status().at(0).doubted);
        bench.a = [](auto&) { return http(200, "[]"); };
        CHECK(bench.call().value() == "\"b\"");
        bench.a = good;
        CHECK(bench.call(only_a).value() == "\"a\"");
    }
    CHECK(bench.pool->status().at(0).doubted);
    CHECK(bench.pool->status().at(0).healthy);
}

TEST_CASE("endpoint pool: behind, or without the method, again and again -> no doubt [F28]",
          "[F28]") {
    for (const std::string text : {"header not found", "method not found"}) {
        Bench bench;
        bench.a = [&text](auto& r) { return error_of(r, -32000, text); };
        for (int i = 0; i < 30; ++i) CHECK(bench.call().value() == "\"b\"");
        CHECK_FALSE(bench.pool->status().at(0).doubted);
    }
}

TEST_CASE("endpoint pool: one failure between successes -> named once a minute [F25]", "[F25]") {
    const std::vector<std::function<Answer(const HttpRequest&)>> failures{
        dead,
        [](auto&) { return http(200, "<html>"); },
        [](auto& r) { return error_of(r, -32005, "rate limit"); },
        [](auto& r) { return error_of(r, -32000, "never seen before"); },
    };
    for (const auto& failure : failures) {
        Bench bench;
        const auto good = bench.a;
        const auto fail_once = [&] {
            CallOptions only_a;
            only_a.endpoint = 0;
            bench.a = failure;
            CHECK_FALSE(bench.call(only_a).has_value());
            bench.a = good;
            bench.clock.passed_ms += 10'000;
            CHECK(bench.call(only_a).value() == "\"a\"");
        };
        const auto lines = [&] {
            std::size_t out = 0;
            for (auto at = bench.log.text.find("endpoint fails"); at != std::string::npos;
                 at = bench.log.text.find("endpoint fails", at + 1)) {
                ++out;
            }
            return out;
        };
        fail_once();
        CHECK(lines() == 1);
        CHECK(bench.log.text.find("endpoint=a method=m calls=1 reason=") != std::string::npos);
        fail_once();
        fail_once();
        CHECK(lines() == 1);
        bench.clock.passed_ms += 60'000;
        fail_once();
        CHECK(lines() == 2);
        CHECK(bench.log.text.find("calls=3") != std::string::npos);
        CHECK(bench.log.text.find("endpoint=b") == std::string::npos);
    }
}

TEST_CASE("endpoint pool: an answer about the question -> nobody is named for it [F24]", "[F24]") {
    Bench bench;
    bench.a = [](auto& r) { return error_of(r, -32000, "query returned more than 10000 results"); };
    CHECK(bench.call().error().code == Errc::kSplit);
    bench.a = [](auto& r) { return error_of(r, -32000, "header not found"); };
    CHECK(bench.call().value() == "\"b\"");
    CHECK(bench.log.text.empty());
}

TEST_CASE("endpoint pool: doubted for two reasons -> both are told, each once") {
    Bench bench;
    bench.pool->doubt(0, "behind", "head 5");
    bench.pool->doubt(0, "behind", "head 6");
    bench.pool->doubt(0, "outvoted", "m");
    CHECK(bench.log.text.find("reason=behind detail=head 5") != std::string::npos);
    CHECK(bench.log.text.find("head 6") == std::string::npos);
    CHECK(bench.log.text.find("reason=outvoted") != std::string::npos);
}

TEST_CASE("endpoint pool: dead, then back -> left alone meanwhile, used again after") {
    Bench bench;
    bench.a = dead;
    CallOptions only_a;
    only_a.endpoint = 0;
    for (int i = 0; i < 3; ++i) CHECK(!bench.call(only_a));
    CHECK(!bench.pool->status()[0].healthy);
    CHECK(bench.metrics.values["depositd_endpoint_healthy,chain=eip155:1,endpoint=a"] == 0);
    const auto asked = bench.client.asked("a.test");
    for (int i = 0; i < 5; ++i) CHECK(bench.call().value() == "\"b\"");
    CHECK(bench.client.asked("a.test") == asked);

    bench.a = [](auto& r) { return result_of(r, "\"a again\""); };
    CHECK(bench.call(only_a).value() == "\"a again\"");
    CHECK(bench.pool->status()[0].healthy);
    CHECK(bench.call().value() == "\"a again\"");
    CHECK(bench.log.text.find("endpoint is back chain=eip155:1 endpoint=a") != std::string::npos);
}

TEST_CASE("endpoint pool: a lone endpoint keeps failing -> the wait grows up to its limit") {
    Bench bench{1};
    bench.a = dead;
    std::vector<std::int64_t> waits;
    for (int i = 0; i < 14; ++i) {
        const auto before = bench.clock.passed_ms;
        CallOptions patient;
        patient.timeout = core::Millis{100'000};
        CHECK(!bench.call(patient));
        waits.push_back(bench.clock.passed_ms - before);
    }
    CHECK(waits[0] == 0);
    CHECK(waits[3] >= 250);
    CHECK(waits[3] <= 500);
    CHECK(waits[5] >= 1'000);
    CHECK(waits[13] >= 30'000);
    CHECK(waits[13] <= 60'000);
    CHECK(bench.client.seen.size() == 14);
}

TEST_CASE("endpoint pool: Retry-After -> not asked before, another answers meanwhile [F62]",
          "[F62]") {
    Bench bench;
    bench.a = [](auto&) {
        auto out = http(429, "");
        out.headers.emplace_back("retry-after", "20");
        return out;
    };
    CHECK(bench.call().value() == "\"b\"");
    CHECK(bench.call().value() == "\"b\"");
    CHECK(bench.client.asked("a.test") == 1);
    bench.clock.passed_ms += 20'001;
    bench.a = [](auto& r) { return result_of(r, "1"); };
    bench.b = dead;
    CHECK(bench.call().value() == "1");

    Bench lone{1};
    lone.a = [](auto&) {
        auto out = http(429, "");
        out.headers.emplace_back("retry-after", "20");
        return out;
    };
    CHECK(lone.call().error().code == Errc::kRateLimited);
    CHECK(lone.call().error().code == Errc::kRateLimited);
    CHECK(lone.client.seen.size() == 1);
    CHECK(lone.clock.passed_ms == 0);
    CallOptions patient;
    patient.timeout = core::Millis{30'000};
    CHECK(lone.call(patient).error().code == Errc::kRateLimited);
    CHECK(lone.clock.passed_ms == 20'000);
}

TEST_CASE("endpoint pool: a rate of 10 a second -> 30 calls take two seconds") {
    Bench bench{1, 10};
    for (int i = 0; i < 30; ++i) CHECK(bench.call());
    CHECK(bench.clock.passed_ms >= 1'900);
    CHECK(bench.clock.passed_ms <= 2'100);
}

TEST_CASE("endpoint pool: a batch -> cut to size, failed calls alone go to the next endpoint") {
    Bench bench;
    std::vector<EndpointConfig> configs;
    configs.push_back(EndpointConfig{"a", "http://a.test", {}, "", 0, 2});
    configs.push_back(EndpointConfig{"b", "http://b.test", {}, "", 0, 100});
    bench.configure(std::move(configs));
    bench.a = [](const HttpRequest& r) -> Answer {
        const auto id = first_rpc_id(r.body);
        if (support::count_rpc_ids(r.body) == 1) return error_of(r, -32000, "header not found");
        return http(200, R"([{"id":)" + std::to_string(id + 1) + R"(,"result":"second"},{"id":)" +
                             std::to_string(id) + R"(,"result":"first"}])");
    };
    const std::vector<RpcCall> calls(3, RpcCall{"m", "[]"});
    auto replies = net::testing::run(bench.loop, bench.pool->call_batch(calls));
    REQUIRE(replies);
    CHECK((*replies)[0].result().value() == "\"first\"");
    CHECK((*replies)[1].result().value() == "\"second\"");
    CHECK((*replies)[1].endpoint == 0);
    CHECK((*replies)[2].result().value() == "\"b\"");
    CHECK((*replies)[2].endpoint == 1);
    CHECK(bench.client.asked("a.test") == 2);
    CHECK(bench.client.asked("b.test") == 1);
}

TEST_CASE("endpoint pool: part of a batch without any answer -> an error, not a shorter list") {
    Bench bench;
    bench.a = bench.b = dead;
    const std::vector<RpcCall> calls(3, RpcCall{"m", "[]"});
    auto replies = net::testing::run(bench.loop, bench.pool->call_batch(calls));
    REQUIRE(!replies);
    CHECK(replies.error().code == Errc::kUnreachable);
}

TEST_CASE(
    "endpoint pool: quarantine -> not asked, reason visible, comes back when readmitted [F26]",
    "[F26]") {
    Bench bench;
    bench.pool->quarantine(0, "serves chain 5");
    CHECK(bench.call().value() == "\"b\"");
    CHECK(bench.pool->status()[0].quarantined == "serves chain 5");
    CHECK(!bench.pool->status()[0].healthy);
    bench.pool->quarantine(1, "lied");
    const auto none = bench.call();
    CHECK(none.error().code == Errc::kUnreachable);
    CHECK(none.error().message.find("serves chain 5") != std::string::npos);
    CallOptions check;
    check.endpoint = 0;
    CHECK(!bench.call(check));
    check.even_quarantined = true;
    CHECK(bench.call(check).value() == "\"a\"");
    bench.pool->readmit(0);
    CHECK(bench.call().value() == "\"a\"");
}

TEST_CASE("endpoint pool: fail_over off -> one attempt") {
    Bench bench;
    bench.a = dead;
    CallOptions once;
    once.fail_over = false;
    CHECK(bench.call(once).error().code == Errc::kUnreachable);
    CHECK(bench.client.seen.size() == 1);
}

TEST_CASE("endpoint pool: secrets of the URL -> in no error, log or status") {
    Bench bench{1};
    bench.a = [](auto& r) { return error_of(r, -32000, "invalid api key APIKEY123 of PASSWORD"); };
    std::string text = bench.call().error().message;
    bench.a = dead;
    CallOptions pinned;
    pinned.endpoint = 0;
    text += bench.call().error().message + bench.call(pinned).error().message;
    text += bench.log.text + bench.pool->status()[0].last_error;
    CHECK(text.find("APIKEY123") == std::string::npos);
    CHECK(text.find("PASSWORD") == std::string::npos);
    CHECK(text.find("a: Couldn't connect") != std::string::npos);
}

TEST_CASE("endpoint pool: plain JSON protocol -> the method is the path, the body the result") {
    Bench bench;
    std::vector<EndpointConfig> configs;
    configs.push_back(EndpointConfig{
        "a", "http://a.test/", {{"X-Key", "k"}}, "", 0, 100, net::RpcProtocol::kPostJson});
    bench.configure(std::move(configs));
    bench.a = [](const HttpRequest& r) -> Answer { return http(200, R"({"got":)" + r.body + "}"); };
    std::vector<RpcCall> calls;
    calls.push_back(RpcCall{"wallet/getblock", R"({"num":1})"});
    calls.push_back(RpcCall{"wallet/getblock", R"({"num":2})"});
    auto replies = net::testing::run(bench.loop, bench.pool->call_batch(calls));
    REQUIRE(replies);
    CHECK((*replies)[1].result().value() == R"({"got":{"num":2}})");
    CHECK(bench.client.seen[0].url == "http://a.test/wallet/getblock");
}
