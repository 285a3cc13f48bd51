#include "tests/simulation/run.hpp"

#include <nlohmann/json.hpp>

#include "core/crash_point.hpp"
#include "tests/simulation/auditor.hpp"
#include "tests/simulation/customers.hpp"
#include "tests/simulation/faults.hpp"
#include "tests/simulation/operator.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {
namespace {

constexpr core::Millis kDay{86'400'000};
constexpr core::Millis kLook{10 * 60'000};
//! Deadline, credit policy, two transactions to finality, each with room for pauses.
constexpr core::Millis kRestWithin{6 * 3'600'000};

}  // namespace

RunReport run(const RunOptions& options) {
    core::arm_crash({}, 0);
    World world{options.seed, options.chains};
    if (options.listener) world.trace().listen(options.listener);
    Auditor auditor{world};
    Customers customers{world, auditor, options.orders_per_day};
    Faults faults{world, customers};
    Operator people{world, auditor};
    world.on_block([&auditor](std::size_t place) { auditor.mined(place); });
    world.on_request([&auditor](std::size_t place, std::string_view body) { auditor.sent(place, body); });
    customers.open();
    people.open();
    if (options.faults) faults.open();

    const core::Instant begun = world.now();
    const auto length = core::Millis{
        static_cast<std::int64_t>(options.days * static_cast<double>(kDay.count()))};
    const core::Instant end_of_faults = begun + length;
    while (world.now() < end_of_faults && auditor.violations().empty()) {
        world.run_until(std::min(end_of_faults, world.now() + core::Millis{3'600'000}));
    }
    faults.heal();
    customers.close();
    const core::Instant deadline = world.now() + kRestWithin;
    while (auditor.violations().empty() && world.now() < deadline) {
        world.run_until(world.now() + kLook);
        customers.ask_about_all();
        world.run_until(world.now() + core::Millis{1'000});
        if (auditor.complaints().empty()) break;
    }
    if (auditor.violations().empty()) auditor.judge();

    RunReport report;
    report.violations = auditor.violations();
    report.trace_hash = world.trace().hash();
    report.events = world.trace().events();
    report.orders = customers.orders().size();
    for (const Order& order : customers.orders()) ++report.ends[order.status];
    report.deliveries = auditor.deliveries();
    report.returns = auditor.returns();
    report.lives = world.lives();
    report.faults = faults.tally();
    report.simulated_days = static_cast<double>((world.now() - begun).count()) /
                            static_cast<double>(kDay.count());
    return report;
}

}  // namespace simulation
