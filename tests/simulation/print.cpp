#include "tests/simulation/print.hpp"

#include <cstdio>
#include <iostream>
#include <string>

namespace simulation {
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

}  // namespace

void print(const RunReport& report, std::uint64_t seed) {
    std::printf("seed %llu: %.1f days in %.2f s, trace %016llx, %llu events, %llu lives, %llu told, %llu orders",
                static_cast<unsigned long long>(seed), report.simulated_days, report.seconds,
                static_cast<unsigned long long>(report.trace_hash),
                static_cast<unsigned long long>(report.events),
                static_cast<unsigned long long>(report.lives),
                static_cast<unsigned long long>(report.told),
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

Trace::Listener printer() {
    return [](core::Instant at, std::string_view who, std::string_view what) {
        std::cout << time_text(at) << "  " << who << ": " << what << "\n";
    };
}

}  // namespace simulation
