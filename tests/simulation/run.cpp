#include "tests/simulation/run.hpp"

#include <chrono>

#include <nlohmann/json.hpp>

#include "core/crash_point.hpp"
#include "tests/simulation/auditor.hpp"
#include "tests/simulation/customers.hpp"
#include "tests/simulation/event_auditor.hpp"
#include "tests/simulation/faults.hpp"
#include "tests/simulation/operator.hpp"
#include "tests/simulation/receiver_faults.hpp"
#include "tests/simulation/receivers.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {
namespace {

constexpr core::Millis kDay{86'400'000};
//! In a world of chosen deaths: blocks are read again and fees rise, so that lives pass the crash points
//! of replays and of higher bids, too.
constexpr core::Millis kStrikeEvery{12 * 60'000};
constexpr core::Millis kLook{10 * 60'000};
//! Deadline, credit policy, two transactions to finality, each with room for pauses.
constexpr core::Millis kRestWithin{6 * 3'600'000};

}  // namespace

RunReport run(const RunOptions& options) {
    const auto really_begun = std::chrono::steady_clock::now();
    core::arm_crash({}, 0);
    World world{options.seed, options.chains};
    if (options.listener) world.trace().listen(options.listener);
    const bool is_honest = options.liars * 2 < kNodesPerChain;
    Auditor auditor{world, is_honest};
    Customers customers{world, auditor, options.orders_per_day};
    EventAuditor events{world, auditor, customers.orders(), is_honest};
    Receivers receivers{world, customers.terms(), auditor, events};
    ReceiverFaults receiver_faults{world, receivers.all()};
    Faults faults{world, customers, auditor, options.liars};
    Operator people{world, auditor};
    world.on_block([&auditor](std::size_t place) { auditor.mined(place); });
    world.on_request([&auditor](std::size_t place, std::string_view body) { auditor.sent(place, body); });
    world.on_line([&auditor, &events](std::string_view line) {
        auditor.heard_line(line);
        events.heard_line(line);
    });
    receivers.open();
    customers.open();
    people.open();
    if (options.faults) {
        faults.open();
        receiver_faults.open();
    }
    Random nth = world.seed().fork("crashes");
    world.on_life([&options, &world, &faults, &nth] {
        if (world.lives() > options.crashes.size()) return;
        core::arm_crash(options.crashes[world.lives() - 1], nth.between(1, 3));
        for (int i = 1; i <= 4; ++i) {
            world.agenda().after(kStrikeEvery * i, [&faults] {
                faults.replays();
                faults.fees_rise();
            });
        }
    });

    const core::Instant begun = world.now();
    const auto length = core::Millis{
        static_cast<std::int64_t>(options.days * static_cast<double>(kDay.count()))};
    const core::Instant end_of_faults = begun + length;
    while (world.now() < end_of_faults && auditor.violations().empty()) {
        world.run_until(std::min(end_of_faults, world.now() + core::Millis{3'600'000}));
    }
    faults.heal();
    receiver_faults.heal();
    customers.close();
    const core::Instant deadline = world.now() + kRestWithin;
    while (auditor.violations().empty() && world.now() < deadline) {
        world.run_until(world.now() + kLook);
        customers.ask_about_all();
        world.run_until(world.now() + core::Millis{1'000});
        if (auditor.complaints().empty() && !events.has_complaints()) break;
    }
    if (auditor.violations().empty()) {
        auditor.judge();
        events.judge();
    }

    RunReport report;
    report.violations = auditor.violations();
    report.trace_hash = world.trace().hash();
    report.events = world.trace().events();
    report.orders = customers.orders().size();
    for (const Order& order : customers.orders()) ++report.ends[order.status];
    report.deliveries = auditor.deliveries();
    report.returns = auditor.returns();
    report.told = events.told();
    report.lives = world.lives();
    report.faults = faults.tally();
    report.faults.insert(receiver_faults.tally().begin(), receiver_faults.tally().end());
    report.simulated_days = static_cast<double>((world.now() - begun).count()) /
                            static_cast<double>(kDay.count());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - really_begun;
    report.seconds = took.count();
    return report;
}

}  // namespace simulation
