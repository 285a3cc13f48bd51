#include "api/sessions_api.hpp"

#include "tests/support/show_expected.hpp"
#include "tests/unit/api/store_fixture.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <map>
#include <string>

using namespace api;
using namespace api_test;
using nlohmann::json;
using session::State;

TEST_CASE("create: good body -> 201, full view, stored as asked") {
    StoreFixture f;
    const Answer made = f.send("POST", "/v1/sessions", f.body(), f.key);
    REQUIRE(made.status == 201);
    const json& shown = made.body["session"];
    CHECK(shown["status"] == "requires_payment_method");
    CHECK(shown["paymentMethod"].is_null());
    CHECK(shown["sessionId"].get<std::string>().size() == 32);
    CHECK(shown["clientSecret"].get<std::string>().size() == 32);
    CHECK(shown["metadata"] == json{{"order", "7"}});
    CHECK(shown["destination"]["amountUnits"] == "10.50");
    CHECK(shown["expiresAt"].get<int>() - shown["createdAt"].get<int>() == 3600);
    const db::SessionRow row = f.row(shown["sessionId"]);
    CHECK(row.session.policy.tolerance_bps == 250);
    CHECK(row.session.refund_address == address(kRefund));
    CHECK(row.session.state == State::kCreated);
}

TEST_CASE("create: no key, a wrong, revoked or malformed one -> 401, nothing stored") {
    StoreFixture f;
    const Answer none = f.send("POST", "/v1/sessions", f.body(), "");
    CHECK(none.status == 401);
    CHECK(none.body["error"]["code"] == "missing_api_key");
    std::string wrong = f.key;
    wrong.back() = wrong.back() == '0' ? '1' : '0';
    std::vector<std::string> bodies;
    for (const std::string& key : {wrong, f.revoked_key, std::string{"x"}, f.key + "0"}) {
        const Answer refused = f.send("POST", "/v1/sessions", f.body(), key);
        CHECK(refused.status == 401);
        bodies.push_back(refused.body.dump());
    }
    for (const std::string& body : bodies) CHECK(body == bodies.front());
    CHECK(bodies.front().find("invalid_api_key") != std::string::npos);
    CHECK(f.count() == 0);
    CHECK_THAT(f.log.text, !Catch::Contains(f.key));
}

TEST_CASE("create: bad body -> 400 and nothing stored") {
    StoreFixture f;
    json body = f.body();
    body["destination"]["amountUnits"] = 10.5;
    const Answer refused = f.send("POST", "/v1/sessions", body, f.key);
    CHECK(refused.status == 400);
    CHECK(refused.body["error"]["param"] == "destination.amountUnits");
    CHECK(f.count() == 0);
}

TEST_CASE("create: same idempotency key -> same session, or conflict for another body") {
    StoreFixture f;
    const Answer first = f.send("POST", "/v1/sessions", f.body(), f.key, "order-7");
    const Answer again = f.send("POST", "/v1/sessions", f.body(), f.key, "order-7");
    REQUIRE(first.status == 201);
    CHECK(again.status == 201);
    CHECK(again.body == first.body);
    json other = f.body();
    other["destination"]["amountUnits"] = "11";
    const Answer conflict = f.send("POST", "/v1/sessions", other, f.key, "order-7");
    CHECK(conflict.status == 409);
    CHECK(conflict.body["error"]["code"] == "idempotency_conflict");
    CHECK(f.count() == 1);
    // Another tenant's keys are its own.
    CHECK(f.send("POST", "/v1/sessions", other, f.foreign_key, "order-7").status == 201);
    CHECK(f.count() == 2);
}

TEST_CASE("create: pays or refunds one of our deposit addresses -> refused") {
    StoreFixture f;
    const json first = f.create();
    const json shown = f.set_method(first).body["session"];
    const std::string ours = shown["paymentMethod"]["receiverAddress"];
    json body = f.body();
    body["destination"]["address"] = ours;
    CHECK(f.send("POST", "/v1/sessions", body, f.key).body["error"]["param"] ==
          "destination.address");
    body = f.body();
    body["refundAddress"] = ours;
    CHECK(f.send("POST", "/v1/sessions", body, f.key).body["error"]["param"] == "refundAddress");
    CHECK(f.count() == 1);
}

TEST_CASE("retrieve: owner, public, stranger -> full view, public view, 404") {
    StoreFixture f;
    const json made = f.create();
    const std::string path = "/v1/sessions/" + made["sessionId"].get<std::string>();
    CHECK(f.send("GET", path, {}, f.key).body["session"] == made);
    const Answer open = f.send("GET", path, {}, "");
    CHECK(open.status == 200);
    CHECK_FALSE(open.body["session"].contains("clientSecret"));
    CHECK_FALSE(open.body["session"].contains("metadata"));
    CHECK(f.send("GET", path, {}, "wrong").status == 401);
    const Answer foreign = f.send("GET", path, {}, f.foreign_key);
    const Answer unknown = f.send("GET", "/v1/sessions/" + std::string(32, 'f'), {}, f.key);
    CHECK(foreign.status == 404);
    CHECK(foreign.body == unknown.body);
}

TEST_CASE("payment method: evm -> an address, the same one however often asked") {
    StoreFixture f;
    const json made = f.create();
    const Answer first = f.set_method(made);
    REQUIRE(first.status == 200);
    const json shown = first.body["session"];
    CHECK(shown["status"] == "waiting_payment");
    CHECK(shown["paymentMethod"]["type"] == "evm");
    CHECK_FALSE(shown.contains("clientSecret"));
    const std::int64_t version = f.row(made["sessionId"]).version;
    f.clock.at = f.clock.at + core::Millis{1000};
    CHECK(f.set_method(made).body == first.body);
    CHECK(f.row(made["sessionId"]).version == version);
    const json other = f.create();
    CHECK(f.set_method(other).body["session"]["paymentMethod"]["receiverAddress"] !=
          shown["paymentMethod"]["receiverAddress"]);
}

TEST_CASE("payment method: wrong secret, other type, unknown session -> refused, nothing issued") {
    StoreFixture f;
    const json made = f.create();
    const std::string path =
        "/v1/sessions/" + made["sessionId"].get<std::string>() + "/paymentMethods";
    const json evm{{"type", "evm"}};
    const Answer secret =
        f.send("POST", path, {{"clientSecret", "no"}, {"paymentMethod", evm}}, "");
    CHECK(secret.status == 401);
    CHECK(secret.body["error"]["code"] == "invalid_client_secret");
    const std::map<std::string, std::string> codes{{"tron", "payment_method_not_configured"},
                                                   {"solana", "payment_method_not_configured"},
                                                   {"exchange", "payment_method_not_allowed"},
                                                   {"stripe", "payment_method_not_allowed"},
                                                   {"fiat", "payment_method_not_allowed"},
                                                   {"barter", "payment_method_not_allowed"}};
    for (const auto& [type, code] : codes) {
        CAPTURE(type);
        const json asked{{"clientSecret", made["clientSecret"]},
                         {"paymentMethod", {{"type", type}, {"amountUsd", 10.5}}}};
        const Answer refused = f.send("POST", path, asked, "");
        CHECK(refused.status == 400);
        CHECK(refused.body["error"]["code"] == code);
        CHECK(refused.body["error"]["param"] == "paymentMethod.type");
    }
    const Answer unknown =
        f.send("POST", "/v1/sessions/" + std::string(32, 'f') + "/paymentMethods",
               {{"clientSecret", made["clientSecret"]}, {"paymentMethod", evm}}, "");
    CHECK(unknown.status == 404);
    CHECK(f.row(made["sessionId"]).session.state == State::kCreated);
}

TEST_CASE("payment method: another type after an address was given -> the address stands") {
    StoreFixture f;
    const json made = f.create();
    const json shown = f.set_method(made).body["session"];
    const std::string path =
        "/v1/sessions/" + made["sessionId"].get<std::string>() + "/paymentMethods";
    const json tron{{"clientSecret", made["clientSecret"]},
                    {"paymentMethod", {{"type", "tron"}, {"amountUsd", 10}}}};
    CHECK(f.send("POST", path, tron, "").status == 400);
    CHECK(f.set_method(made).body["session"] == shown);
}

TEST_CASE("payment method: deadline passed or money on its way -> 400") {
    StoreFixture f;
    const json late = f.create();
    f.clock.at = f.clock.at + core::Millis{3'600'000};
    const Answer expired = f.set_method(late);
    CHECK(expired.status == 400);
    CHECK(expired.body["error"]["code"] == "session_expired");
    const json paid = f.create();
    f.move(paid["sessionId"], State::kDetected);
    const Answer under_way = f.set_method(paid);
    CHECK(under_way.status == 400);
    CHECK(under_way.body["error"]["code"] == "session_not_payable");
}

TEST_CASE("check: any hash -> a look, never a change") {
    StoreFixture f;
    const json made = f.create();
    const std::string id = made["sessionId"];
    const std::string path = "/v1/sessions/" + id + "/check";
    const std::int64_t version = f.row(id).version;
    const Answer checked = f.send(
        "PUT", path, {{"clientSecret", made["clientSecret"]}, {"txHash", "5VERgarbage"}}, "");
    CHECK(checked.status == 200);
    CHECK(checked.body["session"]["status"] == "requires_payment_method");
    CHECK(f.nudge.looks == std::vector<std::pair<std::string, std::string>>{{id, "5VERgarbage"}});
    CHECK(f.row(id).version == version);
    CHECK(f.send("PUT", path, {{"clientSecret", "no"}}, "").status == 401);
    f.move(id, State::kExpired);
    CHECK(f.send("PUT", path, {{"clientSecret", made["clientSecret"]}}, "").status == 200);
    CHECK(f.nudge.looks.size() == 1);
}

TEST_CASE("list: pages and status -> the tenant's own, newest first") {
    StoreFixture f;
    std::vector<std::string> ids;
    for (int i = 0; i < 3; ++i) {
        f.clock.at = f.clock.at + core::Millis{1000};
        ids.push_back(f.create()["sessionId"]);
    }
    CHECK(f.send("GET", "/v1/sessions", {}, "").status == 401);
    const Answer first = f.list({{"limit", "2"}}, f.key);
    REQUIRE(first.status == 200);
    REQUIRE(first.body["sessions"].size() == 2);
    CHECK(first.body["hasMore"] == true);
    CHECK(first.body["sessions"][0]["sessionId"] == ids[2]);
    const Answer rest = f.list({{"limit", "2"}, {"after", first.body["nextAfter"]}}, f.key);
    REQUIRE(rest.body["sessions"].size() == 1);
    CHECK(rest.body["sessions"][0]["sessionId"] == ids[0]);
    CHECK(rest.body["nextAfter"].is_null());
    f.move(ids[1], State::kExpired);
    const Answer expired = f.list({{"status", "expired"}}, f.key);
    REQUIRE(expired.body["sessions"].size() == 1);
    CHECK(expired.body["sessions"][0]["sessionId"] == ids[1]);
    CHECK(f.list({}, f.foreign_key).body["sessions"].empty());
    const Answer nowhere = f.list({{"after", std::string(32, 'f')}}, f.key);
    CHECK(nowhere.status == 400);
    CHECK(nowhere.body["error"]["param"] == "after");
}
