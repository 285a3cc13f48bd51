#include "net/endpoint_pool.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/net/fakes.hpp"

#include <catch2/catch.hpp>

using core::Errc;
using net::EndpointConfig;
using net::HttpRequest;
using net::HttpResponse;
using net::RpcCall;

namespace {

//! What each of the endpoints "0", "1", … says; an empty text is a dead endpoint.
struct Bench {
    explicit Bench(std::vector<std::string> results, std::vector<std::string> operators = {})
        : said{std::move(results)} {
        std::vector<EndpointConfig> configs;
        for (std::size_t i = 0; i < said.size(); ++i) {
            EndpointConfig config;
            config.name = std::string{"node"} + std::to_string(i);
            config.url = "http://" + std::to_string(i) + ".test/";
            if (!operators.empty()) config.operator_name = operators[i];
            configs.push_back(config);
        }
        pool = std::make_unique<net::EndpointPool>(core::ChainId{"eip155:1"}, std::move(configs),
                                                   net::PoolOptions{}, client, clock, rng, log,
                                                   metrics);
    }
    core::Expected<net::QuorumReply> agree(std::size_t quorum) {
        net::Normaliser normaliser = [](std::string_view json) -> core::Expected<std::string> {
            if (json == "\"unusable\"") return core::invalid("unusable");
            return std::string{json};
        };
        return net::testing::run(loop, pool->agree(RpcCall{"m", "[]"}, quorum, normaliser));
    }

    std::vector<std::string> said;
    core::asio::io_context loop{1};
    net::testing::FakeClock clock;
    net::testing::CountingRng rng;
    net::testing::KeptLog log;
    net::testing::KeptMetrics metrics;
    net::testing::ScriptedHttp client{
        [this](const HttpRequest& request) -> core::Expected<HttpResponse> {
            const auto index = static_cast<std::size_t>(request.url.at(7) - '0');
            if (said[index].empty()) return core::Error{Errc::kUnreachable, "down"};
            HttpResponse out;
            out.status = 200;
            out.body = R"({"id":)" + std::to_string(support::first_rpc_id(request.body)) + "," +
                       said[index] + "}";
            return out;
        }};
    std::unique_ptr<net::EndpointPool> pool;
};

using Names = std::vector<std::string>;

const std::string kX = R"("result":"x")";
const std::string kLie = R"("result":"lie")";
const std::string kBehind = R"("error":{"code":-32000,"message":"unknown block"})";
const std::string kUnusable = R"("result":"unusable")";

}  // namespace

TEST_CASE("quorum: two equal answers -> agreed, the third is not bothered") {
    Bench bench{{kX, kX, kX}};
    const auto reply = bench.agree(2);
    REQUIRE(reply);
    CHECK(reply->reply.result().value() == "\"x\"");
    CHECK(reply->agreed == Names{"node0", "node1"});
    CHECK(reply->disagreed.empty());
    CHECK(reply->operators == 2);
    CHECK(bench.client.seen.size() == 2);
}

TEST_CASE("quorum: one lies -> the others decide, the liar is named") {
    Bench bench{{kLie, kX, kX}};
    const auto reply = bench.agree(2);
    REQUIRE(reply);
    CHECK(reply->reply.result().value() == "\"x\"");
    CHECK(reply->disagreed == Names{"node0"});
    CHECK(bench.log.text.find("endpoints disagree") != std::string::npos);
}

TEST_CASE("quorum: no two agree -> kNoQuorum, everybody named") {
    Bench bench{{kX, kLie, R"("result":"third")"}};
    const auto reply = bench.agree(2);
    REQUIRE(!reply);
    CHECK(reply.error().code == Errc::kNoQuorum);
    for (const auto* name : {"node0", "node1", "node2"}) {
        CHECK(reply.error().message.find(name) != std::string::npos);
    }
}

TEST_CASE("quorum: endpoints fail -> others step in, the number stays") {
    Bench bench{{"", kX, kBehind, kX}};
    const auto reply = bench.agree(2);
    REQUIRE(reply);
    CHECK(reply->agreed == Names{"node1", "node3"});

    Bench short_one{{"", kX, kBehind}};
    CHECK(short_one.agree(2).error().code == Errc::kNoQuorum);
    CHECK(short_one.agree(1));

    Bench unusable{{kUnusable, kX, kX}};
    CHECK(unusable.agree(2)->agreed == Names{"node1", "node2"});
}

TEST_CASE("quorum: the same endpoint is never counted twice") {
    Bench bench{{kX}};
    CHECK(bench.agree(2).error().code == Errc::kNoQuorum);
    CHECK(bench.client.seen.empty());

    Bench quarantined{{kX, kX}};
    quarantined.pool->quarantine(1, "lied");
    CHECK(quarantined.agree(2).error().code == Errc::kNoQuorum);
}

TEST_CASE("quorum: all fail alike -> that failure") {
    Bench bench{{kBehind, kBehind, kBehind}};
    CHECK(bench.agree(2).error().code == Errc::kNotReady);
    Bench mixed{{kBehind, ""}};
    CHECK(mixed.agree(2).error().code == Errc::kNoQuorum);
}

TEST_CASE("quorum: two endpoints of one operator -> another operator is asked first") {
    Bench bench{{kX, kX, kX}, {"big", "big", "small"}};
    const auto reply = bench.agree(2);
    REQUIRE(reply);
    CHECK(reply->agreed == Names{"node0", "node2"});
    CHECK(reply->operators == 2);
}

TEST_CASE("broadcast: one swallows, one is down -> every endpoint was told [F47]", "[F47]") {
    Bench bench{{kX, "", kX, R"("error":{"code":-32000,"message":"already known"})"}};
    bench.pool->quarantine(2, "wrong chain");
    const auto answers =
        net::testing::run(bench.loop, bench.pool->broadcast(RpcCall{"send", "[]"}));
    REQUIRE(answers.size() == 3);
    CHECK(answers[0].reply->ok());
    CHECK(answers[1].name == "node1");
    CHECK(answers[1].reply.error().code == Errc::kUnreachable);
    CHECK(answers[2].name == "node3");
    CHECK(answers[2].reply->code() == Errc::kRefused);
    CHECK(bench.client.asked("2.test") == 0);
}

TEST_CASE("broadcast: its replies are lost again and again -> the endpoint stays good for reading [F29]",
          "[F29]") {
    Bench bench{{""}};
    for (int i = 0; i < 10; ++i) {
        const auto answers =
            net::testing::run(bench.loop, bench.pool->broadcast(RpcCall{"send", "[]"}));
        CHECK(answers.at(0).reply.error().code == Errc::kUnreachable);
    }
    CHECK(bench.pool->status().at(0).healthy);
    CHECK(bench.pool->status().at(0).consecutive_failures == 0);
}
