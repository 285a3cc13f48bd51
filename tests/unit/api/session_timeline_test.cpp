#include "api/session_timeline.hpp"

#include "api/session_view.hpp"
#include "tests/unit/api/fakes.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace api;
using namespace api_test;
using nlohmann::json;
using session::State;

namespace {

constexpr std::int64_t kStart_ms = 1'700'000'000'000;
core::Instant after_s(std::int64_t seconds) { return {kStart_ms + seconds * 1000}; }

core::TxId tx(char digit) { return core::TxId::from_hex("0x" + std::string(64, digit)).value(); }

db::Deposit deposit(std::int64_t id, std::int64_t at_s, std::uint64_t units,
                    std::optional<db::ClaimUse> claim = {}) {
    db::Deposit out;
    out.id = {id};
    out.chain = kBaseUsdc.chain();
    out.asset = kBaseUsdc;
    out.tx = tx(static_cast<char>('0' + id));
    out.key = out.tx.hex0x() + ":0";
    out.from = address("0x4444444444444444444444444444444444444444");
    out.units = core::Units{units};
    out.height = 7;
    out.mined_at = out.detected_at = after_s(at_s);
    out.can_fund = true;
    out.claim = claim;
    out.status = claim ? db::DepositStatus::kConfirmed : db::DepositStatus::kDetected;
    if (claim) out.confirmed_at = after_s(at_s + 30);
    return out;
}

//! As settlement writes it.
std::string described(const db::Deposit& deposit) {
    return deposit.units.decimal() + " of " + deposit.asset.text() + " in " + deposit.tx.hex0x() +
           ", block " + std::to_string(deposit.height);
}

db::JournalEntry step(std::int64_t at_s, const char* event, State from, State to,
                      std::string detail = {}) {
    db::JournalEntry out;
    out.event = event;
    out.from = from;
    out.to = to;
    out.detail = std::move(detail);
    out.at = after_s(at_s);
    return out;
}

db::PayoutFull payout(std::int64_t id, db::Leg leg, std::uint64_t units, db::PayoutStatus status,
                      std::int64_t planned_s, std::int64_t updated_s) {
    db::PayoutFull out;
    db::Payout& p = out.payout;
    p.id = {id};
    p.leg = leg;
    p.asset = kBaseUsdc;
    p.units = core::Units{units};
    p.recipient = address(leg == db::Leg::kDelivery ? kShop : kRefund);
    p.status = status;
    p.created_at = after_s(planned_s);
    p.updated_at = after_s(updated_s);
    return out;
}

void attempt(db::PayoutFull& full, db::StepKind kind, char digit, db::AttemptStatus status,
             std::int64_t sent_s) {
    db::PayoutStep step;
    step.id = {static_cast<std::int64_t>(full.steps.size()) + 1};
    step.kind = kind;
    full.steps.push_back(step);
    db::Attempt a;
    a.step = step.id;
    a.tx = tx(digit);
    a.status = status;
    a.sent_at = after_s(sent_s);
    full.attempts.push_back(a);
}

SessionFacts opened() {
    SessionFacts facts;
    auto& row = facts.row;
    row.session.id = core::SessionId{"0123456789abcdef0123456789abcdef"};
    row.session.destination.asset = kBaseUsdc;
    row.session.destination.address = address(kShop);
    row.session.destination.units = core::Units{10'000'000};
    row.session.refund_address = address(kRefund);
    row.session.expires_at = after_s(3600);
    row.client_secret = "fedcba9876543210fedcba9876543210";
    row.display_json = R"({"title":"Shop","verb":"Pay"})";
    row.metadata_json = "null";
    row.created_at = row.updated_at = after_s(0);
    facts.story.emplace();
    return facts;
}

//! Paid with a fee that had to rise, then paid again much too late.
SessionFacts paid_twice() {
    SessionFacts facts = opened();
    facts.row.session.state = State::kDelivered;
    facts.row.session.funding =
        session::Funding{kBaseUsdc, core::Units{10'000'000}, core::Units{10'000'000}, {}};
    facts.deposits = {deposit(1, 100, 10'000'000, db::ClaimUse::kDelivery),
                      deposit(2, 9'000, 10'000'000, db::ClaimUse::kStray),
                      deposit(3, 9'500, 5, db::ClaimUse::kBooked), deposit(4, 9'900, 7'000'000)};
    auto& story = *facts.story;
    const std::string first = described(facts.deposits[0]);
    story.journal = {
        step(60, "method_set", State::kCreated, State::kSourceSet, "evm, receiver 0x33"),
        step(101, "deposits_detected", State::kSourceSet, State::kDetected, first),
        step(131, "deposits_confirmed", State::kDetected, State::kDelivering, first),
        step(200, "delivery_final", State::kDelivering, State::kDelivered, "told by the payout"),
        step(9'031, "stray", State::kDelivered, State::kDelivered,
             "10000000 of " + kBaseUsdc.text() +
                 " belongs to no outcome; goes back to the refund address")};
    auto delivery = payout(1, db::Leg::kDelivery, 10'000'000, db::PayoutStatus::kFinalOk, 131, 200);
    attempt(delivery, db::StepKind::kTopUp, 'a', db::AttemptStatus::kFinalOk, 132);
    attempt(delivery, db::StepKind::kTransfer, 'b', db::AttemptStatus::kDead, 140);
    attempt(delivery, db::StepKind::kTransfer, 'c', db::AttemptStatus::kFinalOk, 150);
    auto stray = payout(2, db::Leg::kStray, 10'000'000, db::PayoutStatus::kSeen, 9'031, 9'050);
    stray.payout.waiting_for = "finality of 0xdd";
    attempt(stray, db::StepKind::kTransfer, 'd', db::AttemptStatus::kMined, 9'040);
    story.payouts = {delivery, stray};
    return facts;
}

//! The destination refuses the money, and nobody said where it should go then.
SessionFacts nowhere_to_go() {
    SessionFacts facts = opened();
    auto& session = facts.row.session;
    session.state = State::kHeld;
    session.refund_address.reset();
    session.reason = session::Reason::kNoRefundAddress;
    session.reason_text = "the recipient is blocked; and there is no refund address";
    session.funding =
        session::Funding{kBaseUsdc, core::Units{10'000'000}, core::Units{10'000'000}, {}};
    facts.deposits = {deposit(1, 100, 10'000'000, db::ClaimUse::kDelivery)};
    auto& story = *facts.story;
    const std::string first = described(facts.deposits[0]);
    story.journal = {step(101, "deposits_detected", State::kSourceSet, State::kDetected, first),
                     step(131, "deposits_confirmed", State::kDetected, State::kDelivering, first),
                     step(140, "delivery_failed", State::kDelivering, State::kHeld,
                          "delivery impossible: the recipient is blocked")};
    auto delivery = payout(1, db::Leg::kDelivery, 10'000'000, db::PayoutStatus::kDead, 131, 140);
    delivery.payout.reason = "never sent: the chain refuses the transfer: the recipient is blocked";
    story.payouts = {delivery};
    return facts;
}

json shown(const SessionFacts& facts) {
    return session_json(facts, FakeChains{}, Audience::kOwner);
}

std::vector<std::string> whats(const json& timeline) {
    std::vector<std::string> out;
    for (const json& entry : timeline) out.push_back(entry["what"]);
    return out;
}

struct Golden {
    const char* name;
    SessionFacts facts;
    std::string path() const {
        return std::string{DEPOSITD_SOURCE_DIR} + "/tests/golden/api/session_" + name +
               "_full.json";
    }
    std::string actual() const { return shown(facts).dump(4) + "\n"; }
};

std::vector<Golden> goldens() {
    return {{"paid_twice", paid_twice()}, {"nowhere_to_go", nowhere_to_go()}};
}

}  // namespace

TEST_CASE("story: each situation -> as in its golden file") {
    for (const Golden& golden : goldens()) {
        CAPTURE(golden.path());
        std::ifstream file{golden.path()};
        std::stringstream text;
        text << file.rdbuf();
        CHECK(text.str() == golden.actual());
    }
}

// Accepts a change on purpose: unit_api "[update-golden]", then read the diff.
TEST_CASE("story: golden files written anew", "[.][update-golden]") {
    for (const Golden& golden : goldens()) {
        std::ofstream file{golden.path()};
        file << golden.actual();
        CHECK(file.good());
    }
}

TEST_CASE("story: for the public and for webhooks -> none of it, even when it was read") {
    for (const Audience audience : {Audience::kPublic, Audience::kWebhook}) {
        const json view = session_json(paid_twice(), FakeChains{}, audience);
        for (const char* key : {"timeline", "refunds", "strays"}) CHECK_FALSE(view.contains(key));
    }
}

TEST_CASE("timeline: a session nobody paid -> created, and what it waits for") {
    const json timeline = shown(opened())["timeline"];
    CHECK(whats(timeline) == std::vector<std::string>{"created", "waiting"});
    CHECK(timeline[1]["reason"] == "No payment method has been chosen yet.");
}

TEST_CASE("timeline: a deposit taken back and mined again -> each of it once, in order") {
    SessionFacts facts = opened();
    facts.row.session.state = State::kDetected;
    facts.deposits = {deposit(1, 100, 10'000'000)};
    const std::string text = described(facts.deposits[0]);
    facts.story->journal = {
        step(101, "deposits_detected", State::kSourceSet, State::kDetected, text),
        step(110, "deposits_orphaned", State::kDetected, State::kSourceSet, text),
        step(120, "deposits_detected", State::kSourceSet, State::kDetected, text)};
    const json timeline = shown(facts)["timeline"];
    CHECK(whats(timeline) == std::vector<std::string>{"created", "deposit_detected",
                                                      "deposit_orphaned", "deposit_detected",
                                                      "waiting"});
    for (int i : {1, 2, 3})
        CHECK(timeline[static_cast<std::size_t>(i)]["txHash"] == tx('1').hex0x());
}

TEST_CASE("timeline: deposits that stop the session -> both told; the reason is not their list") {
    SessionFacts facts = opened();
    facts.row.session.state = State::kHeld;
    facts.row.session.reason = session::Reason::kOutOfRange;
    facts.deposits = {deposit(1, 100, 10'000'000)};
    facts.story->journal = {step(101, "deposits_detected", State::kSourceSet, State::kHeld,
                                 described(facts.deposits[0]))};
    const json timeline = shown(facts)["timeline"];
    CHECK(whats(timeline) ==
          std::vector<std::string>{"created", "deposit_detected", "held", "waiting"});
    CHECK_FALSE(timeline[2].contains("reason"));
    CHECK_THAT(timeline[3]["reason"].get<std::string>(), Catch::Contains("out of every range"));
}

TEST_CASE("timeline: a deposit that no transaction shows -> told without one") {
    SessionFacts facts = opened();
    facts.deposits = {deposit(1, 100, 10'000'000)};
    facts.deposits[0].tx = {};
    facts.deposits[0].key = "residual:0x33:1";
    facts.story->journal = {step(101, "deposits_detected", State::kSourceSet, State::kDetected,
                                 "5 of " + kBaseUsdc.text() + " in residual:0x33:1, block 7")};
    const json timeline = shown(facts)["timeline"];
    CHECK(whats(timeline) == std::vector<std::string>{"created", "deposit_detected", "waiting"});
    CHECK_FALSE(timeline[1].contains("txHash"));
}

TEST_CASE("timeline: more than is told -> the newest, with what is awaited last") {
    SessionFacts facts = opened();
    for (int i = 0; i < 500; ++i) {
        facts.story->journal.push_back(
            step(i, "method_set", State::kCreated, State::kSourceSet, std::to_string(i)));
    }
    const json timeline = shown(facts)["timeline"];
    REQUIRE(timeline.size() == kStoryMost);
    CHECK(timeline.back()["what"] == "waiting");
    CHECK(timeline[timeline.size() - 2]["reason"] == "499");
}

TEST_CASE("timeline: steps that it does not know, broken details -> left out or told as they are") {
    SessionFacts facts = opened();
    facts.story->journal = {
        step(1, "of_a_later_version", State::kCreated, State::kSourceSet, "x"),
        step(2, "deposits_detected", State::kSourceSet, State::kDetected, "5 of A in "),
        step(3, "stray", State::kDetected, State::kDetected, " belongs to no outcome; 5 of A")};
    const json timeline = shown(facts)["timeline"];
    CHECK(whats(timeline) == std::vector<std::string>{"created", "stray", "waiting"});
    CHECK(timeline[1]["reason"] == " belongs to no outcome; 5 of A");
}

TEST_CASE("returns: a payout in each status -> a status, and a reason to wait until it has ended") {
    struct Row {
        db::PayoutStatus status;
        const char* shown;
        bool waits;
    };
    for (const auto& [status, name, waits] :
         {Row{db::PayoutStatus::kPlanned, "planned", true},
          Row{db::PayoutStatus::kReserved, "planned", true},
          Row{db::PayoutStatus::kSigned, "planned", true},
          Row{db::PayoutStatus::kSent, "sent", true}, Row{db::PayoutStatus::kSeen, "mined", true},
          Row{db::PayoutStatus::kFinalOk, "returned", false},
          Row{db::PayoutStatus::kFinalFailed, "failed", false},
          Row{db::PayoutStatus::kDead, "failed", false},
          Row{db::PayoutStatus::kHeld, "held", true}}) {
        SessionFacts facts = opened();
        facts.row.session.state = State::kRefunded;
        facts.story->payouts = {payout(1, db::Leg::kExcess, 5'000'000, status, 10, 20)};
        const json view = shown(facts);
        REQUIRE(view["refunds"].size() == 1);
        const json& refund = view["refunds"][0];
        CAPTURE(refund.dump());
        CHECK(refund["status"] == name);
        CHECK(refund["leg"] == "excess");
        CHECK(refund["units"] == "5.00");
        CHECK(refund.contains("waitingFor") == waits);
        CHECK((view["timeline"].back()["what"] == "waiting") == waits);
    }
}

TEST_CASE("returns: of several transactions -> the mined one, else the newest that was sent") {
    auto full = payout(1, db::Leg::kRefund, 5, db::PayoutStatus::kSent, 10, 20);
    attempt(full, db::StepKind::kTopUp, 'a', db::AttemptStatus::kFinalOk, 11);
    SessionFacts facts = opened();
    facts.story->payouts = {full};
    CHECK_FALSE(shown(facts)["refunds"][0].contains("txHash"));
    attempt(full, db::StepKind::kTransfer, 'b', db::AttemptStatus::kSent, 12);
    attempt(full, db::StepKind::kTransfer, 'c', db::AttemptStatus::kSent, 13);
    facts.story->payouts = {full};
    CHECK(shown(facts)["refunds"][0]["txHash"] == tx('c').hex0x());
    full.attempts[1].status = db::AttemptStatus::kMined;
    facts.story->payouts = {full};
    CHECK(shown(facts)["refunds"][0]["txHash"] == tx('b').hex0x());
}

TEST_CASE("returns: the one that paid left the chain after finality -> it until the next one has paid [F07]",
          "[F07]") {
    auto full = payout(1, db::Leg::kRefund, 5, db::PayoutStatus::kFinalOk, 10, 20);
    attempt(full, db::StepKind::kTransfer, 'b', db::AttemptStatus::kFinalOk, 12);
    attempt(full, db::StepKind::kTransfer, 'c', db::AttemptStatus::kSent, 30);
    SessionFacts facts = opened();
    facts.story->payouts = {full};
    CHECK(shown(facts)["refunds"][0]["txHash"] == tx('b').hex0x());
    full.attempts[1].status = db::AttemptStatus::kFinalOk;
    facts.story->payouts = {full};
    CHECK(shown(facts)["refunds"][0]["txHash"] == tx('c').hex0x());
}

TEST_CASE("returns: an explorer of the chain is known -> where to look; else only the hash") {
    FakeChains chains;
    CHECK_FALSE(shown(paid_twice())["strays"][0].contains("explorerUrl"));
    chains.chains[0].explorer_url = "https://scan.example";
    const json view = session_json(paid_twice(), chains, Audience::kOwner);
    const std::string at = "https://scan.example/tx/" + tx('d').hex0x();
    CHECK(view["strays"][0]["explorerUrl"] == at);
    CHECK(view["timeline"][2]["explorerUrl"] == "https://scan.example/tx/" + tx('1').hex0x());
    CHECK_FALSE(view["deposits"][0].contains("explorerUrl"));
}

TEST_CASE("strays: without a refund address -> held, and the session says that it waits") {
    SessionFacts facts = opened();
    facts.row.session.state = State::kExpired;
    facts.row.session.refund_address.reset();
    facts.deposits = {deposit(1, 9'000, 10'000'000, db::ClaimUse::kHeld)};
    const json view = shown(facts);
    REQUIRE(view["strays"].size() == 1);
    CHECK(view["strays"][0]["status"] == "held");
    CHECK(view["strays"][0]["depositTxHash"] == tx('1').hex0x());
    CHECK_THAT(view["timeline"].back()["reason"].get<std::string>(),
               Catch::Contains("no refund address"));
}

TEST_CASE("strays: what may still pay for the session, and what left the chain -> none") {
    SessionFacts facts = opened();
    facts.row.session.state = State::kSourceSet;
    facts.deposits = {deposit(1, 100, 1), deposit(2, 9'000, 1)};
    facts.deposits[1].status = db::DepositStatus::kOrphaned;
    CHECK(shown(facts)["strays"].empty());
    facts.deposits[1].status = db::DepositStatus::kDetected;
    REQUIRE(shown(facts)["strays"].size() == 1);
    CHECK(shown(facts)["strays"][0]["status"] == "confirming");
}

TEST_CASE("story: a node's answer that is long and not UTF-8 -> cut, and shown all the same") {
    SessionFacts facts = opened();
    auto full = payout(1, db::Leg::kStray, 5, db::PayoutStatus::kHeld, 10, 20);
    full.payout.reason = "\xff\xfe" + std::string(100'000, 'x');
    full.payout.waiting_for = "an operator: " + full.payout.reason;
    facts.story->payouts = {full};
    const std::string text = shown(facts).dump();
    CHECK(text.size() < 10'000);
    CHECK_THAT(text, Catch::Contains("an operator: "));
}
