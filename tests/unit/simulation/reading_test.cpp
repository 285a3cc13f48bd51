#include "tests/unit/simulation/bench.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace simulation_bench;
using chains::Evidence;

TEST_CASE("simulated chain: an empty block -> proven by its filter") {
    Bench bench;
    bench.mine();
    const auto scan = bench.scan(1).value();
    CHECK(scan.evidence == Evidence::kBloomExcludes);
    CHECK(scan.block == bench.chain.tip());
    CHECK(scan.deposits.empty());
}

TEST_CASE("simulated chain: token and coin deposits -> scanned and proven, equal to the truth") {
    Bench bench;
    bench.mine();
    bench.pay(kUsdc, bench.alice, 5'000'000);
    bench.pay(kDai, bench.bob, 77);
    bench.pay(kNative, bench.alice, 123);
    bench.pay(kUsdc, address(0x50), 9);
    bench.mine();
    const auto scan = bench.scan(2).value();
    CHECK(scan.evidence == Evidence::kReceipts);
    REQUIRE(scan.deposits.size() == 3);
    CHECK(scan.tx_count == 4);
    auto truth = bench.chain.moves_to(bench.alice);
    const auto bobs = bench.chain.moves_to(bench.bob);
    truth.insert(truth.end(), bobs.begin(), bobs.end());
    REQUIRE(truth.size() == 3);
    for (const Moved& move : truth) {
        const auto same = [&](const chains::TransferSeen& seen) {
            return seen.tx == move.tx && seen.position == move.position && seen.to == move.to &&
                   seen.from == move.from && seen.units == move.units;
        };
        CHECK(std::any_of(scan.deposits.begin(), scan.deposits.end(), same));
        CHECK(move.success);
        CHECK(move.height == 2);
    }
    CHECK(bench.chain.balance(bench.alice, kUsdc) == core::Units{5'000'000});
    CHECK(bench.log.text.empty());
}

TEST_CASE("simulated chain: a range of many blocks -> all that was paid is found") {
    Bench bench;
    for (int i = 0; i < 60; ++i) {
        if (i % 7 == 0) bench.pay(kUsdc, bench.alice, 1'000 + static_cast<std::uint64_t>(i));
        bench.mine();
    }
    const auto scans = bench.run(bench.reader().scan_range(1, 50, bench.filter)).value();
    REQUIRE(scans.size() == 50);
    std::size_t found = 0;
    for (const auto& scan : scans) found += scan.deposits.size();
    CHECK(found == 8);
    CHECK(bench.log.text.empty());
}

TEST_CASE("simulated chain: heads -> latest and finalized as the chain has them") {
    Bench bench;
    bench.info.credit = {
        {.whole_tokens_max = {}, .depth = 0, .finalized_tag = true, .endpoints = 2}};
    bench.mine(10);
    auto heads = bench.run(bench.reader().heads()).value();
    CHECK(heads.latest == bench.chain.tip());
    REQUIRE(heads.finalized.has_value());
    CHECK(*heads.finalized == bench.chain.block_at(4));
    bench.chain.stall_finality(true);
    bench.mine(10);
    heads = bench.run(bench.reader().heads()).value();
    CHECK(heads.finalized->height == 4);
    bench.chain.stall_finality(false);
    bench.mine();
    heads = bench.run(bench.reader().heads()).value();
    CHECK(heads.finalized->height == 15);
}

TEST_CASE("simulated chain: balances at old blocks -> as they were, until they are forgotten") {
    auto options = chain_options();
    options.state_depth = 5;
    Bench bench{3, options};
    bench.mine();
    const auto before = bench.chain.tip();
    bench.pay(kUsdc, bench.alice, 10);
    bench.pay(kNative, bench.bob, 20);
    bench.mine();
    const auto after = bench.chain.tip();
    const auto usdc = bench.info.tokens[kUsdc].asset;
    auto& reader = bench.reader();
    CHECK(bench.run(reader.balance_of(usdc, bench.alice, before)).value().is_zero());
    CHECK(bench.run(reader.balance_of(usdc, bench.alice, after)).value() == core::Units{10});
    const auto native = bench.run(reader.native_balances({bench.alice, bench.bob}, after)).value();
    CHECK(native == std::vector<core::Units>{core::Units{0}, core::Units{20}});
    bench.chain.grant(kNative, bench.alice, core::Units{55});
    bench.mine();
    const auto granted =
        bench.run(reader.native_balances({bench.alice}, bench.chain.tip())).value();
    CHECK(granted.front() == core::Units{55});
    bench.mine(6);
    const auto forgotten = bench.run(reader.balance_of(usdc, bench.alice, before));
    REQUIRE_FALSE(forgotten.has_value());
    CHECK(forgotten.error().code == core::Errc::kNotReady);
}

TEST_CASE(
    "simulated chain: a token that refuses -> no log, no deposit, a failed transfer as truth") {
    Bench bench;
    bench.chain.behaviour(kUsdc).blocked.insert(bench.alice);
    bench.pay(kUsdc, bench.alice, 10);
    bench.chain.behaviour(kDai).returns_false = true;
    bench.pay(kDai, bench.alice, 10);
    bench.mine();
    CHECK(bench.scan(1).value().deposits.empty());
    const auto truth = bench.chain.moves_to(bench.alice);
    REQUIRE(truth.size() == 2);
    CHECK_FALSE(truth[0].success);
    CHECK_FALSE(truth[1].success);
    CHECK(bench.chain.balance(bench.alice, kUsdc).is_zero());
}

TEST_CASE("simulated chain: a node behind and a node pinned -> old heads, true blocks") {
    Bench bench{1};
    bench.mine(5);
    bench.nodes[0]->set_lag(2);
    CHECK(bench.run(bench.reader().heads()).value().latest == bench.chain.block_at(3));
    bench.nodes[0]->set_lag(0);
    bench.nodes[0]->pin();
    bench.mine(3);
    CHECK(bench.run(bench.reader().heads()).value().latest == bench.chain.block_at(5));
    bench.nodes[0]->unpin();
    CHECK(bench.run(bench.reader().heads()).value().latest == bench.chain.tip());
}
