#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "settlement/accounts.hpp"
#include "settlement/payout_rules.hpp"
#include "tests/unit/settlement/desk.hpp"

using session::State;
using namespace support;

namespace {

const core::Bytes kData{0xca, 0x11, 0xda, 0x7a};

session::Session calling(const core::AssetId& asset = kToken) {
    session::Session session = open_session();
    session.destination.asset = asset;
    session.destination.calldata = kData;
    return session;
}

//! One whose environment tolerates that much less.
session::Session tolerant() {
    session::Session session = calling();
    session.policy.tolerance_bps = 4'000;
    return session;
}

//! Orders that were signed, by the order of their sending, without gas money; each once.
std::vector<chains::TxOrder> orders(Desk& desk) {
    std::vector<chains::TxOrder> out;
    std::vector<core::TxId> seen;
    for (const core::Bytes& raw : desk.sender.sent) {
        const auto id = FakeSigner::id_of(raw);
        if (std::find(seen.begin(), seen.end(), id) != seen.end()) continue;
        seen.push_back(id);
        const chains::TxOrder& order = desk.signer.tx(id).order;
        if (order.sender != FakeSigner::gas_station()) out.push_back(order);
    }
    return out;
}

std::size_t top_ups(const db::PayoutFull& full) {
    return static_cast<std::size_t>(
        std::count_if(full.steps.begin(), full.steps.end(),
                      [](const auto& step) { return step.kind == db::StepKind::kTopUp; }));
}

//! Looks, mines and drives once.
void round(Desk& desk) {
    desk.pass(false);
    desk.mine();
    desk.drive();
}

bool is_order(const chains::TxOrder& order, chains::CallKind kind, std::uint64_t amount,
              std::uint8_t recipient) {
    return order.kind == kind && order.units == units(amount) &&
           order.recipient == address(recipient);
}

//! The contract takes so much, and a rehearsal says so.
void let_take(Desk& desk, std::uint64_t amount) {
    desk.call_takes = amount;
    desk.sender.rehearsed_takes = amount;
}

//! Looks, mines and drives until the allowance is final and nothing else of the call was done.
void until_allowed(Desk& desk, const core::SessionId& id) {
    for (int i = 0; i < 2; ++i) round(desk);
    REQUIRE(desk.allowance(id, address(1)) > 0);
    REQUIRE(settlement::open_grant(desk.payouts(id)));
}

std::string waits_for(Desk& desk, const core::SessionId& id) {
    return desk.payouts(id).back().payout.waiting_for;
}

std::size_t count_orders(Desk& desk, chains::CallKind kind) {
    const auto all = orders(desk);
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const auto& one) { return one.kind == kind; }));
}

void check_books_even(Desk& desk, const core::SessionId& id) {
    CHECK(desk.balance(settlement::session_account(id)).units.is_zero());
    CHECK(desk.balance(settlement::address_account(desk.receiver(id))).units.is_zero());
}

}  // namespace

TEST_CASE("calls: a token -> exactly the amount is allowed, then the call, delivered, books even") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    const auto signed_orders = orders(desk);
    REQUIRE(signed_orders.size() == 2);
    CHECK(is_order(signed_orders[0], chains::CallKind::kApprove, 100, 1));
    CHECK(signed_orders[0].data.empty());
    CHECK(is_order(signed_orders[1], chains::CallKind::kCall, 100, 1));
    CHECK(signed_orders[1].data == kData);
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    // What stands of the allowance was looked at, and nothing had to be done.
    CHECK(payouts[1].payout.status == db::PayoutStatus::kDead);
    CHECK(payouts[1].steps.empty());
    const auto filed = desk.read<std::vector<db::GrantEnd>>(
        [id](db::UnitOfWork& work) { return work.payouts().ended_grants(id); });
    REQUIRE(filed.size() == 1);
    CHECK(filed[0].missing.is_zero());
    // The gas of the call was known before: one gift pays for both.
    CHECK(top_ups(payouts[0]) == 1);
    CHECK(desk.row(id).outcome_tx == payouts[0].attempts.back().tx);
    CHECK(desk.row(id).outcome_units == units(100));
    check_books_even(desk, id);
}

TEST_CASE("calls: coin -> goes with the call, nothing is allowed") {
    Desk desk;
    const auto id = desk.open(calling(kNative));
    const auto deposit = desk.detect(id, 100, kNative);
    desk.confirm({deposit});
    desk.drive();
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    const auto signed_orders = orders(desk);
    REQUIRE(signed_orders.size() == 1);
    CHECK(is_order(signed_orders[0], chains::CallKind::kCall, 100, 1));
    CHECK(desk.row(id).outcome_units == units(100));
    CHECK(desk.balance(settlement::session_account(id), kNative).units.is_zero());
}

TEST_CASE("calls: coin, refused three times in a row -> refunded, the contract was never called") {
    Desk desk;
    desk.sender.refuses_calls[address(1)] = "order unknown";
    const auto id = desk.open(calling(kNative));
    const auto deposit = desk.detect(id, 100, kNative);
    desk.confirm({deposit});
    desk.drive();
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    const auto signed_orders = orders(desk);
    REQUIRE(signed_orders.size() == 1);
    CHECK(is_order(signed_orders[0], chains::CallKind::kNativeTransfer, 100, 2));
}

TEST_CASE("calls: the chain refuses the call after the allowance -> refunded, nothing was spent on it") {
    Desk desk;
    desk.sender.refuses_calls[address(1)] = "order unknown";
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.pass(false);
    REQUIRE(desk.state(id) == State::kDelivering);
    CHECK(desk.payouts(id)[0].payout.waiting_for ==
          "the chain refuses the call (1 of 3 looks): order unknown");
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    const auto payouts = desk.payouts(id);
    CHECK(payouts[0].steps.empty());
    CHECK(payouts[0].payout.status == db::PayoutStatus::kDead);
    const auto signed_orders = orders(desk);
    REQUIRE(signed_orders.size() == 1);
    CHECK(is_order(signed_orders[0], chains::CallKind::kTokenTransfer, 100, 2));
    CHECK(desk.row(id).session.reason_text == "order unknown");
    check_books_even(desk, id);
}

TEST_CASE("calls: mined and failed -> no refund before the allowance is taken back for good") {
    Desk desk;
    desk.calls_fail = true;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    for (int i = 0; i < 3; ++i) round(desk);  // gas money, allowance, call
    REQUIRE(orders(desk).size() == 2);
    REQUIRE(desk.state(id) == State::kDelivering);
    CHECK(desk.payouts(id)[0].payout.waiting_for.find("to be taken back") != std::string::npos);
    desk.pass(false);
    desk.mine(/*finalise=*/false);
    desk.drive();
    desk.pass(false);
    REQUIRE(desk.state(id) == State::kDelivering);
    REQUIRE(desk.payouts(id).size() == 1);
}

TEST_CASE("calls: mined and failed -> refunded, the reason names the call") {
    Desk desk;
    desk.calls_fail = true;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    const auto signed_orders = orders(desk);
    REQUIRE(signed_orders.size() == 4);
    CHECK(is_order(signed_orders[1], chains::CallKind::kCall, 100, 1));
    CHECK(is_order(signed_orders[2], chains::CallKind::kApprove, 0, 1));
    CHECK(is_order(signed_orders[3], chains::CallKind::kTokenTransfer, 100, 2));
    CHECK(desk.row(id).session.reason_text.find("call: the transaction was mined and failed") == 0);
    check_books_even(desk, id);
}

TEST_CASE("calls: the contract takes half -> delivered, allowance taken back, the rest refunded") {
    Desk desk;
    let_take(desk, 60);
    const auto id = desk.open(tolerant());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    CHECK(desk.row(id).outcome_units == units(60));
    const auto signed_orders = orders(desk);
    REQUIRE(signed_orders.size() == 4);
    CHECK(is_order(signed_orders[2], chains::CallKind::kApprove, 0, 1));
    CHECK(is_order(signed_orders[3], chains::CallKind::kTokenTransfer, 40, 2));
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    CHECK(payouts[0].payout.status == db::PayoutStatus::kFinalOk);
    CHECK(payouts[1].payout.leg == db::Leg::kExcess);
    CHECK(payouts[1].payout.status == db::PayoutStatus::kFinalOk);
    check_books_even(desk, id);
}

TEST_CASE("calls: too much came and the contract takes half -> both rests go back, each once") {
    Desk desk;
    let_take(desk, 60);
    const auto id = desk.open(tolerant());
    desk.pay(id, 150);
    desk.settle(30);
    REQUIRE(desk.state(id) == State::kDelivered);
    std::uint64_t returned = 0;
    for (const auto& order : orders(desk)) {
        if (order.recipient == address(2)) returned += *order.units.to_u64();
    }
    CHECK(returned == 90);
    check_books_even(desk, id);
}

TEST_CASE("calls: killed after every step and started again -> one allowance, one call") {
    Desk desk;
    let_take(desk, 60);
    const auto id = desk.open(tolerant());
    desk.pay(id, 100);
    for (int i = 0; i < 50; ++i) {
        desk.pass(/*restart=*/true);
        if (i % 2 == 1) desk.mine();
        desk.drive();
        desk.clock.advance(core::Millis{4'000});
    }
    REQUIRE(desk.state(id) == State::kDelivered);
    std::size_t calls = 0;
    std::size_t allowances = 0;
    for (const auto& full : desk.payouts(id)) {
        for (const auto& step : full.steps) {
            calls += step.kind == db::StepKind::kCall;
            allowances += step.kind == db::StepKind::kApprove && !step.units.is_zero();
        }
    }
    CHECK(calls == 1);
    CHECK(allowances == 1);
    check_books_even(desk, id);
}

TEST_CASE("calls: a token that wants an allowance cleared first -> cleared, then given") {
    Desk desk;
    desk.sender.refuses_approvals = {address(1)};
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    for (int i = 0; i < 10 && orders(desk).empty(); ++i) round(desk);
    REQUIRE(orders(desk).size() == 1);
    CHECK(is_order(orders(desk)[0], chains::CallKind::kApprove, 0, 1));
    CHECK(desk.state(id) == State::kDelivering);
    desk.sender.refuses_approvals.clear();
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    CHECK(orders(desk).size() == 3);
}

TEST_CASE("calls: the token refuses every allowance -> refunded, the contract was never called") {
    Desk desk;
    desk.sender.refuses_approvals = {address(1)};
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    for (const auto& order : orders(desk)) CHECK(order.kind != chains::CallKind::kCall);
    check_books_even(desk, id);
}

TEST_CASE("calls: above the signer's cap -> held before anything is spent") {
    Desk desk;
    desk.signer.cap = units(99);
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    CHECK(desk.state(id) == State::kHeld);
    CHECK(desk.sender.sent.empty());
}

TEST_CASE("calls: a foreign transaction takes the call's nonce -> called again, once [F36]") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    for (int i = 0; i < 2; ++i) round(desk);
    desk.pass(false);
    REQUIRE(orders(desk).size() == 2);
    desk.mine_foreign(desk.receiver(id), 1);
    desk.drive();
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    std::size_t final_calls = 0;
    for (const auto& step : desk.payouts(id)[0].steps) {
        final_calls +=
            step.kind == db::StepKind::kCall && step.status == db::PayoutStatus::kFinalOk;
    }
    CHECK(final_calls == 1);
}


TEST_CASE("calls: refused only once the allowance is there -> it is taken back, then refunded") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_allowed(desk, id);
    desk.sender.refuses_calls[address(1)] = "order unknown";
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    const auto signed_orders = orders(desk);
    REQUIRE(signed_orders.size() == 3);
    CHECK(is_order(signed_orders[0], chains::CallKind::kApprove, 100, 1));
    CHECK(is_order(signed_orders[1], chains::CallKind::kApprove, 0, 1));
    CHECK(is_order(signed_orders[2], chains::CallKind::kTokenTransfer, 100, 2));
    const auto delivery = desk.payouts(id).front().payout;
    CHECK(delivery.status == db::PayoutStatus::kFinalFailed);
    CHECK(delivery.reason.find("order unknown") != std::string::npos);
    check_books_even(desk, id);
}

TEST_CASE("calls: a rehearsal in which nothing is taken -> refunded, nothing was spent on it") {
    Desk desk;
    desk.sender.rehearsed_takes = 0;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    CHECK(desk.row(id).session.reason_text == "in a rehearsal the call took 0 of 100");
    CHECK(desk.payouts(id)[0].steps.empty());
    check_books_even(desk, id);
}

TEST_CASE("calls: a rehearsal in which too much or another token is taken -> refunded, never called") {
    for (const bool other : {false, true}) {
        Desk desk;
        if (other) desk.sender.rehearsed_others = {{kOtherToken, address(1), units(1)}};
        if (!other) desk.sender.rehearsed_takes = 101;
        const auto id = desk.open(calling());
        desk.pay(id, 100);
        desk.settle();
        REQUIRE(desk.state(id) == State::kRefunded);
        CHECK(desk.payouts(id)[0].steps.empty());
        CHECK(desk.holds(desk.receiver(id)) == 0);
        check_books_even(desk, id);
    }
}

TEST_CASE("calls: coin, and a token would leave with it -> refunded, never called") {
    Desk desk;
    desk.sender.rehearsed_others = {{kToken, address(1), units(1)}};
    const auto id = desk.open(calling(kNative));
    desk.confirm({desk.detect(id, 100, kNative)});
    desk.drive();
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    CHECK(count_orders(desk, chains::CallKind::kCall) == 0);
}

TEST_CASE("calls: mined and took nothing -> no delivery: allowance taken back, everything refunded") {
    Desk desk;
    desk.call_takes = 0;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    CHECK(desk.row(id).session.reason_text.find("took 0 of 100") != std::string::npos);
    const auto signed_orders = orders(desk);
    REQUIRE(signed_orders.size() == 4);
    CHECK(is_order(signed_orders[2], chains::CallKind::kApprove, 0, 1));
    CHECK(is_order(signed_orders[3], chains::CallKind::kTokenTransfer, 100, 2));
    check_books_even(desk, id);
}

TEST_CASE("calls: mined and took more, or another token -> allowance taken back, held, resumed in vain") {
    for (const bool other : {false, true}) {
        Desk desk;
        if (other) desk.call_takes_other = 7;
        if (!other) desk.call_takes = 120;
        const auto id = desk.open(calling());
        desk.pay(id, 120);
        desk.confirm({desk.detect(id, 30, kOtherToken)});
        desk.drive();
        desk.settle();
        REQUIRE(desk.state(id) == State::kHeld);
        const auto delivery = desk.payouts(id).front();
        CHECK(delivery.payout.status == db::PayoutStatus::kHeld);
        CHECK(delivery.payout.reason.find(other ? "and 7 of" : "took 120 of 100") !=
              std::string::npos);
        CHECK(desk.allowance(id, address(1)) == 0);
        desk.run(settlement::resume_payout(*desk.context, delivery.payout.id)).value();
        desk.settle();
        CHECK(desk.state(id) == State::kHeld);
        CHECK(count_orders(desk, chains::CallKind::kCall) == 1);
    }
}

TEST_CASE("calls: a part is taken and there is no refund address -> allowance taken back, rest held") {
    Desk desk;
    let_take(desk, 60);
    session::Session session = tolerant();
    session.refund_address.reset();
    const auto id = desk.open(session);
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    CHECK(desk.row(id).outcome_units == units(60));
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    CHECK(payouts[1].payout.status == db::PayoutStatus::kHeld);
    CHECK(payouts[1].payout.reason == "the session has no refund address");
    CHECK_FALSE(settlement::open_grant(payouts));
    CHECK(desk.balance(settlement::address_account(desk.receiver(id))).units == units(40));
}

TEST_CASE("calls: less is left than strays are returned from -> kept and told, its allowance taken back") {
    Desk desk;
    let_take(desk, 96);
    const auto id = desk.open(tolerant());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivered);
    CHECK(desk.row(id).outcome_units == units(96));
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 2);
    CHECK(payouts[1].payout.units.is_zero());
    CHECK(payouts[1].payout.status == db::PayoutStatus::kDead);
    CHECK(desk.allowance(id, address(1)) == 0);
    CHECK(count_orders(desk, chains::CallKind::kTokenTransfer) == 0);
    CHECK(desk.balance(settlement::session_account(id)).units == units(4));
    const auto journal = desk.read<std::vector<db::JournalEntry>>(
        [id](db::UnitOfWork& work) { return work.sessions().journal(id); });
    CHECK(std::any_of(journal.begin(), journal.end(), [](const db::JournalEntry& entry) {
        return entry.event == "leftover" && entry.detail.find("kept on the books") != std::string::npos;
    }));
}

TEST_CASE("calls: the contract takes it by itself, the call fails, as much comes late -> held, not refunded") {
    Desk desk;
    desk.calls_fail = true;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_allowed(desk, id);
    desk.pass(false);
    desk.pull(id, address(1), 100);
    desk.detect(id, 100);  // not credited yet: nobody sends it back before the refund is due
    desk.settle();
    REQUIRE(desk.state(id) == State::kHeld);
    const auto payouts = desk.payouts(id);
    REQUIRE(payouts.size() == 1);
    CHECK(payouts[0].payout.reason.find("100 of") == 0);
    CHECK(count_orders(desk, chains::CallKind::kTokenTransfer) == 0);
    CHECK(desk.holds(desk.receiver(id)) == 100);
    // The books follow the chain: the reconciler finds nothing to halt for.
    CHECK(desk.balance(settlement::address_account(desk.receiver(id))).units.is_zero());
    CHECK(desk.balance(settlement::session_account(id)).units.is_zero());
    desk.run(settlement::resume_payout(*desk.context, payouts[0].payout.id)).value();
    desk.settle();
    CHECK(desk.state(id) == State::kHeld);
    CHECK(count_orders(desk, chains::CallKind::kTokenTransfer) == 0);
}

TEST_CASE("calls: how the allowance ended cannot be read -> no refund, and it says so; then refunded") {
    Desk desk;
    desk.calls_fail = true;
    desk.sender.holding_error = core::Error{core::Errc::kNoQuorum, "they differ"};
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kDelivering);
    CHECK(desk.allowance(id, address(1)) == 0);
    CHECK(waits_for(desk, id) == "how its allowance ended cannot be read: they differ");
    desk.sender.holding_error.reset();
    desk.settle();
    CHECK(desk.state(id) == State::kRefunded);
    check_books_even(desk, id);
}

TEST_CASE("calls: the store takes no refund beside an allowance whose end is not on file") {
    Desk desk;
    desk.calls_fail = true;
    desk.sender.holding_error = core::Error{core::Errc::kNoQuorum, "they differ"};
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    const db::PayoutFull full = desk.payouts(id).front();
    const auto planned = desk.run(desk.database->write<core::PayoutId>(
        [full](db::UnitOfWork& work) -> core::Expected<core::PayoutId> {
            db::Payout failed = full.payout;
            failed.status = db::PayoutStatus::kFinalFailed;
            if (auto saved = work.payouts().save(failed); !saved) return saved.error();
            db::Payout refund = full.payout;
            refund.leg = db::Leg::kRefund;
            return work.payouts().plan(refund);
        }));
    REQUIRE_FALSE(planned.has_value());
    CHECK(planned.error().code == core::Errc::kConflict);
    CHECK(planned.error().message.find("not proven taken back") != std::string::npos);
}

TEST_CASE("calls: payouts halted while an allowance is open -> taken back all the same, refunded afterwards") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_allowed(desk, id);
    desk.halt();
    for (int i = 0; i < 4; ++i) round(desk);
    CHECK(desk.allowance(id, address(1)) == 0);
    REQUIRE(desk.state(id) == State::kRefunding);
    CHECK(count_orders(desk, chains::CallKind::kTokenTransfer) == 0);
    desk.acknowledge();
    desk.settle();
    CHECK(desk.state(id) == State::kRefunded);
    CHECK(count_orders(desk, chains::CallKind::kCall) == 0);
    check_books_even(desk, id);
}

TEST_CASE("calls: what would hold a payout, with an allowance open -> that is taken back first") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_allowed(desk, id);
    desk.sender.contracts = {desk.receiver(id)};
    desk.settle();
    CHECK(desk.allowance(id, address(1)) == 0);
    CHECK(desk.state(id) == State::kHeld);  // the refund, for the same reason
    CHECK(count_orders(desk, chains::CallKind::kCall) == 0);
}

TEST_CASE("calls: taking the allowance back is mined and fails -> tried again, refunded only then") {
    Desk desk;
    desk.calls_fail = true;
    desk.clearings_fail = 2;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    CHECK(count_orders(desk, chains::CallKind::kApprove) == 4);
    check_books_even(desk, id);
}

TEST_CASE("calls: taking the allowance back never works -> held, nothing is refunded") {
    Desk desk;
    desk.calls_fail = true;
    desk.clearings_fail = 100;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kHeld);
    CHECK(count_orders(desk, chains::CallKind::kApprove) == 4);
    CHECK(count_orders(desk, chains::CallKind::kTokenTransfer) == 0);
}

TEST_CASE("calls: a final allowance leaves the chain before its call -> its bytes again, no call meanwhile") {
    Desk desk;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    until_allowed(desk, id);
    const core::Bytes approval = desk.sender.sent.back();
    desk.lose_all();
    desk.acknowledge();
    desk.pass();
    CHECK(waits_for(desk, id).find("to be on the chain again") != std::string::npos);
    CHECK(count_orders(desk, chains::CallKind::kCall) == 0);
    CHECK(std::count(desk.sender.sent.begin(), desk.sender.sent.end(), approval) == 2);
    desk.mine_lost_again();
    desk.drive();
    desk.settle();
    CHECK(desk.state(id) == State::kDelivered);
    check_books_even(desk, id);
}

TEST_CASE("calls: call and allowance leave the chain after a failure -> the allowance is not given again") {
    Desk desk;
    desk.calls_fail = true;
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    core::Bytes approval;
    for (const core::Bytes& raw : desk.sender.sent) {
        const auto& order = desk.signer.tx(FakeSigner::id_of(raw)).order;
        if (is_order(order, chains::CallKind::kApprove, 100, 1)) approval = raw;
    }
    desk.lose_all();
    desk.acknowledge();
    desk.pass();
    CHECK(std::count(desk.sender.sent.begin(), desk.sender.sent.end(), approval) == 1);
}

TEST_CASE("calls: mined anew after finality -> the same amount is nothing, another one halts the chain") {
    for (const bool differs : {false, true}) {
        Desk desk;
        let_take(desk, 60);
        const auto id = desk.open(tolerant());
        desk.pay(id, 100);
        desk.settle();
        REQUIRE(desk.state(id) == State::kDelivered);
        desk.lose_all();
        desk.acknowledge();
        desk.mine_lost_again(differs ? 70 : 60);
        desk.drive();
        const auto halts = desk.read<std::vector<db::Halt>>(
            [](db::UnitOfWork& work) { return work.blocks().open_halts(); });
        REQUIRE(halts.size() == (differs ? 1 : 0));
        if (differs) CHECK(halts[0].reason.find("took 70 of 100") != std::string::npos);
    }
}

TEST_CASE("calls: no rehearsal can be had -> waits and says why; after a while bounced, never called") {
    Desk desk;
    desk.pace.rehearsals = 5;
    desk.sender.rehearsal_error = core::Error{core::Errc::kNoQuorum, "endpoints differ"};
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    for (int i = 0; i < 10; ++i) round(desk);
    CHECK(desk.sender.sent.empty());
    CHECK(waits_for(desk, id) ==
          "the call cannot be rehearsed: endpoints differ; without that it is never made");
    desk.clock.advance(desk.pace.rehearsal_patience);
    desk.settle();
    REQUIRE(desk.state(id) == State::kRefunded);
    CHECK(count_orders(desk, chains::CallKind::kApprove) == 0);
    CHECK(count_orders(desk, chains::CallKind::kCall) == 0);
}

TEST_CASE("calls: rehearsals are had again in time -> called") {
    Desk desk;
    desk.pace.rehearsals = 5;
    desk.sender.rehearsal_error = core::Error{core::Errc::kUnsupported, "method not found"};
    const auto id = desk.open(calling());
    desk.pay(id, 100);
    for (int i = 0; i < 10; ++i) round(desk);
    desk.sender.rehearsal_error.reset();
    desk.settle();
    CHECK(desk.state(id) == State::kDelivered);
    CHECK(desk.sender.rehearsals >= 12);
}
