#include "tests/support/show_expected.hpp"
#include "tests/unit/watchers/world.hpp"
#include "watchers/run.hpp"

#include <catch2/catch.hpp>

using support::fake_address;
using support::fake_chain_info;
using support::fake_tx;
using support::FakeContent;
using support::native_transfer;
using support::token_transfer;
using Story = std::vector<std::string>;

// The only endpoint that can be reached tells a block falsely, and later the others are there again.
namespace {

constexpr core::Millis kRetry{5'000};

chains::ChainInfo two_wanted() {
    chains::CreditTier tier;
    tier.endpoints = 2;
    auto info = fake_chain_info(31337, tier);
    info.payout_final.endpoints = 2;
    return info;
}

chains::OwnTxSeen top_up_of(const World& world, const core::Address& to, std::uint64_t units) {
    chains::OwnTxSeen own;
    own.tx = fake_tx(1);
    own.sender = world.operators[0];
    own.success = true;
    own.fee = core::Units{21};
    own.to = to;
    own.native_value = core::Units{units};
    return own;
}

FakeContent holding(const chains::OwnTxSeen& own) {
    FakeContent content;
    content.txs = {own};
    return content;
}

db::OwnTx row_of(World& world, const core::TxId& tx) {
    auto row = world.read<std::optional<db::OwnTx>>([&](db::UnitOfWork& work) {
        return work.own_txs().by_tx(world.chain.info().id, tx);
    });
    REQUIRE(row);
    return *row;
}

//! 70 in coin or in the token, in one transaction.
FakeContent paying(const World& world, const db::Receiver& receiver, bool native) {
    const chains::ChainInfo& info = world.chain.info();
    FakeContent content;
    content.transfers = {native ? native_transfer(info, fake_tx(1), receiver.address, 70)
                                : token_transfer(info, fake_tx(1), receiver.address, 70)};
    return content;
}

void an_hour_late(chains::BlockScan& scan) {
    scan.block.mined_at = scan.block.mined_at + core::Millis{3'600'000};
}

void times_thousand(chains::BlockScan& scan) {
    for (auto& own : scan.own) own.native_value = *own.native_value.times(1'000);
    for (auto& deposit : scan.deposits) deposit.units = *deposit.units.times(1'000);
}

}  // namespace

TEST_CASE("correct: our own transaction told falsely -> as the others say, then final") {
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue();
    world.own_attempt(fake_tx(1), World::TopUp{receiver.address, 500});
    const auto truth = top_up_of(world, receiver.address, 500);
    world.chain.set_teller(times_thousand);
    world.chain.mine(holding(truth));
    world.follow();
    // Who lied is still the one who is read from: nothing else is agreed on.
    CHECK(world.story() == Story{"own mined t1 @1"});
    CHECK(row_of(world, fake_tx(1)).native_value == core::Units{500'000});
    CHECK(world.watcher->status().waiting.find("waits for 2 endpoints") != std::string::npos);

    world.chain.set_teller({});
    world.clock.advance(kRetry);
    world.follow();
    CHECK(world.story(1) == Story{"own orphaned t1 @1", "own mined t1 @1"});
    CHECK(row_of(world, fake_tx(1)).native_value == core::Units{500});
    CHECK(world.metrics.value("depositd_rows_corrected_total") == 1);
    world.clock.advance(kRetry);
    world.follow();
    CHECK(world.story(3) == Story{"own final t1 @1"});
    CHECK(world.watcher->status().waiting.empty());
}

TEST_CASE("correct: one endpoint against a true row -> the row stays") {
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue();
    world.own_attempt(fake_tx(1), World::TopUp{receiver.address, 500});
    world.chain.set_agreeing_endpoints(1);
    world.chain.mine(holding(top_up_of(world, receiver.address, 500)));
    world.follow();
    world.chain.set_teller(times_thousand);
    for (int i = 0; i < 3; ++i) {
        // Also when somebody denies what the row says: what the liar tells instead is not agreed on.
        if (i == 1) world.chain.set_agreeing_endpoints(2);
        if (i == 1) world.chain.set_denied(fake_tx(1));
        world.clock.advance(kRetry);
        world.follow();
        CHECK(row_of(world, fake_tx(1)).native_value == core::Units{500});
    }
    world.chain.set_denied({});
    world.clock.advance(kRetry);
    world.follow();
    CHECK(world.story() == Story{"own mined t1 @1", "own final t1 @1"});
    CHECK(world.metrics.value("depositd_rows_corrected_total") == 0);
}

TEST_CASE("correct: a final transaction of ours -> never told otherwise") {
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue();
    world.own_attempt(fake_tx(1), World::TopUp{receiver.address, 500});
    world.chain.mine(holding(top_up_of(world, receiver.address, 500)));
    world.follow();
    REQUIRE(world.story() == Story{"own mined t1 @1", "own final t1 @1"});
    const auto row = row_of(world, fake_tx(1));
    auto orphaned = world.wait(world.db->write<core::Done>(
        [id = row.id](db::UnitOfWork& work) { return work.own_txs().orphan(id); }));
    REQUIRE_FALSE(orphaned);
    CHECK(orphaned.error().code == core::Errc::kConflict);
    CHECK(row_of(world, fake_tx(1)).status == db::OwnTxStatus::kFinal);
}

TEST_CASE("correct: a payment told a thousand times too large -> the true amount is confirmed") {
    const bool native = GENERATE(false, true);
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue(native);
    world.chain.set_teller(times_thousand);
    world.chain.mine(paying(world, receiver, native));
    world.follow();
    REQUIRE(world.deposits(receiver).size() == 1);
    CHECK(world.deposits(receiver).front().units == core::Units{70'000});
    world.chain.set_teller({});
    for (int i = 0; i < 3; ++i) {
        world.clock.advance(kRetry);
        world.follow();
    }
    REQUIRE(world.deposits(receiver).size() == 1);
    CHECK(world.deposits(receiver).front().units == core::Units{70});
    CHECK(world.deposits(receiver).front().status == db::DepositStatus::kConfirmed);
    const Story story = world.story();
    REQUIRE(story.size() >= 3);
    CHECK(story[story.size() - 3] == "orphaned r1 d1 @1");
    CHECK(story[story.size() - 2] == "detected r1 d1 @1");
    CHECK(story.back() == "confirmed r1 d1 @1");
    CHECK(world.halts().empty());
}

TEST_CASE("correct: a payment's block told an hour late -> confirmed with the time that others tell [F02]", "[F02]") {
    const bool native = GENERATE(false, true);
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue(native);
    world.chain.set_teller(an_hour_late);
    world.chain.mine(paying(world, receiver, native));
    world.follow();
    const core::Instant truth = world.chain.ref_at(1).mined_at;
    REQUIRE(world.deposits(receiver).size() == 1);
    CHECK(world.deposits(receiver).front().mined_at == truth + core::Millis{3'600'000});
    CHECK(world.deposits(receiver).front().status == db::DepositStatus::kDetected);
    world.chain.set_teller({});
    for (int i = 0; i < 3; ++i) {
        world.clock.advance(kRetry);
        world.follow();
    }
    REQUIRE(world.deposits(receiver).size() == 1);
    CHECK(world.deposits(receiver).front().mined_at == truth);
    CHECK(world.deposits(receiver).front().status == db::DepositStatus::kConfirmed);
    CHECK(world.halts().empty());
}

TEST_CASE("correct: what has counted comes back in a block told an hour late -> confirmed again [F02]", "[F02]") {
    const bool native = GENERATE(false, true);
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue(native);
    world.chain.set_teller(an_hour_late);
    world.chain.mine(paying(world, receiver, native));
    world.follow();
    REQUIRE(world.deposits(receiver).size() == 1);
    const core::DepositId id = world.deposits(receiver).front().id;
    REQUIRE(world.wait(world.db->write<core::Done>([id](db::UnitOfWork& work) {
        return work.deposits().set_counted(id, db::Counted::kConfirmed, true);
    })));
    world.chain.reorg(1, {paying(world, receiver, native)});
    world.chain.mine({});
    world.follow();
    REQUIRE(world.deposits(receiver).size() == 1);
    REQUIRE(world.deposits(receiver).front().counted == db::Counted::kConfirmed);
    world.chain.set_teller({});
    for (int i = 0; i < 3; ++i) {
        world.clock.advance(kRetry);
        world.follow();
    }
    REQUIRE(world.deposits(receiver).size() == 1);
    CHECK(world.deposits(receiver).front().status == db::DepositStatus::kConfirmed);
}

TEST_CASE("correct: coin told so small that one endpoint would do -> two are asked all the same") {
    chains::CreditTier small;
    small.whole_tokens_max = 1;
    chains::CreditTier large;
    large.endpoints = 2;
    auto info = two_wanted();
    info.credit = {small, large};
    World world{info};
    world.follow();
    // Nobody waits for coin there, so that no balance tells what is missing.
    const db::Receiver receiver = world.issue();
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 70'000)};
    world.chain.set_teller([](chains::BlockScan& scan) {
        for (auto& deposit : scan.deposits) deposit.units = core::Units{70};
    });
    world.chain.mine(content);
    world.follow();
    CHECK(world.story() == Story{"detected r1 d1 @1"});
    world.chain.set_teller({});
    for (int i = 0; i < 2; ++i) {
        world.clock.advance(kRetry);
        world.follow();
    }
    REQUIRE(world.deposits(receiver).size() == 1);
    CHECK(world.deposits(receiver).front().units == core::Units{70'000});
    CHECK(world.deposits(receiver).front().status == db::DepositStatus::kConfirmed);
}

TEST_CASE("correct: coin told too small -> its rest is not booked by the balance beside it") {
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 70)};
    world.chain.set_teller([](chains::BlockScan& scan) {
        for (auto& deposit : scan.deposits) deposit.units = core::Units{30};
    });
    world.chain.mine(content);
    world.follow();
    CHECK(world.deposits(receiver).size() == 1);
    world.chain.mine();
    world.follow();
    CHECK(world.deposits(receiver).size() == 1);
    CHECK(world.watcher->status().waiting.find("agree") != std::string::npos);
    world.chain.set_teller({});
    // Coin that nobody told: it is found beside what is told, once that is agreed on.
    FakeContent hidden;
    hidden.hidden_credits = {{receiver.address, core::Units{5}}};
    world.chain.mine(hidden);
    for (int i = 0; i < 3; ++i) {
        world.clock.advance(kRetry);
        world.chain.mine();
        world.follow();
    }
    const auto rows = world.deposits(receiver);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].units == core::Units{70});
    CHECK(rows[0].status == db::DepositStatus::kConfirmed);
    CHECK(rows[1].units == core::Units{5});
    CHECK(world.halts().empty());
}

TEST_CASE("correct: our gas money told too small -> what is missing is nobody's deposit") {
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    // Settlement has followed the block already, or not yet.
    const auto status = GENERATE(db::PayoutStatus::kSent, db::PayoutStatus::kSeen);
    const bool failed = GENERATE(false, true);
    world.own_attempt(fake_tx(1), World::TopUp{receiver.address, 500, status});
    world.chain.set_teller([failed](chains::BlockScan& scan) {
        for (auto& own : scan.own) {
            own.success = !failed;
            own.native_value = core::Units{failed ? 500U : 1U};
        }
        scan.deposits.clear();
    });
    world.chain.mine(holding(top_up_of(world, receiver.address, 500)));
    world.follow();
    CHECK(world.deposits(receiver).empty());
    world.chain.set_teller({});
    for (int i = 0; i < 2; ++i) {
        world.clock.advance(kRetry);
        world.chain.mine();
        world.follow();
    }
    CHECK(world.deposits(receiver).empty());
    CHECK(world.story() ==
          Story{"own mined t1 @1", "own orphaned t1 @1", "own mined t1 @1", "own final t1 @1"});
    CHECK(row_of(world, fake_tx(1)).native_value == core::Units{500});
}

TEST_CASE("correct: our own fee told too high -> what is left of the coin is nobody's deposit") {
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(7), receiver.address, 100'000)};
    world.chain.mine(content);
    world.follow();
    REQUIRE(world.deposits(receiver).size() == 1);
    world.own_attempt(fake_tx(1));
    auto delivery = top_up_of(world, fake_address(700), 50'000);
    delivery.sender = receiver.address;
    world.chain.set_teller([](chains::BlockScan& scan) {
        for (auto& own : scan.own) own.fee = *own.fee.times(1'000);
    });
    world.chain.mine(holding(delivery));
    world.follow();
    CHECK(world.deposits(receiver).size() == 1);
    world.chain.set_teller({});
    for (int i = 0; i < 2; ++i) {
        world.clock.advance(kRetry);
        world.chain.mine();
        world.follow();
    }
    CHECK(world.deposits(receiver).size() == 1);
    CHECK(row_of(world, fake_tx(1)).fee == core::Units{21});
    CHECK(row_of(world, fake_tx(1)).status == db::OwnTxStatus::kFinal);
}

TEST_CASE("correct: a payment that one endpoint invented in a real block -> taken back, and the rest goes on") {
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    const bool native = GENERATE(true, false);
    world.chain.set_agreeing_endpoints(1);
    world.chain.set_teller([&](chains::BlockScan& scan) {
        if (scan.block.height != 1) return;
        scan.deposits.push_back(
            native ? native_transfer(world.chain.info(), fake_tx(9), receiver.address, 9'000)
                   : token_transfer(world.chain.info(), fake_tx(9), receiver.address, 9'000));
    });
    world.chain.mine();
    world.follow();
    REQUIRE(world.deposits(receiver).size() == 1);
    // While the others are out of reach nothing is known against it.
    world.clock.advance(kRetry);
    world.follow();
    CHECK(world.deposits(receiver).front().status == db::DepositStatus::kDetected);
    FakeContent hidden;
    hidden.hidden_credits = {{receiver.address, core::Units{5}}};
    world.chain.mine(hidden);
    world.follow();
    world.chain.set_agreeing_endpoints(2);
    world.clock.advance(kRetry);
    world.follow();
    CHECK(world.deposits(receiver).front().status == db::DepositStatus::kOrphaned);
    CHECK(world.metrics.value("depositd_rows_corrected_total") == 1);
    world.chain.mine();
    world.follow();
    const auto rows = world.deposits(receiver);
    REQUIRE(rows.size() == 2);
    CHECK(rows[1].units == core::Units{5});
    const auto read_to = world.read<std::optional<core::BlockRef>>([&](db::UnitOfWork& work) {
        return work.blocks().native_read_to(world.chain.info().id);
    });
    REQUIRE(read_to);
    CHECK(*read_to == world.tip());
    CHECK(world.halts().empty());
}

TEST_CASE("correct: others do not know a payment, and its block holds it -> the row stays") {
    World world{two_wanted()};
    world.follow();
    const db::Receiver receiver = world.issue(true);
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 70)};
    world.chain.mine(content);
    world.chain.fail_next(core::Errc::kNoQuorum, 1, "corroborate");
    world.follow();
    CHECK(world.deposits(receiver).front().status == db::DepositStatus::kDetected);
    CHECK(world.chain.calls().corroborate_absent == 1);
    world.clock.advance(kRetry);
    world.follow();
    CHECK(world.deposits(receiver).front().status == db::DepositStatus::kConfirmed);
}
