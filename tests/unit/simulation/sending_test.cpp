#include "tests/unit/simulation/bench.hpp"

#include <catch2/catch.hpp>

using namespace simulation_bench;
using chains::SendOutcome;

TEST_CASE("simulated pool: price, simulation, nonce and send -> mined, paid, booked to the wei") {
    Bench bench;
    bench.mine(10);
    auto& sender = bench.sender();
    const auto price = bench.run(sender.suggest_price()).value();
    CHECK(price.max_fee == core::Units{21 * kGwei});
    CHECK(price.max_priority_fee == core::Units{kGwei});
    CHECK(bench.run(sender.nonce_final(bench.hot())).value() == 0);

    auto tx = bench.unsigned_tx(kUsdc, address(0x60), 1'000, 0);
    const auto simulation = bench.run(sender.simulate(tx.order)).value();
    CHECK(simulation.would_succeed);
    CHECK(simulation.gas_limit == 62'501);
    tx.price = price;
    tx.gas_limit = simulation.gas_limit;
    const auto signed_tx = bench.sign(tx);
    const auto before = bench.chain.balance(bench.hot(), kNative);
    CHECK(bench.send(signed_tx.raw).outcome == SendOutcome::kAccepted);
    CHECK(bench.chain.waiting().size() == 1);
    bench.mine();
    CHECK(bench.run(sender.nonce_latest(bench.hot())).value() == 1);
    const auto own = bench.scan(11).value().own;
    REQUIRE(own.size() == 1);
    CHECK(own[0].success);
    REQUIRE(own[0].transfers.size() == 1);
    CHECK(own[0].transfers[0].units == core::Units{1'000});
    CHECK(own[0].fee == core::Units{11 * kGwei * 50'000});
    CHECK(before.minus(own[0].fee).value() == bench.chain.balance(bench.hot(), kNative));
    CHECK(bench.run(bench.reader().corroborate_own(bench.chain.tip(), own[0], 3)).has_value());
    CHECK(bench.send(signed_tx.raw).outcome == SendOutcome::kNonceTaken);
    CHECK(bench.run(sender.nonce_final(bench.hot())).value() == 0);
    bench.mine(6);
    CHECK(bench.run(sender.nonce_final(bench.hot())).value() == 1);
}

TEST_CASE("simulated pool: replacement -> ten percent more in both parts or refused") {
    Bench bench{1};
    bench.mine();
    const auto first = bench.sign(bench.unsigned_tx(kNative, address(0x61), 5, 0, 40 * kGwei));
    const auto poor = bench.sign(bench.unsigned_tx(kNative, address(0x61), 5, 0, 43 * kGwei));
    const auto rich = bench.sign(bench.unsigned_tx(kNative, address(0x61), 5, 0, 44 * kGwei));
    CHECK(bench.send(first.raw).outcome == SendOutcome::kAccepted);
    CHECK(bench.send(poor.raw).outcome == SendOutcome::kUnderpriced);
    CHECK(bench.send(rich.raw).outcome == SendOutcome::kAccepted);
    bench.mine();
    CHECK(bench.chain.where(rich.id).has_value());
    CHECK_FALSE(bench.chain.where(first.id).has_value());
}

TEST_CASE("simulated pool: a gap -> what is behind it waits") {
    Bench bench{1};
    bench.mine();
    const auto later = bench.sign(bench.unsigned_tx(kNative, address(0x61), 5, 1));
    const auto first = bench.sign(bench.unsigned_tx(kNative, address(0x61), 5, 0));
    CHECK(bench.send(later.raw).outcome == SendOutcome::kAccepted);
    bench.mine();
    CHECK_FALSE(bench.chain.where(later.id).has_value());
    CHECK(bench.send(first.raw).outcome == SendOutcome::kAccepted);
    bench.mine();
    CHECK(bench.chain.where(later.id)->height == 3);
    CHECK(bench.chain.nonce(bench.hot()) == 2);
}

TEST_CASE("simulated pool: a base fee above the offer -> waits until it falls") {
    Bench bench{1};
    bench.mine();
    const auto tx = bench.sign(bench.unsigned_tx(kNative, address(0x61), 5, 0, 15 * kGwei));
    bench.chain.set_base_fee(30 * kGwei, true);
    CHECK(bench.send(tx.raw).outcome == SendOutcome::kAccepted);
    bench.mine(3);
    CHECK_FALSE(bench.chain.where(tx.id).has_value());
    bench.chain.set_base_fee(10 * kGwei);
    bench.mine(10);
    CHECK(bench.chain.where(tx.id).has_value());
}

TEST_CASE("simulated pool: held, evicted and forced -> unseen, forgotten, first") {
    Bench bench{1};
    bench.mine();
    const auto tx = bench.sign(bench.unsigned_tx(kNative, address(0x61), 5, 0));
    bench.send(tx.raw);
    bench.chain.hold(tx.id, true);
    bench.mine();
    CHECK_FALSE(bench.chain.where(tx.id).has_value());
    bench.chain.hold(tx.id, false);
    bench.chain.evict(tx.id);
    bench.mine();
    CHECK_FALSE(bench.chain.where(tx.id).has_value());
    bench.chain.force(tx.id);
    bench.mine();
    CHECK(bench.chain.where(tx.id).has_value());
}

TEST_CASE("simulated tokens: refusals -> simulated in the contract's words, mined as failed") {
    Bench bench{1};
    bench.mine();
    auto& sender = bench.sender();
    const auto tx = bench.unsigned_tx(kUsdc, address(0x61), 5, 0);
    bench.chain.behaviour(kUsdc).blocked.insert(address(0x61));
    CHECK(bench.run(sender.simulate(tx.order)).value().reason ==
          "Blacklistable: account is blacklisted");
    bench.chain.behaviour(kUsdc) = {};
    bench.chain.behaviour(kUsdc).paused = true;
    CHECK(bench.run(sender.simulate(tx.order)).value().reason == "Pausable: paused");
    bench.chain.behaviour(kUsdc) = {};
    bench.chain.behaviour(kUsdc).returns_false = true;
    CHECK(bench.run(sender.simulate(tx.order)).value().reason ==
          "the token's contract returned false");
    bench.chain.behaviour(kUsdc) = {};
    bench.chain.behaviour(kUsdc).returns_nothing = true;
    CHECK(bench.run(sender.simulate(tx.order)).value().would_succeed);

    const auto signed_tx = bench.sign(tx);
    bench.send(signed_tx.raw);
    bench.chain.behaviour(kUsdc).paused = true;
    bench.mine();
    const auto own = bench.scan(2).value().own;
    REQUIRE(own.size() == 1);
    CHECK_FALSE(own[0].success);
    CHECK(own[0].transfers.empty());
    CHECK_FALSE(own[0].fee.is_zero());
}

TEST_CASE("simulated chain: too little gas -> fails and burns all of it") {
    Bench bench{1};
    bench.mine();
    auto tx = bench.unsigned_tx(kUsdc, address(0x61), 5, 0);
    tx.gas_limit = 40'000;
    bench.send(bench.sign(tx).raw);
    bench.mine();
    const auto own = bench.scan(2).value().own;
    REQUIRE(own.size() == 1);
    CHECK_FALSE(own[0].success);
    CHECK(own[0].fee == core::Units{12 * kGwei * 40'000});
    CHECK(bench.chain.balance(address(0x61), kUsdc).is_zero());
}

TEST_CASE("simulated pool: what geth refuses -> refused in its words") {
    Bench bench{1};
    bench.mine();
    auto poor = bench.unsigned_tx(kNative, address(0x61), 5, 0);
    poor.order.units = *kEther.times(1'001);
    CHECK(bench.send(bench.sign(poor).raw).outcome == SendOutcome::kUnaffordable);
    bench.chain.set_tip_min(50 * kGwei);
    CHECK(bench.send(bench.sign(bench.unsigned_tx(kNative, address(0x61), 5, 0)).raw).outcome ==
          SendOutcome::kUnderpriced);
    bench.chain.set_tip_min(1);
    // Each alone is affordable, both together are not.
    auto half = bench.unsigned_tx(kNative, address(0x61), 5, 0);
    half.order.units = *kEther.times(600);
    CHECK(bench.send(bench.sign(half).raw).outcome == SendOutcome::kAccepted);
    half.nonce = 1;
    CHECK(bench.send(bench.sign(half).raw).outcome == SendOutcome::kUnaffordable);
}
