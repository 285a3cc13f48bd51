#include "tests/unit/api/http_fixture.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <stdexcept>

using namespace api_test;

namespace {

using Fixture = HttpFixture;

std::string post(const std::string& headers, const std::string& body) {
    return "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("server: good requests -> answered, with a request id") {
    Fixture f;
    f.open();
    const std::string plain = f.talk(post("Content-Length: 2\r\n", "hi"));
    CHECK_THAT(plain, Catch::StartsWith("HTTP/1.1 200 ") && Catch::EndsWith("POST /x hi"));
    CHECK_THAT(plain, Catch::Contains("\r\nrequest-id: "));
    const std::string chunked =
        f.talk(post("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n3\r\n ho\r\n0\r\n\r\n"));
    CHECK_THAT(chunked, Catch::EndsWith("POST /x hi ho"));
}

TEST_CASE("server: pipelined requests -> answered in order") {
    Fixture f;
    f.open();
    const std::string two = f.talk(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: "
        "close\r\n\r\n");
    CHECK(times(two, "HTTP/1.1 200 ") == 2);
    CHECK(two.find("GET /1") < two.find("GET /2"));
}

TEST_CASE("server: an answer without a body -> no length, no type, and the next in its place") {
    for (const int status : {204, 304}) {
        CAPTURE(status);
        Fixture f;
        f.open([status](api::Request request) -> core::Task<api::Response> {
            api::Response response;
            response.status = request.path == "/1" ? status : 200;
            response.body = "text";
            co_return response;
        });
        const std::string two = f.talk(
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: "
            "close\r\n\r\n");
        CHECK_THAT(two, Catch::StartsWith("HTTP/1.1 " + std::to_string(status)));
        CHECK(times(two, "Content-Length") == 1);
        CHECK(times(two, "Content-Type") == 1);
        CHECK(two.find("\r\n\r\nHTTP/1.1 200 ") != std::string::npos);
        CHECK_THAT(two, Catch::EndsWith("text"));
    }
}

TEST_CASE("server: malformed framing -> 400 in the documented envelope, handler not called [F92]") {
    Fixture f;
    int calls = 0;
    f.open([&calls](api::Request request) {
        ++calls;
        return echo(std::move(request));
    });
    const std::vector<std::string> bad{
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        post("Content-Length: 2\r\nContent-Length: 3\r\n", "abc"),
        post("Content-Length: 2\r\nContent-Length: 2\r\n", "ab"),
        post("Content-Length: 2, 2\r\n", "ab"),
        post("Content-Length: -2\r\n", "ab"),
        post("Content-Length: +2\r\n", "ab"),
        post("Content-Length: 99999999999999999999999\r\n", "ab"),
        post("Transfer-Encoding: gzip\r\n", ""),
        post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "-2\r\nab\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "zz\r\nab\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "2\r\nabc\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nab\r\n0\r\n\r\n"),
        "GET /x HTTP/1.1\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /x HTTP/1.1\r\nAuthorization: a\r\nHost: a\r\nauthorization: b\r\n\r\n",
        "garbage\r\n\r\n",
    };
    for (const std::string& request : bad) {
        CAPTURE(request);
        const std::string answer = f.talk(request);
        CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 400 "));
        CHECK_THAT(answer, Catch::Contains("\"error\":{\"code\":\"bad_request\""));
        CHECK(times(answer, "HTTP/1.1 ") == 1);
    }
    CHECK(calls == 0);
}

TEST_CASE("server: too large -> 413, 414, 431 [F92]") {
    Fixture f;
    f.open();
    const std::string big(65 * 1024, 'a');
    CHECK_THAT(f.talk(post("Content-Length: " + std::to_string(big.size()) + "\r\n", big)),
               Catch::StartsWith("HTTP/1.1 413 "));
    std::string chunks;
    for (int i = 0; i < 70; ++i) chunks += "400\r\n" + std::string(1024, 'a') + "\r\n";
    CHECK_THAT(f.talk(post("Transfer-Encoding: chunked\r\n", chunks + "0\r\n\r\n")),
               Catch::StartsWith("HTTP/1.1 413 "));
    CHECK_THAT(f.talk(post("X: " + std::string(17 * 1024, 'a') + "\r\n", "")),
               Catch::StartsWith("HTTP/1.1 431 "));
    std::string many;
    for (int i = 0; i < 101; ++i) many += "X" + std::to_string(i) + ": a\r\n";
    CHECK_THAT(f.talk(post(many, "")), Catch::StartsWith("HTTP/1.1 431 "));
    CHECK_THAT(f.talk("GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"),
               Catch::StartsWith("HTTP/1.1 414 "));
    const std::string fits(64 * 1024, 'a');
    CHECK_THAT(f.talk(post("Content-Length: " + std::to_string(fits.size()) + "\r\n", fits)),
               Catch::StartsWith("HTTP/1.1 200 "));
}

TEST_CASE("server: headers or body that do not come -> closed [F92]") {
    Fixture f;
    f.options.limits.header_timeout = core::Millis{30};
    f.options.limits.body_timeout = core::Millis{30};
    f.options.limits.idle_timeout = core::Millis{30};
    f.open();
    CHECK(f.talk("").empty());
    CHECK(f.talk("GET /x HTTP/1.1\r\nHost: a\r\nX-").empty());
    CHECK(f.talk(post("Content-Length: 9\r\n", "ab")).empty());
    CHECK(times(f.talk("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 200 ") == 1);
}

TEST_CASE("server: too many connections -> the new one is closed, the old ones live") {
    Fixture f;
    f.options.limits.max_connections = 1;
    f.open();
    tcp::socket first{f.io};
    const auto connect_and_talk = [](Fixture& fixture,
                                     tcp::socket& socket) -> core::Task<std::string> {
        const tcp::endpoint there{asio::ip::address_v4::loopback(), fixture.server->port()};
        co_await socket.async_connect(there, asio::use_awaitable);
        co_return co_await fixture.talk_task("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    };
    CHECK(run(f.io, connect_and_talk(f, first)).empty());
    CHECK(f.server->connections() == 1);
}

TEST_CASE("server: an address asks too often -> 429, again allowed with time") {
    Fixture f;
    f.options.limits.rate_per_second = 1;
    f.options.limits.rate_burst = 1;
    f.open();
    const std::string get = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    CHECK_THAT(f.talk(get), Catch::StartsWith("HTTP/1.1 200 "));
    CHECK_THAT(f.talk(get),
               Catch::StartsWith("HTTP/1.1 429 ") && Catch::Contains("retry-after: 1"));
    f.clock.ticks = f.clock.ticks + core::Millis{1000};
    CHECK_THAT(f.talk(get), Catch::StartsWith("HTTP/1.1 200 "));
}

TEST_CASE("server: CORS on -> preflight answered, every origin allowed; off -> neither") {
    const std::string preflight =
        "OPTIONS /v1/sessions HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example\r\n"
        "Access-Control-Request-Method: PUT\r\nConnection: close\r\n\r\n";
    Fixture open_to_all;
    open_to_all.options.cors = true;
    open_to_all.open();
    const std::string answer = open_to_all.talk(preflight);
    CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 204 "));
    CHECK_THAT(answer, Catch::Contains("Access-Control-Allow-Origin: *"));
    CHECK_THAT(answer, Catch::Contains("x-sdk-version") && Catch::Contains("authorization"));
    CHECK_THAT(answer, Catch::Contains("PUT"));
    CHECK_THAT(open_to_all.talk(post("Content-Length: 0\r\n", "")),
               Catch::Contains("Access-Control-Expose-Headers: request-id"));
    Fixture closed;
    closed.open();
    CHECK_THAT(closed.talk(preflight), !Catch::Contains("Access-Control"));
}

TEST_CASE("server: a handler throws -> 500 without the reason, the reason in the log") {
    Fixture f;
    f.open([](api::Request) -> core::Task<api::Response> {
        throw std::runtime_error{"secret detail"};
        co_return api::Response{};
    });
    const std::string answer = f.talk(post("Content-Length: 0\r\n", ""));
    CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 500 ") && !Catch::Contains("secret detail"));
    CHECK_THAT(f.log.text, Catch::Contains("secret detail"));
}

TEST_CASE("server: drained -> the request in flight is answered, idle and new connections end") {
    Fixture f;
    asio::steady_timer gate{f.io, asio::steady_timer::time_point::max()};
    f.open([&](api::Request request) -> core::Task<api::Response> {
        // By now the request is in flight: stop, and answer only afterwards.
        asio::co_spawn(f.io, f.server->drain(core::Millis{5000}), asio::detached);
        boost::system::error_code ignored;
        asio::post(f.io, [&gate] { gate.cancel(); });
        co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_return co_await echo(std::move(request));
    });
    const std::string answer = f.talk("GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200 ") && Catch::EndsWith("GET /last "));
    CHECK_THAT(answer, Catch::Contains("Connection: close"));
}

TEST_CASE("server: address not usable -> says which") {
    Fixture f;
    f.options.address = "nonsense";
    auto opened = api::HttpServer::open(f.io.get_executor(), f.options, echo, f.clock, f.rng, f.log,
                                        f.metrics);
    REQUIRE(opened.has_error());
    CHECK_THAT(opened.error().message, Catch::Contains("nonsense"));
}
