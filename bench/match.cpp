// How fast and in how much memory a WatchSet answers "is this ours?".
//
//   bench_match [ADDRESSES [LOOKUPS [HIT_PERIOD]]]
//
// Addresses are pseudo-random. Every HIT_PERIOD-th lookup is of a watched address chosen at random
// over the whole set, the others are of strangers, as in a block full of foreign transfers. Prints
// one line of JSON.

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "watchers/watch_set.hpp"

namespace {

//! splitmix64: each number gives another address, the same one on every run.
std::uint64_t mixed(std::uint64_t number) {
    number += 0x9E3779B97F4A7C15ULL;
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9ULL;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EBULL;
    return number ^ (number >> 31);
}

core::Address address_number(std::uint64_t number) {
    std::array<std::uint8_t, 24> bytes{};
    for (std::uint64_t part = 0; part < 3; ++part) {
        const std::uint64_t word = mixed(number * 3 + part);
        std::memcpy(bytes.data() + 8 * part, &word, 8);
    }
    return core::Address::from_bytes({bytes.data(), 20}).value();
}

//! Resident memory of this process in bytes.
std::size_t resident() {
    std::ifstream file{"/proc/self/statm"};
    std::size_t total = 0;
    std::size_t pages = 0;
    file >> total >> pages;
    return pages * 4096;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::uint64_t argument(int argc, char** argv, int index, std::uint64_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t watched = argument(argc, argv, 1, 1'000'000);
    const std::uint64_t lookups = argument(argc, argv, 2, 20'000'000);
    const std::uint64_t hit_period = argument(argc, argv, 3, 10);

    const std::size_t before = resident();
    const auto filling = std::chrono::steady_clock::now();
    watchers::WatchSet set{"eip155", {}};
    for (std::uint64_t number = 0; number < watched; ++number) set.insert(address_number(number));
    const double filled_in = seconds_since(filling);
    const std::size_t grown = resident() - before;

    // Made beforehand, so that making them is not measured; larger than the caches.
    std::vector<core::Address> asked;
    asked.reserve(1U << 18U);
    for (std::uint64_t i = 0; i < (1U << 18U); ++i) {
        const bool hit = i % hit_period == 0;
        asked.push_back(address_number(hit ? mixed(i) % watched : watched + i));
    }
    std::uint64_t found = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < lookups; ++i) {
        found += set.is_ours(asked[i & (asked.size() - 1)]) ? 1 : 0;
    }
    const double taken = seconds_since(begin);

    std::printf(
        "{\"watched\":%zu,\"insertSeconds\":%.3f,\"setBytes\":%zu,\"residentGrowthBytes\":%zu,"
        "\"lookups\":%llu,\"found\":%llu,\"seconds\":%.3f,\"lookupsPerSecond\":%.0f}\n",
        set.size(), filled_in, set.memory_bytes(), grown, static_cast<unsigned long long>(lookups),
        static_cast<unsigned long long>(found), taken, static_cast<double>(lookups) / taken);
    return 0;
}
