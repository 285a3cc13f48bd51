#include "net/http_client.hpp"

#include "core/bytes.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/net/fakes.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>

using core::Errc;
using net::HttpRequest;
using net::HttpResponse;
using support::LoopbackServer;
using support::ScriptedReply;
using support::SeenRequest;

namespace {

struct Bench {
    explicit Bench(LoopbackServer::Script script, net::HttpClientOptions options = {})
        : server{std::make_unique<LoopbackServer>(loop.get_executor(), std::move(script))},
          client{net::make_curl_http_client(loop.get_executor(), options, log)} {}

    core::Expected<HttpResponse> send(HttpRequest request) {
        return std::move(send_all({std::move(request)}).front());
    }

    //! All at once. The server would keep the loop alive: stop it when the last answer is in.
    std::vector<core::Expected<HttpResponse>> send_all(std::vector<HttpRequest> requests) {
        std::vector<core::Expected<HttpResponse>> out(requests.size());
        std::size_t left = requests.size();
        for (std::size_t i = 0; i < requests.size(); ++i) {
            core::asio::co_spawn(loop, client->send(std::move(requests[i])),
                                 [&, i](std::exception_ptr e, core::Expected<HttpResponse> value) {
                                     REQUIRE(e == nullptr);
                                     out[i] = std::move(value);
                                     if (--left == 0) loop.stop();
                                 });
        }
        loop.restart();
        loop.run();
        return out;
    }

    HttpRequest post(std::string body = "{}") const {
        HttpRequest out;
        out.url = server->url("/v3/SECRET_TOKEN?key=SECRET_TOKEN");
        out.body = std::move(body);
        out.timeout = core::Millis{5'000};
        return out;
    }

    core::asio::io_context loop{1};
    net::testing::KeptLog log;
    std::unique_ptr<LoopbackServer> server;
    std::unique_ptr<net::HttpClient> client;
};

ScriptedReply answer(int status, std::string body) {
    ScriptedReply out;
    out.status = status;
    out.body = std::move(body);
    return out;
}

ScriptedReply gzipped(std::string_view hex) {
    const auto bytes = core::from_hex(hex).value();
    auto out = answer(200, std::string{bytes.begin(), bytes.end()});
    out.headers.emplace_back("Content-Encoding", "gzip");
    return out;
}

}  // namespace

TEST_CASE("http client: a POST -> the body arrives, headers come back in lower case, body padded") {
    Bench bench{[](const SeenRequest& request) {
        auto out = answer(200, "echo " + request.body);
        out.headers.emplace_back("Retry-After", " 7 ");
        return out;
    }};
    auto request = bench.post("hello");
    request.headers.emplace_back("X-Key", "abc");
    const auto response = bench.send(request);
    REQUIRE(response);
    CHECK(response->status == 200);
    CHECK(response->body == "echo hello");
    CHECK(response->header("retry-after") == "7");
    CHECK(response->body.capacity() >= response->body.size() + net::kJsonPadding);
    const auto& seen = bench.server->seen().front();
    CHECK(seen.method == "POST");
    CHECK(seen.head.find("X-Key: abc") != std::string::npos);
    CHECK(seen.head.find("Expect:") == std::string::npos);
}

TEST_CASE("http client: GET, DELETE and a redirect -> sent as asked, not followed") {
    Bench bench{[](const SeenRequest&) {
        auto out = answer(302, "");
        out.headers.emplace_back("Location", "/elsewhere");
        return out;
    }};
    auto request = bench.post("");
    request.method = "GET";
    CHECK(bench.send(request)->status == 302);
    request.method = "DELETE";
    CHECK(bench.send(request)->status == 302);
    REQUIRE(bench.server->seen().size() == 2);
    CHECK(bench.server->seen()[0].method == "GET");
    CHECK(bench.server->seen()[1].method == "DELETE");
}

TEST_CASE("http client: two calls -> one connection, unless reuse is off") {
    Bench bench{[](const SeenRequest&) { return answer(200, "ok"); }};
    REQUIRE(bench.send(bench.post()));
    REQUIRE(bench.send(bench.post()));
    CHECK(bench.server->connections() == 1);
    auto alone = bench.post();
    alone.may_reuse = false;
    REQUIRE(bench.send(alone));
    REQUIRE(bench.send(alone));
    CHECK(bench.server->connections() == 3);
}

TEST_CASE("http client: gzip -> inflated, the body limit counts inflated bytes") {
    Bench bench{[](const SeenRequest& request) {
        if (request.body == "bomb") {  // 100,000 zeros in 133 bytes
            return gzipped(
                "1f8b0800000000000203edc13101000000c2a04aeb9fce1a1e40010000000000000000000000000000"
                "00"
                "0000000000000000000000000000000000000000000000000000000000000000000000000000000000"
                "00000000000000000000000000000000000000000000000000000000000000000000000000000000af"
                "0685c24dc5a0860100");
        }
        return gzipped(
            "1f8b0800000000000203ab56ca2acecf2b2a4856b25232d23350d251ca4c51b232d4512a4a2d2ecd29018a"
            "1a54181a28d502001ad5be4528000000");
    }};
    const auto small = bench.send(bench.post());
    REQUIRE(small);
    CHECK(small->body == R"({"jsonrpc":"2.0","id":1,"result":"0x10"})");
    auto bomb = bench.post("bomb");
    bomb.body_limit = 99'999;
    CHECK(bench.send(bomb).error().code == Errc::kTooLarge);
    bomb.body_limit = 100'000;
    CHECK(bench.send(bomb)->body.size() == 100'000);
}

TEST_CASE("http client: a body that may be cut -> the status counts, the rest is not read") {
    Bench bench{[](const SeenRequest&) {
        ScriptedReply reply;
        reply.body = std::string(4 * 1024 * 1024, 'x');
        return reply;
    }};
    auto request = bench.post();
    request.body_limit = 1024;
    CHECK(bench.send(request).error().code == Errc::kTooLarge);
    request.cut_body = true;
    const auto response = bench.send(request);
    REQUIRE(response.has_value());
    CHECK(response->status == 200);
    CHECK(response->body.size() <= 1024);
}

TEST_CASE("http client: no answer, cut off, not HTTP, nobody there -> an error without the URL") {
    Bench bench{[](const SeenRequest& request) {
        auto out = answer(200, "0123456789");
        if (request.body == "never") out.never = true;
        if (request.body == "cut") out.cut_after = 4;
        if (request.body == "raw") out.raw = "this is no HTTP\r\n\r\n";
        return out;
    }};
    auto slow = bench.post("never");
    slow.timeout = core::Millis{30};
    std::vector<core::Expected<HttpResponse>> failed;
    failed.push_back(bench.send(slow));
    failed.push_back(bench.send(bench.post("cut")));
    failed.push_back(bench.send(bench.post("raw")));
    auto nobody = bench.post();
    const auto port = bench.server->port();
    bench.server.reset();
    nobody.url = "http://user:SECRET_TOKEN@127.0.0.1:" + std::to_string(port) + "/SECRET_TOKEN";
    failed.push_back(bench.send(nobody));
    const std::vector<Errc> expected{Errc::kTimeout, Errc::kUnreachable, Errc::kMalformed,
                                     Errc::kUnreachable};
    for (std::size_t i = 0; i < failed.size(); ++i) {
        INFO(i);
        REQUIRE(!failed[i]);
        CHECK(failed[i].error().code == expected[i]);
        CHECK(failed[i].error().message.find("SECRET") == std::string::npos);
    }
}

TEST_CASE("http client: wrong requests -> kInvalid, nothing is sent") {
    Bench bench{[](const SeenRequest&) { return answer(200, "ok"); }};
    auto file = bench.post();
    file.url = "file:///etc/passwd";
    auto bare = bench.post();
    bare.url = "127.0.0.1/x";
    auto injected = bench.post();
    injected.headers.emplace_back("X-A", "1\r\nX-B: 2");
    auto method = bench.post();
    method.method = "GET /";
    for (const auto& request : {file, bare, injected, method}) {
        CHECK(bench.send(request).error().code == Errc::kInvalid);
    }
    CHECK(bench.server->seen().empty());
}

TEST_CASE("http client: pinned address -> the name is not looked up, Host keeps it") {
    Bench bench{[](const SeenRequest&) { return answer(200, "ok"); }};
    auto request = bench.post();
    request.url = "http://name.invalid:" + std::to_string(bench.server->port()) + "/hook";
    request.pinned_ip = "127.0.0.1";
    REQUIRE(bench.send(request));
    CHECK(bench.server->seen().front().head.find("Host: name.invalid") != std::string::npos);
}

TEST_CASE("http client: more calls than the limit per host -> they wait, their deadline runs") {
    net::HttpClientOptions options;
    options.in_flight_per_host = 2;
    Bench bench{[](const SeenRequest& request) {
                    auto out = answer(200, request.body);
                    out.never = request.body == "never";
                    return out;
                },
                options};
    std::vector<HttpRequest> many;
    for (int i = 0; i < 20; ++i) many.push_back(bench.post(std::to_string(i)));
    const auto answers = bench.send_all(many);
    for (int i = 0; i < 20; ++i) {
        REQUIRE(answers[static_cast<std::size_t>(i)]);
        CHECK(answers[static_cast<std::size_t>(i)]->body == std::to_string(i));
    }
    CHECK(bench.server->connections() <= 2);

    auto blocking = bench.post("never");
    blocking.timeout = core::Millis{80};
    auto queued = bench.post("queued");
    queued.timeout = core::Millis{20};
    const auto blocked = bench.send_all({blocking, blocking, queued});
    for (const auto& result : blocked) CHECK(result.error().code == Errc::kTimeout);
    CHECK(bench.server->seen().back().body == "never");
}

TEST_CASE("http client: cancelled under way -> throws, and the next call works") {
    core::asio::cancellation_signal signal;
    Bench bench{[&signal](const SeenRequest& request) {
        auto out = answer(200, "ok");
        if (request.body == "never") {
            out.never = true;
            signal.emit(core::asio::cancellation_type::terminal);
        }
        return out;
    }};
    boost::system::error_code seen;
    core::asio::co_spawn(
        bench.loop, bench.client->send(bench.post("never")),
        core::asio::bind_cancellation_slot(signal.slot(),
                                           [&](std::exception_ptr e, core::Expected<HttpResponse>) {
                                               try {
                                                   if (e) std::rethrow_exception(e);
                                               } catch (const boost::system::system_error& error) {
                                                   seen = error.code();
                                               }
                                               bench.loop.stop();
                                           }));
    bench.loop.run();
    CHECK(seen == core::asio::error::operation_aborted);
    CHECK(bench.send(bench.post())->status == 200);
}

TEST_CASE("http client: destroyed with a call under way -> the call is cancelled, the loop ends") {
    Bench bench{[](const SeenRequest&) {
        ScriptedReply out;
        out.never = true;
        return out;
    }};
    bool thrown = false;
    core::asio::co_spawn(bench.loop, bench.client->send(bench.post()),
                         [&](std::exception_ptr e, core::Expected<HttpResponse>) {
                             thrown = e != nullptr;
                             bench.server.reset();
                         });
    while (bench.server->seen().empty()) bench.loop.run_one();
    bench.client.reset();
    bench.loop.run();
    CHECK(thrown);
}
