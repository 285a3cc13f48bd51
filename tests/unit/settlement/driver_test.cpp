#include <catch2/catch.hpp>

#include "settlement/accounts.hpp"
#include "settlement/deadlines.hpp"
#include "tests/unit/settlement/desk.hpp"

using session::State;
using namespace support;

TEST_CASE("driver: a deposit that is enough, confirmed -> delivery planned, booked and claimed") {
    Desk desk;
    const auto id = desk.open();
    const auto deposit = desk.detect(id, 100);
    desk.drive();
    REQUIRE(desk.state(id) == State::kDetected);
    REQUIRE(desk.payouts(id).empty());
    desk.confirm({deposit});
    desk.drive();
    REQUIRE(desk.state(id) == State::kDelivering);
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 1);
    REQUIRE(payouts[0].payout.leg == db::Leg::kDelivery);
    REQUIRE(payouts[0].payout.units == units(100));
    REQUIRE(payouts[0].payout.sender == desk.receiver(id));
    REQUIRE(desk.deposits(id)[0].claim == db::ClaimUse::kDelivery);
    REQUIRE(desk.balance(settlement::session_account(id)).units == units(100));
    REQUIRE_FALSE(desk.balance(settlement::session_account(id)).debit);
}

TEST_CASE("driver: the same facts again -> nothing changes") {
    Desk desk;
    const auto id = desk.open();
    const auto deposit = desk.pay(id, 100);
    const auto version = desk.row(id).version;
    desk.redetect(desk.deposits(id)[0]);
    desk.confirm({deposit});
    desk.drive();
    REQUIRE(desk.row(id).version == version);
    REQUIRE(desk.payouts(id).size() == 1);
    REQUIRE(desk.balance(settlement::session_account(id)).units == units(100));
}

TEST_CASE("driver: confirmation told without detection -> counted all the same") {
    Desk desk;
    const auto id = desk.open();
    const auto deposit = desk.detect(id, 100);
    desk.write<core::Done>([](db::UnitOfWork& work) -> core::Expected<core::Done> {
        return work.facts().advance("settlement", work.facts().newest().value());
    });
    desk.confirm({deposit});
    desk.drive();
    REQUIRE(desk.state(id) == State::kDelivering);
}

TEST_CASE("driver: two deposits confirmed together -> one delivery of both") {
    Desk desk;
    auto session = open_session();
    session.destination.units.reset();
    const auto id = desk.open(session);
    const auto first = desk.detect(id, 30);
    const auto second = desk.detect(id, 50);
    desk.confirm({first, second});
    desk.drive();
    REQUIRE(desk.payouts(id)[0].payout.units == units(80));
}

TEST_CASE("driver: deposit of another listed token -> goes back as a stray on its own") {
    Desk desk;
    const auto id = desk.open();
    const auto deposit = desk.detect(id, 70, kOtherToken);
    desk.confirm({deposit});
    desk.drive();
    REQUIRE(desk.state(id) == State::kSourceSet);
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 1);
    REQUIRE(payouts[0].payout.leg == db::Leg::kStray);
    REQUIRE(payouts[0].payout.recipient == address(2));
    const auto owed = desk.balance(
        settlement::stray_account(*desk.deposits(id)[0].receiver), kOtherToken);
    REQUIRE(owed.units == units(70));
}

TEST_CASE("driver: a stray below the minimum -> booked, not paid") {
    Desk desk;
    const auto id = desk.open();
    desk.confirm({desk.detect(id, 4, kToken, /*at_second=*/2000)});
    desk.drive();
    REQUIRE(desk.payouts(id).empty());
    REQUIRE(desk.deposits(id)[0].claim == db::ClaimUse::kBooked);
}

TEST_CASE("driver: a stray without a refund address -> held") {
    Desk desk;
    auto session = open_session();
    session.refund_address.reset();
    const auto id = desk.open(session);
    desk.confirm({desk.detect(id, 100, kToken, /*at_second=*/2000)});
    desk.drive();
    REQUIRE(desk.payouts(id).empty());
    REQUIRE(desk.deposits(id)[0].claim == db::ClaimUse::kHeld);
}

TEST_CASE("driver: a detected deposit is taken back and comes again -> counted once [F10]") {
    Desk desk;
    const auto id = desk.open();
    const auto deposit = desk.detect(id, 100);
    desk.drive();
    db::Deposit again = desk.deposits(id)[0];
    desk.orphan(deposit, false);
    desk.drive();
    REQUIRE(desk.state(id) == State::kSourceSet);
    again.height += 5;
    REQUIRE(desk.redetect(again) == deposit);
    desk.confirm({deposit});
    desk.drive();
    REQUIRE(desk.payouts(id).size() == 1);
    REQUIRE(desk.payouts(id)[0].payout.units == units(100));
}

TEST_CASE("driver: a confirmed deposit leaves the chain -> the chain is halted, nothing is paid [F07]") {
    Desk desk;
    const auto id = desk.open();
    const auto deposit = desk.pay(id, 100);
    desk.orphan(deposit, true);
    desk.drive();
    desk.settle();
    REQUIRE(desk.sender.sent.empty());
    REQUIRE(desk.state(id) == State::kDelivering);
    REQUIRE(desk.payouts(id)[0].payout.waiting_for.find("halted") != std::string::npos);
}

TEST_CASE("deadlines: chain not read past the deadline -> the session waits; read past it -> expired") {
    Desk desk;
    const auto id = desk.open();
    settlement::Deadlines deadlines{*desk.context};
    desk.clock.advance(core::Millis{10'000'000});
    core::BlockRef block{1, {}, {}, core::Instant::from_unix_seconds(999)};
    desk.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().start(kChain, block, desk.clock.now());
    });
    REQUIRE(desk.run(deadlines.look_once()).value() == 0);
    REQUIRE(desk.state(id) == State::kSourceSet);
    db::ReadBlock next;
    next.ref = {2, {}, block.hash, core::Instant::from_unix_seconds(1001)};
    next.ref.hash.bytes[0] = 1;
    desk.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().append(kChain, {next}, 0, desk.clock.now());
    });
    REQUIRE(desk.run(deadlines.look_once()).value() == 1);
    REQUIRE(desk.state(id) == State::kExpired);
}
