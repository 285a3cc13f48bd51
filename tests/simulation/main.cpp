// Runs simulated days and says what was found. scripts/simulate builds and starts it.

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>

#include "tests/simulation/run.hpp"

namespace {

std::string time_text(core::Instant at) {
    const std::int64_t ms = at.unix_ms % 86'400'000;
    char text[32];
    std::snprintf(text, sizeof text, "%lld %02lld:%02lld:%02lld.%03lld",
                  static_cast<long long>(at.unix_ms / 86'400'000 - 20'454),
                  static_cast<long long>(ms / 3'600'000), static_cast<long long>(ms / 60'000 % 60),
                  static_cast<long long>(ms / 1'000 % 60), static_cast<long long>(ms % 1'000));
    return text;
}

void print(const simulation::RunReport& report, std::uint64_t seed, double seconds) {
    std::printf("seed %llu: %.1f days in %.2f s, trace %016llx, %llu events, %llu lives, %llu orders",
                static_cast<unsigned long long>(seed), report.simulated_days, seconds,
                static_cast<unsigned long long>(report.trace_hash),
                static_cast<unsigned long long>(report.events),
                static_cast<unsigned long long>(report.lives),
                static_cast<unsigned long long>(report.orders));
    for (const auto& [status, count] : report.ends) {
        std::printf(", %llu %s", static_cast<unsigned long long>(count), status.c_str());
    }
    std::printf("\n");
    for (const std::string& violation : report.violations) {
        std::printf("  VIOLATION %s\n", violation.c_str());
    }
    std::fflush(stdout);
}

}  // namespace

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
    bool calm = false;
    app.add_flag("--calm", calm, "without faults");
    CLI11_PARSE(app, argc, argv);
    options.faults = !calm;
    if (verbose) {
        options.listener = [](core::Instant at, std::string_view who, std::string_view what) {
            std::cout << time_text(at) << "  " << who << ": " << what << "\n";
        };
    }
    bool clean = true;
    for (std::uint64_t i = 0; i < worlds; ++i, ++options.seed) {
        const auto begun = std::chrono::steady_clock::now();
        const auto report = simulation::run(options);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
        print(report, options.seed, took.count());
        clean = clean && report.violations.empty();
    }
    return clean ? 0 : 1;
}
