#include "tests/unit/watchers/world.hpp"

#include "watchers/run.hpp"

#include <catch2/catch.hpp>

using support::fake_chain_info;

namespace {

std::optional<core::BlockRef> agreed_to(World& world) {
    return world.read<std::optional<core::BlockRef>>([id = world.chain.info().id](
                                                         db::UnitOfWork& work) {
        return work.blocks().agreed_to(id);
    });
}

//! Blocks until one was mined after the deadline of who was issued an address now, and two more.
void mine_past_deadline(World& world) {
    const core::Instant deadline = world.clock.now() + core::Millis{3'600'000};
    do {
        world.chain.mine_empty(1);
        world.follow();
    } while (world.tip().mined_at <= deadline);
    world.chain.mine_empty(2);
    world.follow();
}

chains::ChainInfo two_endpoints() {
    chains::ChainInfo info = fake_chain_info();
    info.payout_final.endpoints = 2;
    return info;
}

}  // namespace

TEST_CASE("deadline blocks: one endpoint alone has blocks past a deadline -> asked for again and said, not agreed "
          "[F02]",
          "[F02]") {
    World world{two_endpoints()};
    world.follow();
    world.issue();
    const auto before = agreed_to(world);
    world.chain.set_agreeing_endpoints(1);
    mine_past_deadline(world);
    CHECK(agreed_to(world) == before);
    CHECK(world.watcher->status().waiting.find("deadlines wait for endpoints that agree on block") !=
          std::string::npos);
    world.chain.set_agreeing_endpoints(2);
    world.clock.advance(core::Millis{60'000});
    world.follow();
    const auto after = agreed_to(world);
    REQUIRE(after);
    CHECK(after->mined_at > world.tip().mined_at - core::Millis{3 * 12'000});
    CHECK(after->height + 2 == world.tip().height);
    CHECK(world.watcher->status().waiting.empty());
}

TEST_CASE("deadline blocks: one endpoint told a block an hour late -> dated as several say, and the deadline passes "
          "[F02]",
          "[F02]") {
    World world{two_endpoints()};
    world.follow();
    world.issue();
    world.chain.set_teller([](chains::BlockScan& scan) {
        scan.block.mined_at = scan.block.mined_at + core::Millis{2 * 3'600'000};
    });
    world.chain.mine_empty(1);
    world.follow();
    world.chain.set_teller({});
    const std::uint64_t false_height = world.tip().height;
    const auto after_lie = agreed_to(world);
    REQUIRE(after_lie);
    CHECK(after_lie->mined_at <= world.chain.ref_at(false_height).mined_at);
    const auto dated = world.read<std::optional<core::BlockRef>>(
        [id = world.chain.info().id, false_height](db::UnitOfWork& work) {
            return work.blocks().at(id, false_height);
        });
    REQUIRE(dated);
    CHECK(dated->mined_at == world.chain.ref_at(false_height).mined_at);
    mine_past_deadline(world);
    CHECK(agreed_to(world)->height + 2 == world.tip().height);
    CHECK(world.watcher->status().waiting.empty());
}

TEST_CASE("deadline blocks: nobody's deadline -> nobody is asked") {
    World world{two_endpoints()};
    world.follow();
    const auto asked = world.chain.calls().corroborate;
    world.chain.mine_empty(400);
    world.follow();
    CHECK(world.chain.calls().corroborate == asked);
    CHECK(agreed_to(world)->height == 0);
}

TEST_CASE("deadline blocks: many deadlines -> each is passed by a block of its own") {
    World world{two_endpoints()};
    world.follow();
    for (int i = 0; i < 3; ++i) {
        world.issue();
        world.clock.advance(core::Millis{120'000});
    }
    mine_past_deadline(world);
    CHECK(agreed_to(world)->mined_at > world.clock.now() - core::Millis{120'000} + core::Millis{3'600'000});
}

TEST_CASE("deadline blocks: the first block told years late -> dated as several say, or not begun with [F02]", "[F02]") {
    World world{two_endpoints()};
    world.chain.set_block_told_late(core::Millis{1'000LL * 3'600'000});
    world.chain.set_agreeing_endpoints(1);
    CHECK(world.step().error().code == core::Errc::kNoQuorum);
    CHECK_FALSE(agreed_to(world));
    world.chain.set_agreeing_endpoints(2);
    world.clock.advance(core::Millis{60'000});
    world.follow();
    REQUIRE(agreed_to(world));
    CHECK(agreed_to(world)->mined_at == world.chain.ref_at(agreed_to(world)->height).mined_at);
}
