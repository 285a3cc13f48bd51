// The whole state × event matrix as one text that people review: tests/golden/session_matrix.txt.
// To accept a change on purpose, run `unit_session "[update-golden]"` and read the diff.

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "session/transition.hpp"
#include "tests/support/sessions.hpp"

namespace {

using namespace session;
using support::deposit;
using support::units;

const std::string kGolden = std::string{DEPOSITD_SOURCE_DIR} + "/tests/golden/session_matrix.txt";

struct NamedEvent {
    std::string name;
    Event event;
};

core::Units pending(const Session& s) {
    return s.tallies.empty() ? core::Units{} : s.tallies.front().detected;
}

bool counting(const Session& s) { return is_waiting(s.state) || s.state == State::kDetected; }

std::vector<NamedEvent> events_for(const Session& s) {
    std::vector<NamedEvent> out{
        {"method_set", MethodSet{}},
        {"quoted", Quoted{}},
        {"signing_prepared", SigningPrepared{}},
        {"submitted", Submitted{}},
        {"cancelled", Cancelled{}},
        {"source_failed", SourceFailed{"reverted"}},
        {"detected 100", DepositsDetected{{deposit(1, 100)}}},
        {"detected 40", DepositsDetected{{deposit(1, 40)}}},
        {"detected 100 late", DepositsDetected{{support::late(deposit(1, 100))}}},
        {"detected 100 of another token", DepositsDetected{{support::other_token(deposit(1, 100))}}},
        {"confirmed 100 late", DepositsConfirmed{{support::late(deposit(1, 100))}}},
        {"confirmed 100 of another token",
         DepositsConfirmed{{support::other_token(deposit(1, 100))}}},
    };
    // Only what was detected can be confirmed or taken back.
    core::Units amount = counting(s) ? pending(s) : units(100);
    if (!amount.is_zero()) {
        DepositItem item = deposit(1, 0);
        item.units = amount;
        out.push_back({"confirmed what was detected", DepositsConfirmed{{item}}});
        out.push_back({"orphaned what was detected", DepositsOrphaned{{{item, false}}}});
    }
    const bool confirmed = !counting(s) || (!s.tallies.empty() && !s.tallies.front().confirmed.is_zero());
    if (confirmed) {
        DepositItem item = deposit(1, 0);
        item.units = counting(s) ? s.tallies.front().confirmed : units(100);
        out.push_back({"orphaned what was confirmed", DepositsOrphaned{{{item, true}}}});
    }
    out.push_back({"deadline_passed", DeadlinePassed{}});
    out.push_back({"delivery_final", DeliveryFinal{}});
    out.push_back({"delivery_failed", DeliveryFailed{"block-listed"}});
    out.push_back({"refund_final", RefundFinal{}});
    out.push_back({"refund_failed", RefundFailed{"paused"}});
    out.push_back({"payout_held", PayoutHeld{"limit"}});
    out.push_back({"resumed", Resumed{}});
    return out;
}

std::string describe(const Effect& effect) {
    std::string out{name_of(effect)};
    if (const auto* delivery = std::get_if<PlanDelivery>(&effect)) out += " " + delivery->units.decimal();
    if (const auto* refund = std::get_if<PlanRefund>(&effect)) out += " " + refund->units.decimal();
    if (const auto* excess = std::get_if<PlanExcess>(&effect)) out += " " + excess->units.decimal();
    if (const auto* notify = std::get_if<Notify>(&effect)) out += " " + notify->type;
    return out;
}

std::string outcome(const Session& before, const Event& event) {
    const auto step = transition(before, event);
    if (!step) return "refused: " + step.error().message;
    std::string out = step->next.state == before.state ? "stays" : "→ " + std::string{to_string(step->next.state)};
    if (step->next.state == before.state && !(step->next == before)) out += ", counted";
    for (const Effect& effect : step->effects) out += "; " + describe(effect);
    return out;
}

std::string matrix() {
    std::ostringstream out;
    out << "# Asked: 100 units of one token, tolerance 1 %, underpaid waits, excess is refunded.\n";
    for (const auto& [name, before] : support::every_state()) {
        out << "\n## " << name << "\n";
        for (const auto& [event_name, event] : events_for(before)) {
            out << event_name << ": " << outcome(before, event) << "\n";
        }
    }
    return out.str();
}

}  // namespace

TEST_CASE("transition: every state and event -> the reviewed matrix") {
    std::ifstream file{kGolden};
    REQUIRE(file.good());
    const std::string expected{std::istreambuf_iterator<char>{file}, {}};
    REQUIRE(matrix() == expected);
}

TEST_CASE("transition: the matrix is written anew", "[.][update-golden]") {
    std::ofstream file{kGolden};
    file << matrix();
    REQUIRE(file.good());
}

TEST_CASE("transition: a final state -> nothing leaves it") {
    for (const auto& [name, before] : support::every_state()) {
        if (!is_final(before.state)) continue;
        for (const auto& [event_name, event] : events_for(before)) {
            INFO(name << " and " << event_name);
            const auto step = transition(before, event);
            if (step) REQUIRE(step->next == before);
        }
    }
}

TEST_CASE("transition: any step -> at most one way of paying principal is planned") {
    for (const auto& [name, before] : support::every_state()) {
        for (const auto& [event_name, event] : events_for(before)) {
            INFO(name << " and " << event_name);
            const auto step = transition(before, event);
            if (!step) continue;
            int principal = 0;
            for (const Effect& effect : step->effects) {
                if (std::holds_alternative<PlanDelivery>(effect)) ++principal;
                if (std::holds_alternative<PlanRefund>(effect)) ++principal;
            }
            REQUIRE(principal <= 1);
        }
    }
}
