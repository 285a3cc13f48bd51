#include "watchers/replay.hpp"

#include "tests/support/show_expected.hpp"
#include "tests/unit/watchers/world.hpp"
#include "watchers/run.hpp"

#include <catch2/catch.hpp>

using support::fake_chain_info;
using support::fake_tx;
using support::FakeContent;
using support::token_transfer;
using watchers::ReplayProgress;
using watchers::ReplayRange;
using watchers::ReplayRequest;
using Story = std::vector<std::string>;

namespace {

//! 60 blocks, a deposit in blocks 10 and 50, final up to 55; the node hid the one in `blind` from
//! us.
struct Past : World {
    explicit Past(std::uint64_t blind) : World{fake_chain_info()} {
        chain.set_finalized_lag(5);
        follow();
        clock.advance(core::Millis{12'000});
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
    core::Expected<ReplayProgress> replay(ReplayRequest request) {
        watchers::Replay replay{chain, *db, *watch, clock, log, 20};
        seen.clear();
        return wait(replay.run(std::move(request), [this](const ReplayProgress& progress) {
            seen.push_back(progress);
        }));
    }
    db::Receiver receiver;
    std::vector<ReplayProgress> seen;
};

}  // namespace

TEST_CASE("replay: a healthy past -> nothing changes, nothing missing") {
    Past past{0};
    const Story before = past.story();
    const auto range = past.replay(ReplayRange{1, 1'000});
    REQUIRE(range);
    CHECK(range->done == 60);
    CHECK(range->total == 60);
    CHECK(range->deposits_found == 2);
    CHECK(range->new_deposits == 0);
    CHECK(watchers::summary_of(*range) ==
          "60 blocks read again, 2 deposits found: nothing missing");
    CHECK(past.seen.size() == 8);
    CHECK(past.seen.back().done == 60);
    REQUIRE(past.replay(fake_tx(50)));
    REQUIRE(past.replay(past.receiver.session));
    CHECK(past.story() == before);
}

TEST_CASE(
    "replay: a deposit the node had hidden -> recorded with its facts, confirmed by the next look "
    "[F03]",
    "[F03]") {
    Past past{10};
    REQUIRE(past.deposits(past.receiver).size() == 1);
    const std::size_t told = past.facts().size();
    const int way = GENERATE(0, 1, 2);
    const ReplayRequest request = way == 0   ? ReplayRequest{ReplayRange{5, 15}}
                                  : way == 1 ? ReplayRequest{fake_tx(10)}
                                             : ReplayRequest{past.receiver.session};
    const auto done = past.replay(request);
    REQUIRE(done);
    CHECK(done->new_deposits == 1);
    CHECK(past.story(told) == Story{"detected r1 d2 @10"});
    past.chain.mine();
    past.follow();
    CHECK(past.story(told + 1) == Story{"confirmed r1 d2 @61"});
    CHECK(past.deposits(past.receiver).size() == 2);
    REQUIRE(past.replay(request));
    CHECK(past.facts().size() == told + 2);
}

TEST_CASE("replay: the node's block is not the one committed -> refused, nothing changes") {
    Past past{0};
    const std::size_t told = past.facts().size();
    past.chain.reorg_empty(4, 5);
    const auto refused = past.replay(ReplayRange{50, 60});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == core::Errc::kReorged);
    CHECK(past.facts().size() == told);
}

TEST_CASE("replay: what is not known -> says so") {
    Past past{0};
    CHECK(past.replay(fake_tx(9'999)).error().code == core::Errc::kNotFound);
    CHECK(past.replay(core::SessionId{std::string(32, 'f')}).error().code == core::Errc::kNotFound);
    CHECK(past.replay(ReplayRange{61, 70}).error().code == core::Errc::kNotFound);
    CHECK(past.replay(ReplayRange{7, 3}).error().code == core::Errc::kInvalid);
}

TEST_CASE("replay: a reader that fails in the middle -> what was found before stays") {
    Past past{10};
    const std::size_t told = past.facts().size();
    unsigned batches = 0;
    past.chain.on_scan([&](std::uint64_t height) {
        if (height == 25 && ++batches == 1)
            past.chain.fail_next(core::Errc::kTimeout, 1, "scan_range");
    });
    const auto failed = past.replay(ReplayRange{1, 60});
    REQUIRE_FALSE(failed);
    CHECK(past.story(told) == Story{"detected r1 d2 @10"});
}
