#include "watchers/second_reading.hpp"

#include "tests/support/show_expected.hpp"
#include "tests/unit/watchers/world.hpp"
#include "watchers/run.hpp"

#include <catch2/catch.hpp>

using support::fake_chain_info;
using support::fake_tx;
using support::FakeContent;
using support::native_transfer;
using support::token_transfer;

namespace {

//! 60 blocks, final up to 55; deposits in 10 and 50. The first endpoint hid the one in `blind`.
struct Past : World {
    explicit Past(std::uint64_t blind) : World{fake_chain_info()} {
        chain.set_finalized_lag(5);
        follow();
        receiver = issue();
        for (std::uint64_t height = 1; height <= 60; ++height) {
            FakeContent content;
            if (height == 10 || height == 50) {
                content.transfers = {
                    token_transfer(chain.info(), fake_tx(height), receiver.address, height)};
            }
            chain.mine(content);
            chain.set_blind(height == blind);
            follow();
            chain.set_blind(false);
        }
    }
    core::Expected<bool> read_on() { return wait(watcher->second_reading().step()); }
    void read_all() {
        while (true) {
            const auto read = read_on();
            REQUIRE(read);
            if (!*read) return;
        }
    }
    std::uint64_t read_to() {
        const auto reading = read<std::optional<db::SecondReading>>(
            [this](db::UnitOfWork& work) { return work.blocks().second_reading(chain.info().id); });
        return reading ? reading->height : 0;
    }
    db::Receiver receiver;
};

}  // namespace

TEST_CASE("second reading: a deposit the first endpoint had hidden -> found and confirmed [F03]",
          "[F03]") {
    Past past{10};
    REQUIRE(past.deposits(past.receiver).size() == 1);
    past.chain.set_second_endpoint(true);
    past.read_all();
    REQUIRE(past.deposits(past.receiver).size() == 2);
    CHECK(past.read_to() == 55);
    past.chain.mine_empty(1);
    past.follow();
    for (const db::Deposit& deposit : past.deposits(past.receiver)) {
        CHECK(deposit.status == db::DepositStatus::kConfirmed);
    }
    CHECK(past.metrics.value("depositd_second_reading_found_total") == 1);
}

TEST_CASE("second reading: a healthy past -> nothing changes, and every final block is read once",
          "[F03]") {
    Past past{0};
    past.chain.set_second_endpoint(true);
    const auto before = past.story();
    past.read_all();
    CHECK(past.story() == before);
    CHECK(past.read_to() == 55);
    CHECK(past.metrics.value("depositd_second_reading_blocks_total") == 55);
    past.restart();
    past.chain.mine_empty(3);
    past.follow();
    past.read_all();
    CHECK(past.read_to() == 58);
    CHECK(past.metrics.value("depositd_second_reading_blocks_total") == 58);
}

TEST_CASE("second reading: the other endpoint invents a deposit -> proven first, not recorded, read on [F03]",
          "[F03]") {
    Past past{0};
    past.chain.set_second_endpoint(true);
    past.chain.set_invented(
        30, token_transfer(past.chain.info(), fake_tx(777), past.receiver.address, 5'000));
    const auto before = past.story();
    past.read_all();
    CHECK(past.story() == before);
    CHECK(past.read_to() == 55);
    CHECK(past.metrics.value("depositd_second_reading_found_total") == 0);
    CHECK(past.log.contains("endpoints disagree about a block's deposits"));
}

TEST_CASE("second reading: who left coin and our transaction out is asked for proof -> the others are believed [F03]",
          "[F03]") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(1);
    world.chain.mine();
    world.follow();
    const db::Receiver receiver = world.issue();
    chains::OwnTxSeen ours;
    ours.tx = fake_tx(2);
    ours.sender = world.operators[0];
    ours.success = true;
    ours.fee = core::Units{21'000};
    ours.to = receiver.address;
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 300)};
    content.txs = {ours};
    world.chain.mine(content);
    world.chain.set_blind(true);
    world.follow();
    world.chain.mine_empty(2);
    world.follow();
    REQUIRE(world.deposits(receiver).empty());
    // Only what is read from elsewhere, and who is asked about one transaction, tells it still.
    world.chain.set_second_endpoint(true);
    while (true) {
        const auto read = world.wait(world.watcher->second_reading().step());
        REQUIRE(read);
        if (!*read) break;
    }
    REQUIRE(world.deposits(receiver).size() == 1);
    CHECK(world.deposits(receiver)[0].tx == fake_tx(1));
    const auto story = world.story();
    CHECK(std::ranges::any_of(story, [](const std::string& fact) { return fact.starts_with("own mined"); }));
}

TEST_CASE("second reading: who is asked for proof tells coin and our transaction falsely -> as the others say, once [F03]",
          "[F03]") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(1);
    world.chain.mine();
    world.follow();
    const db::Receiver receiver = world.issue();
    chains::OwnTxSeen ours;
    ours.tx = fake_tx(2);
    ours.sender = world.operators[0];
    ours.success = true;
    ours.fee = core::Units{21'000};
    ours.to = receiver.address;
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 300)};
    content.txs = {ours};
    world.chain.mine(content);
    world.chain.set_blind(true);
    world.follow();
    world.chain.mine_empty(2);
    world.follow();
    world.chain.set_blind(false);
    world.chain.set_second_endpoint(true);
    world.chain.set_teller([](chains::BlockScan& scan) {
        for (auto& deposit : scan.deposits) deposit.units = core::Units{30};
        for (auto& own : scan.own) own.fee = core::Units{1};
    });
    REQUIRE(world.wait(world.watcher->second_reading().step()));
    const auto deposits = world.deposits(receiver);
    REQUIRE(deposits.size() == 1);
    CHECK(deposits[0].units == core::Units{300});
    const auto own = world.read<std::optional<db::OwnTx>>([&](db::UnitOfWork& work) {
        return work.own_txs().by_tx(world.chain.info().id, fake_tx(2));
    });
    REQUIRE(own);
    CHECK(own->fee == core::Units{21'000});
}

TEST_CASE("second reading: the other endpoint invents coin and vouches for it alone -> not believed where one "
          "would do for a payout; the third is read from [F03]",
          "[F03]") {
    Past past{0};
    REQUIRE(past.chain.info().payout_final.endpoints == 1);
    past.chain.set_second_endpoint(true);
    past.chain.set_third_endpoint(true);
    past.chain.set_invented(
        30, native_transfer(past.chain.info(), fake_tx(777), past.receiver.address, 5'000));
    const auto before = past.story();
    // Too few know of it: that is no word against it, so the block is not passed over either.
    const auto first = past.read_on();
    REQUIRE_FALSE(first);
    CHECK(first.error().code == core::Errc::kNoQuorum);
    CHECK(past.read_to() < 30);
    past.read_all();
    CHECK(past.story() == before);
    CHECK(past.read_to() == 55);
    CHECK(past.metrics.value("depositd_second_reading_found_total") == 0);
}

TEST_CASE("second reading: the other endpoint tells a payment in a second block -> refused; the third is read from "
          "[F03]",
          "[F03]") {
    Past past{0};
    past.chain.set_second_endpoint(true);
    past.chain.set_third_endpoint(true);
    past.chain.set_invented(
        30, token_transfer(past.chain.info(), fake_tx(10), past.receiver.address, 10));
    const auto before = past.story();
    const auto first = past.read_on();
    REQUIRE_FALSE(first);
    CHECK(first.error().code == core::Errc::kConflict);
    past.read_all();
    CHECK(past.story() == before);
    CHECK(past.read_to() == 55);
}

TEST_CASE("second reading: all others were asked in vain -> from the first of them again [F03]", "[F03]") {
    Past past{0};
    past.chain.set_second_endpoint(true);
    past.chain.set_invented(
        30, native_transfer(past.chain.info(), fake_tx(777), past.receiver.address, 5'000));
    for (int i = 0; i < 3; ++i) {
        const auto read = past.read_on();
        REQUIRE_FALSE(read);
        CHECK(read.error().code == core::Errc::kNoQuorum);
    }
    CHECK(past.read_to() < 30);
}

TEST_CASE("second reading: one endpoint only -> says so, reads nothing [F03]", "[F03]") {
    Past past{10};
    const auto read = past.read_on();
    REQUIRE_FALSE(read);
    CHECK(read.error().code == core::Errc::kUnsupported);
    CHECK(past.read_to() == 0);
}

TEST_CASE("second reading: the other endpoint has another block -> refused, nothing changes [F03]",
          "[F03]") {
    Past past{10};
    past.chain.set_second_endpoint(true);
    const auto before = past.story();
    past.chain.reorg_empty(30, 31);
    const auto read = past.read_on();
    REQUIRE_FALSE(read);
    CHECK(read.error().code == core::Errc::kReorged);
    CHECK(past.story() == before);
    CHECK(past.read_to() == 0);
}

TEST_CASE("second reading: coin whose balance was booked already -> not counted again [F03][F16]",
          "[F03][F16]") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(0);
    world.follow();
    const auto receiver = world.issue(true);
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 1'000)};
    world.chain.mine(content);
    world.chain.set_blind(true);
    world.follow();
    world.chain.set_blind(false);
    REQUIRE(world.deposits(receiver).size() == 1);
    world.chain.set_second_endpoint(true);
    REQUIRE(world.wait(world.watcher->second_reading().step()));
    CHECK(world.deposits(receiver).size() == 1);
}

TEST_CASE("second reading: booked coin's transaction was on the chain before a reorganisation -> not counted "
          "again [F03][F16]",
          "[F03][F16]") {
    World world{fake_chain_info()};
    world.chain.set_finalized_lag(5);
    world.follow();
    const auto receiver = world.issue(true);
    FakeContent content;
    content.transfers = {native_transfer(world.chain.info(), fake_tx(1), receiver.address, 1'000)};
    world.chain.mine(content);
    world.follow();
    world.chain.reorg_empty(1, 2);
    world.follow();
    world.chain.mine(content);
    world.chain.set_blind(true);
    world.follow();
    world.chain.set_blind(false);
    world.chain.mine_empty(6);
    world.follow();
    world.chain.set_second_endpoint(true);
    REQUIRE(world.wait(world.watcher->second_reading().step()));
    std::size_t alive = 0;
    for (const db::Deposit& row : world.deposits(receiver)) {
        if (row.status != db::DepositStatus::kOrphaned) ++alive;
    }
    CHECK(alive == 1);
}

TEST_CASE("second reading: the other endpoint tells what a reorganisation took away -> proven first, not "
          "brought back [F03]",
          "[F03]") {
    Past past{0};
    FakeContent content;
    content.transfers = {
        token_transfer(past.chain.info(), fake_tx(777), past.receiver.address, 5'000)};
    past.chain.mine(content);
    past.follow();
    past.chain.reorg_empty(1, 2);
    past.follow();
    past.chain.set_second_endpoint(true);
    past.chain.set_invented(30, content.transfers.front());
    past.read_all();
    for (const db::Deposit& row : past.deposits(past.receiver)) {
        CHECK((row.tx != fake_tx(777) || row.status == db::DepositStatus::kOrphaned));
    }
}
