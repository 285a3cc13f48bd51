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

core::TxId tx_id(char digit) { return core::TxId::from_hex("0x" + std::string(64, digit)).value(); }

db::Attempt sent(const StoreFixture& f, core::StepId step, const core::TxId& tx,
                 db::AttemptStatus status) {
    db::Attempt attempt;
    attempt.step = step;
    attempt.tx = tx;
    attempt.raw = {1};
    attempt.status = status;
    attempt.signed_at = f.clock.now();
    attempt.sent_at = f.clock.now();
    return attempt;
}

db::OwnTx mined(const StoreFixture& f, const core::TxId& tx, std::uint64_t height) {
    db::OwnTx own;
    own.chain = kBaseUsdc.chain();
    own.tx = tx;
    own.sender = address(kShop);
    own.success = true;
    own.to = address(kRefund);
    own.height = height;
    own.block = core::BlockHash::from_hex("0x" + std::string(64, 'b')).value();
    own.mined_at = f.clock.now();
    return own;
}

//! The refund's transaction was final and told of, then its block left the chain, and the other bid for its
//! nonce was mined.
core::Expected<core::Done> replace(db::UnitOfWork& work, const StoreFixture& f, core::PayoutId refund,
                                   bool newest_was_final) {
    auto& payouts = work.payouts();
    db::PayoutStep step;
    step.payout = refund;
    step.sender = address(kShop);
    step.recipient = address(kRefund);
    step.asset = kBaseUsdc;
    step.units = core::Units{4'000'000};
    step.gas_limit = 60'000;
    step.id = payouts.add_step(step).value();
    step.nonce = payouts.reserve_nonce(kBaseUsdc.chain(), step.sender, 0, step.id).value();
    const core::TxId was = tx_id(newest_was_final ? '2' : '1');
    const core::TxId is = tx_id(newest_was_final ? '1' : '2');
    for (const char digit : {'1', '2'}) {
        const bool final = tx_id(digit) == was;
        auto bid = sent(f, step.id, tx_id(digit),
                        final ? db::AttemptStatus::kFinalOk : db::AttemptStatus::kSent);
        REQUIRE(payouts.add_attempt(bid).has_value());
    }
    auto seen = work.own_txs().record(mined(f, was, 10));
    REQUIRE(work.own_txs().finalise(seen.value().tx.id).has_value());
    step.status = db::PayoutStatus::kFinalOk;
    REQUIRE(payouts.save_step(step).has_value());
    auto full = payouts.load(refund).value().value();
    full.payout.status = db::PayoutStatus::kFinalOk;
    REQUIRE(payouts.save(full.payout).has_value());
    REQUIRE(work.own_txs().orphan_above(kBaseUsdc.chain(), 9).value().size() == 1);
    REQUIRE(work.own_txs().record(mined(f, is, 11)).has_value());
    return core::Done{};
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

TEST_CASE("story: a refund left the chain after it was final -> told by the bid that stands now [F07]", "[F07]") {
    const bool newest_was_final = GENERATE(false, true);
    StoreFixture f;
    const json made = f.create();
    const std::string id = made["sessionId"];
    const auto refund = plan_refund(f, made, "");
    f.write<core::Done>([&](db::UnitOfWork& work) { return replace(work, f, refund, newest_was_final); });
    db::SessionRow row = f.row(id);
    row.outcome_tx = tx_id(newest_was_final ? '2' : '1');
    f.move(std::move(row), session::State::kRefunded);
    const std::string stands = tx_id(newest_was_final ? '1' : '2').hex0x();
    const json shown = get(f, made, f.key);
    REQUIRE(shown["refunds"].size() == 1);
    CHECK(shown["refunds"][0]["txHash"] == stands);
    CHECK(shown["destination"]["delivery"]["txHash"] == stands);
    CHECK(shown["timeline"].back()["txHash"] == stands);
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
