#include <cstdlib>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "api/session_view.hpp"
#include "tests/unit/api/fakes.hpp"

using namespace api;
using namespace api_test;
using nlohmann::json;
using session::State;

namespace {

SessionFacts opened() {
    SessionFacts facts;
    auto& row = facts.row;
    row.session.id = core::SessionId{"0123456789abcdef0123456789abcdef"};
    row.session.destination.asset = kBaseUsdc;
    row.session.destination.address = address(kShop);
    row.session.destination.units = core::Units{10'000'000};
    row.session.refund_address = address(kRefund);
    row.session.expires_at = core::Instant{1'700'003'600'000};
    row.client_secret = "fedcba9876543210fedcba9876543210";
    row.display_json = R"({"title":"Shop","verb":"Pay","paymentOptions":["AllWallets"]})";
    row.metadata_json = R"({"order":"7"})";
    row.created_at = core::Instant{1'700'000'000'000};
    row.updated_at = row.created_at;
    return facts;
}

SessionFacts with_method() {
    SessionFacts facts = opened();
    facts.row.session.state = State::kSourceSet;
    facts.row.method = "evm";
    facts.row.method_at = core::Instant{1'700'000'060'000};
    db::Receiver receiver;
    receiver.id = {5};
    receiver.address = address("0x3333333333333333333333333333333333333333");
    facts.row.receiver = receiver.id;
    facts.receiver = receiver;
    return facts;
}

db::Deposit deposit(std::int64_t id, const core::AssetId& of, std::uint64_t units,
                    db::DepositStatus status) {
    db::Deposit out;
    out.id = {id};
    out.chain = of.chain();
    out.asset = of;
    out.tx = core::TxId::from_hex("0x" + std::string(63, '0') + std::to_string(id)).value();
    out.from = address("0x4444444444444444444444444444444444444444");
    out.units = core::Units{units};
    out.mined_at = core::Instant{1'700'000'100'000};
    out.detected_at = core::Instant{1'700'000'101'000};
    out.status = status;
    out.can_fund = true;
    if (status == db::DepositStatus::kConfirmed) out.confirmed_at = core::Instant{1'700'000'130'000};
    return out;
}

SessionFacts funded(State state, const core::AssetId& of) {
    SessionFacts facts = with_method();
    facts.row.session.state = state;
    facts.deposits.push_back(deposit(1, of, 10'000'000, db::DepositStatus::kConfirmed));
    facts.deposits.back().claim = db::ClaimUse::kDelivery;
    facts.row.session.funding = session::Funding{of, core::Units{10'000'000},
                                                 core::Units{10'000'000}, core::Units{}};
    return facts;
}

SessionFacts closed(State state, const core::AssetId& of) {
    SessionFacts facts = funded(state, of);
    facts.row.outcome_tx = core::TxId::from_hex("0x" + std::string(64, 'a')).value();
    facts.row.outcome_units = core::Units{10'000'000};
    return facts;
}

void check_golden(const std::string& name, const SessionFacts& facts, Audience audience) {
    const FakeChains chains;
    const std::string path =
        std::string{DEPOSITD_SOURCE_DIR} + "/tests/golden/api/session_" + name + ".json";
    const std::string actual = session_json(facts, chains, audience).dump(4) + "\n";
    // To accept a change on purpose, set this and read the diff.
    if (std::getenv("DEPOSITD_UPDATE_GOLDEN") != nullptr) std::ofstream{path} << actual;
    std::ifstream file{path};
    std::stringstream text;
    text << file.rdbuf();
    INFO(path << " should hold:\n" << actual);
    CHECK(text.str() == actual);
}

}  // namespace

TEST_CASE("view: created -> owner sees secret and metadata, the public does not") {
    check_golden("created_owner", opened(), Audience::kOwner);
    check_golden("created_public", opened(), Audience::kPublic);
    const json shown = session_json(opened(), FakeChains{}, Audience::kPublic);
    CHECK_FALSE(shown.contains("metadata"));
    CHECK_FALSE(shown.contains("clientSecret"));
    CHECK(shown["paymentMethod"].is_null());
}

TEST_CASE("view: no metadata -> null for the owner") {
    SessionFacts facts = opened();
    facts.row.metadata_json = "null";
    CHECK(session_json(facts, FakeChains{}, Audience::kOwner)["metadata"].is_null());
}

TEST_CASE("view: method set -> receiver, no source") {
    check_golden("waiting", with_method(), Audience::kPublic);
}

TEST_CASE("view: part of the money -> source without a hash, the reason says what is missing") {
    SessionFacts facts = with_method();
    facts.deposits.push_back(deposit(1, kBaseUsdc, 4'000'000, db::DepositStatus::kDetected));
    check_golden("underpaid", facts, Audience::kPublic);
}

TEST_CASE("view: several deposits -> they add up, the largest names sender and transaction") {
    SessionFacts facts = with_method();
    facts.row.session.state = State::kDetected;
    facts.deposits.push_back(deposit(1, kBaseUsdc, 4'000'000, db::DepositStatus::kConfirmed));
    facts.deposits.push_back(deposit(2, kBaseUsdc, 6'000'000, db::DepositStatus::kConfirmed));
    facts.deposits.push_back(deposit(3, kArbitrumUsdc, 9'000'000, db::DepositStatus::kDetected));
    facts.deposits.push_back(deposit(4, kBaseUsdc, 8'000'000, db::DepositStatus::kOrphaned));
    check_golden("confirming", facts, Audience::kPublic);
}

TEST_CASE("view: delivery waits -> only the owner reads what for") {
    SessionFacts facts = funded(State::kDelivering, kBaseUsdc);
    facts.waiting_for = "gas on Base";
    check_golden("delivering_owner", facts, Audience::kOwner);
    const json shown = session_json(facts, FakeChains{}, Audience::kPublic);
    CHECK_THAT(shown.dump(), !Catch::Contains("gas on Base"));
}

TEST_CASE("view: delivered -> delivery in the destination's token; late money listed") {
    SessionFacts facts = closed(State::kDelivered, kArbitrumUsdc);
    db::Deposit late = deposit(2, kBaseEth, 5, db::DepositStatus::kConfirmed);
    late.mined_at = core::Instant{1'700'009'000'000};
    late.claim = db::ClaimUse::kStray;
    facts.deposits.push_back(late);
    check_golden("succeeded", facts, Audience::kPublic);
}

TEST_CASE("view: refunded -> what went back, in the token that was paid with") {
    SessionFacts facts = closed(State::kRefunded, kArbitrumUsdc);
    facts.row.session.reason = session::Reason::kUnderpaidAtDeadline;
    facts.deposits[0].claim = db::ClaimUse::kRefund;
    check_golden("bounced", facts, Audience::kPublic);
}

TEST_CASE("view: held -> processing, with the reason") {
    SessionFacts facts = funded(State::kHeld, kBaseUsdc);
    facts.row.session.reason = session::Reason::kNoRefundAddress;
    facts.row.session.reason_text = "the token is paused";
    check_golden("held_owner", facts, Audience::kOwner);
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
    const json shown = session_json(funded(State::kDelivering, kBaseUsdc), chains, Audience::kPublic);
    CHECK_FALSE(shown["destination"].contains("amountUnits"));
    CHECK(shown["destination"]["chainId"] == 8453);
    CHECK(shown["destination"]["tokenAddress"] == kUsdc);
    CHECK(shown["deposits"][0]["baseUnits"] == "10000000");
    CHECK_FALSE(shown["deposits"][0].contains("units"));
}
