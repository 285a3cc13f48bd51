#include "watchers/watch_set.hpp"

#include "tests/support/fake_chain.hpp"

#include <catch2/catch.hpp>

#include <chrono>

namespace {

core::Address solana_like(std::uint64_t number) {
    core::Bytes bytes(32, 0x5A);
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return *core::Address::from_bytes(bytes);
}

}  // namespace

TEST_CASE("watch set: addresses of both sizes -> found, others not") {
    watchers::WatchSet set{"eip155", {support::fake_address(1)}};
    for (std::uint64_t i = 10; i < 10'010; ++i) {
        set.insert(support::fake_address(i));
        set.insert(solana_like(i));
    }
    CHECK(set.size() == 20'001);
    CHECK(set.is_ours(support::fake_address(1)));
    std::size_t found = 0;
    std::size_t false_hits = 0;
    for (std::uint64_t i = 10; i < 10'010; ++i) {
        found += set.is_ours(support::fake_address(i)) ? 1 : 0;
        found += set.is_ours(solana_like(i)) ? 1 : 0;
        false_hits += set.is_ours(support::fake_address(i + 1'000'000)) ? 1 : 0;
        false_hits += set.is_ours(solana_like(i + 1'000'000)) ? 1 : 0;
    }
    CHECK(found == 20'000);
    CHECK(false_hits == 0);
    CHECK_FALSE(set.is_ours(core::Address{}));
}

TEST_CASE("watch set: the same address twice -> kept once") {
    watchers::AddressTable table{20};
    CHECK(table.insert(support::fake_address(3)));
    CHECK_FALSE(table.insert(support::fake_address(3)));
    CHECK(table.size() == 1);
}

TEST_CASE("watch set: addresses that differ in one byte -> told apart") {
    watchers::AddressTable table{20};
    core::Bytes bytes(20, 0);
    REQUIRE(table.insert(*core::Address::from_bytes(bytes)));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = 1;
        CHECK_FALSE(table.contains(*core::Address::from_bytes(bytes)));
        bytes[i] = 0;
    }
    CHECK(table.contains(*core::Address::from_bytes(bytes)));
}

TEST_CASE("watch set: a million addresses -> at most 40 bytes each") {
    watchers::AddressTable table{20};
    for (std::uint64_t i = 0; i < 1'000'000; ++i) {
        core::Bytes bytes(20, 0x11);
        const std::uint64_t spread = (i + 1) * 0x9E3779B97F4A7C15ULL;
        for (std::size_t b = 0; b < 8; ++b) {
            bytes[b] = static_cast<std::uint8_t>(spread >> (8 * b));
            bytes[b + 12] = static_cast<std::uint8_t>((spread * 31) >> (8 * b));
        }
        table.insert(*core::Address::from_bytes(bytes));
    }
    REQUIRE(table.size() == 1'000'000);
    CHECK(table.memory_bytes() <= 40'000'000);
}

TEST_CASE("watch set: lookups per second at a million addresses", "[.bench]") {
    watchers::WatchSet set{"eip155", {}};
    std::vector<core::Address> asked;
    for (std::uint64_t i = 0; i < 1'000'000; ++i) set.insert(support::fake_address(i));
    for (std::uint64_t i = 0; i < 200'000; ++i)
        asked.push_back(support::fake_address(i * 7 + 900'000));
    const auto begun = std::chrono::steady_clock::now();
    std::size_t hits = 0;
    constexpr std::size_t kRounds = 50;
    for (std::size_t round = 0; round < kRounds; ++round) {
        for (const core::Address& address : asked) hits += set.is_ours(address) ? 1 : 0;
    }
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begun;
    WARN(static_cast<double>(asked.size() * kRounds) / spent.count() / 1e6
         << " M/s, " << hits << " hits, " << set.memory_bytes() / 1e6 << " MB");
    CHECK(hits > 0);
}
