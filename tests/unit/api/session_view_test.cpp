#include "api/session_view.hpp"

#include "tests/unit/api/session_cases.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

using namespace api;
using namespace api_test;
using nlohmann::json;
using session::State;

namespace {

//! Every situation people should see for themselves, with its golden file.
struct Golden {
    const char* name;
    SessionFacts facts;
    Audience audience;

    std::string path() const {
        return std::string{DEPOSITD_SOURCE_DIR} + "/tests/golden/api/session_" + name + ".json";
    }
    std::string actual() const {
        return session_json(facts, FakeChains{}, audience).dump(4) + "\n";
    }
};

SessionFacts underpaid() {
    SessionFacts facts = with_method();
    facts.deposits.push_back(deposit(1, kBaseUsdc, 4'000'000, db::DepositStatus::kDetected));
    return facts;
}

//! Two that add up, one on another chain, one that left the chain.
SessionFacts confirming() {
    SessionFacts facts = with_method();
    facts.row.session.state = State::kDetected;
    facts.deposits.push_back(deposit(1, kBaseUsdc, 4'000'000, db::DepositStatus::kConfirmed));
    facts.deposits.push_back(deposit(2, kBaseUsdc, 6'000'000, db::DepositStatus::kConfirmed));
    facts.deposits.push_back(deposit(3, kArbitrumUsdc, 9'000'000, db::DepositStatus::kDetected));
    facts.deposits.push_back(deposit(4, kBaseUsdc, 8'000'000, db::DepositStatus::kOrphaned));
    return facts;
}

SessionFacts delivering() {
    SessionFacts facts = funded(State::kDelivering, kBaseUsdc);
    facts.waiting_for = "gas on Base";
    return facts;
}

SessionFacts succeeded_with_late_money() {
    SessionFacts facts = closed(State::kDelivered, kArbitrumUsdc);
    db::Deposit late = deposit(2, kBaseEth, 5, db::DepositStatus::kConfirmed);
    late.mined_at = core::Instant{1'700'009'000'000};
    late.claim = db::ClaimUse::kStray;
    facts.deposits.push_back(late);
    return facts;
}

SessionFacts bounced() {
    SessionFacts facts = closed(State::kRefunded, kArbitrumUsdc);
    facts.row.session.reason = session::Reason::kUnderpaidAtDeadline;
    facts.deposits[0].claim = db::ClaimUse::kRefund;
    return facts;
}

SessionFacts held() {
    SessionFacts facts = funded(State::kHeld, kBaseUsdc);
    facts.row.session.reason = session::Reason::kNoRefundAddress;
    facts.row.session.reason_text = "the token is paused";
    return facts;
}

std::vector<Golden> goldens() {
    return {{"created_owner", opened(), Audience::kOwner},
            {"created_public", opened(), Audience::kPublic},
            {"waiting", with_method(), Audience::kPublic},
            {"underpaid", underpaid(), Audience::kPublic},
            {"confirming", confirming(), Audience::kPublic},
            {"delivering_owner", delivering(), Audience::kOwner},
            {"succeeded", succeeded_with_late_money(), Audience::kPublic},
            {"bounced", bounced(), Audience::kPublic},
            {"held_owner", held(), Audience::kOwner}};
}

}  // namespace

TEST_CASE("view: each situation -> as in its golden file") {
    for (const Golden& golden : goldens()) {
        CAPTURE(golden.path());
        std::ifstream file{golden.path()};
        std::stringstream text;
        text << file.rdbuf();
        CHECK(text.str() == golden.actual());
    }
}

// Accepts a change on purpose: unit_api "[update-golden]", then read the diff.
TEST_CASE("view: golden files written anew", "[.][update-golden]") {
    for (const Golden& golden : goldens()) {
        std::ofstream file{golden.path()};
        file << golden.actual();
        CHECK(file.good());
    }
}

TEST_CASE("view: for the public -> neither secret nor metadata nor what a payout waits for") {
    const json shown = session_json(opened(), FakeChains{}, Audience::kPublic);
    CHECK_FALSE(shown.contains("metadata"));
    CHECK_FALSE(shown.contains("clientSecret"));
    CHECK(shown["paymentMethod"].is_null());
    const std::string waiting = session_json(delivering(), FakeChains{}, Audience::kPublic).dump();
    CHECK_THAT(waiting, !Catch::Contains("gas on Base"));
}

TEST_CASE("view: no metadata -> null for the owner") {
    SessionFacts facts = opened();
    facts.row.metadata_json = "null";
    CHECK(session_json(facts, FakeChains{}, Audience::kOwner)["metadata"].is_null());
}

TEST_CASE("view: every state -> a status and a reason in words") {
    for (const State state : session::kAllStates) {
        SessionFacts facts = with_method();
        facts.row.session.state = state;
        const json shown = session_json(facts, FakeChains{}, Audience::kOwner);
        CAPTURE(shown.dump());
        CHECK_FALSE(shown["status"].get<std::string>().empty());
        CHECK_FALSE(shown["statusReason"]["code"].get<std::string>().empty());
        CHECK(shown["statusReason"]["message"].get<std::string>().ends_with("."));
    }
}

TEST_CASE("view: chain and token no longer configured -> base units only, never a wrong amount") {
    FakeChains chains;
    chains.all.clear();
    chains.chains.clear();
    const json shown =
        session_json(funded(State::kDelivering, kBaseUsdc), chains, Audience::kPublic);
    CHECK_FALSE(shown["destination"].contains("amountUnits"));
    CHECK(shown["destination"]["chainId"] == 8453);
    CHECK(shown["destination"]["tokenAddress"] == kUsdc);
    CHECK(shown["deposits"][0]["baseUnits"] == "10000000");
    CHECK_FALSE(shown["deposits"][0].contains("units"));
}

TEST_CASE("view: more deposits than are listed -> counted, and the sum is of all") {
    SessionFacts facts = with_method();
    facts.deposits.push_back(deposit(1, kBaseUsdc, 4'000'000, db::DepositStatus::kDetected));
    facts.others.push_back(
        {kBaseUsdc, db::DepositStatus::kDetected, true, {}, false, 70, core::Units{700'000}});
    facts.others.push_back(
        {kBaseUsdc, db::DepositStatus::kDetected, true, {}, true, 2, core::Units{9'000'000}});
    facts.others.push_back(
        {kBaseEth, db::DepositStatus::kDetected, false, {}, false, 3, core::Units{1'000}});
    const json shown = session_json(facts, FakeChains{}, Audience::kPublic);
    CHECK(shown["deposits"].size() == 1);
    CHECK(shown["moreDeposits"] == 75);
    CHECK(shown["paymentMethod"]["source"]["sentUnits"] == "4.70");
    CHECK_THAT(shown["statusReason"]["message"].get<std::string>(),
               Catch::Contains("4.70 USDC came so far of 10.00"));
    facts.others.clear();
    CHECK_FALSE(session_json(facts, FakeChains{}, Audience::kPublic).contains("moreDeposits"));
}

TEST_CASE("view: enough has come, and the session was not told yet -> no word of what is missing") {
    SessionFacts facts = with_method();
    facts.deposits.push_back(deposit(1, kBaseUsdc, 10'000'000, db::DepositStatus::kDetected));
    const json shown = session_json(facts, FakeChains{}, Audience::kPublic);
    CHECK(shown["statusReason"]["code"] == "confirming");
}

TEST_CASE("waiting for: a stray is under way while the refund failed -> nothing of the session's own") {
    db::PayoutFull refund;
    refund.payout.leg = db::Leg::kRefund;
    refund.payout.status = db::PayoutStatus::kFinalFailed;
    db::PayoutFull stray;
    stray.payout.leg = db::Leg::kStray;
    stray.payout.status = db::PayoutStatus::kSent;
    stray.payout.waiting_for = "a block with its transaction";
    CHECK(waiting_for({refund, stray}).empty());
    refund.payout.status = db::PayoutStatus::kPlanned;
    refund.payout.waiting_for = "its turn";
    CHECK(waiting_for({stray, refund}) == "its turn");
}
