#include "api/operator_api.hpp"

#include "tests/unit/api/store_fixture.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace api;
using namespace api_test;
using nlohmann::json;

namespace {

struct FakeView final : OperatorView {
    std::vector<ComponentStatus> parts{{"store", true, ""}};
    std::vector<ComponentStatus> components(const Halts& halts) const override {
        auto out = parts;
        for (const db::Halt& halt : halts.value()) out.push_back({"payouts", false, halt.reason});
        return out;
    }
    std::string metrics_text(const Halts& halts) const override {
        return "depositd_up 1\nhalts " + std::to_string(halts.value().size()) + "\n";
    }
};

struct FakeActions final : Operator {
    json last;
    core::Task<core::Expected<json>> start_replay(json request) override {
        last = std::move(request);
        json out{{"id", "r1"}};
        co_return out;
    }
    core::Task<core::Expected<json>> replay(std::string id) override {
        core::Error error{core::Errc::kNotFound, "no replay " + id};
        co_return error;
    }
    core::Task<core::Expected<json>> resume_payout(core::PayoutId payout, std::string by) override {
        if (payout.value != 7) {
            core::Error error{core::Errc::kRefused, "the payout is not held"};
            co_return error;
        }
        json out{{"payout", payout.value}, {"by", by}};
        co_return out;
    }
};

struct OperatorFixture : StoreFixture {
    FakeView view;
    FakeActions actions;
    Router routes;
    std::unique_ptr<OperatorApi> api;

    explicit OperatorFixture(std::string token = {}) {
        api = std::make_unique<OperatorApi>(*database, view, actions, clock, log,
                                            OperatorOptions{std::move(token)});
        api->add_routes(routes);
    }
    Response call(const std::string& method, const std::string& path, const json& body = {},
                  const std::string& token = {}) {
        Request request;
        request.method = method;
        request.path = path;
        if (!body.is_null()) {
            request.headers["content-type"] = "application/json";
            request.body = body.dump();
        }
        if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
        return run(io, routes.dispatch(std::move(request)));
    }
};

}  // namespace

TEST_CASE("operator: health and readiness -> 200, or 503 with the reasons") {
    OperatorFixture f;
    CHECK(f.call("GET", "/healthz").status == 200);
    CHECK(f.call("GET", "/readyz").status == 200);
    f.view.parts.push_back({"watcher eip155:8453", false, "17 blocks behind"});
    const Response not_ready = f.call("GET", "/readyz");
    CHECK(not_ready.status == 503);
    CHECK_THAT(not_ready.body, Catch::Contains("17 blocks behind"));
    const Response metrics = f.call("GET", "/metrics");
    CHECK(metrics.body == "depositd_up 1\nhalts 0\n");
    CHECK_THAT(metrics.content_type, Catch::StartsWith("text/plain"));
}

TEST_CASE("operator: status -> sessions, payouts, chains in numbers") {
    OperatorFixture f;
    static_cast<void>(f.create());
    const Response response = f.call("GET", "/operator/status");
    REQUIRE(response.status == 200);
    const json shown = json::parse(response.body);
    CHECK(shown["sessions"]["created"] == 1);
    CHECK(shown["heldPayouts"].empty());
    CHECK(shown["components"].size() == 1);
}

TEST_CASE("operator: actions -> forwarded, failures with the status of their kind") {
    OperatorFixture f;
    const json range{{"chain", "eip155:8453"}, {"from", 1}, {"to", 9}};
    CHECK(f.call("POST", "/operator/replays", range).status == 202);
    CHECK(f.actions.last == range);
    CHECK(f.call("GET", "/operator/replays/r9").status == 404);
    CHECK(f.call("POST", "/operator/payouts/7/resume", {{"by", "ann"}}).status == 200);
    CHECK(f.call("POST", "/operator/payouts/8/resume", {{"by", "ann"}}).status == 409);
    CHECK(f.call("POST", "/operator/payouts/x/resume", {{"by", "ann"}}).status == 400);
    CHECK(f.call("POST", "/operator/payouts/7/resume", json::object()).status == 400);
}

TEST_CASE("operator: a form sent by a foreign page -> refused") {
    OperatorFixture f;
    Request request;
    request.method = "POST";
    request.path = "/operator/payouts/7/resume";
    request.headers["content-type"] = "text/plain";
    request.body = R"({"by":"page"})";
    CHECK(run(f.io, f.routes.dispatch(std::move(request))).status == 400);
}

TEST_CASE("operator: a chain is halted -> readiness and metrics say so until acknowledged [F07]",
          "[F07]") {
    OperatorFixture f;
    const core::ChainId chain{"eip155:8453"};
    f.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().halt(chain, "a final block left the chain", f.clock.now());
    });
    const Response not_ready = f.call("GET", "/readyz");
    CHECK(not_ready.status == 503);
    CHECK_THAT(not_ready.body, Catch::Contains("a final block left the chain"));
    CHECK_THAT(f.call("GET", "/metrics").body, Catch::Contains("halts 1"));
    const std::string path = "/operator/halts/eip155:8453/acknowledge";
    REQUIRE(f.call("POST", path, {{"by", "ann"}}).status == 200);
    CHECK(f.call("GET", "/readyz").status == 200);
}

TEST_CASE("operator: halt acknowledged -> closed once, with the name") {
    OperatorFixture f;
    const core::ChainId chain = core::ChainId::eip155(8453);
    f.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().halt(chain, "a deposit left the chain", f.clock.now());
    });
    const std::string path = "/operator/halts/eip155:8453/acknowledge";
    CHECK(f.call("POST", path, {{"by", "ann"}}).status == 200);
    CHECK(f.call("POST", path, {{"by", "ann"}}).status == 404);
    CHECK(f.call("POST", "/operator/halts/nonsense/acknowledge", {{"by", "ann"}}).status == 400);
}

TEST_CASE("operator: token set -> actions need it, health does not") {
    OperatorFixture f{"hush"};
    CHECK(f.call("GET", "/operator/status").status == 401);
    CHECK(f.call("GET", "/operator/status", {}, "nope").status == 401);
    CHECK(f.call("GET", "/operator/status", {}, "hush").status == 200);
    CHECK(f.call("GET", "/healthz").status == 200);
}
