#include "api/sdk_api.hpp"

#include "api/impl/successors.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/api/store_fixture.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace api;
using namespace api_test;
using nlohmann::json;
using session::State;

namespace {

const std::string kWallet = "0x4444444444444444444444444444444444444444";

Answer recreate(StoreFixture& f, const json& session) {
    const std::string id = session["sessionId"];
    return f.send("POST", "/v1/sessions/" + id + "/internal/recreate",
                  {{"clientSecret", session["clientSecret"]}, {"locale", "en"}}, "");
}

void pass_deadline(StoreFixture& f) { f.clock.at = f.clock.at + core::Millis{3'600'000}; }

//! As settlement does, when every block of the session's time was read.
void expire(StoreFixture& f, const json& session) {
    pass_deadline(f);
    f.move(session["sessionId"], State::kExpired);
}

std::uint64_t commits(StoreFixture& f) { return f.database->changes().revision(); }

json in_full(StoreFixture& f, const json& session) {
    const Answer told =
        f.send("GET", "/v1/sessions/" + session["sessionId"].get<std::string>(), {}, f.key);
    REQUIRE(told.status == 200);
    return told.body["session"];
}

}  // namespace

TEST_CASE("token options: a wallet -> the destination's token, what is asked, what it holds") {
    StoreFixture f;
    const json made = f.create();
    const Answer told = f.ask(made, "tokenOptions", {{"evmAddress", kWallet}});
    REQUIRE(told.status == 200);
    CHECK(told.body["sessionId"] == made["sessionId"]);
    const json expected = json::array({json{{"chainId", 8453},
                                            {"tokenAddress", kUsdc},
                                            {"tokenSymbol", "USDC"},
                                            {"requiredUnits", "10.50"},
                                            {"balanceUnits", "25.00"}}});
    CHECK(told.body["options"] == expected);
    REQUIRE(f.wallets.asked.size() == 1);
    CHECK(f.wallets.asked[0].first == kBaseUsdc.text());
    CHECK(f.wallets.asked[0].second == kWallet);
}

TEST_CASE("token options: nobody can tell the balance -> the option without it") {
    StoreFixture f;
    f.wallets.holds = std::nullopt;
    const Answer told = f.ask(f.create(), "tokenOptions", {{"evmAddress", kWallet}});
    REQUIRE(told.body["options"].size() == 1);
    CHECK_FALSE(told.body["options"][0].contains("balanceUnits"));
}

TEST_CASE(
    "token options: wrong secret, no wallet, a wallet that is none -> refused, nobody asked") {
    StoreFixture f;
    const json made = f.create();
    CHECK(f.ask(made, "tokenOptions", {{"evmAddress", kWallet}, {"clientSecret", "no"}}).status ==
          401);
    CHECK(f.ask(made, "tokenOptions").status == 400);
    const Answer bad = f.ask(made, "tokenOptions", {{"evmAddress", "0x12"}});
    CHECK(bad.status == 400);
    CHECK(bad.body["error"]["param"] == "evmAddress");
    CHECK(f.ask(made, "tokenOptions", {{"evmAddress", std::string(101, '0')}}).status == 400);
    CHECK(f.ask(made, "tokenOptions", {{"evmAddress", kWallet}, {"clientSecret", ""}}).status ==
          400);
    CHECK(f.wallets.asked.empty());
}

TEST_CASE("token options: Solana wallet, paid or expired session -> an empty list, nobody asked") {
    StoreFixture f;
    const json made = f.create();
    const Answer solana = f.ask(made, "tokenOptions", {{"solanaAddress", "5VERv8NMvzbJMEkV8xnr"}});
    CHECK(solana.status == 200);
    CHECK(solana.body["options"].empty());
    f.move(made["sessionId"], State::kDetected);
    const Answer paid = f.ask(made, "tokenOptions", {{"evmAddress", kWallet}});
    CHECK(paid.status == 200);
    CHECK(paid.body["options"].empty());
    const json late = f.create();
    pass_deadline(f);
    CHECK(f.ask(late, "tokenOptions", {{"evmAddress", kWallet}}).body["options"].empty());
    CHECK(f.wallets.asked.empty());
}

TEST_CASE("wallet options: dollars -> exact units; another token -> nothing to choose") {
    StoreFixture f;
    const Answer told = f.ask(f.create(), "internal/walletOptions", {{"evmAddress", kWallet}});
    REQUIRE(told.status == 200);
    REQUIRE(told.body.size() == 1);
    CHECK(told.body[0]["required"]["amount"] == "10500000");
    CHECK(told.body[0]["required"]["usd"] == 10.5);
    CHECK(told.body[0]["balance"]["amount"] == "25000000");
    CHECK(told.body[0]["balance"]["token"]["token"] == kUsdc);
    json body = f.body();
    body["destination"]["tokenAddress"] = kZero;
    const json coin = f.send("POST", "/v1/sessions", body, f.key).body["session"];
    const Answer none = f.ask(coin, "internal/walletOptions", {{"evmAddress", kWallet}});
    CHECK(none.status == 200);
    CHECK(none.body == json::array());
}

TEST_CASE("nav: a session without an address -> gets its one, and the menu names it") {
    StoreFixture f;
    const json made = f.create();
    const Answer first = f.ask(made, "internal/nav", {{"locale", "en"}});
    REQUIRE(first.status == 200);
    const json& shown = first.body["session"];
    CHECK(shown["status"] == "waiting_payment");
    CHECK_FALSE(shown.contains("clientSecret"));
    CHECK_FALSE(shown.contains("metadata"));
    REQUIRE(shown["navTree"].size() == 1);
    const json& options = shown["navTree"][0]["options"];
    REQUIRE(options.size() == 2);
    CHECK(options[0]["type"] == "ConnectedWallet");
    CHECK(options[1]["address"] == shown["paymentMethod"]["receiverAddress"]);
    const std::int64_t version = f.row(made["sessionId"]).version;
    CHECK(f.ask(made, "internal/nav").body == first.body);
    CHECK(f.set_method(made).body["session"]["paymentMethod"] == shown["paymentMethod"]);
    CHECK(f.row(made["sessionId"]).version == version);
}

TEST_CASE("nav: wrong secret -> 401 and no address; under way or expired -> an empty menu") {
    StoreFixture f;
    const json made = f.create();
    CHECK(f.ask(made, "internal/nav", {{"clientSecret", "no"}}).status == 401);
    CHECK(f.row(made["sessionId"]).session.state == State::kCreated);
    f.move(made["sessionId"], State::kDetected);
    const Answer paid = f.ask(made, "internal/nav");
    CHECK(paid.status == 200);
    CHECK(paid.body["session"]["navTree"].empty());
    const json late = f.create();
    pass_deadline(f);
    CHECK(f.ask(late, "internal/nav").body["session"]["navTree"].empty());
    CHECK(f.row(late["sessionId"]).session.state == State::kCreated);
}

TEST_CASE("nav event: well-formed -> taken without a word; else refused") {
    StoreFixture f;
    const json made = f.create();
    const std::string path =
        "/v1/sessions/" + made["sessionId"].get<std::string>() + "/internal/nav";
    const json event{{"clientSecret", made["clientSecret"]},
                     {"event", "nav_open"},
                     {"eventData", {{"nodeId", nullptr}}}};
    const Answer taken = f.send("POST", path, event, "");
    CHECK(taken.status == 204);
    CHECK(taken.body.is_null());
    CHECK(f.row(made["sessionId"]).version == 1);
    const json wrong{{"clientSecret", 7}, {"event", ""}, {"eventData", "x"}};
    for (const auto& [key, value] : wrong.items()) {
        CAPTURE(key);
        json bad = event;
        bad[key] = value;
        CHECK(f.send("POST", path, bad, "").status == 400);
    }
    json stranger = event;
    stranger["clientSecret"] = "no";
    CHECK(f.send("POST", path, stranger, "").status == 401);
}

TEST_CASE("recreate: expired -> the same order once more, one successor however often") {
    StoreFixture f;
    const json made = f.create();
    expire(f, made);
    const Answer first = recreate(f, made);
    REQUIRE(first.status == 200);
    const json& next = first.body["session"];
    CHECK(next["sessionId"] != made["sessionId"]);
    CHECK(next["clientSecret"] != made["clientSecret"]);
    CHECK(next["status"] == "waiting_payment");
    CHECK(next["navTree"].size() == 1);
    CHECK(next["expiresAt"].get<int>() - next["createdAt"].get<int>() == 3600);
    const db::SessionRow old_row = f.row(made["sessionId"]);
    const db::SessionRow new_row = f.row(next["sessionId"]);
    CHECK((new_row.session.destination == old_row.session.destination));
    CHECK(new_row.session.refund_address == old_row.session.refund_address);
    CHECK(new_row.session.policy.tolerance_bps == old_row.session.policy.tolerance_bps);
    CHECK(new_row.metadata_json == old_row.metadata_json);
    CHECK(new_row.environment.text() == old_row.environment.text());
    const std::uint64_t before = commits(f);
    CHECK(recreate(f, made).body == first.body);
    CHECK(commits(f) == before);
    CHECK(f.count() == 2);
}

TEST_CASE("recreate: the time is over by our clock alone -> refused, it may be paid already") {
    StoreFixture f;
    const json made = f.create();
    f.set_method(made);
    f.clock.at = f.clock.at + core::Millis{3'599'000};
    CHECK(recreate(f, made).body["session"]["sessionId"] == made["sessionId"]);
    pass_deadline(f);
    const std::uint64_t before = commits(f);
    const Answer refused = recreate(f, made);
    CHECK(refused.status == 409);
    CHECK(refused.body["error"]["code"] == "session_not_over");
    CHECK(commits(f) == before);
    CHECK(f.count() == 1);
    // And then the payment is found, in a block of that time.
    f.move(made["sessionId"], State::kDetected);
    CHECK(recreate(f, made).body["error"]["code"] == "session_not_payable");
    CHECK(f.count() == 1);
}

TEST_CASE("recreate: what is written asks again whether it is over -> nothing while it is not") {
    StoreFixture f;
    const json made = f.create();
    pass_deadline(f);
    const db::SessionRow old = f.row(made["sessionId"]);
    const db::SessionRow again = impl::once_more(old, f.rng, f.clock.now());
    using Again = std::optional<impl::Created>;
    const auto open = [&](db::UnitOfWork& work) {
        return impl::create_successor(work, old.session.id, again);
    };
    CHECK_FALSE(f.write<Again>(open).has_value());
    CHECK(f.count() == 1);
    f.move(made["sessionId"], State::kExpired);
    CHECK(f.write<Again>(open).has_value());
    CHECK(f.count() == 2);
}

TEST_CASE("recreate: the successor expired too -> one after it, from whichever is asked") {
    StoreFixture f;
    const json made = f.create();
    expire(f, made);
    const json second = recreate(f, made).body["session"];
    pass_deadline(f);
    // The blocks of its time were not all read yet.
    CHECK(recreate(f, made).body["error"]["code"] == "session_not_over");
    CHECK(f.count() == 2);
    f.move(second["sessionId"], State::kExpired);
    const json third = recreate(f, made).body["session"];
    CHECK(third["sessionId"] != second["sessionId"]);
    CHECK(third["sessionId"] != made["sessionId"]);
    CHECK(third["status"] == "waiting_payment");
    CHECK(recreate(f, second).body["session"] == third);
    CHECK(recreate(f, made).body["session"] == third);
    CHECK(f.count() == 3);
    // It was paid: nobody is asked to pay once more.
    f.move(third["sessionId"], State::kDetected);
    const Answer paid = recreate(f, made);
    CHECK(paid.status == 200);
    CHECK(paid.body["session"]["status"] == "processing");
    CHECK(paid.body["session"]["navTree"].empty());
    CHECK(f.count() == 3);
}

TEST_CASE("recreate: its owner -> is told what follows what, and nobody else is") {
    StoreFixture f;
    const json made = f.create();
    CHECK_FALSE(in_full(f, made).contains("recreatedAs"));
    expire(f, made);
    const json next = recreate(f, made).body["session"];
    CHECK_FALSE(next.contains("recreatedFrom"));
    CHECK(in_full(f, made)["recreatedAs"] == next["sessionId"]);
    CHECK_FALSE(in_full(f, made).contains("recreatedFrom"));
    CHECK(in_full(f, next)["recreatedFrom"] == made["sessionId"]);
    CHECK_FALSE(in_full(f, next).contains("recreatedAs"));
}

TEST_CASE("recreate: the refund address has become the operator's -> refused") {
    StoreFixture f;
    const json made = f.create();
    expire(f, made);
    f.own.also = kRefund;
    const Answer refused = recreate(f, made);
    CHECK(refused.status == 400);
    CHECK(refused.body["error"]["code"] == "session_not_payable");
    CHECK(f.count() == 1);
}

TEST_CASE("recreate: still time -> the session itself; money on its way -> refused") {
    StoreFixture f;
    const json made = f.create();
    const Answer same = recreate(f, made);
    CHECK(same.status == 200);
    CHECK(same.body["session"]["sessionId"] == made["sessionId"]);
    CHECK(same.body["session"]["clientSecret"] == made["clientSecret"]);
    for (const State state : {State::kDetected, State::kDelivering, State::kDelivered}) {
        const json paid = f.create();
        f.move(paid["sessionId"], state);
        const std::int64_t count = f.count();
        const Answer refused = recreate(f, paid);
        CHECK(refused.status == 400);
        CHECK(refused.body["error"]["code"] == "session_not_payable");
        CHECK(f.count() == count);
    }
    json stranger = made;
    stranger["clientSecret"] = "no";
    CHECK(recreate(f, stranger).status == 401);
}

TEST_CASE("recreate: a part came before the time ran out -> refused, it is this session's money") {
    StoreFixture f;
    const json made = f.create();
    f.set_method(made);
    db::SessionRow row = f.row(made["sessionId"]);
    row.session.tallies.push_back({kBaseUsdc, core::Units{}, core::Units{4'000'000}});
    db::JournalEntry entry;
    entry.session = row.session.id;
    entry.version = row.version + 1;
    entry.from = row.session.state;
    entry.to = row.session.state;
    entry.event = "test";
    entry.at = f.clock.now();
    f.write<core::Done>(
        [&](db::UnitOfWork& work) { return work.sessions().save(row, row.version, entry); });
    CHECK(f.ask(made, "internal/nav").body["session"]["navTree"][0]["options"][1]["requiredUsd"] ==
          6.5);
    pass_deadline(f);
    const Answer refused = recreate(f, made);
    CHECK(refused.status == 400);
    CHECK(refused.body["error"]["code"] == "session_not_payable");
    CHECK(f.count() == 1);
}

TEST_CASE("recreate: the token is not taken here any more -> refused, no address for lost money") {
    for (const bool refused : {true, false}) {
        StoreFixture f;
        const json made = f.create();
        if (refused) {
            f.chains.all.front().refused = "it is paused";
        } else {
            f.chains.all.erase(f.chains.all.begin());
        }
        expire(f, made);
        const Answer told = recreate(f, made);
        CHECK(told.status == 400);
        CHECK(told.body["error"]["code"] == "session_not_payable");
        CHECK(f.count() == 1);
    }
}
