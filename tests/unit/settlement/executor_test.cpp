#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "settlement/accounts.hpp"
#include "settlement/payout_rules.hpp"
#include "tests/unit/settlement/desk.hpp"

using session::State;
using namespace support;

namespace {

db::PayoutFull only(Desk& desk, const core::SessionId& id) {
    auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 1);
    return payouts[0];
}

//! What arrived on the fake chain at an address, in kToken.
std::size_t transfers_to(Desk& desk, const core::Address& recipient) {
    std::set<core::TxId> ids;
    for (const auto& raw : desk.sender.sent) {
        const auto id = FakeSigner::id_of(raw);
        const auto& tx = desk.signer.tx(id);
        if (tx.order.recipient == recipient && tx.order.asset == kToken) ids.insert(id);
    }
    return ids.size();
}

}  // namespace

TEST_CASE("executor: a delivery -> top-up, transfer, delivered, books even") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    const auto full = only(desk, id);
    REQUIRE(full.payout.status == db::PayoutStatus::kFinalOk);
    REQUIRE(full.steps.size() == 2);
    REQUIRE(full.steps[0].kind == db::StepKind::kTopUp);
    REQUIRE(full.steps[1].kind == db::StepKind::kTransfer);
    REQUIRE(desk.row(id).outcome_units == units(100));
    REQUIRE(desk.row(id).outcome_tx == full.attempts.back().tx);
    REQUIRE(desk.balance(settlement::session_account(id)).units.is_zero());
    REQUIRE(desk.balance(settlement::address_account(desk.receiver(id))).units.is_zero());
    // 21,000 for the top-up and 21,000 for the transfer.
    REQUIRE(desk.balance(settlement::kFeesAccount, kNative).units == units(42'000));
}

TEST_CASE("executor: killed after every step and started again -> each recipient paid once") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    for (int round = 0; round < 20; ++round) {
        desk.pass(/*restart=*/true);
        if (round % 2 == 1) desk.mine();
        desk.drive();
        desk.clock.advance(core::Millis{4'000});
    }
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    REQUIRE(transfers_to(desk, address(1)) == 1);
}

TEST_CASE("executor: only blocks can move payouts on -> looks are rare until somebody writes") {
    Desk desk;
    const auto id = desk.open();
    settlement::Executor executor{*desk.context, desk.sender.info(), desk.sender,
                                  desk.signer,   {},                 desk.pace};
    const auto looked = [&] { return desk.run(executor.pass()).value(); };
    REQUIRE(looked() == 0);
    CHECK(executor.rest() >= 10 * desk.pace.look_again_after);
    desk.pay(id, 100);
    REQUIRE(looked() == 1);
    // On the wire: time decides when it is sent again.
    CHECK(executor.rest() == desk.pace.look_again_after);
    REQUIRE(desk.mine(/*finalise=*/false) == 1);
    desk.drive();
    REQUIRE(looked() == 1);
    CHECK(executor.rest() >= 10 * desk.pace.look_again_after);
    // What left the chain is looked for all the same.
    desk.clock.advance(core::Millis{600'000});
    CHECK(executor.rest() == desk.pace.look_again_after);
}

TEST_CASE("executor: every reply is lost -> the same bytes again, one payment [F29]") {
    Desk desk;
    desk.sender.lose_replies = true;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass();
    const auto first = desk.sender.sent;
    REQUIRE(first.size() == 1);
    desk.clock.advance(core::Millis{4'000});
    desk.pass();
    REQUIRE(desk.sender.sent.size() == 2);
    REQUIRE(desk.sender.sent[1] == first[0]);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    REQUIRE(transfers_to(desk, address(1)) == 1);
}

TEST_CASE("executor: not mined for long -> a higher bid under the same nonce [F34]") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass();
    desk.clock.advance(core::Millis{16'000});
    desk.pass();
    const auto full = only(desk, id);
    REQUIRE(full.attempts.size() == 2);
    REQUIRE(full.attempts[1].max_fee > full.attempts[0].max_fee);
    const auto& one = desk.signer.tx(full.attempts[0].tx);
    const auto& two = desk.signer.tx(full.attempts[1].tx);
    REQUIRE(one.nonce == two.nonce);
    REQUIRE(one.order.recipient == two.order.recipient);
    REQUIRE(one.order.units == two.order.units);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
}

TEST_CASE("executor: the chain refuses the destination -> refunded, nothing sent there [F41]") {
    Desk desk;
    desk.sender.refuses[address(1)] = "account is blacklisted";
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    REQUIRE(desk.state(id) == State::kDelivering);  // one answer is no verdict
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    REQUIRE(transfers_to(desk, address(1)) == 0);
    REQUIRE(transfers_to(desk, address(2)) == 1);
    REQUIRE(desk.row(id).session.reason_text == "account is blacklisted");
    REQUIRE(desk.balance(settlement::session_account(id)).units.is_zero());
}

TEST_CASE("executor: destination and refund address refused -> held with the reason, then resumed [F41]") {
    Desk desk;
    desk.sender.refuses[address(1)] = "blacklisted";
    desk.sender.refuses[address(2)] = "blacklisted too";
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kHeld);
    REQUIRE(desk.sender.sent.empty());
    const auto held = desk.payouts(id).back();
    REQUIRE(held.payout.status == db::PayoutStatus::kHeld);
    REQUIRE(held.payout.reason.find("blacklisted too") != std::string::npos);

    desk.sender.refuses.clear();
    REQUIRE(desk.run(settlement::resume_payout(*desk.context, held.payout.id)).has_value());
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
}

TEST_CASE("executor: the delivery is mined and fails -> refunded once it is final") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    desk.mine();
    desk.drive();
    desk.pass(false);
    desk.mine(/*finalise=*/true, /*success=*/false);
    desk.drive();
    REQUIRE(desk.state(id) == State::kRefunding);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    REQUIRE(transfers_to(desk, address(2)) == 1);
}

TEST_CASE("executor: mined but not final -> neither delivered nor refunded") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    desk.mine();
    desk.drive();
    desk.pass(false);
    desk.mine(/*finalise=*/false, /*success=*/false);
    desk.drive();
    desk.pass(false);
    REQUIRE(desk.state(id) == State::kDelivering);
    REQUIRE(desk.payouts(id).size() == 1);
}

TEST_CASE("executor: a foreign transaction takes the nonce -> dead by evidence, a new nonce, one payment [F36]") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    REQUIRE(desk.sender.sent.size() == 1);
    desk.mine_foreign(FakeSigner::gas_station(), 0);
    desk.drive();
    const auto full = only(desk, id);
    REQUIRE(full.steps[0].status == db::PayoutStatus::kDead);
    REQUIRE(full.attempts[0].status == db::AttemptStatus::kDead);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    REQUIRE(transfers_to(desk, address(1)) == 1);
}

TEST_CASE("executor: the node is gone -> nothing is lost, says why, goes on by itself") {
    Desk desk;
    desk.sender.unreachable = true;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass();
    REQUIRE(only(desk, id).payout.waiting_for.find("gone") != std::string::npos);
    desk.sender.unreachable = false;
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
}

TEST_CASE("executor: the gas station is empty -> waits and says which address needs coin") {
    Desk desk;
    desk.sender.station_balance = units(1);
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle(3);
    REQUIRE(desk.sender.sent.empty());
    REQUIRE(only(desk, id).payout.waiting_for.find(FakeSigner::gas_station().hex0x()) !=
            std::string::npos);
    desk.sender.station_balance = units(1'000'000'000);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
}

TEST_CASE("executor: the price outruns four top-ups and stays -> another every half hour until it is paid") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    const auto top_ups = [&] {
        const auto steps = only(desk, id).steps;
        return std::count_if(steps.begin(), steps.end(), [](const db::PayoutStep& step) {
            return step.kind == db::StepKind::kTopUp;
        });
    };
    for (const unsigned price : {10U, 20U, 40U, 80U, 160U}) {
        desk.sender.gas_price = units(price);
        desk.settle(1);
    }
    REQUIRE(top_ups() == 4);
    REQUIRE(only(desk, id).payout.waiting_for.find("gas price rose") != std::string::npos);
    desk.clock.advance(core::Millis{25 * 60'000});
    desk.settle(2);
    REQUIRE(top_ups() == 4);
    desk.clock.advance(core::Millis{6 * 60'000});
    desk.settle();
    REQUIRE(top_ups() == 5);
    REQUIRE(desk.state(id) == State::kDelivered);
    REQUIRE(transfers_to(desk, address(1)) == 1);
}

namespace {

std::size_t top_ups_of(Desk& desk, const core::SessionId& id) {
    const auto steps = only(desk, id).steps;
    return static_cast<std::size_t>(
        std::count_if(steps.begin(), steps.end(), [](const db::PayoutStep& step) {
            return step.kind == db::StepKind::kTopUp;
        }));
}

//! The price doubles whenever gas money has come.
void outrun(Desk& desk, int times) {
    for (int i = 0; i < times; ++i) {
        desk.settle(1);
        desk.sender.gas_price = *desk.sender.gas_price.times(2);
    }
}

}  // namespace

TEST_CASE("executor: further top-ups never suffice -> held with the reason; let go on, more, and held again") {
    Desk desk;
    desk.sender.station_balance = units(1'000'000'000'000'000);
    const auto id = desk.open();
    desk.pay(id, 100);
    outrun(desk, 4);
    const auto hours = [&](std::size_t top_ups) {
        for (int i = 0; i < 10 && only(desk, id).payout.status != db::PayoutStatus::kHeld; ++i) {
            desk.clock.advance(core::Millis{31 * 60'000});
            outrun(desk, 1);
        }
        REQUIRE(top_ups_of(desk, id) == top_ups);
        REQUIRE(only(desk, id).payout.status == db::PayoutStatus::kHeld);
        REQUIRE(only(desk, id).payout.reason.find(std::to_string(top_ups) + " top-ups") == 0);
        REQUIRE(desk.state(id) == State::kHeld);
    };
    const auto resume = [&] {
        const core::PayoutId payout = only(desk, id).payout.id;
        REQUIRE(desk.run(settlement::resume_payout(*desk.context, payout)).has_value());
    };
    hours(12);
    resume();
    // Let go on means one more, also when it has to wait for it.
    const core::Units station = desk.sender.station_balance;
    desk.sender.station_balance = units(1);
    desk.settle(3);
    REQUIRE(only(desk, id).payout.status != db::PayoutStatus::kHeld);
    desk.sender.station_balance = station;
    outrun(desk, 1);
    REQUIRE(top_ups_of(desk, id) == 13);
    hours(16);
    resume();
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    REQUIRE(transfers_to(desk, address(1)) == 1);
}

TEST_CASE("executor: the clock was set back after the last top-up -> the next one comes half an hour later") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    outrun(desk, 5);
    REQUIRE(top_ups_of(desk, id) == 4);
    desk.clock.set_wall(core::Millis{-400LL * 24 * 3'600'000});
    outrun(desk, 1);
    desk.clock.advance(core::Millis{25 * 60'000});
    desk.settle(1);
    REQUIRE(top_ups_of(desk, id) == 4);
    desk.clock.advance(core::Millis{6 * 60'000});
    desk.settle(1);
    REQUIRE(top_ups_of(desk, id) == 5);
    // Nor does it come at once for ever after.
    desk.sender.gas_price = *desk.sender.gas_price.times(2);
    desk.settle(1);
    REQUIRE(top_ups_of(desk, id) == 5);
}

TEST_CASE("executor: nothing helps for an hour -> nodes are asked once a minute; it goes on within one") {
    Desk desk;
    desk.pace.look_again_after = core::Millis{1'000};
    desk.pace.look_again_at_most = core::Millis{60'000};
    desk.sender.station_balance = units(1);
    const auto id = desk.open();
    desk.pay(id, 100);
    for (int second = 0; second < 3'600; ++second) {
        desk.pass(false);
        desk.clock.advance(core::Millis{1'000});
    }
    REQUIRE(desk.sender.simulations > 60);
    REQUIRE(desk.sender.simulations < 70);
    desk.sender.station_balance = units(1'000'000'000);
    for (int second = 0; second < 60; ++second) {
        desk.settle(1);
        desk.clock.advance(core::Millis{1'000});
    }
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
}

TEST_CASE("executor: waits for another payout of its receiver, which ends -> it goes on at once") {
    Desk desk;
    desk.pace.look_again_after = core::Millis{1'000};
    desk.pace.look_again_at_most = core::Millis{3'600'000};
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.confirm({desk.detect(id, 40, kOtherToken)});
    desk.drive();
    desk.settle(1);  // both got their gas money
    for (int second = 0; second < 600; ++second) {
        desk.pass(false);
        desk.clock.advance(core::Millis{1'000});
    }
    REQUIRE(desk.payouts(id).size() == 2);
    REQUIRE(desk.payouts(id).back().payout.waiting_for.find("another payout") != std::string::npos);
    desk.settle();
    for (const db::PayoutFull& full : desk.payouts(id)) {
        REQUIRE(full.payout.status == db::PayoutStatus::kFinalOk);
    }
}

TEST_CASE("executor: a halted chain -> no nonce is reserved; acknowledged -> goes on") {
    Desk desk;
    const auto id = desk.open();
    desk.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().halt(kChain, "finality violation", desk.clock.now());
    });
    desk.pay(id, 100);
    desk.settle(3);
    REQUIRE(desk.sender.sent.empty());
    REQUIRE(only(desk, id).steps.empty());
    desk.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().acknowledge_halts(kChain, "operator", desk.clock.now());
    });
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
}

TEST_CASE("executor: a final delivery leaves the chain -> off the books; acknowledged: its bytes again [F07]",
          "[F07]") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    const std::size_t sent = desk.sender.sent.size();
    REQUIRE(sent == 2);
    desk.lose_all();
    REQUIRE(desk.balance("fees", test_chain().native_asset).units.is_zero());
    REQUIRE(desk.balance("session:" + id.text()).units == units(100));
    desk.pass();
    REQUIRE(desk.sender.sent.size() == sent);
    desk.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().acknowledge_halts(kChain, "operator", desk.clock.now());
    });
    desk.pass(false);
    REQUIRE(desk.sender.sent.size() == 2 * sent);
    REQUIRE(transfers_to(desk, address(1)) == 1);  // the same bytes
}

namespace {

//! Signed under the nonce of this step, in order.
std::vector<chains::UnsignedTx> signed_for(Desk& desk, const core::SessionId& id,
                                           const db::PayoutStep& step) {
    std::vector<chains::UnsignedTx> out;
    for (const db::Attempt& attempt : only(desk, id).attempts) {
        if (attempt.step == step.id) out.push_back(desk.signer.tx(attempt.tx));
    }
    return out;
}

//! On the chain now, from this address.
std::vector<db::OwnTx> standing(Desk& desk, const core::Address& sender) {
    std::set<core::TxId> ids;
    for (const core::Bytes& raw : desk.sender.sent) {
        const core::TxId id = FakeSigner::id_of(raw);
        if (desk.signer.tx(id).order.sender == sender) ids.insert(id);
    }
    std::vector<db::OwnTx> out;
    for (const core::TxId& id : ids) {
        const auto tx = desk.read<std::optional<db::OwnTx>>(
            [id](db::UnitOfWork& work) { return work.own_txs().by_tx(kChain, id); });
        if (tx && tx->status != db::OwnTxStatus::kOrphaned) out.push_back(*tx);
    }
    return out;
}

}  // namespace

TEST_CASE("executor: what was final leaves the chain and gas is dearer for good -> bid higher, paid once [F07]",
          "[F07]") {
    const bool restarts = GENERATE(false, true);
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    const auto before = only(desk, id);
    desk.lose_all();
    desk.pass(false);
    desk.sender.gas_price = units(1'000);
    desk.base_fee = units(1'000);
    desk.acknowledge();

    desk.pass(false);
    CHECK(desk.sender.sent.size() == 4);
    CHECK(only(desk, id).attempts.size() == before.attempts.size());  // the same bytes first
    desk.clock.advance(desk.pace.bump_after);
    desk.pass(false);
    // Gas money first: the transfer cannot afford more before that is back.
    const auto top_ups = signed_for(desk, id, before.steps[0]);
    REQUIRE(top_ups.size() == 2);
    CHECK(top_ups[1].nonce == top_ups[0].nonce);
    CHECK(top_ups[1].order.units == top_ups[0].order.units);
    CHECK(top_ups[1].price.max_fee >= units(1'000));
    CHECK(signed_for(desk, id, before.steps[1]).size() == 1);
    for (int round = 0; round < 12; ++round) {
        desk.mine();
        desk.drive();
        desk.clock.advance(desk.pace.bump_after);
        desk.pass(restarts && round % 3 == 2);
    }

    const auto full = only(desk, id);
    CHECK(full.payout.status == db::PayoutStatus::kFinalOk);
    REQUIRE(full.steps.size() == 3);  // a receiver that had gas for 10 a unit was given it for 1,000
    CHECK(full.steps[2].kind == db::StepKind::kTopUp);
    CHECK(full.steps[2].status == db::PayoutStatus::kFinalOk);
    const auto transfers = signed_for(desk, id, before.steps[1]);
    REQUIRE(transfers.size() == 2);
    CHECK(transfers[1].nonce == transfers[0].nonce);
    CHECK(transfers[1].order.recipient == transfers[0].order.recipient);
    CHECK(transfers[1].order.units == transfers[0].order.units);
    CHECK(transfers[1].price.max_fee >= units(1'000));
    const auto paid = standing(desk, desk.receiver(id));
    REQUIRE(paid.size() == 1);
    CHECK(paid[0].tx == full.attempts.back().tx);
    CHECK(full.attempts.back().status == db::AttemptStatus::kFinalOk);
    CHECK(standing(desk, FakeSigner::gas_station()).size() == 2);
    CHECK(desk.state(id) == State::kDelivered);
    CHECK(desk.balance(settlement::session_account(id)).units.is_zero());
    CHECK(desk.balance(settlement::address_account(desk.receiver(id))).units.is_zero());
    CHECK(desk.read<std::vector<db::Halt>>([](db::UnitOfWork& work) {
                  return work.blocks().open_halts();
              }).empty());
    const std::size_t sent = desk.sender.sent.size();
    desk.clock.advance(core::Millis{3'600'000});
    desk.pass(false);
    CHECK(desk.sender.sent.size() == sent);
}

TEST_CASE("executor: a higher bid for what left the chain is lost with it again -> one more, paid once [F07]",
          "[F07]") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle();
    for (std::uint64_t price = 100; price <= 400; price *= 2) {
        desk.lose_all();
        desk.pass(false);
        desk.sender.gas_price = units(price);
        desk.base_fee = units(price);
        desk.acknowledge();
        for (int round = 0; round < 16; ++round) {
            desk.pass(false);
            desk.mine();
            desk.drive();
            desk.clock.advance(std::max(desk.pace.bump_after, core::Millis{30 * 60'000}));
        }
        CHECK(standing(desk, desk.receiver(id)).size() == 1);
        CHECK(desk.balance(settlement::session_account(id)).units.is_zero());
    }
    CHECK(desk.state(id) == State::kDelivered);
    CHECK(transfers_to(desk, address(1)) == 4);  // bids of one nonce
}

TEST_CASE("executor: no gas money to bid for what left the chain -> says why, its bytes are sent on [F07]",
          "[F07]") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle();
    const auto transfer = only(desk, id).attempts.back();
    desk.lose_all();
    desk.pass(false);
    desk.sender.gas_price = units(1'000);
    desk.base_fee = units(1'000);
    desk.sender.station_balance = units(0);
    desk.acknowledge();
    for (int round = 0; round < 5; ++round) {
        desk.pass(false);
        desk.mine();
        desk.drive();
        desk.clock.advance(desk.pace.bump_after);
    }
    CHECK(standing(desk, FakeSigner::gas_station()).size() == 1);
    CHECK(desk.log.contains("what left the chain waits payout=1 for=the gas station"));
    const auto sent = std::count(desk.sender.sent.begin(), desk.sender.sent.end(), transfer.raw);
    desk.pass(false);
    CHECK(std::count(desk.sender.sent.begin(), desk.sender.sent.end(), transfer.raw) > sent);
}

TEST_CASE("executor: no gas money for a higher bid -> the old bytes are sent on") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    desk.mine();
    desk.drive();
    desk.pass(false);
    const core::Bytes transfer = desk.sender.sent.back();
    desk.sender.gas_price = units(1'000);
    desk.sender.station_balance = units(0);
    for (int round = 1; round <= 4; ++round) {
        desk.clock.advance(desk.pace.bump_after);
        desk.pass(false);
        CHECK(std::count(desk.sender.sent.begin(), desk.sender.sent.end(), transfer) == 1 + round);
    }
    CHECK(only(desk, id).payout.waiting_for.starts_with("the gas station"));
}

TEST_CASE("executor: a payment that cannot be afforded any more by the books either -> gas money, then a bid") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    desk.mine();
    desk.drive();
    desk.pass(false);
    REQUIRE(desk.sender.sent.size() == 2);
    // Another transaction of the address has taken what was there for gas.
    desk.sender.answers_unaffordable = true;
    desk.clock.advance(desk.pace.resend_after);
    desk.pass(false);
    desk.clock.advance(desk.pace.bump_after);
    desk.pass(false);
    CHECK(only(desk, id).steps.size() == 2);  // by the books it has enough: no bid would help
    CHECK(only(desk, id).attempts.size() == 2);
    desk.take_coin(desk.receiver(id), units(*only(desk, id).steps[0].units.to_u64() / 2));
    desk.clock.advance(desk.pace.resend_after);
    desk.pass(false);
    REQUIRE(only(desk, id).steps.size() == 3);
    CHECK(only(desk, id).steps[2].kind == db::StepKind::kTopUp);
    desk.sender.answers_unaffordable = false;
    desk.settle();
    CHECK(desk.state(id) == State::kDelivered);
    CHECK(transfers_to(desk, address(1)) <= 2);
}

TEST_CASE("executor: gas money that had failed leaves the chain -> bid for, and the station goes on [F07]", "[F07]") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    desk.mine(/*finalise=*/true, /*success=*/false);
    desk.drive();
    REQUIRE(only(desk, id).steps[0].status == db::PayoutStatus::kFinalFailed);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    desk.lose_all();
    desk.pass(false);
    desk.sender.gas_price = units(100);
    desk.base_fee = units(100);
    desk.acknowledge();
    for (int round = 0; round < 20; ++round) {
        desk.pass(false);
        desk.mine();
        desk.drive();
        desk.clock.advance(desk.pace.bump_after);
    }
    CHECK(standing(desk, FakeSigner::gas_station()).size() >= 2);
    CHECK(standing(desk, desk.receiver(id)).size() == 1);
    CHECK(desk.balance(settlement::session_account(id)).units.is_zero());
}

TEST_CASE("driver: what was final left the chain and a foreign transaction takes its nonce -> halted [F07]", "[F07]") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle();
    desk.lose_all();
    desk.acknowledge();
    desk.mine_foreign(desk.receiver(id), 0);
    desk.drive();
    const auto halts = desk.read<std::vector<db::Halt>>(
        [](db::UnitOfWork& work) { return work.blocks().open_halts(); });
    REQUIRE(halts.size() == 1);
    CHECK(halts[0].reason.find("which we did not sign") != std::string::npos);
}

TEST_CASE("executor: a failed delivery and its refund leave the chain -> the delivery is never sent again [F07]",
          "[F07]") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    desk.mine();
    desk.drive();
    desk.pass(false);
    desk.mine(/*finalise=*/true, /*success=*/false);
    desk.drive();
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    const auto delivery = desk.payouts(id).at(0).attempts.back();
    REQUIRE(delivery.status == db::AttemptStatus::kFinalFailed);
    const std::size_t sent = desk.sender.sent.size();
    desk.lose_all();
    desk.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().acknowledge_halts(kChain, "operator", desk.clock.now());
    });
    const std::size_t errors = desk.log.count(core::LogLevel::kError);
    desk.pass();
    REQUIRE(desk.sender.sent.size() > sent);
    for (std::size_t i = sent; i < desk.sender.sent.size(); ++i) {
        REQUIRE(desk.sender.sent[i] != delivery.raw);
    }
    REQUIRE(desk.log.count(core::LogLevel::kError) > errors);
    // The refund waits behind the gap: no bid would help it.
    const std::size_t signatures = desk.signer.signatures();
    desk.clock.advance(desk.pace.bump_after);
    desk.pass(false);
    REQUIRE(desk.signer.signatures() == signatures + 1);  // the gas money's
    for (int round = 0; round < 5; ++round) {
        desk.mine();
        desk.drive();
        desk.clock.advance(desk.pace.bump_after);
        desk.pass(false);
    }
    REQUIRE(desk.signer.signatures() == signatures + 1);
}

TEST_CASE("executor: above the signer's cap -> held before a nonce is reserved, resumed under a higher one") {
    Desk desk;
    desk.signer.cap = units(50);
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle(3);
    const auto held = only(desk, id);
    REQUIRE(held.payout.status == db::PayoutStatus::kHeld);
    REQUIRE(held.payout.reason == "above the signer's cap");
    REQUIRE(held.steps.empty());
    REQUIRE(desk.sender.sent.empty());
    desk.signer.cap = units(100);
    desk.run(settlement::resume_payout(*desk.context, held.payout.id)).value();
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
}

TEST_CASE("executor: the refund address is a contract elsewhere and nothing here -> held") {
    Desk desk;
    desk.sender.refuses[address(1)] = "paused";
    desk.sibling.contracts.insert(address(2));
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kHeld);
    REQUIRE(transfers_to(desk, address(2)) == 0);
}

TEST_CASE("executor: excess -> returned after the delivery is final, as a payout of its own") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 150);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    REQUIRE(payouts[0].payout.units == units(100));
    REQUIRE(payouts[1].payout.leg == db::Leg::kExcess);
    REQUIRE(payouts[1].payout.units == units(50));
    REQUIRE(payouts[1].payout.status == db::PayoutStatus::kFinalOk);
    REQUIRE(desk.balance(settlement::session_account(id)).units.is_zero());
}

TEST_CASE("executor: native coin -> the amount arrives whole, gas comes from the station") {
    Desk desk;
    auto session = open_session();
    session.destination.asset = kNative;
    const auto id = desk.open(session);
    desk.confirm({desk.detect(id, 100, kNative)});
    desk.drive();
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    REQUIRE(desk.row(id).outcome_units == units(100));
    REQUIRE(desk.balance(settlement::session_account(id), kNative).units.is_zero());
}

TEST_CASE("executor: many payouts at once -> nonces of the gas station without a gap [F32]") {
    Desk desk;
    std::vector<core::SessionId> ids;
    for (int i = 0; i < 30; ++i) ids.push_back(desk.open());
    for (const auto& id : ids) desk.pay(id, 100);
    desk.pass();
    std::set<std::uint64_t> nonces;
    for (const auto& raw : desk.sender.sent) {
        nonces.insert(desk.signer.tx(FakeSigner::id_of(raw)).nonce);
    }
    REQUIRE(nonces.size() == 30);
    REQUIRE(*nonces.rbegin() == 29);
}

TEST_CASE("executor: a stray is mined and fails -> held as a new payout, never forgotten") {
    Desk desk;
    const auto id = desk.open();
    desk.confirm({desk.detect(id, 70, kOtherToken)});
    desk.drive();
    desk.pass(false);
    desk.mine();
    desk.drive();
    desk.pass(false);
    desk.mine(/*finalise=*/true, /*success=*/false);
    desk.drive();
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    REQUIRE(payouts[0].payout.status == db::PayoutStatus::kFinalFailed);
    REQUIRE(payouts[1].payout.status == db::PayoutStatus::kHeld);
    REQUIRE(desk.run(settlement::resume_payout(*desk.context, payouts[1].payout.id)).has_value());
    desk.settle();
    REQUIRE(desk.payouts(id)[1].payout.status == db::PayoutStatus::kFinalOk);
}

TEST_CASE("executor: native coin over what was asked -> delivery and excess whole, no coin of theirs is gas") {
    Desk desk;
    auto session = open_session();
    session.destination.asset = kNative;
    const auto id = desk.open(session);
    desk.confirm({desk.detect(id, 5'000'000, kNative)});
    desk.drive();
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    REQUIRE(payouts[1].payout.units == units(4'999'900));
    REQUIRE(payouts[1].payout.status == db::PayoutStatus::kFinalOk);
    REQUIRE(desk.balance(settlement::session_account(id), kNative).units.is_zero());
}

TEST_CASE("executor: a top-up outlives its payout -> its nonce is used up all the same") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    desk.mine();
    desk.drive();
    desk.pass(false);  // the transfer is on the wire
    desk.sender.gas_price = units(500);
    desk.clock.advance(core::Millis{16'000});
    desk.signer.refuse = true;
    desk.pass(false);  // a higher bid needs gas money: reserved, and not signed
    REQUIRE(only(desk, id).steps.size() == 3);
    REQUIRE(only(desk, id).steps[2].status == db::PayoutStatus::kReserved);
    desk.mine();  // the first bid makes it
    desk.drive();
    REQUIRE(desk.state(id) == State::kDelivered);
    desk.signer.refuse = false;
    desk.settle();
    REQUIRE(only(desk, id).steps[2].status == db::PayoutStatus::kFinalOk);
    REQUIRE(transfers_to(desk, address(1)) == 1);
}

TEST_CASE("executor: halted between reservation and signature -> the customer's money does not move") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.pass(false);
    desk.mine();
    desk.drive();
    desk.signer.refuse = true;
    desk.pass(false);
    REQUIRE(only(desk, id).steps[1].status == db::PayoutStatus::kReserved);
    desk.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().halt(kChain, "finality violation", desk.clock.now());
    });
    desk.signer.refuse = false;
    desk.settle(3);
    REQUIRE(transfers_to(desk, address(1)) == 0);
}

TEST_CASE("executor: the text of what is waited for changes in its numbers -> told, logged once") {
    Desk desk;
    desk.sender.station_balance = units(1);
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.settle(3);
    const auto logged = [&] {
        const auto lines = desk.log.lines();
        return std::count_if(lines.begin(), lines.end(), [](const auto& line) {
            return line.text.find("payout waits") != std::string::npos;
        });
    };
    const std::string first = only(desk, id).payout.waiting_for;
    REQUIRE(first.find(" holds ") != std::string::npos);
    const auto before = logged();
    REQUIRE(before >= 1);
    desk.sender.gas_price = units(77);
    desk.sender.station_balance = units(12);
    desk.clock.advance(core::Millis{120'000});
    desk.settle(3);
    REQUIRE(only(desk, id).payout.waiting_for != first);
    REQUIRE(logged() == before);
}

TEST_CASE("payout rules: what is waited for, without its numbers -> the same for every number") {
    using settlement::kind_of_wait;
    CHECK(kind_of_wait("a 0x12ab holds 9, needs 12.5.") == kind_of_wait("a 0xff00 holds 10.1, needs 7."));
    CHECK(kind_of_wait("holds 9") != kind_of_wait("needs 9"));
    CHECK(kind_of_wait("its turn") == "its turn");
    CHECK(kind_of_wait("").empty());
    CHECK(kind_of_wait("7") == "#");
}
