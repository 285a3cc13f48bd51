#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <string>

#include "tests/unit/settlement/desk.hpp"

// What keeps money from going out twice when finality was broken or a token moved something else, and an
// operator lets payouts go on.

using session::State;
using namespace support;

namespace {

void advance_to(Desk& desk, const core::SessionId& id, State state) {
    for (int round = 0; round < 20 && desk.state(id) != state; ++round) {
        desk.pass(false);
        desk.mine();
        desk.drive();
    }
    REQUIRE(desk.state(id) == state);
}

//! Its delivery was mined and failed, its refund is planned.
core::SessionId delivery_failed(Desk& desk) {
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.transfers_fail = true;
    advance_to(desk, id, State::kRefunding);
    desk.transfers_fail = false;
    return id;
}

//! Until the session is held; every transfer of tokens is mined and fails.
void fail_until_held(Desk& desk, const core::SessionId& id) {
    desk.transfers_fail = true;
    desk.settle();
    desk.transfers_fail = false;
    REQUIRE(desk.state(id) == State::kHeld);
}

//! Its delivery was never sent, its refund was mined and failed.
core::SessionId held_for_its_refund(Desk& desk) {
    desk.sender.refuses[address(1)] = "paused";
    const auto id = desk.open();
    desk.pay(id, 100);
    fail_until_held(desk, id);
    return id;
}

//! Both were mined and failed.
core::SessionId held_after_both_failed(Desk& desk) {
    const auto id = desk.open();
    desk.pay(id, 100);
    fail_until_held(desk, id);
    return id;
}

core::PayoutId only_held(Desk& desk) {
    const auto held = desk.read<std::vector<db::PayoutFull>>(
        [](db::UnitOfWork& work) { return work.payouts().held(); });
    REQUIRE(held.size() == 1);
    return held[0].payout.id;
}

core::Expected<core::PayoutId> resume(Desk& desk, core::PayoutId payout) {
    return desk.run(settlement::resume_payout(*desk.context, payout));
}

void check_refused(const core::Expected<core::PayoutId>& done, const std::string& why) {
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code == core::Errc::kRefused);
    CHECK_THAT(done.error().message, Catch::Contains(why));
}

//! The token transfer of this payout, which is final.
db::OwnTx transfer_of(Desk& desk, const db::PayoutFull& full) {
    for (const db::PayoutStep& step : full.steps) {
        if (step.kind != db::StepKind::kTransfer) continue;
        return desk
            .read<std::optional<db::OwnTx>>([&](db::UnitOfWork& work) {
                return work.own_txs().final_with_nonce(kChain, step.sender, step.nonce);
            })
            .value();
    }
    FAIL("payout " << full.payout.id.value << " has no transfer");
    return {};
}

db::OwnTx succeeded(db::OwnTx tx, const db::Payout& payout) {
    tx.success = true;
    tx.transfers = {{payout.asset, payout.sender, payout.recipient, payout.units, 0}};
    return tx;
}

std::size_t transfers_sent(const Desk& desk) {
    return static_cast<std::size_t>(
        std::count_if(desk.sender.sent.begin(), desk.sender.sent.end(), [&](const core::Bytes& raw) {
            return desk.signer.tx(FakeSigner::id_of(raw)).order.asset == kToken;
        }));
}

}  // namespace

TEST_CASE("payout checks: a refund is mined and fails -> held; resumed -> planned and paid again") {
    Desk desk;
    const auto id = held_for_its_refund(desk);
    const core::PayoutId refund = only_held(desk);
    const auto next = resume(desk, refund);
    REQUIRE(next.has_value());
    CHECK(*next == desk.payouts(id).back().payout.id);
    CHECK(*next != refund);
    CHECK_FALSE(resume(desk, refund).has_value());
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    CHECK_FALSE(resume(desk, refund).has_value());
}

TEST_CASE("payout checks: a refund failed, and its block leaves the chain -> not again before it failed for good [F07]",
          "[F07]") {
    Desk desk;
    const auto id = held_for_its_refund(desk);
    const core::PayoutId refund = only_held(desk);
    desk.lose_all();
    desk.acknowledge();
    check_refused(resume(desk, refund), "may yet succeed");
    CHECK(desk.state(id) == State::kHeld);
    desk.mine_lost_again();
    desk.drive();
    REQUIRE(resume(desk, refund).has_value());
    desk.settle();
    CHECK(desk.state(id) == State::kRefunded);
}

TEST_CASE("payout checks: a refund failed, and another transaction has its nonce for good -> tried again [F07]",
          "[F07]") {
    Desk desk;
    const auto id = held_for_its_refund(desk);
    const core::PayoutId refund = only_held(desk);
    const db::OwnTx failed = transfer_of(desk, desk.payouts(id).back());
    desk.lose_all();
    desk.mine_foreign(failed.sender, failed.nonce);
    desk.drive();
    desk.acknowledge();
    CHECK(resume(desk, refund).has_value());
}

TEST_CASE("payout checks: a refund failed, and succeeds in another block -> not again, known to the books or not [F07]",
          "[F07]") {
    Desk desk;
    const auto id = held_for_its_refund(desk);
    const core::PayoutId refund = only_held(desk);
    const db::PayoutFull full = desk.payouts(id).back();
    const db::OwnTx failed = transfer_of(desk, full);
    desk.lose_all();
    desk.acknowledge();
    desk.mine_again(succeeded(failed, full.payout));
    check_refused(resume(desk, refund), "succeeded after all");
    desk.drive();
    desk.acknowledge();
    check_refused(resume(desk, refund), "succeeded after all");
}

TEST_CASE("payout checks: delivery and refund failed, the delivery alone is lost -> no further refund [F07]", "[F07]") {
    Desk desk;
    const auto id = held_after_both_failed(desk);
    const core::PayoutId refund = only_held(desk);
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    const db::OwnTx refunding = transfer_of(desk, payouts[1]);
    desk.lose_all();
    desk.acknowledge();
    desk.mine_again(refunding);
    desk.drive();
    check_refused(resume(desk, refund), "payout " + std::to_string(payouts[0].payout.id.value) + " failed");
}

TEST_CASE("payout checks: a delivery failed and is lost before its refund is sent -> the refund waits [F07]", "[F07]") {
    Desk desk;
    const auto id = delivery_failed(desk);
    desk.lose_all();
    desk.acknowledge();
    desk.pass();
    CHECK(transfers_sent(desk) == 1);
    CHECK_THAT(desk.payouts(id).back().payout.waiting_for, Catch::Contains("may yet succeed"));
    desk.mine_lost_again();
    desk.drive();
    desk.settle();
    CHECK(desk.state(id) == State::kRefunded);
}

TEST_CASE("payout checks: a delivery moved less than it should -> its refund takes nothing that is a stray's") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    desk.transfer_moves = 60;
    advance_to(desk, id, State::kRefunding);
    desk.transfer_moves.reset();
    const std::size_t sent = transfers_sent(desk);
    desk.settle();
    CHECK(transfers_sent(desk) == sent);
    CHECK(desk.payouts(id).back().payout.waiting_for == "the books owe only 40 of its 100 base units");
}

TEST_CASE("payout checks: a stray failed, and succeeds in another block -> the one planned for it takes nothing [F07]",
          "[F07]") {
    Desk desk;
    const auto id = desk.open();
    desk.transfers_fail = true;
    desk.confirm({desk.detect(id, 70, kOtherToken)});
    desk.drive();
    desk.settle();
    desk.transfers_fail = false;
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    const db::OwnTx failed = transfer_of(desk, payouts[0]);
    desk.lose_all();
    desk.acknowledge();
    desk.mine_again(succeeded(failed, payouts[0].payout));
    desk.mine_lost_again();
    desk.drive();
    desk.acknowledge();
    check_refused(resume(desk, payouts[1].payout.id), "succeeded after all");
}

TEST_CASE("payout checks: a stray that was returned is lost -> a delivery of its address takes no nonce behind it [F07]",
          "[F07][F32]") {
    Desk desk;
    const auto id = desk.open();
    desk.confirm({desk.detect(id, 70, kOtherToken)});
    desk.drive();
    desk.settle();
    const db::PayoutFull stray = desk.payouts(id).front();
    REQUIRE(stray.payout.status == db::PayoutStatus::kFinalOk);
    const auto gas_money = desk.read<std::optional<db::OwnTx>>(
        [&](db::UnitOfWork& work) { return work.own_txs().by_tx(kChain, stray.attempts.front().tx); });
    desk.lose_all();
    desk.mine_again(gas_money.value());
    desk.pay(id, 100);
    desk.acknowledge();
    desk.pass();
    CHECK(transfers_sent(desk) == 0);
    CHECK(desk.payouts(id).back().payout.waiting_for == "nonce 0 of its address to be used up for good");
    desk.settle();
    CHECK(desk.state(id) == State::kDelivered);
}

TEST_CASE("payout checks: delivered, its excess failed, and both are lost -> the delivery goes again first [F07]",
          "[F07][F38]") {
    Desk desk;
    const auto id = desk.open();
    desk.pay(id, 150);
    advance_to(desk, id, State::kDelivered);
    desk.transfers_fail = true;
    desk.settle();
    desk.transfers_fail = false;
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 3);
    REQUIRE(payouts[1].payout.leg == db::Leg::kExcess);
    REQUIRE(payouts[1].payout.status == db::PayoutStatus::kFinalFailed);
    const db::OwnTx delivery = transfer_of(desk, payouts[0]);
    desk.lose_all();
    desk.sender.sent.clear();
    desk.acknowledge();
    desk.pass();
    const auto is_the_delivery = [&](const core::Bytes& raw) { return FakeSigner::id_of(raw) == delivery.tx; };
    CHECK(std::any_of(desk.sender.sent.begin(), desk.sender.sent.end(), is_the_delivery));
}

TEST_CASE("payout checks: nodes still count less than what is final in our books -> the next payout goes on") {
    Desk desk;
    const auto id = desk.open();
    desk.confirm({desk.detect(id, 70, kOtherToken)});
    desk.drive();
    desk.settle();
    REQUIRE(desk.payouts(id).front().payout.status == db::PayoutStatus::kFinalOk);
    desk.pay(id, 100);
    desk.sender.nonces[desk.receiver(id)] = 0;
    desk.pass();
    CHECK(transfers_sent(desk) == 1);
}

TEST_CASE("payout checks: a delivery that failed succeeds after all -> strays of the same token still go back [F07]",
          "[F07]") {
    Desk desk;
    const auto id = delivery_failed(desk);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    db::OwnTx refund = transfer_of(desk, payouts[1]);
    refund.success = false;
    refund.transfers.clear();
    const db::OwnTx delivery = succeeded(transfer_of(desk, payouts[0]), payouts[0].payout);
    desk.lose_all();
    desk.mine_again(delivery);
    desk.mine_again(refund);
    desk.mine_lost_again();
    desk.drive();
    desk.acknowledge();
    desk.confirm({desk.detect(id, 70)});
    desk.drive();
    desk.settle();
    CHECK(desk.payouts(id).back().payout.leg == db::Leg::kStray);
    CHECK(desk.payouts(id).back().payout.status == db::PayoutStatus::kFinalOk);
}
