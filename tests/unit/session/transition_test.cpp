#include <catch2/catch.hpp>

#include "session/transition.hpp"
#include "session/views.hpp"
#include "tests/support/sessions.hpp"

namespace {

using namespace session;
using support::deposit;
using support::in_state;
using support::units;
using support::with_tally;

Session after(const Session& s, const Event& event) {
    auto step = transition(s, event);
    REQUIRE(step.has_value());
    return step->next;
}

template <class E>
std::vector<E> effects_of(const Session& s, const Event& event) {
    auto step = transition(s, event);
    REQUIRE(step.has_value());
    std::vector<E> out;
    for (const Effect& effect : step->effects) {
        if (const auto* wanted = std::get_if<E>(&effect)) out.push_back(*wanted);
    }
    return out;
}

DepositsConfirmed confirmed(std::vector<DepositItem> items) { return {std::move(items)}; }
DepositsDetected detected(std::vector<DepositItem> items) { return {std::move(items)}; }

}  // namespace

TEST_CASE("transition: less than the tolerance is missing -> paid") {
    const Session s = with_tally(in_state(State::kDetected), 99, 0);
    const auto plans = effects_of<PlanDelivery>(s, confirmed({deposit(1, 99)}));
    REQUIRE(plans == std::vector{PlanDelivery{support::kToken, units(99)}});
}

TEST_CASE("transition: one unit below the tolerance -> waits") {
    const Session s = in_state(State::kSourceSet);
    const Session next = after(s, detected({deposit(1, 98)}));
    REQUIRE(next.state == State::kSourceSet);
    REQUIRE(sessions_api_status(next) == "waiting_payment");
}

TEST_CASE("transition: several deposits in one event -> one funding set with all of them") {
    Session s = in_state(State::kSourceSet);
    s.destination.units.reset();
    s = after(s, detected({deposit(1, 5), deposit(2, 7)}));
    REQUIRE(s.state == State::kDetected);
    const auto plans = effects_of<PlanDelivery>(s, confirmed({deposit(1, 5), deposit(2, 7)}));
    REQUIRE(plans == std::vector{PlanDelivery{support::kToken, units(12)}});
}

TEST_CASE("transition: deposits that add up over time -> delivered when they are enough") {
    Session s = in_state(State::kSourceSet);
    s = after(s, detected({deposit(1, 60)}));
    s = after(s, confirmed({deposit(1, 60)}));
    REQUIRE(s.state == State::kSourceSet);
    s = after(s, detected({deposit(2, 40)}));
    REQUIRE(s.state == State::kDetected);
    s = after(s, confirmed({deposit(2, 40)}));
    REQUIRE(s.state == State::kDelivering);
    REQUIRE(s.funding->received == units(100));
}

TEST_CASE("transition: underpaid is accepted by policy -> delivers what came") {
    Session s = with_tally(in_state(State::kDetected), 10, 0);
    s.policy.underpaid = Underpaid::kAccept;
    REQUIRE(effects_of<PlanDelivery>(s, confirmed({deposit(1, 10)})).size() == 1);
}

TEST_CASE("transition: over by less than the tolerance -> all of it is delivered") {
    const Session s = with_tally(in_state(State::kDetected), 101, 0);
    const auto plans = effects_of<PlanDelivery>(s, confirmed({deposit(1, 101)}));
    REQUIRE(plans.front().units == units(101));
}

TEST_CASE("transition: over, deliver_all -> no excess") {
    Session s = with_tally(in_state(State::kDetected), 150, 0);
    s.policy.overpaid = Overpaid::kDeliverAll;
    s = after(s, confirmed({deposit(1, 150)}));
    REQUIRE(s.funding == Funding{support::kToken, units(150), units(150), units(0)});
}

TEST_CASE("transition: over, refund_excess -> excess is planned only after the delivery is final") {
    Session s = with_tally(in_state(State::kDetected), 150, 0);
    REQUIRE(effects_of<PlanExcess>(s, confirmed({deposit(1, 150)})).empty());
    s = after(s, confirmed({deposit(1, 150)}));
    REQUIRE(effects_of<PlanExcess>(s, DeliveryFinal{}) ==
            std::vector{PlanExcess{support::kToken, units(50)}});
}

TEST_CASE("transition: deadline with a partial deposit not confirmed -> waits for it") {
    const Session s = with_tally(in_state(State::kSourceSet), 40, 0);
    REQUIRE(after(s, DeadlinePassed{}).state == State::kSourceSet);
}

TEST_CASE("transition: deadline with a partial deposit confirmed -> goes back") {
    const Session s = with_tally(in_state(State::kSourceSet), 0, 40);
    REQUIRE(after(s, DeadlinePassed{}).state == State::kRefunding);
    REQUIRE(effects_of<PlanRefund>(s, DeadlinePassed{}).front().units == units(40));
}

TEST_CASE("transition: deadline once enough is detected -> does not fire") {
    REQUIRE(after(with_tally(in_state(State::kDetected), 100, 0), DeadlinePassed{}).state ==
            State::kDetected);
}

TEST_CASE("transition: the detected deposit leaves the chain -> waits again [F05]") {
    const Session s = with_tally(in_state(State::kDetected), 100, 0);
    const Session next = after(s, DepositsOrphaned{{{deposit(1, 100), false}}});
    REQUIRE(next.state == State::kSourceSet);
    REQUIRE(next.tallies.front().detected.is_zero());
}

TEST_CASE("transition: a deposit that comes back after a reorg -> counted once [F10]") {
    Session s = with_tally(in_state(State::kDetected), 100, 0);
    s = after(s, DepositsOrphaned{{{deposit(1, 100), false}}});
    s = after(s, detected({deposit(1, 100)}));
    s = after(s, confirmed({deposit(1, 100)}));
    REQUIRE(s.funding->received == units(100));
}

TEST_CASE("transition: a deposit while delivering -> a stray, the funding stays frozen") {
    Session s = support::funded(State::kDelivering, 100, 0);
    s = after(s, detected({deposit(2, 30)}));
    const auto strays = effects_of<ReturnStrays>(s, confirmed({deposit(2, 30)}));
    REQUIRE(strays == std::vector{ReturnStrays{{core::DepositId{2}}}});
    REQUIRE(s.funding->received == units(100));
}

TEST_CASE("transition: delivery fails without a refund address -> held, never guessed") {
    Session s = support::funded(State::kDelivering, 100, 0);
    s.refund_address.reset();
    const Session next = after(s, DeliveryFailed{"block-listed"});
    REQUIRE(next.state == State::kHeld);
    REQUIRE(next.reason == Reason::kNoRefundAddress);
    REQUIRE(effects_of<PlanRefund>(s, DeliveryFailed{"block-listed"}).empty());
}

TEST_CASE("transition: a refund is held, then goes on or was mined all the same -> told why it is one") {
    const bool is_resumed = GENERATE(false, true);
    const bool is_underpaid = GENERATE(false, true);
    Session s = is_underpaid ? after(with_tally(in_state(State::kSourceSet), 0, 50), DeadlinePassed{})
                             : after(support::funded(State::kDelivering, 100, 0), DeliveryFailed{"block-listed"});
    REQUIRE(s.state == State::kRefunding);
    const Reason why = s.reason;
    s = after(s, PayoutHeld{"paused"});
    REQUIRE(s.reason == Reason::kPayoutHeld);
    if (is_resumed) {
        s = after(s, Resumed{});
        CHECK(s.state == State::kRefunding);
        CHECK(s.reason == why);
    }
    s = after(s, RefundFinal{});
    CHECK(s.state == State::kRefunded);
    CHECK(s.reason == why);
    CHECK_FALSE(s.reason_text.empty());
}

TEST_CASE("transition: a payout result that no payout can give -> refused") {
    REQUIRE(transition(in_state(State::kSourceSet), DeliveryFinal{}).has_error());
    REQUIRE(transition(support::funded(State::kDelivering, 100, 0), RefundFinal{}).has_error());
    REQUIRE(transition(support::funded(State::kRefunding, 100, 0), DeliveryFinal{}).has_error());
}

TEST_CASE("transition: deposits beyond 256 bits -> held, nothing wraps") {
    Session s = in_state(State::kSourceSet);
    DepositItem huge = deposit(1, 0);
    huge.units = core::Units::from_hex_quantity("0x" + std::string(64, 'f')).value();
    s.destination.units.reset();
    s = after(s, detected({huge}));
    s = after(s, detected({deposit(2, 1)}));
    REQUIRE(s.state == State::kHeld);
    REQUIRE(s.reason == Reason::kOutOfRange);
    REQUIRE(transition(s, Resumed{}).has_error());
}

TEST_CASE("view: every state -> a status of the sessions API") {
    for (const auto& [name, s] : support::every_state()) {
        INFO(name);
        REQUIRE_FALSE(sessions_api_status(s).empty());
    }
    REQUIRE(sessions_api_status(in_state(State::kSubmitted)) == "waiting_payment");
    REQUIRE(sessions_api_status(with_tally(in_state(State::kSubmitted), 1, 0)) == "processing");
    REQUIRE(sessions_api_status(in_state(State::kHeld)) == "processing");
}
