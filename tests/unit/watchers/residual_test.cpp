#include "tests/support/show_expected.hpp"
#include "tests/unit/watchers/world.hpp"
#include "watchers/run.hpp"

#include <catch2/catch.hpp>

using support::fake_chain_info;
using support::fake_tx;
using support::FakeContent;
using support::native_transfer;
using Story = std::vector<std::string>;

namespace {

FakeContent hidden(const core::Address& to, std::uint64_t units) {
    FakeContent content;
    content.hidden_credits = {{to, core::Units{units}}};
    return content;
}

core::BlockRef native_read_to(World& world) {
    const auto read_to = world.read<std::optional<core::BlockRef>>(
        [id = world.chain.info().id](db::UnitOfWork& work) {
            return work.blocks().native_read_to(id);
        });
    REQUIRE(read_to);
    return *read_to;
}

}  // namespace

TEST_CASE("residual: native coin moved by a contract -> a deposit of the difference [F16]",
          "[F16]") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(2);
    world.follow();
    const db::Receiver receiver = world.issue(true);
    FakeContent content = hidden(receiver.address, 1'000);
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 300)};
    world.chain.mine(content);
    world.follow();
    world.chain.mine(hidden(receiver.address, 50));
    world.follow();
    world.chain.mine();
    world.follow();
    world.chain.mine();
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1", "detected r1 d2 @1", "detected r1 d3 @2",
                                 "confirmed r1 d1,d2 @3", "confirmed r1 d3 @4"});
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 3);
    CHECK(deposits[0].units == core::Units{300});
    CHECK(deposits[1].units == core::Units{1'000});
    CHECK(deposits[1].kind == 3);
    CHECK(deposits[1].tx.empty());
    CHECK(deposits[1].key == "residual:" + receiver.address.hex0x() + ":0");
    CHECK(deposits[2].units == core::Units{50});
    CHECK(deposits[2].key == "residual:" + receiver.address.hex0x() + ":1");
}

TEST_CASE("residual: a reorg takes it away and another amount comes -> one row, the new amount") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(100);
    world.follow();
    const db::Receiver receiver = world.issue(true);
    world.chain.mine(hidden(receiver.address, 1'000));
    world.follow();
    world.chain.reorg_empty(1, 1);
    world.follow();
    CHECK(world.deposits(receiver).at(0).status == db::DepositStatus::kOrphaned);
    world.chain.mine(hidden(receiver.address, 1'700));
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1", "orphaned r1 d1 @0", "detected r1 d1 @2"});
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].units == core::Units{1'700});
    CHECK(deposits[0].status == db::DepositStatus::kDetected);
}

TEST_CASE("residual: after catching up in ranges -> dated by halving the range") {
    watchers::WatcherConfig config;
    config.start_height = 1;
    World world{fake_chain_info(), config};
    world.chain.set_finalized_lag(10);
    const db::Receiver receiver = world.issue(true);
    world.chain.mine_empty(100);
    world.chain.mine(hidden(receiver.address, 1'000));
    world.chain.mine_empty(300);
    world.follow();
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].height == 101);
    CHECK(deposits[0].mined_at == world.chain.ref_at(101).mined_at);
    CHECK(deposits[0].units == core::Units{1'000});
    CHECK(native_read_to(world) == world.tip());
}

TEST_CASE("residual: several within one range -> each in its block") {
    watchers::WatcherConfig config;
    config.start_height = 1;
    World world{fake_chain_info(), config};
    world.chain.set_finalized_lag(0);
    const db::Receiver receiver = world.issue(true);
    world.chain.mine_empty(20);
    world.chain.mine(hidden(receiver.address, 7));
    world.chain.mine_empty(30);
    FakeContent both = hidden(receiver.address, 5);
    both.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 300)};
    world.chain.mine(both);
    world.chain.mine_empty(10);
    world.follow();
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 3);
    CHECK(deposits[0].units == core::Units{300});
    CHECK(deposits[1].units == core::Units{7});
    CHECK(deposits[1].height == 21);
    CHECK(deposits[2].units == core::Units{5});
    CHECK(deposits[2].height == 52);
}

TEST_CASE("residual: no state at old blocks -> found later, in time by the benefit of the doubt") {
    watchers::WatcherConfig config;
    config.start_height = 1;
    World world{fake_chain_info(), config};
    world.chain.set_finalized_lag(10);
    world.follow();
    world.chain.set_state_depth(50);
    const db::Receiver receiver = world.issue(true);
    world.chain.mine_empty(100);
    world.chain.mine(hidden(receiver.address, 1'000));
    world.chain.mine_empty(300);
    world.follow();
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].height == 391);
    CHECK(deposits[0].mined_at == world.chain.ref_at(1).mined_at);
    CHECK(native_read_to(world) == world.tip());
}

TEST_CASE("residual: two endpoints asked for, one sees the coin -> not booked until both do") {
    chains::CreditTier tier;
    tier.endpoints = 2;
    World world{fake_chain_info(31337, tier)};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    world.chain.set_balances_denied_from(1);
    world.chain.mine(hidden(receiver.address, 1'000));
    world.follow();
    CHECK(world.story().empty());
    CHECK(native_read_to(world).height == 0);
    CHECK(world.watcher->status().waiting.find("native coin at") == 0);
    world.chain.set_balances_denied_from({});
    world.chain.mine();
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @2", "confirmed r1 d1 @2"});
    const auto deposits = world.deposits(receiver);
    CHECK(deposits.at(0).height == 1);
    CHECK(native_read_to(world).height == 2);
    CHECK(world.watcher->status().waiting.empty());
}

TEST_CASE("residual: less coin than is explained -> told once, again only when it changes") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(100);
    world.follow();
    const db::Receiver receiver = world.issue(true);
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 300)};
    world.chain.mine(content);
    world.follow();
    FakeContent loss;
    loss.hidden_debits = {{receiver.address, core::Units{40}}};
    world.chain.mine(loss);
    world.follow();
    world.chain.mine_empty(5);
    world.follow();
    CHECK(world.story(1) == Story{"missing r1 40 @2"});
    world.chain.mine(loss);
    world.follow();
    CHECK(world.story(2) == Story{"missing r1 80 @8"});
    CHECK(world.metrics.value("depositd_balance_missing_total") == 2);
}

TEST_CASE("residual: less coin than is explained, by what is not final -> told again when it is") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(100);
    world.follow();
    const db::Receiver receiver = world.issue(true);
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 300)};
    content.hidden_debits = {{receiver.address, core::Units{40}}};
    world.chain.mine(content);
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1", "missing r1 40 @1"});
    world.chain.mine_empty(3);
    world.follow();
    CHECK(world.story().size() == 2);
    world.chain.set_finalized_lag(0);
    world.chain.mine_empty(1);
    world.follow();
    world.chain.mine_empty(3);
    world.follow();
    CHECK(world.story(2) == Story{"confirmed r1 d1 @5", "missing r1 40 @6"});
}

TEST_CASE("residual: of a small amount, seen by one of several endpoints -> not booked on its word") {
    auto info = fake_chain_info();
    info.payout_final.endpoints = 2;
    REQUIRE(info.credit.back().endpoints == 1);
    World world{info};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    world.chain.set_balances_denied_from(1);
    world.chain.mine(hidden(receiver.address, 1));
    world.follow();
    CHECK(world.story().empty());
}

TEST_CASE("residual: a top-up of ours whose block was told without it -> nobody's deposit") {
    World world{fake_chain_info()};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    world.own_attempt(fake_tx(1), World::TopUp{receiver.address, 500});
    world.chain.mine(hidden(receiver.address, 500));
    world.follow();
    CHECK(world.deposits(receiver).empty());
    world.chain.mine(hidden(receiver.address, 40));
    world.follow();
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].units == core::Units{40});
}

TEST_CASE("residual: coin spent by our own transaction, fee and top-up -> nothing to explain") {
    World world{fake_chain_info()};
    world.chain.fund(world.operators[0], world.chain.info().native_asset, core::Units{10'000});
    world.chain.mine();
    world.follow();
    const std::size_t told = world.facts().size();
    const db::Receiver receiver = world.issue(true);
    world.own_attempt(fake_tx(1));
    world.own_attempt(fake_tx(2));
    chains::OwnTxSeen top_up;
    top_up.tx = fake_tx(1);
    top_up.sender = world.operators[0];
    top_up.to = receiver.address;
    top_up.native_value = core::Units{500};
    top_up.fee = core::Units{21};
    top_up.success = true;
    chains::OwnTxSeen spend;
    spend.tx = fake_tx(2);
    spend.sender = receiver.address;
    spend.to = world.operators[1];
    spend.native_value = core::Units{100};
    spend.fee = core::Units{21};
    spend.success = true;
    FakeContent first;
    first.txs = {top_up};
    FakeContent second;
    second.txs = {spend};
    world.chain.mine(first);
    world.follow();
    world.chain.mine(second);
    world.follow();
    CHECK(world.deposits(receiver).empty());
    CHECK(world.story(told) ==
          Story{"own mined t1 @2", "own final t1 @2", "own mined t2 @3", "own final t2 @3"});
}
