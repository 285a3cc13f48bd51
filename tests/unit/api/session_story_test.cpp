#include "tests/support/show_expected.hpp"
#include "tests/unit/api/store_fixture.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

// Who is told a session's story, and where it is read from.
using namespace api;
using namespace api_test;
using nlohmann::json;

namespace {

std::vector<std::string> whats(const json& session) {
    std::vector<std::string> out;
    for (const json& entry : session["timeline"]) out.push_back(entry["what"]);
    return out;
}

json get(StoreFixture& f, const json& session, const std::string& key) {
    const Answer answer =
        f.send("GET", "/v1/sessions/" + session["sessionId"].get<std::string>(), nullptr, key);
    REQUIRE(answer.status == 200);
    return answer.body["session"];
}

core::PayoutId plan_refund(StoreFixture& f, const json& session, const std::string& why) {
    db::Payout payout;
    payout.session = core::SessionId{session["sessionId"].get<std::string>()};
    payout.environment = f.row(payout.session->text()).environment;
    payout.leg = db::Leg::kRefund;
    payout.asset = kBaseUsdc;
    payout.receiver = {1};
    payout.sender = address(kShop);
    payout.recipient = address(kRefund);
    payout.units = core::Units{4'000'000};
    payout.waiting_for = why;
    payout.claims_key = "1";
    payout.created_at = payout.updated_at = f.clock.now();
    return f.write<core::PayoutId>(
        [payout](db::UnitOfWork& work) { return work.payouts().plan(payout); });
}

}  // namespace

TEST_CASE("story: opened, then read by its owner -> told; in a list and to the public -> not") {
    StoreFixture f;
    const json made = f.create();
    CHECK(whats(made) == std::vector<std::string>{"created", "waiting"});
    REQUIRE(f.set_method(made).status == 200);
    const json shown = get(f, made, f.key);
    CHECK(whats(shown) == std::vector<std::string>{"created", "payment_method_set", "waiting"});
    CHECK(shown["refunds"].empty());
    CHECK(shown["strays"].empty());
    const json listed = f.list({}, f.key).body["sessions"][0];
    const json seen = get(f, made, "");
    for (const char* key : {"timeline", "refunds", "strays"}) {
        CHECK_FALSE(listed.contains(key));
        CHECK_FALSE(seen.contains(key));
    }
}

TEST_CASE("story: a payout of the session -> in it; of another session -> not") {
    StoreFixture f;
    const json made = f.create();
    const json other = f.create();
    f.move(made["sessionId"], session::State::kRefunding);
    plan_refund(f, made, "gas");
    const json shown = get(f, made, f.key);
    REQUIRE(shown["refunds"].size() == 1);
    CHECK(shown["refunds"][0]["units"] == "4.00");
    CHECK(shown["refunds"][0]["waitingFor"] == "gas");
    CHECK(get(f, other, f.key)["refunds"].empty());
}

TEST_CASE("story: a reason that is not UTF-8 -> the session can be read all the same") {
    StoreFixture f;
    const json made = f.create();
    f.move(made["sessionId"], session::State::kRefunding);
    plan_refund(f, made, "a node said \xff\xfe");
    const json shown = get(f, made, f.key);
    CHECK_THAT(shown["refunds"][0]["waitingFor"].get<std::string>(),
               Catch::StartsWith("a node said "));
    CHECK_THAT(shown["statusReason"]["message"].get<std::string>(),
               Catch::Contains("a node said "));
    CHECK(f.list({}, f.key).status == 200);
}
