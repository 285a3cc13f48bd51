#pragma once

#include "api/http_server.hpp"
#include "tests/unit/api/fakes.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <utility>

namespace api_test {

namespace asio = boost::asio;
using asio::ip::tcp;

inline core::Task<api::Response> echo(api::Request request) {
    api::Response response;
    response.content_type = "text/plain";
    response.body = request.method + " " + request.path + " " + request.body;
    co_return response;
}

//! A listener and the client's side of one connection, on one loop.
struct HttpFixture {
    asio::io_context io;
    FakeClock clock;
    FakeRng rng;
    FakeLog log;
    FakeMetrics metrics;
    api::HttpServerOptions options;
    std::unique_ptr<api::HttpServer> server;

    void open(api::Handler handler = echo) {
        options.name = "public";
        auto opened = api::HttpServer::open(io.get_executor(), options, std::move(handler), clock,
                                            rng, log, metrics);
        REQUIRE(opened.has_value());
        server = std::move(*opened);
        asio::co_spawn(io, server->run(), asio::detached);
    }
    ~HttpFixture() {
        if (server) {
            asio::co_spawn(io, server->drain(core::Millis{0}), asio::detached);
            io.run();
        }
    }

    //! Sends the text and reads until the server closes.
    std::string talk(std::string text) { return run(io, talk_task(std::move(text))); }

    core::Task<std::string> talk_task(std::string text) {
        tcp::socket socket{io};
        const tcp::endpoint there{asio::ip::address_v4::loopback(), server->port()};
        co_await socket.async_connect(there, asio::use_awaitable);
        boost::system::error_code ec;
        co_await asio::async_write(socket, asio::buffer(text),
                                   asio::redirect_error(asio::use_awaitable, ec));
        std::string answer;
        co_await asio::async_read(socket, asio::dynamic_buffer(answer),
                                  asio::redirect_error(asio::use_awaitable, ec));
        co_return answer;
    }
};

}  // namespace api_test
