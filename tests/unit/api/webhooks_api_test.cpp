#include "api/webhooks_api.hpp"

#include "api/webhook_events.hpp"
#include "tests/unit/api/store_fixture.hpp"

#include <catch2/catch.hpp>

#include <set>

using core::Done;
using core::Expected;
using nlohmann::json;

namespace {

constexpr const char* kUrl = "https://shop.example.com/hooks?token=t";

struct WebhooksFixture : api_test::StoreFixture {
    api::WebhookOutbox outbox{chains};
    api::WebhooksApi webhooks{{*database, chains, *auth, clock, rng, log}, {}};

    WebhooksFixture() { webhooks.add_routes(router); }

    json create_webhook(const json& events = {"*"}) {
        const auto made =
            send("POST", "/v1/webhooks", {{"url", kUrl}, {"events", events}}, key);
        REQUIRE(made.status == 201);
        return made.body["webhook"];
    }
    void happen(const std::string& session, const std::string& type) {
        write<Done>([&](db::UnitOfWork& work) {
            return outbox.write(work, core::SessionId{session}, {{type, {}}}, clock.now());
        });
    }
    std::string body_of(const std::string& delivery) {
        return write<std::string>([&](db::UnitOfWork& work) -> Expected<std::string> {
            auto parcel = work.webhooks().parcel(delivery);
            if (!parcel) return parcel.error();
            return (*parcel)->body;
        });
    }
    json log_of(const json& webhook) {
        const auto got = send("GET", path(webhook, "/deliveries"), nullptr, key);
        REQUIRE(got.status == 200);
        return got.body["deliveries"];
    }
    static std::string path(const json& webhook, const std::string& rest = {}) {
        return "/v1/webhooks/" + webhook["id"].get<std::string>() + rest;
    }
};

}  // namespace

TEST_CASE_METHOD(WebhooksFixture, "webhooks api: created -> the secret once in clear, then masked") {
    const json made = create_webhook({"session.succeeded", "deposit.late", "session.succeeded"});
    const auto secret = made["secret"].get<std::string>();
    CHECK(secret.starts_with("whsec_"));
    CHECK(secret.size() == 6 + 64);
    CHECK(made["url"] == kUrl);
    CHECK(made["events"] == json({"session.succeeded", "deposit.late"}));
    CHECK(made["createdAt"] == clock.now().unix_seconds());
    const auto got = send("GET", path(made), nullptr, key);
    REQUIRE(got.status == 200);
    CHECK(got.body["webhook"]["secret"] == "********" + secret.substr(secret.size() - 4));
    const auto all = send("GET", "/v1/webhooks", nullptr, key);
    REQUIRE(all.body["webhooks"].size() == 1);
    CHECK(all.body.dump().find(secret) == std::string::npos);
    CHECK(log.text.find(secret) == std::string::npos);
    CHECK(log.text.find("token=t") == std::string::npos);
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks api: a body that is wrong -> 400 that names the parameter") {
    struct Case {
        json body;
        std::string param;
    };
    const Case wrong = GENERATE(
        Case{json::object(), "url"}, Case{{{"url", 7}}, "url"}, Case{{{"url", "http://a.com/"}}, "url"},
        Case{{{"url", "https://127.0.0.1/"}}, "url"}, Case{{{"url", "https://a:b@a.com/"}}, "url"},
        Case{{{"url", kUrl}, {"events", json::array()}}, "events"},
        Case{{{"url", kUrl}, {"events", "session.succeeded"}}, "events"},
        Case{{{"url", kUrl}, {"events", {"*", "session.paid"}}}, "events[1]"},
        Case{{{"url", kUrl}, {"events", {1}}}, "events[0]"},
        Case{{{"url", kUrl}, {"description", 1}}, "description"},
        Case{{{"url", kUrl}, {"description", std::string(501, 'x')}}, "description"},
        Case{json::array({1}), "body"});
    INFO(wrong.body.dump());
    const auto answer = send("POST", "/v1/webhooks", wrong.body, key);
    CHECK(answer.status == 400);
    CHECK(answer.body["error"]["code"] == "invalid_parameter");
    CHECK(answer.body["error"]["param"] == wrong.param);
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks api: without a key, or with another's -> 401, or 404") {
    const json made = create_webhook();
    for (const char* rest : {"", "/deliveries"}) {
        CHECK(send("GET", path(made, rest), nullptr, "").status == 401);
        CHECK(send("GET", path(made, rest), nullptr, revoked_key).status == 401);
        CHECK(send("GET", path(made, rest), nullptr, foreign_key).status == 404);
    }
    CHECK(send("DELETE", path(made), nullptr, foreign_key).status == 404);
    CHECK(send("POST", path(made, "/test"), json::object(), foreign_key).status == 404);
    CHECK(send("GET", "/v1/webhooks", nullptr, foreign_key).body["webhooks"].empty());
    CHECK(send("GET", path(made), nullptr, key).status == 200);
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks api: deleted -> gone, twice is a 404; sixteen at most") {
    const json made = create_webhook();
    CHECK(send("DELETE", path(made), nullptr, key).body["deleted"] == true);
    CHECK(send("DELETE", path(made), nullptr, key).status == 404);
    CHECK(send("GET", path(made), nullptr, key).body["error"]["code"] == "webhook_not_found");
    for (int i = 0; i < 16; ++i) create_webhook();
    const auto more = send("POST", "/v1/webhooks", {{"url", kUrl}}, key);
    CHECK(more.status == 400);
    CHECK(more.body["error"]["code"] == "too_many_webhooks");
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks api: a test of each type -> an invented session that fits, marked") {
    const json made = create_webhook();
    const std::string type{
        GENERATE(from_range(std::vector<std::string_view>{api::webhook_event_types()}))};
    INFO(type);
    const auto sent = send("POST", path(made, "/test"), {{"eventType", type}}, key);
    REQUIRE(sent.status == 200);
    const json event = json::parse(body_of(sent.body["deliveryId"].get<std::string>()));
    CHECK(event == sent.body["event"]);
    CHECK(event["type"] == type);
    CHECK(event["isTestEvent"] == true);
    CHECK_FALSE(event.contains("sequence"));
    if (type.starts_with("session.")) {
        CHECK("session." + event["data"]["session"]["status"].get<std::string>() == type);
    }
    CHECK(send("POST", path(made, "/test"), {{"eventType", "session.paid"}}, key).status == 400);
    CHECK(send("POST", path(made, "/test"), nullptr, key).body["event"]["type"] ==
          "session.succeeded");
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks: an event -> a snapshot for the owner without the client secret") {
    const json made = create_webhook();
    const json session = create();
    happen(session["sessionId"], "session.processing");
    const json rows = log_of(made);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["state"] == "pending");
    CHECK(rows[0]["sessionId"] == session["sessionId"]);
    CHECK(rows[0]["sequence"] == 1);
    const std::string text = body_of(rows[0]["id"]);
    const json event = json::parse(text);
    CHECK(event["id"] == rows[0]["eventId"]);
    CHECK(event["createdAt"] == clock.now().unix_seconds());
    CHECK(event["data"]["session"]["metadata"] == json({{"order", "7"}}));
    CHECK(text.find(session["clientSecret"].get<std::string>()) == std::string::npos);
    CHECK_FALSE(event.contains("isTestEvent"));
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks: types -> * means the three of the wire, others by name") {
    const json plain = create_webhook();
    const json named = create_webhook({"payout.held"});
    const json session = create();
    for (const std::string_view type : api::webhook_event_types()) {
        happen(session["sessionId"], std::string{type});
    }
    std::set<std::string> types;
    for (const json& row : log_of(plain)) types.insert(row["eventType"].get<std::string>());
    CHECK(types == std::set<std::string>{"session.processing", "session.succeeded", "session.bounced"});
    REQUIRE(log_of(named).size() == 1);
    CHECK(log_of(named)[0]["sequence"] == 10);
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks: nobody ever listened -> nothing is kept") {
    const json quiet = create();
    REQUIRE(set_method(quiet).status == 200);
    happen(quiet["sessionId"], "session.processing");
    write<Done>([&](db::UnitOfWork& work) -> Expected<Done> {
        auto events = work.webhooks().events_of(core::SessionId{quiet["sessionId"]}, 1, 10);
        CHECK(events->empty());
        return Done{};
    });
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks api: replayed -> what it asked for from this number on, in order") {
    const json first = create_webhook({"*", "deposit.detected"});
    const json session = create();
    const auto id = session["sessionId"].get<std::string>();
    for (const char* type : {"deposit.detected", "session.processing", "session.succeeded"}) {
        happen(id, type);
    }
    const json second = create_webhook();
    const auto all = send("POST", path(second, "/replay"), {{"sessionId", id}}, key);
    CHECK(all.body["replayed"] == 2);
    const json rows = log_of(second);
    REQUIRE(rows.size() == 2);
    std::set<std::string> states;
    for (const json& row : rows) states.insert(row["state"].get<std::string>());
    CHECK(states == std::set<std::string>{"pending", "waiting"});
    CHECK(send("POST", path(first, "/replay"), {{"sessionId", id}, {"fromSequence", 2}}, key)
              .body["replayed"] == 2);
    CHECK(log_of(first).size() == 3);
    CHECK(send("POST", path(first, "/replay"), {{"sessionId", id}, {"fromSequence", 0}}, key)
              .body["error"]["param"] == "fromSequence");
    CHECK(send("POST", path(first, "/replay"), {{"sessionId", "x"}}, key).status == 404);
    const json foreign = send("POST", "/v1/sessions", body(), foreign_key).body["session"];
    CHECK(send("POST", path(first, "/replay"), {{"sessionId", foreign["sessionId"]}}, key).status ==
          404);
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks api: redelivered -> due again; another webhook's delivery -> 404") {
    const json made = create_webhook();
    const json other = create_webhook({"payout.held"});
    const json session = create();
    happen(session["sessionId"], "session.processing");
    const auto id = log_of(made)[0]["id"].get<std::string>();
    write<Done>([&](db::UnitOfWork& work) {
        db::WebhookAttempt attempt;
        attempt.at = clock.now();
        attempt.status = 200;
        return work.webhooks().record(id, attempt, db::DeliveryState::kDelivered, {});
    });
    REQUIRE(log_of(made)[0]["state"] == "delivered");
    const auto again = send("POST", path(made, "/deliveries/" + id + "/redeliver"), nullptr, key);
    REQUIRE(again.status == 200);
    CHECK(again.body["delivery"]["state"] == "pending");
    CHECK(again.body["delivery"]["attemptLog"].size() == 1);
    CHECK(send("POST", path(other, "/deliveries/" + id + "/redeliver"), nullptr, key).status == 404);
    CHECK(send("POST", path(made, "/deliveries/nothing/redeliver"), nullptr, key).status == 404);
}

TEST_CASE_METHOD(WebhooksFixture, "webhooks api: deliveries -> by page and by state, wrong questions refused") {
    const json made = create_webhook();
    for (int i = 0; i < 3; ++i) {
        const json session = create();
        happen(session["sessionId"], "session.processing");
    }
    api::Request request;
    request.method = "GET";
    request.path = path(made, "/deliveries");
    request.query = {{"limit", "2"}};
    const auto first = send(request, key);
    REQUIRE(first.body["deliveries"].size() == 2);
    CHECK(first.body["hasMore"] == true);
    request.query["after"] = first.body["nextAfter"].get<std::string>();
    const auto rest = send(request, key);
    CHECK(rest.body["deliveries"].size() == 1);
    CHECK(rest.body["hasMore"] == false);
    for (const auto& [name, value] : std::map<std::string, std::string>{
             {"limit", "0"}, {"limit", "x"}, {"after", "nothing"}, {"state", "lost"}}) {
        request.query = {{name, value}};
        const auto answer = send(request, key);
        CHECK(answer.status == 400);
        CHECK(answer.body["error"]["param"] == name);
    }
    request.query = {{"state", "delivered"}};
    CHECK(send(request, key).body["deliveries"].empty());
}
