#include "watchers/impl/native_turns.hpp"

#include "tests/support/show_expected.hpp"
#include "tests/unit/watchers/world.hpp"
#include "watchers/run.hpp"

#include <catch2/catch.hpp>

using support::fake_chain_info;
using support::fake_tx;
using support::FakeContent;
using support::native_transfer;

// Coin at addresses whose session asks for something else.
namespace {

constexpr core::Millis kTurn = watchers::NativeTurns::kBetween;

FakeContent hidden(const core::Address& to, std::uint64_t units) {
    FakeContent content;
    content.hidden_credits = {{to, core::Units{units}}};
    return content;
}

core::Error useless() { return {core::Errc::kMalformed, "a balance that cannot be read"}; }

//! A chain of which one block was read, in which everybody had a turn.
struct Looked : World {
    explicit Looked(std::size_t receivers = 1, bool one_waits_for_coin = false)
        : World{fake_chain_info()} {
        follow();
        if (one_waits_for_coin) waiting = issue(true);
        for (std::size_t i = 0; i < receivers; ++i) others.push_back(issue());
        chain.mine();
        follow();
    }
    void next_turn() {
        clock.advance(kTurn);
        chain.mine();
        follow();
    }
    db::Receiver waiting;
    std::vector<db::Receiver> others;
};

core::BlockRef block(std::uint64_t height, std::int64_t seconds) {
    core::BlockRef ref;
    ref.height = height;
    ref.mined_at = core::Instant::from_unix_seconds(seconds);
    return ref;
}

}  // namespace

TEST_CASE("turns: coin where nobody waits for it -> balances are asked for in turn, it is found") {
    Looked world;
    const auto asked = world.chain.calls().native_balances;
    world.chain.mine(hidden(world.others[0].address, 1'000));
    world.follow();
    CHECK(world.chain.calls().native_balances == asked);
    CHECK(world.deposits(world.others[0]).empty());
    world.next_turn();
    const auto deposits = world.deposits(world.others[0]);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].units == core::Units{1'000});
    CHECK(world.chain.calls().native_balances == asked + 2);
}

TEST_CASE("turns: coin found long after it came -> counts from the last look before, not from the find") {
    Looked world;
    const core::BlockRef last_look = world.tip();
    const core::BlockRef came = world.chain.mine(hidden(world.others[0].address, 1'000));
    world.follow();
    world.chain.mine_empty(20);
    world.follow();
    SECTION("state is there") {}
    SECTION("no state but of the last block") { world.chain.set_state_depth(0); }
    world.next_turn();
    const auto deposits = world.deposits(world.others[0]);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].mined_at == last_look.mined_at);
    CHECK(deposits[0].mined_at <= came.mined_at);
    CHECK(deposits[0].height >= came.height);
}

TEST_CASE("turns: coin that came with the batch of the turn -> counts from its block") {
    Looked world;
    world.clock.advance(kTurn);
    const core::BlockRef came = world.chain.mine(hidden(world.others[0].address, 1'000));
    world.follow();
    const auto deposits = world.deposits(world.others[0]);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].mined_at == came.mined_at);
}

TEST_CASE("turns: never looked at since the start of the program -> counts from when the address was issued") {
    Looked world;
    world.chain.mine(hidden(world.others[0].address, 1'000));
    world.follow();
    world.chain.mine_empty(20);
    world.follow();
    world.restart();
    world.chain.mine();
    world.follow();
    const auto deposits = world.deposits(world.others[0]);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].mined_at == world.others[0].issued_at);
}

TEST_CASE("turns: the block of the last look left the chain -> coin counts from what is left of it") {
    Looked world;
    world.next_turn();
    world.next_turn();
    const core::BlockRef ancestor = world.chain.ref_at(world.tip().height - 2);
    world.chain.reorg(2, {hidden(world.others[0].address, 1'000), {}, {}, {}});
    world.follow();
    world.chain.set_state_depth(0);
    world.next_turn();
    const auto deposits = world.deposits(world.others[0]);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].mined_at == ancestor.mined_at);
}

TEST_CASE("turns: a block from the far future -> turns go on when it is gone") {
    Looked world;
    world.clock.advance(kTurn);
    world.chain.set_block_interval(core::Millis{365LL * 24 * 3'600'000});
    world.chain.mine();
    world.follow();
    world.chain.set_block_interval(core::Millis{12'000});
    world.chain.reorg(1, {hidden(world.others[0].address, 1'000), {}});
    world.follow();
    world.next_turn();
    CHECK(world.deposits(world.others[0]).size() == 1);
}

TEST_CASE("turns: the batch of a turn fails -> the same have their turn with the next try") {
    Looked world{0, true};
    for (std::size_t i = 0; i < watchers::NativeTurns::kPart + 20; ++i) {
        world.others.push_back(world.issue());
    }
    world.clock.advance(kTurn);
    world.chain.mine(hidden(world.others[0].address, 1'000));
    world.chain.fail_next(core::Errc::kUnreachable, 1, "native_balances");
    REQUIRE_FALSE(world.step());
    world.follow();
    CHECK(world.deposits(world.others[0]).size() == 1);
}

TEST_CASE("turns: nobody tells the balances of those in turn -> blocks go on, the same have the next turn") {
    Looked world{0};
    for (std::size_t i = 0; i < watchers::NativeTurns::kPart + 20; ++i) {
        world.others.push_back(world.issue());
    }
    world.clock.advance(kTurn);
    world.chain.mine(hidden(world.others[0].address, 1'000));
    world.chain.fail_next(core::Errc::kUnreachable, 7, "native_balances");
    world.follow();
    CHECK(world.tip() == world.chain.tip());
    CHECK(world.deposits(world.others[0]).empty());
    world.next_turn();
    CHECK(world.deposits(world.others[0]).size() == 1);
}

TEST_CASE("turns: an endpoint's error for one address -> the others have their turn, and the next part too") {
    Looked world{0, true};
    for (std::size_t i = 0; i < watchers::NativeTurns::kPart + 20; ++i) {
        world.others.push_back(world.issue());
    }
    const core::Address& spoilt = world.others[40].address;
    world.chain.set_balance_told(spoilt, core::Expected<core::Units>{useless()});
    FakeContent coin = hidden(world.others[41].address, 1'000);
    coin.hidden_credits.emplace_back(world.others.back().address, core::Units{7});
    coin.hidden_credits.emplace_back(world.waiting.address, core::Units{5});
    coin.hidden_credits.emplace_back(spoilt, core::Units{3});
    world.clock.advance(kTurn);
    world.chain.mine(coin);
    world.follow();
    CHECK(world.deposits(world.waiting).size() == 1);
    CHECK(world.deposits(world.others[41]).size() == 1);
    CHECK(world.watcher->status().waiting.empty());
    world.next_turn();
    CHECK(world.deposits(world.others.back()).size() == 1);
    // It has its turn like the others when the endpoint comes to its senses.
    world.chain.set_balance_told(spoilt, std::nullopt);
    world.next_turn();
    world.next_turn();
    CHECK(world.deposits(world.others[40]).size() == 1);
}

TEST_CASE("turns: an error for one address while catching up -> who waits for coin is looked at all the same") {
    watchers::WatcherConfig config;
    config.start_height = 1;
    World world{fake_chain_info(), config};
    world.chain.set_finalized_lag(10);
    const db::Receiver waiting = world.issue(true);
    const db::Receiver spoilt = world.issue();
    world.chain.set_balance_told(spoilt.address, core::Expected<core::Units>{useless()});
    world.chain.mine_empty(49);
    world.chain.mine(hidden(waiting.address, 1'000));
    world.chain.mine_empty(300);
    world.follow();
    const auto deposits = world.deposits(waiting);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].height == 50);
}

TEST_CASE("turns: an error while coin is dated -> the block is committed, the address waits alone") {
    chains::CreditTier tier;
    tier.endpoints = 2;
    World world{fake_chain_info(31337, tier)};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    const db::Receiver other = world.issue(true);
    world.chain.set_balances_denied_from(1);
    world.chain.mine(hidden(receiver.address, 1'000));
    world.follow();
    world.chain.set_balances_denied_from({});
    world.chain.fail_next(core::Errc::kUnreachable, 1, "block_at");
    world.chain.mine();
    world.follow();
    CHECK(world.tip() == world.chain.tip());
    CHECK(world.deposits(receiver).empty());
    CHECK(world.watcher->status().waiting.find(receiver.address.hex0x()) != std::string::npos);
    world.chain.mine(hidden(other.address, 7));
    world.follow();
    CHECK(world.deposits(receiver).size() == 1);
    CHECK(world.deposits(other).size() == 1);
    CHECK(world.watcher->status().waiting.empty());
}

TEST_CASE("turns: a part was looked at -> the next after a minute, and round again behind the last") {
    watchers::NativeTurns turns;
    const core::Tick start{5'000};
    REQUIRE(turns.due(start));
    CHECK(*turns.due(start) == core::ReceiverId{});
    watchers::NativeLooked look;
    look.turn = watchers::NativeLooked::Turn{start, core::ReceiverId{100}, false};
    turns.committed(look);
    CHECK_FALSE(turns.due(start));
    REQUIRE(turns.due(start + kTurn));
    CHECK(*turns.due(start + kTurn) == core::ReceiverId{100});
    look.turn = watchers::NativeLooked::Turn{start + kTurn, std::nullopt, false};
    turns.committed(look);
    CHECK_FALSE(turns.due(start + kTurn));
    CHECK(*turns.due(start + 2 * kTurn) == core::ReceiverId{100});
    look.turn = watchers::NativeLooked::Turn{start + 2 * kTurn, core::ReceiverId{}, true};
    turns.committed(look);
    CHECK(*turns.due(start + 3 * kTurn) == core::ReceiverId{});
}

TEST_CASE("turns: what is known of an address -> the last block that explained it, until it has left the round") {
    const core::Address one = support::fake_address(1);
    watchers::NativeTurns turns;
    watchers::NativeLooked look;
    look.block = block(10, 1'000);
    look.explained = {one};
    turns.committed(look);
    look.block = block(20, 2'000);
    look.explained.clear();
    look.unexplained = {one};
    turns.committed(look);
    REQUIRE(turns.last_explained(one));
    CHECK(turns.last_explained(one)->height == 10);
    turns.back_to(block(15, 1'500));
    CHECK(turns.last_explained(one)->height == 10);
    turns.back_to(block(5, 500));
    CHECK(turns.last_explained(one)->height == 5);
    CHECK(turns.last_explained(one)->mined_at == core::Instant::from_unix_seconds(500));
    look.unexplained.clear();
    look.turn = watchers::NativeLooked::Turn{{}, core::ReceiverId{}, true};
    turns.committed(look);
    CHECK(turns.last_explained(one));
    turns.committed(look);
    CHECK_FALSE(turns.last_explained(one));
}
