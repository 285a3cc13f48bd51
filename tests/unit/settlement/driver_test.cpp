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

TEST_CASE("deadlines: read past it by one endpoint -> the session waits; agreed on -> expired [F02]",
          "[F02]") {
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
    REQUIRE(desk.run(deadlines.look_once()).value() == 0);
    desk.write<core::Done>(
        [&](db::UnitOfWork& work) { return work.blocks().set_agreed_to(kChain, next.ref); });
    REQUIRE(desk.run(deadlines.look_once()).value() == 1);
    REQUIRE(desk.state(id) == State::kExpired);
}

TEST_CASE("driver: re-mined with another amount before the first fact was read -> what is there is paid") {
    Desk desk;
    const auto id = desk.open();
    const auto deposit = desk.detect(id, 100);
    desk.drive();
    db::Deposit again = desk.deposits(id)[0];
    desk.orphan(deposit, false);
    again.height += 5;
    again.units = units(120);
    again.counted = {};
    desk.redetect(again);
    desk.confirm({deposit});
    desk.drive();
    REQUIRE(desk.log.count(core::LogLevel::kError) == 0);
    REQUIRE(desk.state(id) == State::kDelivering);
    REQUIRE(desk.row(id).session.funding->received == units(120));
    REQUIRE(desk.balance(settlement::session_account(id)).units == units(120));
}

TEST_CASE("driver: a fact that cannot be applied -> its chain halts, the facts after it count") {
    Desk desk;
    const auto id = desk.open();
    const auto other = core::ChainId{"eip155:9"};
    desk.write<core::Done>([&](db::UnitOfWork& work) -> core::Expected<core::Done> {
        db::OwnTx tx;
        tx.chain = other;
        tx.tx = core::TxId::from_bytes(core::Bytes(32, 1)).value();
        tx.sender = address(3);
        tx.to = address(4);
        auto recorded = work.own_txs().record(tx);
        if (!recorded) return recorded.error();
        db::Fact fact;
        fact.kind = db::FactKind::kOwnTxFinal;
        fact.chain = other;
        fact.own_tx = recorded->tx.id;
        auto told = work.facts().append(fact);
        if (!told) return told.error();
        return core::Done{};
    });
    desk.pay(id, 100);
    REQUIRE(desk.state(id) == State::kDelivering);
    const auto halts = desk.read<std::vector<db::Halt>>(
        [](db::UnitOfWork& work) { return work.blocks().open_halts(); });
    REQUIRE(halts.size() == 1);
    REQUIRE(halts[0].chain == other);
    REQUIRE(halts[0].reason.find("not in the configuration") != std::string::npos);
}

TEST_CASE("deadlines: facts not applied yet -> nothing expires, whatever the tip says") {
    Desk desk;
    const auto id = desk.open();
    settlement::Deadlines deadlines{*desk.context};
    desk.clock.advance(core::Millis{10'000'000});
    const core::BlockRef past{1, {}, {}, core::Instant::from_unix_seconds(2000)};
    desk.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().start(kChain, past, desk.clock.now());
    });
    desk.detect(id, 100);
    REQUIRE(desk.run(deadlines.look_once()).value() == 0);
    desk.drive();
    REQUIRE(desk.run(deadlines.look_once()).value() == 0);
    REQUIRE(desk.state(id) == State::kDetected);
}

TEST_CASE("deadlines: native coin -> waits for a reading of balances past the deadline [F16]") {
    Desk desk;
    auto session = open_session();
    session.destination.asset = kNative;
    const auto id = desk.open(session);
    settlement::Deadlines deadlines{*desk.context};
    desk.clock.advance(core::Millis{10'000'000});
    const core::BlockRef before{1, {}, {}, core::Instant::from_unix_seconds(900)};
    core::BlockRef past{2, {}, {}, core::Instant::from_unix_seconds(2000)};
    past.hash.bytes[0] = 1;
    desk.write<core::Done>([&](db::UnitOfWork& work) -> core::Expected<core::Done> {
        auto started = work.blocks().start(kChain, before, desk.clock.now());
        if (!started) return started.error();
        db::ReadBlock next;
        next.ref = past;
        auto read = work.blocks().append(kChain, {next}, 0, desk.clock.now());
        if (!read) return read.error();
        return work.blocks().set_agreed_to(kChain, past);
    });
    REQUIRE(desk.run(deadlines.look_once()).value() == 0);
    core::BlockRef told_late = before;
    told_late.mined_at = past.mined_at;
    desk.write<core::Done>(
        [&](db::UnitOfWork& work) { return work.blocks().set_native_read_to(kChain, told_late); });
    REQUIRE(desk.run(deadlines.look_once()).value() == 0);
    desk.write<core::Done>(
        [&](db::UnitOfWork& work) { return work.blocks().set_native_read_to(kChain, past); });
    REQUIRE(desk.run(deadlines.look_once()).value() == 1);
    REQUIRE(desk.state(id) == State::kExpired);
}

TEST_CASE("driver: less coin by what our own transaction is told to have taken -> no halt until final") {
    Desk desk;
    const auto id = desk.open();
    const core::Address receiver = desk.receiver(id);
    db::OwnTx own;
    own.chain = kChain;
    own.tx = core::TxId::from_bytes(core::Bytes(32, 0x51)).value();
    own.sender = receiver;
    own.success = true;
    own.to = address(1);
    own.native_value = units(500);
    own.fee = units(21'000);
    own.height = 5;
    db::Fact missing;
    missing.kind = db::FactKind::kBalanceMissing;
    missing.chain = kChain;
    missing.asset = kNative;
    missing.address = receiver;
    missing.units = units(21'500);
    const auto row = desk.write<std::int64_t>(
        [&](db::UnitOfWork& work) -> core::Expected<std::int64_t> {
            auto recorded = work.own_txs().record(own);
            if (!recorded) return recorded.error();
            if (auto told = work.facts().append(missing); !told) return told.error();
            return recorded->tx.id;
        });
    const auto halts = [&] {
        return desk.read<std::vector<db::Halt>>(
            [](db::UnitOfWork& work) { return work.blocks().open_halts(); });
    };
    desk.drive();
    CHECK(halts().empty());
    desk.write<core::Done>([&](db::UnitOfWork& work) -> core::Expected<core::Done> {
        if (auto done = work.own_txs().finalise(row); !done) return done.error();
        if (auto told = work.facts().append(missing); !told) return told.error();
        return core::Done{};
    });
    desk.drive();
    REQUIRE(halts().size() == 1);
    CHECK(halts().front().reason.find("holds 21500 less of") != std::string::npos);
    // An operator has seen it: told again it is no news, and another amount is.
    desk.write<core::Done>([&](db::UnitOfWork& work) -> core::Expected<core::Done> {
        auto done = work.blocks().acknowledge_halts(kChain, "operator", desk.clock.now());
        if (!done) return done.error();
        if (auto told = work.facts().append(missing); !told) return told.error();
        return core::Done{};
    });
    desk.drive();
    CHECK(halts().empty());
    missing.units = units(21'501);
    desk.write<core::Done>([&](db::UnitOfWork& work) -> core::Expected<core::Done> {
        if (auto told = work.facts().append(missing); !told) return told.error();
        return core::Done{};
    });
    desk.drive();
    CHECK(halts().size() == 1);
}
