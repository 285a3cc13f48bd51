#include "tests/support/show_expected.hpp"
#include "tests/unit/watchers/world.hpp"
#include "watchers/run.hpp"

#include <catch2/catch.hpp>

using support::fake_address;
using support::fake_chain_info;
using support::fake_tx;
using support::FakeContent;
using support::native_transfer;
using Story = std::vector<std::string>;

// One endpoint tells a transaction in a real block that does not hold it.
namespace {

constexpr core::Millis kRetry{5'000};

chains::ChainInfo two_wanted() {
    chains::CreditTier tier;
    tier.endpoints = 2;
    auto info = fake_chain_info(31337, tier);
    info.payout_final.endpoints = 2;
    return info;
}

chains::OwnTxSeen payout_of(const World& world) {
    chains::OwnTxSeen own;
    own.tx = fake_tx(1);
    own.sender = world.operators[0];
    own.success = true;
    own.fee = core::Units{21};
    own.to = fake_address(700);
    own.native_value = core::Units{500};
    return own;
}

FakeContent holding(const chains::OwnTxSeen& own) {
    FakeContent content;
    content.txs = {own};
    return content;
}

void tell_in(World& world, std::uint64_t height, const chains::OwnTxSeen& own) {
    world.chain.set_teller([height, own](chains::BlockScan& scan) {
        if (scan.block.height == height) scan.own.push_back(own);
    });
}

}  // namespace

TEST_CASE("contradiction: a pending transaction of ours told as mined -> taken back when its own block is read "
          "[F02]",
          "[F02]") {
    World world{two_wanted()};
    world.follow();
    const auto own = payout_of(world);
    world.own_attempt(own.tx);
    world.chain.set_agreeing_endpoints(1);
    tell_in(world, 1, own);
    world.chain.mine();
    world.follow();
    REQUIRE(world.story() == Story{"own mined t1 @1"});
    world.chain.mine(holding(own));
    world.chain.mine();
    // Nobody else can be asked: nothing is decided on one word.
    const auto alone = world.step();
    REQUIRE_FALSE(alone);
    CHECK(alone.error().code == core::Errc::kNoQuorum);
    CHECK(world.story() == Story{"own mined t1 @1"});
    CHECK(world.tip().height == 1);

    world.chain.set_agreeing_endpoints(2);
    world.follow();
    CHECK(world.tip().height == 3);
    CHECK(world.story() == Story{"own mined t1 @1", "own orphaned t1 @1", "own mined t1 @2",
                                 "own final t1 @2"});
    CHECK(world.metrics.value("depositd_rows_corrected_total") == 1);
}

TEST_CASE("contradiction: a transaction of ours told once more in a later block -> left out there, the row stays "
          "[F02]",
          "[F02]") {
    World world{two_wanted()};
    world.chain.set_finalized_lag(1);
    const bool is_final = GENERATE(false, true);
    world.follow();
    const auto own = payout_of(world);
    world.own_attempt(own.tx);
    tell_in(world, is_final ? 3 : 2, own);
    world.chain.mine(holding(own));
    for (int i = 0; i < 3; ++i) {
        world.follow();
        world.chain.mine();
    }
    world.follow();
    CHECK(world.tip() == world.chain.tip());
    CHECK(world.story() == Story{"own mined t1 @1", "own final t1 @1"});
    CHECK(world.halts().empty());
}

TEST_CASE("contradiction: a pending payment told as mined -> taken back when its own block is read [F02]",
          "[F02]") {
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    const auto payment = native_transfer(world.chain.info(), fake_tx(1), receiver.address, 70);
    world.chain.set_agreeing_endpoints(1);
    world.chain.set_teller([&](chains::BlockScan& scan) {
        if (scan.block.height == 1) scan.deposits.push_back(payment);
    });
    world.chain.mine();
    world.follow();
    REQUIRE(world.deposits(receiver).size() == 1);
    world.chain.set_agreeing_endpoints(2);
    FakeContent content;
    content.transfers = {payment};
    world.chain.mine(content);
    world.follow();
    CHECK(world.tip() == world.chain.tip());
    CHECK(world.story() == Story{"detected r1 d1 @1", "missing r1 70 @1", "orphaned r1 d1 @1",
                                 "detected r1 d1 @2", "confirmed r1 d1 @2"});
    REQUIRE(world.deposits(receiver).size() == 1);
    CHECK(world.deposits(receiver).front().height == 2);
}

TEST_CASE("contradiction: both blocks are read in one range -> only the true one is kept [F02]", "[F02]") {
    World world{two_wanted()};
    world.follow();
    const auto own = payout_of(world);
    world.own_attempt(own.tx);
    const std::uint64_t falsely = GENERATE(2, 6);
    tell_in(world, falsely, own);
    for (std::uint64_t height = 1; height <= 8; ++height) {
        world.chain.mine(height == 4 ? holding(own) : FakeContent{});
    }
    world.follow();
    CHECK(world.tip() == world.chain.tip());
    const auto row = world.read<std::optional<db::OwnTx>>([&](db::UnitOfWork& work) {
        return work.own_txs().by_tx(world.chain.info().id, own.tx);
    });
    REQUIRE(row);
    CHECK(row->height == 4);
    CHECK(row->status == db::OwnTxStatus::kFinal);
}

TEST_CASE("contradiction: a transaction of ours that nobody else knows -> taken back, not mined for ever [F02]",
          "[F02]") {
    World world{two_wanted()};
    world.follow();
    auto own = payout_of(world);
    own.sender = world.operators[1];
    world.chain.set_agreeing_endpoints(1);
    tell_in(world, 1, own);
    world.chain.mine();
    world.follow();
    world.clock.advance(kRetry);
    world.follow();
    CHECK(world.story() == Story{"own mined t1 @1"});
    world.chain.set_agreeing_endpoints(2);
    world.clock.advance(kRetry);
    world.follow();
    CHECK(world.story() == Story{"own mined t1 @1", "own orphaned t1 @1"});
    CHECK(world.metrics.value("depositd_rows_corrected_total") == 1);
}

TEST_CASE("contradiction: others do not know our transaction, and its block holds it -> the row stays") {
    World world{two_wanted()};
    world.follow();
    const auto own = payout_of(world);
    world.own_attempt(own.tx);
    world.chain.mine(holding(own));
    world.chain.fail_next(core::Errc::kNoQuorum, 1, "corroborate_own");
    world.follow();
    CHECK(world.chain.calls().corroborate_absent == 1);
    CHECK(world.story() == Story{"own mined t1 @1"});
    world.clock.advance(kRetry);
    world.follow();
    CHECK(world.story() == Story{"own mined t1 @1", "own final t1 @1"});
}
