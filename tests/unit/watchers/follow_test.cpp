#include "tests/support/show_expected.hpp"
#include "tests/unit/watchers/world.hpp"
#include "watchers/run.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <catch2/catch.hpp>

using support::fake_address;
using support::fake_chain_info;
using support::fake_tx;
using support::FakeContent;
using support::native_transfer;
using support::token_transfer;
using Story = std::vector<std::string>;

namespace {

FakeContent pays(const World& world, const core::TxId& tx, const core::Address& to,
                 std::uint64_t units, std::uint32_t position = 0) {
    FakeContent content;
    content.transfers = {token_transfer(world.chain.info(), tx, to, units, position)};
    return content;
}

chains::OwnTxSeen own_tx(const core::TxId& tx, const core::Address& sender, std::uint64_t nonce) {
    chains::OwnTxSeen own;
    own.tx = tx;
    own.sender = sender;
    own.nonce = nonce;
    own.success = true;
    own.fee = core::Units{21'000};
    own.to = fake_address(888);
    return own;
}

}  // namespace

TEST_CASE("watcher: a transfer to a receiver -> detected in its block, confirmed with finality") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(2);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine(pays(world, fake_tx(1), receiver.address, 500));
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1"});
    world.chain.mine();
    world.follow();
    CHECK(world.story().size() == 1);
    world.chain.mine();
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1", "confirmed r1 d1 @3"});

    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].units == core::Units{500});
    CHECK(deposits[0].status == db::DepositStatus::kConfirmed);
    CHECK(deposits[0].mined_at == world.chain.ref_at(1).mined_at);
    CHECK(deposits[0].block == world.chain.ref_at(1).hash);
    CHECK(world.tip() == world.chain.tip());
    const auto status = world.watcher->status();
    CHECK(status.tip == 3U);
    CHECK(status.head == 3U);
    CHECK(status.final_height == 1U);
    CHECK(status.lag_blocks == 0);
    CHECK(status.last_error.empty());
    CHECK(world.metrics.value("depositd_deposits_detected_total") == 1);
}

TEST_CASE("watcher: two transfers in one transaction -> two deposits, one fact") {
    World world{fake_chain_info()};
    world.follow();
    const db::Receiver receiver = world.issue();
    FakeContent content = pays(world, fake_tx(1), receiver.address, 500, 0);
    content.transfers.push_back(
        token_transfer(world.chain.info(), fake_tx(1), receiver.address, 500, 3));
    world.chain.mine(content);
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1,d2 @1", "confirmed r1 d1,d2 @1"});
}

TEST_CASE("watcher: several receivers in one block -> one fact each") {
    World world{fake_chain_info()};
    world.follow();
    const db::Receiver first = world.issue();
    const db::Receiver second = world.issue();
    FakeContent content = pays(world, fake_tx(1), second.address, 5);
    content.transfers.push_back(token_transfer(world.chain.info(), fake_tx(2), first.address, 6));
    content.transfers.push_back(token_transfer(world.chain.info(), fake_tx(3), second.address, 7));
    content.transfers.push_back(
        token_transfer(world.chain.info(), fake_tx(4), fake_address(77), 8));
    world.chain.mine(content);
    world.follow();
    CHECK(world.story() == Story{"detected r1 d2 @1", "detected r2 d1,d3 @1", "confirmed r1 d2 @1",
                                 "confirmed r2 d1,d3 @1"});
}

TEST_CASE("watcher: the same transfer twice in one answer -> one deposit") {
    World world{fake_chain_info()};
    world.follow();
    const db::Receiver receiver = world.issue();
    FakeContent content = pays(world, fake_tx(1), receiver.address, 500);
    content.transfers.push_back(content.transfers[0]);
    world.chain.mine(content);
    world.follow();
    CHECK(world.deposits(receiver).size() == 1);
    CHECK(world.story() == Story{"detected r1 d1 @1", "confirmed r1 d1 @1"});
}

TEST_CASE("watcher: transfers of nothing -> only counted [F21]", "[F21]") {
    World world{fake_chain_info()};
    world.follow();
    const db::Receiver receiver = world.issue();
    FakeContent content;
    for (std::uint64_t i = 0; i < 1'000; ++i) {
        content.transfers.push_back(
            token_transfer(world.chain.info(), fake_tx(i), receiver.address, 0));
    }
    world.chain.mine(content);
    world.follow();
    CHECK(world.story().empty());
    CHECK(world.deposits(receiver).empty());
    CHECK(world.metrics.value("depositd_zero_transfers_ignored_total") == 1'000);
}

TEST_CASE(
    "watcher: money to the operator's address -> a deposit without a receiver, its own fact") {
    World world{fake_chain_info()};
    world.follow();
    FakeContent content = pays(world, fake_tx(1), world.operators[0], 5);
    content.transfers.push_back(
        token_transfer(world.chain.info(), fake_tx(2), world.operators[0], 6));
    world.chain.mine(content);
    world.follow();
    CHECK(world.story() ==
          Story{"detected d1 @1", "detected d2 @1", "confirmed d1 @1", "confirmed d2 @1"});
    CHECK_FALSE(world.deposits_of(fake_tx(1)).at(0).receiver);
}

TEST_CASE(
    "watcher: a transfer by our own attempt -> no deposit, one by a stranger in our name -> one") {
    World world{fake_chain_info()};
    world.follow();
    const db::Receiver receiver = world.issue();
    world.own_attempt(fake_tx(1));
    FakeContent content;
    auto ours = own_tx(fake_tx(1), world.operators[0], 0);
    auto foreign = own_tx(fake_tx(2), world.operators[0], 1);
    ours.transfers = {token_transfer(world.chain.info(), fake_tx(1), receiver.address, 5)};
    foreign.transfers = {token_transfer(world.chain.info(), fake_tx(2), receiver.address, 6)};
    content.txs = {ours, foreign};
    world.chain.mine(content);
    world.follow();
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].tx == fake_tx(2));
    CHECK(world.story() == Story{"detected r1 d1 @1", "own mined t1 @1", "own mined t2 @1",
                                 "confirmed r1 d1 @1", "own final t1 @1", "own final t2 @1"});
}

TEST_CASE("watcher: a call of ours pays us, or another of our addresses -> deposits; itself -> none") {
    World world{fake_chain_info()};
    world.follow();
    const db::Receiver receiver = world.issue();
    world.own_attempt(fake_tx(1), {}, db::StepKind::kCall);
    FakeContent content;
    auto call = own_tx(fake_tx(1), world.operators[0], 0);
    auto back = token_transfer(world.chain.info(), fake_tx(1), receiver.address, 5, 0);
    auto across = token_transfer(world.chain.info(), fake_tx(1), receiver.address, 6, 1);
    across.from = world.operators[0];
    auto to_itself = token_transfer(world.chain.info(), fake_tx(1), world.operators[0], 7, 2);
    to_itself.from = world.operators[0];
    call.transfers = {across};
    content.txs = {call};
    content.transfers = {back, across, to_itself};
    world.chain.mine(content);
    world.follow();
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 2);
    CHECK(deposits[0].units == core::Units{5});
    CHECK(deposits[1].units == core::Units{6});
    const auto all = world.wait(world.db->read<std::vector<db::Deposit>>(
        [](db::UnitOfWork& work) { return work.deposits().of_tx(fake_tx(1)); }));
    CHECK(all.value().size() == 2);
}

TEST_CASE("watcher: one deposit is not agreed on -> the next one is asked about all the same") {
    chains::CreditTier tier;
    tier.endpoints = 2;
    World world{fake_chain_info(31337, tier)};
    world.follow();
    const db::Receiver first = world.issue();
    const db::Receiver second = world.issue();
    world.chain.fail_next(core::Errc::kNoQuorum, 1, "corroborate");
    world.chain.mine(pays(world, fake_tx(1), first.address, 5));
    world.chain.mine(pays(world, fake_tx(2), second.address, 5));
    world.follow();
    CHECK(world.deposits(first).at(0).status == db::DepositStatus::kDetected);
    CHECK(world.deposits(second).at(0).status == db::DepositStatus::kConfirmed);
    CHECK(world.watcher->status().waiting.find("deposit 1 waits") == 0);
}

TEST_CASE("watcher: the other endpoints' finality is behind -> a deposit waits for it") {
    chains::CreditTier tier;
    tier.endpoints = 2;
    World world{fake_chain_info(31337, tier)};
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.set_others_finalized(0);
    world.chain.mine(pays(world, fake_tx(1), receiver.address, 5));
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1"});
    const auto asked = world.chain.calls().corroborate;
    world.chain.set_others_finalized({});
    world.clock.advance(core::Millis{5'000});
    world.follow();
    CHECK(world.story(1) == Story{"confirmed r1 d1 @1"});
    CHECK(world.chain.calls().corroborate == asked);
}

TEST_CASE("watcher: one endpoint's word on our transaction -> not final until others say so") {
    auto info = fake_chain_info();
    info.payout_final.endpoints = 2;
    World world{info};
    world.follow();
    world.own_attempt(fake_tx(1));
    FakeContent content;
    content.txs = {own_tx(fake_tx(1), world.operators[0], 0)};
    world.chain.set_denied(fake_tx(1));
    world.chain.mine(content);
    world.follow();
    CHECK(world.story() == Story{"own mined t1 @1"});
    CHECK(world.watcher->status().waiting.find("waits for 2 endpoints") != std::string::npos);
    world.chain.set_denied({});
    world.follow();
    CHECK(world.story().size() == 1);
    world.clock.advance(core::Millis{5'000});
    world.follow();
    CHECK(world.story() == Story{"own mined t1 @1", "own final t1 @1"});
    CHECK(world.chain.calls().corroborate_nonce == 0);
}

TEST_CASE("watcher: a transaction that is no attempt of ours -> final when its nonce is used up") {
    World world{fake_chain_info()};
    world.follow();
    FakeContent content;
    content.txs = {own_tx(fake_tx(1), world.operators[0], 1)};
    world.chain.mine(content);
    world.follow();
    CHECK(world.story() == Story{"own mined t1 @1"});
    content.txs = {own_tx(fake_tx(2), world.operators[0], 0)};
    world.chain.mine(content);
    world.clock.advance(core::Millis{5'000});
    world.follow();
    CHECK(world.story() ==
          Story{"own mined t1 @1", "own mined t2 @2", "own final t1 @1", "own final t2 @2"});
}

TEST_CASE("watcher: our transaction -> mined at once, final with the chain's rule for payouts") {
    auto info = fake_chain_info();
    info.payout_final.depth = 3;
    info.payout_final.finalized_tag = false;
    World world{info};
    world.follow();
    FakeContent content;
    content.txs = {own_tx(fake_tx(1), world.operators[0], 0)};
    world.chain.mine(content);
    world.follow();
    world.chain.mine_empty(2);
    world.follow();
    CHECK(world.story() == Story{"own mined t1 @1"});
    world.chain.mine();
    world.follow();
    CHECK(world.story() == Story{"own mined t1 @1", "own final t1 @1"});
}

TEST_CASE("watcher: any failure of the reader -> the cursor stays, later all is found [F01] [F27]",
          "[F01][F27]") {
    const auto code =
        GENERATE(core::Errc::kNotReady, core::Errc::kTimeout, core::Errc::kUnreachable,
                 core::Errc::kMalformed, core::Errc::kReorged, core::Errc::kRateLimited,
                 core::Errc::kNoQuorum, core::Errc::kRefused);
    const std::string method = GENERATE("heads", "scan_block", "native_balances");
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(50);
    world.follow();
    const db::Receiver receiver = world.issue(true);
    world.chain.mine(pays(world, fake_tx(1), receiver.address, 500));
    world.chain.fail_next(code, 3, method);
    for (int i = 0; i < 3; ++i) {
        const auto failed = world.step();
        REQUIRE_FALSE(failed);
        CHECK(failed.error().code == code);
        CHECK(world.tip().height == 0);
        CHECK_FALSE(world.watcher->status().last_error.empty());
    }
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1"});
    CHECK(world.watcher->status().last_error.empty());
    CHECK(world.log.count(core::LogLevel::kError) == 0);
}

TEST_CASE("watcher: a node that knows the head but not yet the block -> nothing is skipped [F01]",
          "[F01]") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(std::nullopt);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine_empty(3);
    world.chain.mine(pays(world, fake_tx(1), receiver.address, 500));
    world.chain.mine_empty(5);
    // Two blocks are read, then the node is not there yet.
    unsigned seen = 0;
    world.chain.on_scan([&](std::uint64_t) {
        if (++seen == 2) world.chain.fail_next(core::Errc::kNotReady, 1, "scan_block");
    });
    CHECK_FALSE(world.step());
    CHECK(world.tip().height == 2);
    world.follow();
    CHECK(world.tip().height == 9);
    CHECK(world.deposits(receiver).size() == 1);
}

TEST_CASE("watcher: calls per block -> the same for 1 and for 2,000 receivers [F23]", "[F23]") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(100);
    world.follow();
    const auto calls_of_a_block = [&] {
        world.chain.reset_calls();
        world.chain.mine();
        world.follow();
        return world.chain.calls().total();
    };
    world.issue();
    // Once a minute a part of the receivers has its balances looked at: after that.
    CHECK(calls_of_a_block() == 3);
    const auto few = calls_of_a_block();
    for (int i = 0; i < 2'000; ++i) world.issue();
    CHECK(calls_of_a_block() == few);
    CHECK(few == 2);
    world.chain.reset_calls();
    world.follow();
    CHECK(world.chain.calls().total() == 1);
    CHECK(world.metrics.value("depositd_watched_addresses") == 2'003);
}

TEST_CASE("watcher: heads that jump back and forth -> state only moves forward [F28]", "[F28]") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(3);
    world.chain.mine_empty(10);
    world.follow();
    world.chain.set_head_jitter(5);
    const db::Receiver receiver = world.issue();
    std::uint64_t highest = 0;
    for (std::uint64_t i = 0; i < 300; ++i) {
        world.chain.mine(i % 10 == 0 ? pays(world, fake_tx(i), receiver.address, 1 + i)
                                     : FakeContent{});
        world.follow();
        REQUIRE(world.tip().height >= highest);
        highest = world.tip().height;
    }
    world.chain.set_head_jitter(0);
    world.follow();
    world.chain.mine_empty(4);
    world.follow();
    CHECK(world.deposits(receiver).size() == 30);
    for (const db::Fact& fact : world.facts()) CHECK(fact.kind != db::FactKind::kDepositsOrphaned);
    CHECK(world.metrics.value("depositd_reorgs_total") == 0);
}

TEST_CASE("watcher: a node behind us -> waits, says so, takes nothing back") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(2);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine_empty(10);
    world.chain.mine(pays(world, fake_tx(1), receiver.address, 5));
    world.follow();
    world.chain.set_lag(6);
    world.follow();
    CHECK(world.tip().height == 11);
    CHECK(world.watcher->status().waiting == "the node's head is 6 blocks behind ours");
    CHECK(world.story() == Story{"detected r1 d1 @11"});
}

TEST_CASE("watcher: far behind -> ranges below finality, the same result as block by block") {
    const unsigned batch = GENERATE(1U, 7U, 200U);
    watchers::WatcherConfig config;
    config.range_batch = batch;
    config.start_height = 1;
    World world{fake_chain_info(), config};
    world.chain.set_finalized_lag(5);
    std::vector<db::Receiver> receivers;
    for (int i = 0; i < 3; ++i) receivers.push_back(world.issue());
    for (std::uint64_t i = 1; i <= 500; ++i) {
        world.chain.mine(i % 3 == 0 ? pays(world, fake_tx(i), receivers[i % 9 / 3].address, i)
                                    : FakeContent{});
    }
    world.follow();
    CHECK(world.tip().height == 500);
    std::size_t detected = 0;
    std::size_t confirmed = 0;
    for (const db::Fact& fact : world.facts()) {
        detected += fact.kind == db::FactKind::kDepositsDetected ? fact.deposits.size() : 0;
        confirmed += fact.kind == db::FactKind::kDepositsConfirmed ? fact.deposits.size() : 0;
    }
    CHECK(detected == 166);
    CHECK(confirmed == 165);
    if (batch == 200) {
        CHECK(world.chain.calls().scan_range == 3);
        CHECK(world.chain.calls().scan_block == 5);
    }
    const auto rows = world.read<std::vector<db::CoverageRow>>(
        [id = world.chain.info().id](db::UnitOfWork& work) {
            return work.blocks().coverage(id, 0, 1'000);
        });
    REQUIRE_FALSE(rows.empty());
    CHECK(rows.front().from == 1);
    CHECK(rows.back().to == 500);
    for (std::size_t i = 1; i < rows.size(); ++i) {
        CHECK(rows[i].from == rows[i - 1].to + 1);
        CHECK(rows[i].first_parent == rows[i - 1].last_hash);
    }
}

TEST_CASE("watcher: restarted after every look -> nothing lost, nothing twice") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(4);
    world.follow();
    const db::Receiver receiver = world.issue();
    for (std::uint64_t i = 0; i < 60; ++i) {
        world.chain.mine(i % 4 == 0 ? pays(world, fake_tx(i), receiver.address, 10 + i)
                                    : FakeContent{});
        if (i % 7 == 6) world.chain.reorg_empty(3, 4);
        world.restart();
        if (i % 5 == 4) {
            world.chain.fail_next(core::Errc::kTimeout, 1, "scan_block");
            (void)world.step().has_value();
            world.restart();
        }
        world.follow();
        CHECK(world.tip() == world.chain.tip());
    }
    std::size_t live = 0;
    for (const db::Deposit& deposit : world.deposits(receiver)) {
        if (deposit.status == db::DepositStatus::kOrphaned) continue;
        ++live;
        CHECK(world.chain.ref_at(deposit.height).hash == deposit.block);
    }
    std::size_t on_chain = 0;
    for (std::uint64_t i = 0; i < 60; ++i) {
        on_chain += world.wait(world.chain.block_of(fake_tx(i)))->has_value() ? 1 : 0;
    }
    CHECK(live == on_chain);
}

TEST_CASE("watcher: first start -> origin below the head, the operator's balances are told") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(10);
    world.chain.fund(world.operators[0], world.chain.info().native_asset, core::Units{7'000});
    world.chain.fund(world.operators[1], world.chain.info().tokens[1].asset, core::Units{90});
    world.chain.mine_empty(40);
    world.follow();
    CHECK(world.story() == Story{"opening 7000 @30", "opening 90 @30"});
    const auto facts = world.facts();
    CHECK(facts[0].address == world.operators[0]);
    CHECK(facts[0].asset == world.chain.info().native_asset);
    CHECK(facts[1].asset == world.chain.info().tokens[1].asset);
    CHECK(world.tip().height == 40);
    world.restart();
    world.follow();
    CHECK(world.story().size() == 2);
}

TEST_CASE("watcher: a start height -> the block with this height is the first one read") {
    watchers::WatcherConfig config;
    config.start_height = 5;
    World world{fake_chain_info(), config};
    const db::Receiver receiver = world.issue();
    for (std::uint64_t i = 1; i <= 8; ++i) {
        world.chain.mine(pays(world, fake_tx(i), receiver.address, i));
    }
    world.follow();
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 4);
    CHECK(deposits[0].height == 5);
}

TEST_CASE("watcher: a start height above the final block -> read from the final block on") {
    watchers::WatcherConfig config;
    config.start_height = 8;
    World world{fake_chain_info(), config};
    world.chain.set_finalized_lag(5);
    const db::Receiver receiver = world.issue();
    for (std::uint64_t i = 1; i <= 8; ++i) {
        world.chain.mine(pays(world, fake_tx(i), receiver.address, i));
    }
    world.follow();
    CHECK(world.deposits(receiver).size() == 5);
    // A reorganisation of all that is not final leaves something to walk back to.
    world.chain.reorg_empty(5, 6);
    world.follow();
    CHECK(world.tip() == world.chain.tip());
}

TEST_CASE("watcher: tiers by amount -> small after depth, large with finality") {
    chains::CreditTier small;
    small.whole_tokens_max = 100;
    small.depth = 2;
    small.finalized_tag = false;
    auto info = fake_chain_info();
    info.credit = {small, chains::CreditTier{}};
    World world{info};
    world.chain.set_finalized_lag(6);
    world.follow();
    const db::Receiver receiver = world.issue();
    FakeContent content = pays(world, fake_tx(1), receiver.address, 100'000'000);
    content.transfers.push_back(
        token_transfer(world.chain.info(), fake_tx(2), receiver.address, 100'000'001));
    world.chain.mine(content);
    world.follow();
    world.chain.mine();
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1,d2 @1"});
    world.chain.mine();
    world.follow();
    CHECK(world.story(1) == Story{"confirmed r1 d1 @3"});
    world.chain.mine_empty(3);
    world.follow();
    CHECK(world.story().size() == 2);
    world.chain.mine();
    world.follow();
    CHECK(world.story(2) == Story{"confirmed r1 d2 @7"});
}

TEST_CASE("watcher: finality asked for, none given by the node -> never confirmed") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(std::nullopt);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine(pays(world, fake_tx(1), receiver.address, 5));
    world.chain.mine_empty(500);
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1"});
}

TEST_CASE("watcher: two endpoints asked for -> waits for agreement, then confirms") {
    chains::CreditTier tier;
    tier.endpoints = 2;
    World world{fake_chain_info(31337, tier)};
    world.chain.set_agreeing_endpoints(1);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine(pays(world, fake_tx(1), receiver.address, 5));
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1"});
    CHECK(world.watcher->status().waiting.find("1 of 2 agree") != std::string::npos);
    CHECK(world.metrics.value("depositd_corroborations_failed_total") == 1);
    // Scanning goes on, and the endpoints are not asked at every look.
    const auto asked = world.chain.calls().corroborate;
    world.chain.mine();
    world.follow();
    CHECK(world.tip().height == 2);
    CHECK(world.chain.calls().corroborate == asked);
    world.chain.set_agreeing_endpoints(2);
    world.clock.advance(core::Millis{5'000});
    world.follow();
    CHECK(world.story(1) == Story{"confirmed r1 d1 @2"});
    CHECK(world.watcher->status().waiting.empty());
}

TEST_CASE("watcher: a receiver issued while its block is read -> found all the same") {
    const bool range = GENERATE(false, true);
    watchers::WatcherConfig config;
    config.start_height = 1;
    World world{fake_chain_info(), config};
    world.chain.set_finalized_lag(range ? 0 : 100);
    world.chain.mine_empty(range ? 5 : 1);
    // The next issued address is known beforehand: 100,000 + its index.
    const core::Address next = fake_address(100'001);
    world.chain.mine(pays(world, fake_tx(1), next, 5));
    world.chain.mine_empty(range ? 5 : 0);
    const std::uint64_t height = range ? 6 : 2;
    std::optional<db::Receiver> receiver;
    world.chain.on_scan([&](std::uint64_t at) {
        if (at == height && !receiver) receiver = world.issue();
    });
    world.follow();
    REQUIRE(receiver);
    REQUIRE(receiver->address == next);
    CHECK(world.deposits(*receiver).size() == 1);
}

TEST_CASE("watcher: receivers issued during every reading -> the block is committed all the same") {
    World world{fake_chain_info()};
    world.follow();
    world.chain.on_scan([&](std::uint64_t) { world.issue(); });
    for (int i = 0; i < 5; ++i) {
        world.chain.mine();
        world.follow();
    }
    CHECK(world.tip().height == 5);
    CHECK(world.chain.calls().scan_block == 10);
}

TEST_CASE("watcher: old block rows are forgotten -> following and walking back go on") {
    watchers::WatcherConfig config;
    config.prune_every = 50;
    config.keep_blocks = 100;
    World world{fake_chain_info(), config};
    world.chain.set_finalized_lag(20);
    world.follow();
    const db::Receiver receiver = world.issue();
    world.chain.mine(pays(world, fake_tx(1), receiver.address, 5));
    world.chain.mine_empty(400);
    world.follow();
    const auto at = [&](std::uint64_t height) {
        return world.read<std::optional<core::BlockRef>>(
            [id = world.chain.info().id, height](db::UnitOfWork& work) {
                return work.blocks().at(id, height);
            });
    };
    CHECK(at(1));
    CHECK_FALSE(at(2));
    CHECK_FALSE(at(300));
    CHECK(at(301));
    world.chain.reorg_empty(15, 16);
    world.follow();
    CHECK(world.tip() == world.chain.tip());
    CHECK(world.halts().empty());
}

TEST_CASE(
    "watcher: run -> looks at its interval, slower after failures, and ends by cancellation") {
    World world{fake_chain_info()};
    core::asio::cancellation_signal stop;
    bool ended = false;
    core::asio::co_spawn(
        world.ioc, world.watcher->run(),
        core::asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { ended = true; }));
    // The store's threads answer in their own time: run until the watcher sleeps.
    const auto until_asleep = [&] {
        while (world.clock.sleepers() == 0 && !ended) world.ioc.run_one();
    };
    until_asleep();
    CHECK(world.chain.calls().heads == 1);
    for (int i = 0; i < 4; ++i) {
        world.clock.advance(core::Millis{999});
        CHECK(world.clock.sleepers() == 1);
        world.clock.advance(core::Millis{1});
        until_asleep();
    }
    CHECK(world.chain.calls().heads == 5);
    world.chain.fail_next(core::Errc::kTimeout, 1, "heads");
    world.clock.advance(core::Millis{1'000});
    until_asleep();
    CHECK(world.chain.calls().heads == 6);
    world.clock.advance(core::Millis{1'999});
    CHECK(world.clock.sleepers() == 1);
    world.watcher->nudge();
    while (world.chain.calls().heads == 6) world.ioc.run_one();
    until_asleep();
    CHECK(world.chain.calls().heads == 7);
    stop.emit(core::asio::cancellation_type::terminal);
    while (!ended) world.ioc.run_one();
    CHECK(world.clock.sleepers() == 0);
}
