// Runs simulated days and says what was found. scripts/simulate builds and starts it.

#include <cstdio>

#include <CLI/CLI.hpp>

#include "tests/simulation/crash_points.hpp"
#include "tests/simulation/print.hpp"

int main(int argc, char** argv) {
    CLI::App app{"Simulates depositd with its chains, nodes, disk and customers: days in seconds, "
                 "every run of a seed the same."};
    simulation::RunOptions options;
    std::uint64_t worlds = 1;
    bool verbose = false;
    app.add_option("--seed", options.seed, "first seed")->capture_default_str();
    app.add_option("--worlds", worlds, "how many worlds, seed after seed")->capture_default_str();
    app.add_option("--days", options.days, "days with faults in each world")->capture_default_str();
    app.add_option("--chains", options.chains, "chains of a world")->capture_default_str();
    app.add_option("--orders", options.orders_per_day, "orders per day")->capture_default_str();
    app.add_flag("--verbose", verbose, "tell all that happens");
    app.add_option("--crash", options.crashes, "the first life dies at this crash point, the next at the next, …");
    bool lists = false;
    app.add_flag("--list-crash-points", lists, "say which there are");
    app.add_option("--liars", options.liars, "of three nodes, how many tell the same lie")
        ->capture_default_str();
    bool calm = false;
    app.add_flag("--calm", calm, "without faults");
    CLI11_PARSE(app, argc, argv);
    if (lists) {
        for (const char* name : simulation::kCrashPoints) std::puts(name);
        return 0;
    }
    options.faults = !calm;
    if (verbose) options.listener = simulation::printer();
    bool clean = true;
    for (std::uint64_t i = 0; i < worlds; ++i, ++options.seed) {
        const simulation::RunReport report = simulation::run(options);
        simulation::print(report, options.seed);
        clean = clean && report.violations.empty();
    }
    return clean ? 0 : 1;
}
