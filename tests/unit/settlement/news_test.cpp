#include "settlement/news.hpp"

#include <catch2/catch.hpp>

#include "session/transition.hpp"
#include "tests/unit/settlement/desk.hpp"

using core::Done;
using core::Expected;
using session::State;
using settlement::News;
using namespace support;

namespace {

using Types = std::vector<std::string>;

Types types(const std::vector<News>& news) {
    Types out;
    for (const News& one : news) out.push_back(one.type);
    return out;
}

std::vector<News> after(const session::Session& before, const session::Event& event) {
    auto step = session::transition(before, event);
    REQUIRE(step.has_value());
    return settlement::news_of(before, step->next, event);
}

//! Keeps what it is told, with the state that the unit of work shows at that moment.
struct FakeTeller final : settlement::Teller {
    struct Told {
        std::string type;
        State state;
        std::size_t payouts;
    };
    mutable std::vector<Told> told;
    mutable bool is_refusing = false;

    Expected<Done> tell(db::UnitOfWork& work, const core::SessionId& session,
                        const std::vector<News>& news, core::Instant) const override {
        if (is_refusing) return core::Error{core::Errc::kTimeout, "not now"};
        const auto row = work.sessions().load(session).value().value();
        const std::size_t payouts = work.payouts().of_session(session).value().size();
        for (const News& one : news) told.push_back({one.type, row.session.state, payouts});
        return Done{};
    }
};

}  // namespace

TEST_CASE("news: deposits -> in time, late, confirmed and taken back are told apart, the status after them") {
    const auto waiting = in_state(State::kSourceSet);
    const auto both = after(waiting, session::DepositsDetected{{deposit(1, 100), late(deposit(2, 5))}});
    CHECK(types(both) == Types{"deposit.detected", "deposit.late", "session.processing"});
    CHECK(both[0].deposits == std::vector<core::DepositId>{core::DepositId{1}});
    CHECK(both[1].deposits == std::vector<core::DepositId>{core::DepositId{2}});
    CHECK(types(after(waiting, session::DepositsDetected{{deposit(1, 5)}})) == Types{"deposit.detected"});
    CHECK(types(after(in_state(State::kExpired), session::DepositsDetected{{deposit(1, 5)}})) ==
          Types{"deposit.late"});
    const auto seen = with_tally(in_state(State::kDetected), 100, 0);
    CHECK(types(after(seen, session::DepositsConfirmed{{deposit(1, 100)}})) == Types{"deposit.confirmed"});
    CHECK(types(after(seen, session::DepositsOrphaned{{{deposit(1, 100), false}}})) ==
          Types{"deposit.orphaned", "session.waiting_payment"});
}

TEST_CASE("news: ends and holds -> told once, and nothing where nothing changed") {
    CHECK(types(after(in_state(State::kSourceSet), session::DeadlinePassed{})) == Types{"session.expired"});
    const auto delivering = funded(State::kDelivering, 100, 0);
    CHECK(types(after(delivering, session::DeliveryFinal{})) == Types{"session.succeeded"});
    CHECK(types(after(delivering, session::PayoutHeld{"why"})) == Types{"payout.held"});
    CHECK(types(after(delivering, session::DeliveryFailed{"why"})).empty());
    CHECK(types(after(funded(State::kRefunding, 100, 0), session::RefundFinal{})) ==
          Types{"session.bounced"});
    auto held = funded(State::kHeld, 100, 0);
    held.held_from = State::kDelivering;
    CHECK(types(after(held, session::PayoutHeld{"again"})).empty());
}

TEST_CASE("driver: steps of a payment -> told in the unit of work that makes them true [F91]") {
    Desk desk;
    FakeTeller teller;
    desk.context->teller = &teller;
    const auto id = desk.open();
    const auto first = desk.detect(id, 100);
    desk.drive();
    desk.confirm({first});
    desk.drive();
    desk.settle();
    REQUIRE(teller.told.size() == 4);
    CHECK(teller.told[0].type == "deposit.detected");
    CHECK(teller.told[1].type == "session.processing");
    CHECK(teller.told[1].state == State::kDetected);
    CHECK(teller.told[2].type == "deposit.confirmed");
    CHECK(teller.told[2].state == State::kDelivering);
    CHECK(teller.told[2].payouts == 1);
    CHECK(teller.told[3].type == "session.succeeded");
    desk.redetect(desk.deposits(id)[0]);
    desk.drive();
    CHECK(teller.told.size() == 4);
}

TEST_CASE("driver: what happened cannot be written down -> it has not happened, and is tried again [F91]") {
    Desk desk;
    FakeTeller teller;
    desk.context->teller = &teller;
    const auto id = desk.open();
    desk.detect(id, 100);
    teller.is_refusing = true;
    settlement::Driver driver{*desk.context};
    CHECK_FALSE(desk.run(driver.drive_once()).has_value());
    CHECK(desk.state(id) == State::kSourceSet);
    teller.is_refusing = false;
    desk.drive();
    CHECK(desk.state(id) == State::kDetected);
    REQUIRE(teller.told.size() == 2);
}
