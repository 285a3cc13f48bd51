#include "tests/support/show_expected.hpp"
#include "tests/unit/watchers/world.hpp"
#include "watchers/run.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

using support::fake_address;
using support::fake_chain_info;
using support::fake_tx;
using support::FakeContent;
using support::token_transfer;
using Story = std::vector<std::string>;

namespace {

FakeContent pays(const World& world, std::uint64_t tx, const core::Address& to,
                 std::uint64_t units) {
    FakeContent content;
    content.transfers = {token_transfer(world.chain.info(), fake_tx(tx), to, units)};
    return content;
}

chains::CreditTier by_depth(std::uint64_t depth) {
    chains::CreditTier tier;
    tier.depth = depth;
    tier.finalized_tag = false;
    return tier;
}

//! Every deposit row that is not orphaned stands in a block of the chain, and nothing of the chain
//! is missing.
void agrees_with_chain(World& world, const db::Receiver& receiver, std::uint64_t txs) {
    std::map<core::TxId, db::Deposit> live;
    for (const db::Deposit& deposit : world.deposits(receiver)) {
        if (deposit.status != db::DepositStatus::kOrphaned) live.emplace(deposit.tx, deposit);
    }
    std::size_t on_chain = 0;
    for (std::uint64_t i = 0; i < txs; ++i) {
        const auto block = world.wait(world.chain.block_of(fake_tx(i)));
        REQUIRE(block);
        const auto row = live.find(fake_tx(i));
        REQUIRE(block->has_value() == (row != live.end()));
        if (!*block) continue;
        ++on_chain;
        REQUIRE((**block).hash == row->second.block);
        REQUIRE((**block).height == row->second.height);
    }
    REQUIRE(on_chain == live.size());
}

}  // namespace

TEST_CASE(
    "reorg: of any depth -> exactly what stood above is taken back, then the new branch is read "
    "[F06]",
    "[F06]") {
    const std::uint64_t depth = GENERATE(1U, 2U, 3U, 7U, 40U, 200U);
    World world{fake_chain_info(31337, by_depth(300))};
    world.chain.set_finalized_lag(std::nullopt);
    world.follow();
    const db::Receiver receiver = world.issue();
    for (std::uint64_t i = 0; i < 250; ++i) {
        world.chain.mine(i % 5 == 0 || i == 249 ? pays(world, i, receiver.address, 1 + i)
                                                : FakeContent{});
    }
    world.follow();
    const std::size_t told = world.facts().size();
    world.chain.reorg_empty(depth, depth);
    world.chain.mine(pays(world, 1'000, receiver.address, 7));
    world.chain.reset_calls();
    world.follow();
    CHECK(world.tip() == world.chain.tip());
    CHECK(world.chain.calls().block_at <= 20);
    agrees_with_chain(world, receiver, 1'001);

    const auto facts = world.facts();
    REQUIRE(facts.size() == told + 2);
    CHECK(facts[told].kind == db::FactKind::kDepositsOrphaned);
    CHECK(facts[told].height == 250 - depth);
    CHECK(facts[told].were_confirmed.empty());
    std::size_t lost = 0;
    for (std::uint64_t i = 250 - depth; i < 250; ++i) lost += i % 5 == 0 || i == 249 ? 1 : 0;
    CHECK(facts[told].deposits.size() == lost);
    CHECK(facts[told + 1].kind == db::FactKind::kDepositsDetected);
    CHECK(world.halts().empty());
    CHECK(world.metrics.value("depositd_reorgs_total") == 1);
    CHECK(world.metrics.value("depositd_reorg_depth") == static_cast<double>(depth));
}

TEST_CASE(
    "reorg: one block replaced between two looks, its deposit gone -> taken back, not confirmed "
    "[F05]",
    "[F05]") {
    World world{fake_chain_info(31337, by_depth(1))};
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine(pays(world, 1, receiver.address, 5));
    world.follow();
    world.chain.reorg_empty(1, 1);
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1", "orphaned r1 d1 @0"});
    CHECK(world.tip() == world.chain.tip());
}

TEST_CASE("reorg: below what was final -> payouts halt, watching goes on [F07]", "[F07]") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(2);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine(pays(world, 1, receiver.address, 5));
    world.chain.mine_empty(5);
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1", "confirmed r1 d1 @4"});
    world.chain.reorg_empty(6, 7);
    world.follow();
    CHECK(world.story(2) == Story{"orphaned r1 d1 (1 confirmed) @0"});
    const auto halts = world.halts();
    REQUIRE(halts.size() == 1);
    CHECK(halts[0].chain == world.chain.info().id);
    CHECK(halts[0].reason.find("finality violation: block 4") == 0);
    CHECK(halts[0].reason.find("1 confirmed deposits") != std::string::npos);
    CHECK(world.metrics.value("depositd_finality_violations_total") == 1);
    CHECK(world.log.count(core::LogLevel::kError) == 1);

    CHECK(world.tip() == world.chain.tip());
    world.chain.mine(pays(world, 2, receiver.address, 6));
    world.chain.mine_empty(2);
    world.follow();
    CHECK(world.story(3) == Story{"detected r1 d2 @8", "confirmed r1 d2 @8"});
}

TEST_CASE("reorg: a deposit confirmed by depth leaves the chain -> payouts halt [F07]", "[F07]") {
    World world{fake_chain_info(31337, by_depth(2))};
    world.chain.set_finalized_lag(std::nullopt);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine(pays(world, 1, receiver.address, 5));
    world.chain.mine_empty(2);
    world.follow();
    world.chain.reorg_empty(3, 4);
    world.follow();
    CHECK(world.story() ==
          Story{"detected r1 d1 @1", "confirmed r1 d1 @3", "orphaned r1 d1 (1 confirmed) @0"});
    REQUIRE(world.halts().size() == 1);
    CHECK(world.halts()[0].reason == "finality violation: 1 confirmed deposits left the chain");
}

TEST_CASE("reorg: no kept block is on the node's chain -> halted, the cursor stays") {
    watchers::WatcherConfig config;
    config.start_height = 4;
    World world{fake_chain_info(), config};
    world.chain.mine_empty(8);
    world.follow();
    world.chain.reorg_empty(7, 9);
    const auto failed = world.step();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == core::Errc::kHalted);
    CHECK(world.tip().height == 8);
    CHECK(world.halts().size() == 1);
}

TEST_CASE("finality: stands still for hours -> deposits wait, then are confirmed [F08]", "[F08]") {
    World world{fake_chain_info()};
    world.chain.mine_empty(3);
    world.follow();
    world.chain.freeze_finalized(3);
    const db::Receiver receiver = world.issue();
    world.chain.mine(pays(world, 1, receiver.address, 5));
    for (int i = 0; i < 1'800; i += 100) {
        world.chain.mine_empty(100);
        world.follow();
    }
    CHECK(world.story() == Story{"detected r1 d1 @4"});
    CHECK(world.watcher->status().final_height == 3U);
    world.chain.freeze_finalized(std::nullopt);
    world.follow();
    CHECK(world.story(1) == Story{"confirmed r1 d1 @1804"});
}

TEST_CASE("finality: the tag moves without a new block -> credited at once") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(2);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine(pays(world, 1, receiver.address, 5));
    world.follow();
    world.chain.set_finalized_lag(0);
    world.chain.reset_calls();
    world.follow();
    CHECK(world.story(1) == Story{"confirmed r1 d1 @1"});
    CHECK(world.chain.calls().total() == 1);
}

TEST_CASE(
    "confirmations: the block is not ours any more -> none, however long the chain grows [F09]",
    "[F09]") {
    World world{fake_chain_info(31337, by_depth(12))};
    world.chain.set_finalized_lag(std::nullopt);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine_empty(5);
    world.chain.mine(pays(world, 1, receiver.address, 5));
    world.follow();
    world.chain.reorg_empty(2, 3);
    world.chain.mine_empty(1'000);
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @6", "orphaned r1 d1 @4"});
    CHECK(world.deposits(receiver).at(0).status == db::DepositStatus::kOrphaned);
}

TEST_CASE("reorg: the transaction is mined again elsewhere -> the same deposit, once [F10]",
          "[F10]") {
    World world{fake_chain_info(31337, by_depth(5))};
    world.chain.set_finalized_lag(std::nullopt);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine();
    world.chain.mine(pays(world, 1, receiver.address, 5));
    world.follow();
    world.chain.reorg(1, {FakeContent{}, FakeContent{}, pays(world, 1, receiver.address, 5)});
    world.follow();
    world.chain.mine_empty(5);
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @2", "orphaned r1 d1 @1", "detected r1 d1 @4",
                                 "confirmed r1 d1 @9"});
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].height == 4);
    CHECK(deposits[0].block == world.chain.ref_at(4).hash);
}

TEST_CASE("reorg: our transaction moves to another block -> orphaned, mined again, final once") {
    auto info = fake_chain_info(31337, by_depth(3));
    World world{info};
    world.chain.set_finalized_lag(std::nullopt);
    world.follow();
    chains::OwnTxSeen own;
    own.tx = fake_tx(1);
    own.sender = world.operators[0];
    own.success = true;
    FakeContent content;
    content.txs = {own};
    world.chain.mine(content);
    world.follow();
    world.chain.reorg(1, {FakeContent{}, content});
    world.follow();
    world.chain.mine_empty(3);
    world.follow();
    CHECK(world.story() ==
          Story{"own mined t1 @1", "own orphaned t1 @1", "own mined t1 @2", "own final t1 @2"});
}

TEST_CASE("reorg: a shorter branch -> believed only when it stays") {
    World world{fake_chain_info(31337, by_depth(100))};
    world.chain.set_finalized_lag(std::nullopt);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine_empty(9);
    world.chain.mine(pays(world, 1, receiver.address, 5));
    world.follow();
    world.chain.reorg_empty(4, 2);
    world.follow();
    world.clock.advance(core::Millis{30'000});
    world.follow();
    CHECK(world.tip().height == 10);
    CHECK(world.watcher->status().waiting ==
          "the node's head is another chain, 2 blocks behind ours");
    world.clock.advance(core::Millis{10'000});
    world.follow();
    CHECK(world.tip() == world.chain.tip());
    CHECK(world.story(1) == Story{"orphaned r1 d1 @6"});
}

TEST_CASE("reorg: while the search for the ancestor fails -> nothing is taken back yet") {
    World world{fake_chain_info(31337, by_depth(100))};
    world.chain.set_finalized_lag(std::nullopt);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine_empty(20);
    world.chain.mine(pays(world, 1, receiver.address, 5));
    world.follow();
    world.chain.reorg_empty(10, 11);
    for (unsigned i = 0; i < 3; ++i) {
        world.chain.fail_next(core::Errc::kTimeout, 1, "block_at");
        CHECK_FALSE(world.step());
        CHECK(world.tip().height == 21);
        CHECK(world.story().size() == 1);
    }
    world.follow();
    CHECK(world.tip() == world.chain.tip());
    CHECK(world.story(1) == Story{"orphaned r1 d1 @11"});
}

TEST_CASE("reorg: random turns of the chain -> rows agree with the chain after each look") {
    const std::uint32_t seed = GENERATE(1U, 2U, 3U);
    INFO("seed " << seed);
    std::mt19937 random{seed};
    const auto below = [&](std::uint32_t bound) { return random() % bound; };
    World world{fake_chain_info(31337, by_depth(60))};
    world.chain.set_finalized_lag(std::nullopt);
    world.chain.mine_empty(70);
    world.follow();
    const db::Receiver receiver = world.issue();
    std::uint64_t next_tx = 0;
    std::vector<FakeContent> mempool;
    const auto some_block = [&]() -> FakeContent {
        if (!mempool.empty() && below(2) == 0) {
            FakeContent content = std::move(mempool.back());
            mempool.pop_back();
            return content;
        }
        return below(3) == 0 ? pays(world, next_tx++, receiver.address, 1 + below(1'000))
                             : FakeContent{};
    };
    for (int turn = 0; turn < 120; ++turn) {
        if (below(4) == 0) {
            const std::uint64_t depth = 1 + below(world.chain.tip().height > 110 ? 40 : 5);
            std::vector<FakeContent> lost = world.chain.reorg(depth);
            for (FakeContent& content : lost) {
                if (!content.transfers.empty()) mempool.push_back(std::move(content));
            }
            const std::uint64_t longer = depth + 1 + below(3);
            for (std::uint64_t i = 0; i < longer; ++i) world.chain.mine(some_block());
        }
        for (std::uint32_t i = below(4); i > 0; --i) world.chain.mine(some_block());
        if (below(5) == 0) world.chain.fail_next(core::Errc::kTimeout, 1, "scan_block");
        if (below(7) == 0) world.restart();
        for (int tries = 0; tries < 20 && !world.step(); ++tries) {
        }
        REQUIRE(world.tip() == world.chain.tip());
        agrees_with_chain(world, receiver, next_tx);
    }
    CHECK(world.halts().empty());
    // Told in order: a deposit is detected and taken back in turns.
    std::map<std::int64_t, bool> standing;
    for (const db::Fact& fact : world.facts()) {
        for (const core::DepositId id : fact.deposits) {
            if (fact.kind == db::FactKind::kDepositsDetected) {
                CHECK_FALSE(standing[id.value]);
                standing[id.value] = true;
            } else if (fact.kind == db::FactKind::kDepositsOrphaned) {
                CHECK(standing[id.value]);
                standing[id.value] = false;
            }
        }
    }
}
