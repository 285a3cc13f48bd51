#include <catch2/catch.hpp>

#include "tests/unit/db/bench.hpp"

using core::Done;
using core::Errc;
using core::Expected;
using db::Leg;
using db::PayoutStatus;
using db::UnitOfWork;
using namespace support;

namespace {

template <class T>
Errc code(const Expected<T>& result) {
    return result ? Errc::kUnset : result.error().code;
}

void open(UnitOfWork& work) {
    REQUIRE(work.sessions().insert(session_row(), "", "").has_value());
}

core::PayoutId plan(UnitOfWork& work, Leg leg, const std::string& claims) {
    auto id = work.payouts().plan(payout_row(leg, claims));
    INFO((id ? std::string{} : id.error().message));
    REQUIRE(id.has_value());
    return *id;
}

Expected<Done> move_to(UnitOfWork& work, core::PayoutId id, PayoutStatus status) {
    auto payout = work.payouts().load(id).value().value().payout;
    payout.status = status;
    return work.payouts().save(payout);
}

db::PayoutStep step_row(core::PayoutId payout, std::uint32_t ordinal = 0) {
    db::PayoutStep s;
    s.payout = payout;
    s.ordinal = ordinal;
    s.sender = address(0x81);
    s.recipient = address(1);
    s.asset = kToken;
    s.units = units(100);
    s.gas_limit = 60'000;
    return s;
}

db::Attempt attempt_row(core::StepId step, std::uint64_t tx) {
    db::Attempt a;
    a.step = step;
    a.tx = tx_id(tx);
    a.raw = {1, 0, 2};
    a.max_fee = units(10);
    a.max_priority_fee = units(1);
    a.signed_at = kNow;
    return a;
}

}  // namespace

TEST_CASE("payouts: a second delivery -> refused unless the first is proven failed or dead") {
    for (const PayoutStatus status :
         {PayoutStatus::kPlanned, PayoutStatus::kReserved, PayoutStatus::kSigned,
          PayoutStatus::kSent, PayoutStatus::kSeen, PayoutStatus::kHeld, PayoutStatus::kFinalOk,
          PayoutStatus::kFinalFailed, PayoutStatus::kDead}) {
        Bench bench;
        bench.done([status](UnitOfWork& work) -> Expected<Done> {
            open(work);
            auto first = plan(work, Leg::kDelivery, "1");
            if (status != PayoutStatus::kPlanned) {
                REQUIRE(move_to(work, first, status).has_value());
            }
            const bool nothing =
                status == PayoutStatus::kFinalFailed || status == PayoutStatus::kDead;
            INFO(db::to_string(status));
            CHECK(work.payouts().plan(payout_row(Leg::kRefund, "1")).has_value() == nothing);
            if (!nothing) {
                CHECK(code(work.payouts().plan(payout_row(Leg::kDelivery, "2"))) ==
                      Errc::kConflict);
            } else {
                // Now the refund stands in the way of another delivery, and of another refund.
                CHECK(code(work.payouts().plan(payout_row(Leg::kDelivery, "2"))) ==
                      Errc::kConflict);
                CHECK(code(work.payouts().plan(payout_row(Leg::kRefund, "1,2"))) ==
                      Errc::kConflict);
            }
            return Done{};
        });
    }
}

TEST_CASE("payouts: a delivery after a refund that came to nothing -> allowed") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto refund = plan(work, Leg::kRefund, "1");
        REQUIRE(move_to(work, refund, PayoutStatus::kDead).has_value());
        plan(work, Leg::kDelivery, "1");
        return Done{};
    });
}

TEST_CASE("payouts: what is over -> only after the delivery is final") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        CHECK(code(work.payouts().plan(payout_row(Leg::kExcess, "1"))) == Errc::kConflict);
        auto delivery = plan(work, Leg::kDelivery, "1");
        REQUIRE(move_to(work, delivery, PayoutStatus::kSeen).has_value());
        CHECK(code(work.payouts().plan(payout_row(Leg::kExcess, "1"))) == Errc::kConflict);
        REQUIRE(move_to(work, delivery, PayoutStatus::kFinalOk).has_value());
        plan(work, Leg::kExcess, "1");
        CHECK(code(work.payouts().plan(payout_row(Leg::kExcess, "1"))) == Errc::kConflict);
        return Done{};
    });
}

TEST_CASE("payouts: the same claims go back twice -> refused unless the first came to nothing") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto stray = plan(work, Leg::kStray, "5");
        CHECK(code(work.payouts().plan(payout_row(Leg::kStray, "5"))) == Errc::kConflict);
        REQUIRE(move_to(work, stray, PayoutStatus::kDead).has_value());
        auto again = plan(work, Leg::kStray, "5");
        REQUIRE(move_to(work, again, PayoutStatus::kFinalOk).has_value());
        CHECK(code(work.payouts().plan(payout_row(Leg::kStray, "5"))) == Errc::kConflict);
        plan(work, Leg::kStray, "6");
        plan(work, Leg::kCollect, "5");
        auto other = payout_row(Leg::kStray, "5");
        other.receiver = core::ReceiverId{2};
        CHECK(work.payouts().plan(other).has_value());
        return Done{};
    });
}

TEST_CASE("payouts: the newest of a session that has many -> oldest first, with their parts") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        std::vector<core::PayoutId> ids;
        for (const char* claims : {"1", "2", "3"}) ids.push_back(plan(work, Leg::kStray, claims));
        auto step = work.payouts().add_step(step_row(ids[2]));
        REQUIRE(step.has_value());
        const auto newest = work.payouts().newest_of_session(session_row().session.id, 2).value();
        REQUIRE(newest.size() == 2);
        CHECK(newest[0].payout.id == ids[1]);
        CHECK(newest[1].payout.id == ids[2]);
        CHECK(newest[1].steps.size() == 1);
        CHECK(work.payouts().newest_of_session(session_row().session.id, 10).value().size() == 3);
        return Done{};
    });
}

TEST_CASE("payouts: terminal, stale or unknown -> not saved") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto id = plan(work, Leg::kDelivery, "1");
        auto stale = work.payouts().load(id).value()->payout;
        REQUIRE(move_to(work, id, PayoutStatus::kReserved).has_value());
        CHECK(work.payouts().load(id).value()->payout.version == 2);
        CHECK(code(work.payouts().save(stale)) == Errc::kConflict);
        REQUIRE(move_to(work, id, PayoutStatus::kFinalFailed).has_value());
        auto after = move_to(work, id, PayoutStatus::kPlanned);
        REQUIRE(!after);
        CHECK(after.error().code == Errc::kConflict);
        CHECK(after.error().message.find("terminal") != std::string::npos);
        stale.id = core::PayoutId{99};
        CHECK(code(work.payouts().save(stale)) == Errc::kNotFound);
        return Done{};
    });
}

TEST_CASE("payouts: active, held and counted -> by status and chain") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto delivery = plan(work, Leg::kDelivery, "1");
        auto gas = plan(work, Leg::kGas, "1");
        auto fill = plan(work, Leg::kFill, "1");
        CHECK(work.payouts().active(kChain, {}, 10).value().size() == 3);
        CHECK(work.payouts().active(kChain, {}, 2).value().size() == 2);
        CHECK(work.payouts().active(core::ChainId::eip155(1), {}, 10).value().empty());
        REQUIRE(move_to(work, gas, PayoutStatus::kHeld).has_value());
        REQUIRE(move_to(work, fill, PayoutStatus::kDead).has_value());
        auto active = work.payouts().active(kChain, {}, 10).value();
        REQUIRE(active.size() == 1);
        CHECK(active[0].payout.id == delivery);
        CHECK(active[0].payout.units == units(100));
        auto held = work.payouts().held().value();
        REQUIRE(held.size() == 1);
        CHECK(held[0].payout.id == gas);
        CHECK(work.payouts().count_by_status().value().size() == 3);
        CHECK(work.payouts().of_session(core::SessionId{std::string(32, 'a')}).value().size() == 3);
        return Done{};
    });
}

TEST_CASE("nonces: reserved -> one above the highest, the chain's when higher, once per step") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto& payouts = work.payouts();
        auto id = plan(work, Leg::kDelivery, "1");
        std::vector<core::StepId> steps;
        for (std::uint32_t i = 0; i < 4; ++i) {
            auto top_up = step_row(id, i);
            top_up.kind = db::StepKind::kTopUp;
            steps.push_back(payouts.add_step(top_up).value());
        }
        const auto sender = address(0x81);
        const auto reserve = [&](std::size_t step, std::uint64_t chain_nonce) {
            return payouts.reserve_nonce(kChain, sender, chain_nonce, steps[step]).value();
        };
        CHECK(reserve(0, 0) == 0);
        CHECK(reserve(1, 0) == 1);
        CHECK(reserve(1, 5) == 1);
        CHECK(reserve(2, 7) == 7);
        CHECK(reserve(3, 7) == 8);
        CHECK(code(payouts.reserve_nonce(kChain, address(0x55), 0, steps[0])) == Errc::kNotFound);
        auto full = payouts.load(id).value().value();
        REQUIRE(full.steps.size() == 4);
        CHECK(full.steps[2].nonce == 7);
        CHECK(payouts.by_nonce(kChain, sender, 7).value()->id == steps[2]);
        CHECK(!payouts.by_nonce(kChain, sender, 3).value());
        auto done = full.steps[0];
        done.status = PayoutStatus::kFinalOk;
        REQUIRE(payouts.save_step(done).has_value());
        auto open_ones = payouts.open_nonces(kChain, sender).value();
        REQUIRE(open_ones.size() == 3);
        CHECK(open_ones[0] == std::pair{std::uint64_t{1}, steps[1]});
        CHECK(code(payouts.save_step(done)) == Errc::kConflict);
        return Done{};
    });
}

TEST_CASE("steps: a second living transfer, or an end beside a living one -> refused") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto& payouts = work.payouts();
        auto id = plan(work, Leg::kDelivery, "1");
        auto step = step_row(id, 0);
        step.id = payouts.add_step(step).value();
        CHECK(code(payouts.add_step(step_row(id, 1))) == Errc::kConflict);
        CHECK(code(move_to(work, id, PayoutStatus::kFinalOk)) == Errc::kConflict);
        CHECK(code(move_to(work, id, PayoutStatus::kDead)) == Errc::kConflict);
        step.status = PayoutStatus::kFinalOk;
        REQUIRE(payouts.save_step(step).has_value());
        REQUIRE(move_to(work, id, PayoutStatus::kFinalOk).has_value());
        CHECK(code(payouts.add_step(step_row(id, 1))) == Errc::kConflict);
        return Done{};
    });
}

TEST_CASE("steps: a top-up outlives its payout -> still active, still signed for") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto& payouts = work.payouts();
        auto id = plan(work, Leg::kDelivery, "1");
        auto step = step_row(id, 0);
        step.kind = db::StepKind::kTopUp;
        step.id = payouts.add_step(step).value();
        REQUIRE(move_to(work, id, PayoutStatus::kFinalOk).has_value());
        REQUIRE(payouts.active(kChain, {}, 10).value().size() == 1);
        REQUIRE(payouts.add_attempt(attempt_row(step.id, 5)).has_value());
        return Done{};
    });
}

namespace {

db::OwnTx mined(core::TxId tx, std::uint64_t height) {
    db::OwnTx t;
    t.chain = kChain;
    t.tx = tx;
    t.sender = address(0x81);
    t.nonce = 3;
    t.success = true;
    t.to = address(1);
    t.height = height;
    t.block = block_hash(height);
    t.mined_at = kNow;
    return t;
}

}  // namespace

TEST_CASE("attempts: a final transaction leaves the chain -> signed for again while nothing has its nonce [F07]",
          "[F07]") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto& payouts = work.payouts();
        auto& own = work.own_txs();
        auto id = plan(work, Leg::kDelivery, "1");
        auto step = step_row(id);
        step.id = payouts.add_step(step).value();
        step.nonce = payouts.reserve_nonce(kChain, address(0x81), 3, step.id).value();
        auto first = attempt_row(step.id, 1);
        first.id = payouts.add_attempt(first).value();
        auto tx = own.record(mined(first.tx, 10)).value().tx;
        REQUIRE(own.finalise(tx.id).has_value());
        first.status = db::AttemptStatus::kFinalOk;
        REQUIRE(payouts.save_attempt(first).has_value());
        step.status = PayoutStatus::kFinalOk;
        REQUIRE(payouts.save_step(step).has_value());
        REQUIRE(move_to(work, id, PayoutStatus::kFinalOk).has_value());

        auto gas = step_row(id, 1);
        gas.kind = db::StepKind::kTopUp;
        CHECK(!payouts.is_lost(step.id).value());
        CHECK(code(payouts.add_attempt(attempt_row(step.id, 2))) == Errc::kConflict);
        CHECK(code(payouts.add_step(gas)) == Errc::kConflict);

        REQUIRE(own.orphan_above(kChain, 9).value().size() == 1);
        CHECK(payouts.is_lost(step.id).value());
        CHECK(payouts.lost(kChain).value().size() == 1);
        CHECK_FALSE(payouts.standing_for(kChain, first.tx).value().has_value());
        REQUIRE(payouts.add_attempt(attempt_row(step.id, 2)).has_value());
        REQUIRE(payouts.add_step(gas).has_value());
        auto transfer = step_row(id, 2);
        CHECK(code(payouts.add_step(transfer)) == Errc::kConflict);

        REQUIRE(own.record(mined(tx_id(2), 11)).has_value());
        CHECK(!payouts.is_lost(step.id).value());
        CHECK(payouts.standing_for(kChain, first.tx).value() == tx_id(2));
        CHECK_FALSE(payouts.standing_for(kChain, tx_id(2)).value().has_value());
        CHECK(payouts.lost(kChain).value().empty());
        CHECK(code(payouts.add_attempt(attempt_row(step.id, 3))) == Errc::kConflict);
        return Done{};
    });
}

TEST_CASE("attempts: gas money that was final, or had failed, leaves the chain -> in flight again [F07]", "[F07]") {
    const bool failed = GENERATE(false, true);
    Bench bench;
    bench.done([failed](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto& payouts = work.payouts();
        auto id = plan(work, Leg::kDelivery, "1");
        auto step = step_row(id);
        step.kind = db::StepKind::kTopUp;
        step.asset = kNative;
        step.id = payouts.add_step(step).value();
        step.nonce = payouts.reserve_nonce(kChain, address(0x81), 3, step.id).value();
        auto first = attempt_row(step.id, 1);
        first.id = payouts.add_attempt(first).value();
        auto tx = work.own_txs().record(mined(first.tx, 10)).value().tx;
        REQUIRE(work.own_txs().finalise(tx.id).has_value());
        first.status = failed ? db::AttemptStatus::kFinalFailed : db::AttemptStatus::kFinalOk;
        REQUIRE(payouts.save_attempt(first).has_value());
        step.status = failed ? PayoutStatus::kFinalFailed : PayoutStatus::kFinalOk;
        REQUIRE(payouts.save_step(step).has_value());
        CHECK(payouts.top_ups_in_flight(kNative, address(1)).value().is_zero());
        REQUIRE(work.own_txs().orphan_above(kChain, 9).value().size() == 1);
        CHECK(payouts.top_ups_in_flight(kNative, address(1)).value() == units(100));
        CHECK(payouts.is_lost(step.id).value());
        REQUIRE(payouts.add_attempt(attempt_row(step.id, 2)).has_value());
        REQUIRE(work.own_txs().record(mined(tx_id(2), 11)).has_value());
        CHECK(payouts.top_ups_in_flight(kNative, address(1)).value().is_zero());
        return Done{};
    });
}

TEST_CASE("attempts: stored -> bytes, transaction and fees never change; the id is taken for ever") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        auto& payouts = work.payouts();
        auto id = plan(work, Leg::kDelivery, "1");
        auto step = payouts.add_step(step_row(id)).value();
        REQUIRE(payouts.reserve_nonce(kChain, address(0x81), 3, step).has_value());
        auto attempt = attempt_row(step, 1);
        attempt.id = payouts.add_attempt(attempt).value();
        CHECK(code(payouts.add_attempt(attempt)) == Errc::kConflict);
        CHECK(code(payouts.add_attempt(attempt_row({99}, 2))) == Errc::kNotFound);
        auto empty = attempt_row(step, 3);
        empty.raw.clear();
        CHECK(code(payouts.add_attempt(empty)) == Errc::kConflict);

        attempt.status = db::AttemptStatus::kSent;
        attempt.send_count = 1;
        attempt.sent_at = kNow;
        attempt.last_answer = "ok";
        REQUIRE(payouts.save_attempt(attempt).has_value());
        auto place = payouts.by_tx(kChain, tx_id(1)).value().value();
        CHECK(place.attempt.raw == attempt.raw);
        CHECK(place.attempt.send_count == 1);
        CHECK(place.step.nonce == 3);
        CHECK(place.payout == id);
        CHECK(!payouts.by_tx(kChain, tx_id(9)).value());

        auto changed = attempt;
        changed.raw = {1};
        CHECK(code(payouts.save_attempt(changed)) == Errc::kConflict);
        changed = attempt;
        changed.tx = tx_id(5);
        CHECK(code(payouts.save_attempt(changed)) == Errc::kConflict);
        changed = attempt;
        changed.max_fee = units(11);
        CHECK(code(payouts.save_attempt(changed)) == Errc::kConflict);
        auto signed_step = place.step;
        signed_step.nonce = 4;
        CHECK(code(payouts.save_step(signed_step)) == Errc::kConflict);
        signed_step = place.step;
        signed_step.units = units(101);
        CHECK(code(payouts.save_step(signed_step)) == Errc::kConflict);
        signed_step = place.step;
        signed_step.gas_limit = 90'000;
        CHECK(payouts.save_step(signed_step).has_value());

        attempt.status = db::AttemptStatus::kDead;
        REQUIRE(payouts.save_attempt(attempt).has_value());
        attempt.status = db::AttemptStatus::kSent;
        CHECK(code(payouts.save_attempt(attempt)) == Errc::kConflict);

        signed_step.status = PayoutStatus::kDead;
        REQUIRE(payouts.save_step(signed_step).has_value());
        REQUIRE(move_to(work, id, PayoutStatus::kDead).has_value());
        auto late = payouts.add_attempt(attempt_row(step, 7));
        REQUIRE(!late);
        CHECK(late.error().message.find("terminal") != std::string::npos);
        return Done{};
    });
}
