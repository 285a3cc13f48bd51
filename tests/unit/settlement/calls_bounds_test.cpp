#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "settlement/accounts.hpp"
#include "settlement/payout_rules.hpp"
#include "tests/unit/settlement/desk.hpp"

// What a call may not do and still count, and what makes a call, or its allowance, end without it.

using session::State;
using namespace support;

namespace {

session::Session calling(const core::AssetId& asset = kToken) {
    session::Session session = open_session();
    session.destination.asset = asset;
    session.destination.calldata = {0xca, 0x11, 0xda, 0x7a};
    return session;
}

void round(Desk& desk) {
    desk.pass(false);
    desk.mine();
    desk.drive();
}

void until_allowed(Desk& desk, const core::SessionId& id) {
    for (int i = 0; i < 2; ++i) round(desk);
    REQUIRE(settlement::open_grant(desk.payouts(id)));
}

//! Orders of this kind that were signed; bytes that were sent again count once.
std::vector<chains::TxOrder> orders(Desk& desk, chains::CallKind kind) {
    std::vector<chains::TxOrder> out;
    std::vector<core::TxId> seen;
    for (const core::Bytes& raw : desk.sender.sent) {
        const auto id = FakeSigner::id_of(raw);
        if (std::find(seen.begin(), seen.end(), id) != seen.end()) continue;
        seen.push_back(id);
        const chains::TxOrder& order = desk.signer.tx(id).order;
        if (order.kind == kind && order.sender != FakeSigner::gas_station()) out.push_back(order);
    }
    return out;
}

//! Stops where the nonce of the call is reserved and nothing was signed for it: the price rose meanwhile.
void until_reserved(Desk& desk, const core::SessionId& id) {
    until_allowed(desk, id);
    desk.signer.refuse = true;
    desk.pass(false);
    desk.signer.refuse = false;
    const auto full = desk.payouts(id).front();
    REQUIRE(full.steps.back().kind == db::StepKind::kCall);
    REQUIRE(full.steps.back().status == db::PayoutStatus::kReserved);
}

}  // namespace

TEST_CASE("calls: a rehearsal in which something is given back -> refunded, never called") {
    for (const auto& asset : {kToken, kNative}) {
        Desk desk;
        desk.sender.rehearsed_back = 1;
        const auto id = desk.open(calling(asset));
        desk.confirm({desk.detect(id, 100, asset)});
        desk.drive();
        desk.settle();
        REQUIRE(desk.state(id) == State::kRefunded);
        CHECK(desk.row(id).session.reason_text ==
              "in a rehearsal the call took 100 of 100 and gave 1 back: 99 in the end");
        CHECK(orders(desk, chains::CallKind::kCall).empty());
    }
}

TEST_CASE("calls: mined, and what it took was given back -> no delivery: allowance taken back, held") {
    Desk desk;
    desk.call_gives_back = 100;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kHeld);
    CHECK(desk.payouts(id)[0].payout.reason.find("gave 100 back: 0 in the end") != std::string::npos);
    CHECK_FALSE(desk.row(id).outcome_units.has_value());
    CHECK(desk.allowance(id, address(1)) == 0);
}

TEST_CASE("calls: less than the tolerance allows is taken in a rehearsal -> refunded; just that -> called") {
    for (const std::uint64_t takes : {98U, 99U}) {
        Desk desk;
        desk.sender.rehearsed_takes = takes;
        desk.call_takes = takes;
        const auto id = desk.open(calling());
        desk.pay(id, 100);
        desk.settle();
        CHECK(desk.state(id) == (takes == 99 ? State::kDelivered : State::kRefunded));
        CHECK(orders(desk, chains::CallKind::kCall).size() == (takes == 99 ? 1 : 0));
    }
}

TEST_CASE("calls: mined, and less than the tolerance allows was taken -> allowance taken back, held") {
    Desk desk;
    desk.call_takes = 60;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kHeld);
    CHECK(desk.payouts(id)[0].payout.reason.find("less than the tolerance allows") != std::string::npos);
    CHECK(desk.allowance(id, address(1)) == 0);
    CHECK(orders(desk, chains::CallKind::kTokenTransfer).empty());
}

TEST_CASE("calls: everything was taken beside the allowance -> delivered, and the allowance taken back") {
    Desk desk;
    desk.call_needs_no_allowance = true;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    for (int i = 0; i < 3; ++i) round(desk);
    REQUIRE(desk.state(id) == State::kDelivered);
    REQUIRE(desk.allowance(id, address(1)) == 100);
    desk.settle();
    CHECK(desk.allowance(id, address(1)) == 0);
    CHECK(orders(desk, chains::CallKind::kTokenTransfer).empty());
    CHECK(desk.payouts(id).back().payout.status == db::PayoutStatus::kDead);
}

TEST_CASE("calls: its nonce is reserved and calls are switched off -> used up by nothing, refunded") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_reserved(desk, id);
    desk.signer.refuse_calls = true;
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    CHECK(orders(desk, chains::CallKind::kCall).empty());
    CHECK(orders(desk, chains::CallKind::kNoop).size() == 1);
    CHECK(desk.allowance(id, address(1)) == 0);
}

TEST_CASE("calls: its nonce is reserved and payouts are halted -> used up, the allowance taken back") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_reserved(desk, id);
    desk.halt();
    for (int i = 0; i < 6; ++i) round(desk);
    CHECK(desk.allowance(id, address(1)) == 0);
    CHECK(orders(desk, chains::CallKind::kCall).empty());
    CHECK(orders(desk, chains::CallKind::kTokenTransfer).empty());
    desk.acknowledge();
    desk.settle();
    CHECK(desk.state(id) == State::kRefunded);
}

TEST_CASE("calls: signed once and payouts are halted -> the same bytes go on, nothing else has its nonce") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_allowed(desk, id);
    desk.pass(false);
    REQUIRE(orders(desk, chains::CallKind::kCall).size() == 1);
    desk.halt();
    for (int i = 0; i < 3; ++i) round(desk);
    CHECK(orders(desk, chains::CallKind::kNoop).empty());
    CHECK(desk.state(id) == State::kDelivered);
}

TEST_CASE("calls: the store makes nothing else of a step whose bytes exist, nor of a transfer") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_allowed(desk, id);
    desk.pass(false);
    const auto fill = [&](const db::PayoutStep& step) {
        return desk.run(desk.database->write<core::Done>([step](db::UnitOfWork& work) {
            return work.payouts().save_step(settlement::filler_of(step));
        })).has_value();
    };
    const db::PayoutStep call = desk.payouts(id).front().steps.back();
    REQUIRE(call.kind == db::StepKind::kCall);
    CHECK_FALSE(fill(call));
    const auto other = desk.open();
    desk.pay(other, 100);
    round(desk);
    desk.signer.refuse = true;
    desk.pass(false);
    const db::PayoutStep transfer = desk.payouts(other).front().steps.back();
    REQUIRE(transfer.kind == db::StepKind::kTransfer);
    REQUIRE(transfer.status == db::PayoutStatus::kReserved);
    CHECK_FALSE(fill(transfer));
}

TEST_CASE("calls: endpoints disagree about a plain simulation -> the rehearsal alone decides, called") {
    Desk desk;
    desk.sender.simulation_error_of_calls = core::Error{core::Errc::kNoQuorum, "one alone refuses"};
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    CHECK(desk.state(id) == State::kDelivered);
}

TEST_CASE("calls: the token refuses call and taking back -> held, says so; resumed, it is not called") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_allowed(desk, id);
    desk.sender.refuses_calls[address(1)] = "the token is paused";
    desk.sender.refuses_clearings = {address(1)};
    desk.settle(30);
    REQUIRE(desk.state(id) == State::kHeld);
    const auto delivery = desk.payouts(id)[0].payout;
    CHECK(delivery.reason.find("does not take its allowance back") != std::string::npos);
    desk.sender.refuses_calls.clear();
    desk.sender.refuses_clearings.clear();
    desk.run(settlement::resume_payout(*desk.context, delivery.id)).value();
    desk.settle();
    CHECK(desk.state(id) == State::kRefunded);
    CHECK(orders(desk, chains::CallKind::kCall).empty());
}

TEST_CASE("calls: taking back failed three times and is resumed -> one more try of it each time") {
    Desk desk;
    desk.calls_fail = true;
    desk.clearings_fail = 3;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kHeld);
    desk.run(settlement::resume_payout(*desk.context, desk.payouts(id)[0].payout.id)).value();
    desk.settle();
    CHECK(desk.state(id) == State::kRefunded);
}

TEST_CASE("calls: a leftover without refund address, held for its allowance -> resumed, taken back") {
    Desk desk;
    desk.call_takes = 60;
    desk.sender.rehearsed_takes = 60;
    desk.clearings_fail = 3;
    session::Session session = calling();
    session.policy.tolerance_bps = 5'000;
    session.refund_address.reset();
    const auto id = desk.open(session);
    desk.pay(id, 100);
    desk.settle();
    const auto leftover = desk.payouts(id).back().payout;
    REQUIRE(leftover.status == db::PayoutStatus::kHeld);
    desk.run(settlement::resume_payout(*desk.context, leftover.id)).value();
    desk.settle();
    CHECK(desk.allowance(id, address(1)) == 0);
    CHECK(desk.payouts(id).back().payout.reason == "the session has no refund address");
    CHECK_FALSE(desk.run(settlement::resume_payout(*desk.context, leftover.id)).has_value());
}

TEST_CASE("calls: the contract takes of a leftover by itself -> held; resumed, what is left goes back") {
    for (const std::uint64_t pulled : {10U, 40U}) {
        Desk desk;
        desk.call_takes = 60;
        desk.sender.rehearsed_takes = 60;
        session::Session session = calling();
        session.policy.tolerance_bps = 5'000;
        const auto id = desk.open(session);
        desk.pay(id, 100);
        for (int i = 0; i < 3; ++i) round(desk);
        REQUIRE(desk.allowance(id, address(1)) == 40);
        desk.pull(id, address(1), pulled);
        desk.settle();
        const auto leftover = desk.payouts(id).back().payout;
        REQUIRE(leftover.status == db::PayoutStatus::kHeld);
        REQUIRE(orders(desk, chains::CallKind::kTokenTransfer).empty());
        desk.run(settlement::resume_payout(*desk.context, leftover.id)).value();
        desk.settle();
        const auto payouts = desk.payouts(id);
        REQUIRE(payouts.size() == (pulled == 10 ? 3 : 2));
        CHECK(payouts[1].payout.status == db::PayoutStatus::kDead);
        const auto paid = orders(desk, chains::CallKind::kTokenTransfer);
        REQUIRE(paid.size() == (pulled == 10 ? 1 : 0));
        if (pulled == 10) CHECK(paid[0].units == units(30));
        if (pulled == 10) CHECK(payouts[2].payout.status == db::PayoutStatus::kFinalOk);
        CHECK(desk.balance(settlement::session_account(id)).units.is_zero());
        CHECK(desk.balance(settlement::address_account(desk.receiver(id))).units.is_zero());
    }
}

TEST_CASE("calls: let go on before it is known that the contract took by itself -> held once more") {
    Desk desk;
    desk.call_needs_no_allowance = true;
    session::Session session = calling();
    session.refund_address.reset();
    const auto id = desk.open(session);
    desk.pay(id, 100);
    desk.detect(id, 100);  // once more, and not credited yet
    for (int i = 0; i < 3; ++i) round(desk);
    desk.sender.refuses_clearings = {address(1)};
    desk.settle();
    const auto ends = desk.payouts(id).back().payout;
    REQUIRE(ends.status == db::PayoutStatus::kHeld);
    desk.pull(id, address(1), 100);
    desk.run(settlement::resume_payout(*desk.context, ends.id)).value();
    desk.settle();
    REQUIRE(desk.payouts(id).back().payout.status == db::PayoutStatus::kHeld);
    CHECK(desk.payouts(id).back().payout.reason.find("100 of") == 0);
    desk.run(settlement::resume_payout(*desk.context, ends.id)).value();
    desk.settle();
    CHECK(desk.payouts(id).back().payout.status == db::PayoutStatus::kDead);
    CHECK(orders(desk, chains::CallKind::kTokenTransfer).empty());
}

TEST_CASE("calls: given up, and gas money is needed first -> never called, whatever is said meanwhile") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_allowed(desk, id);
    desk.sender.refuses_calls[address(1)] = "order unknown";
    desk.sender.gas_price = core::Units{1'000};
    while (desk.payouts(id)[0].payout.reason.empty()) desk.pass(false);
    desk.sender.refuses_calls.clear();
    desk.settle();
    CHECK(desk.state(id) == State::kRefunded);
    CHECK(orders(desk, chains::CallKind::kCall).empty());
}

TEST_CASE("calls: gas money for what ends a leftover's allowance -> goes while payouts are halted") {
    Desk desk;
    desk.call_takes = 60;
    desk.sender.rehearsed_takes = 60;
    session::Session session = calling();
    session.policy.tolerance_bps = 5'000;
    const auto id = desk.open(session);
    desk.pay(id, 100);
    for (int i = 0; i < 3; ++i) round(desk);
    REQUIRE(desk.state(id) == State::kDelivered);
    REQUIRE(desk.allowance(id, address(1)) == 40);
    desk.halt();
    desk.sender.gas_price = core::Units{1'000};
    for (int i = 0; i < 4; ++i) round(desk);
    CHECK(desk.allowance(id, address(1)) == 0);
    CHECK(orders(desk, chains::CallKind::kTokenTransfer).empty());
}

TEST_CASE("calls: clearing before an approval, and payouts are halted -> waits for the end of that") {
    Desk desk;
    desk.sender.refuses_approvals = {address(1)};
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.halt();
    desk.settle();
    CHECK(desk.sender.sent.empty());
}

TEST_CASE("calls: the approval is mined and fails three times -> refunded, not tried again") {
    Desk desk;
    desk.approvals_fail = 100;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    CHECK(orders(desk, chains::CallKind::kApprove).size() == 3);
}

TEST_CASE("calls: given up because nodes cannot rehearse -> the reason names no node and none of its words") {
    Desk desk;
    desk.pace.rehearsals = 2;
    desk.pace.rehearsal_patience = core::Millis{0};
    desk.sender.rehearsal_error = core::Error{core::Errc::kNoQuorum, "node-7: project 1234 has no access"};
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    CHECK(desk.row(id).session.reason_text == "the call cannot be rehearsed");
}
