// The pool over real sockets: what its fakes cannot show.
#include "net/endpoint_pool.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/net/fakes.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

using core::Errc;
using net::RpcCall;
using support::LoopbackServer;
using support::ScriptedReply;
using support::SeenRequest;

namespace {

ScriptedReply silent() {
    ScriptedReply out;
    out.never = true;
    return out;
}

struct Bench {
    explicit Bench(std::vector<LoopbackServer::Script> scripts) {
        std::vector<net::EndpointConfig> configs;
        for (auto& script : scripts) {
            servers.push_back(
                std::make_unique<LoopbackServer>(loop.get_executor(), std::move(script)));
            net::EndpointConfig config;
            config.name = "node" + std::to_string(configs.size());
            config.url = servers.back()->url();
            configs.push_back(config);
        }
        pool = std::make_unique<net::EndpointPool>(core::ChainId{"eip155:1"}, std::move(configs),
                                                   net::PoolOptions{}, *client, clock, rng, log,
                                                   metrics);
    }

    core::asio::io_context loop{1};
    net::testing::FakeClock clock;
    net::testing::CountingRng rng;
    net::testing::KeptLog log;
    net::testing::KeptMetrics metrics;
    std::unique_ptr<net::HttpClient> client =
        net::make_curl_http_client(loop.get_executor(), {}, log);
    std::vector<std::unique_ptr<LoopbackServer>> servers;
    std::unique_ptr<net::EndpointPool> pool;
};

core::Expected<std::string> as_is(std::string_view json) { return std::string{json}; }

}  // namespace

TEST_CASE("endpoint pool on the wire: one swallows the call -> the other answers in time") {
    Bench bench{{[](const SeenRequest&) { return silent(); },
                 [](const SeenRequest& r) { return support::rpc_result(r, "\"0x1\""); }}};
    net::CallOptions options;
    options.timeout = core::Millis{60};
    core::Expected<net::RpcReply> reply;
    core::asio::co_spawn(bench.loop, bench.pool->call(RpcCall{"m", "[]"}, options),
                         [&](std::exception_ptr e, core::Expected<net::RpcReply> value) {
                             CHECK(e == nullptr);
                             reply = std::move(value);
                             bench.loop.stop();
                         });
    bench.loop.run();
    REQUIRE(reply);
    CHECK(reply->result().value() == "\"0x1\"");
    CHECK(reply->endpoint == 1);
    CHECK(bench.pool->status()[0].last_error.find("timeout") == 0);
}

TEST_CASE(
    "endpoint pool on the wire: a quorum is cancelled under way -> it throws, both calls end") {
    core::asio::cancellation_signal signal;
    int asked = 0;
    const auto script = [&](const SeenRequest&) {
        if (++asked == 2) signal.emit(core::asio::cancellation_type::terminal);
        return silent();
    };
    Bench bench{{script, script}};
    bool thrown = false;
    core::asio::co_spawn(
        bench.loop, bench.pool->agree(RpcCall{"m", "[]"}, 2, as_is),
        core::asio::bind_cancellation_slot(
            signal.slot(), [&](std::exception_ptr e, core::Expected<net::QuorumReply>) {
                thrown = e != nullptr;
                bench.servers.clear();
            }));
    bench.loop.run();
    CHECK(thrown);
    CHECK(asked == 2);
}

TEST_CASE("endpoint pool on the wire: the server goes and comes back -> used again") {
    const LoopbackServer::Script answer = [](const SeenRequest& r) {
        return support::rpc_result(r, "1");
    };
    Bench bench{{answer}};
    const auto port = bench.servers[0]->port();
    const auto call = [&] {
        core::Expected<net::RpcReply> reply;
        core::asio::co_spawn(bench.loop, bench.pool->call(RpcCall{"m", "[]"}),
                             [&](std::exception_ptr, core::Expected<net::RpcReply> value) {
                                 reply = std::move(value);
                                 bench.loop.stop();
                             });
        bench.loop.restart();
        bench.loop.run();
        return reply;
    };
    REQUIRE(call());
    bench.servers.clear();
    CHECK(call().error().code == Errc::kUnreachable);
    bench.servers.push_back(
        std::make_unique<LoopbackServer>(bench.loop.get_executor(), answer, port));
    CHECK(call());
    CHECK(bench.pool->status()[0].consecutive_failures == 0);
}
