#include "settlement/reconciler.hpp"

#include <catch2/catch.hpp>

#include "settlement/accounts.hpp"
#include "tests/unit/settlement/desk.hpp"

using namespace support;

namespace {

//! A desk whose chain was read up to a block, one deposit of 40 booked, and a node that says what it is
//! told to say of it.
struct Bench {
    Desk desk;
    core::SessionId id = desk.open();
    std::uint64_t on_chain = 40;
    settlement::Reconciler reconciler{*desk.context, chain(), core::Millis{60'000}};

    Bench() {
        desk.pay(id, 40);
        desk.write<core::Done>([this](db::UnitOfWork& work) {
            core::BlockRef origin;
            origin.height = 100;
            origin.hash = *core::BlockHash::from_hex(std::string(64, 'a'));
            return work.blocks().start(kChain, origin, desk.clock.now());
        });
    }

    settlement::Reconciler::Chain chain() {
        settlement::Reconciler::Chain out;
        out.request.chain = kChain;
        out.request.native = kNative;
        out.balance_at = [this](core::AssetId asset, core::Address,
                                core::BlockRef) -> core::Task<core::Expected<core::Units>> {
            // The gas station has what the desk began with.
            co_return core::Units{asset.is_native() ? 1'000'000'000 : on_chain};
        };
        return out;
    }
    std::size_t look() { return desk.run(reconciler.look()).value(); }
    std::vector<db::Halt> halts() {
        return desk.read<std::vector<db::Halt>>(
            [](db::UnitOfWork& work) { return work.blocks().open_halts(); });
    }
};

}  // namespace

TEST_CASE("reconciler: books and chain are equal -> nothing") {
    Bench bench;
    CHECK(bench.look() == 0);
    CHECK(bench.halts().empty());
}

TEST_CASE("reconciler: less on the chain, once -> one wrong answer is no finding") {
    Bench bench;
    bench.on_chain = 39;
    CHECK(bench.look() == 1);
    bench.on_chain = 40;
    CHECK(bench.look() == 0);
    bench.on_chain = 38;
    CHECK(bench.look() == 1);
    CHECK(bench.halts().empty());
}

TEST_CASE("reconciler: less on the chain, twice -> halted; acknowledged -> the same does not halt again") {
    Bench bench;
    bench.on_chain = 39;
    bench.look();
    bench.look();
    REQUIRE(bench.halts().size() == 1);
    CHECK(bench.halts().front().reason.find("holds 1 less of") != std::string::npos);
    bench.desk.write<core::Done>([&](db::UnitOfWork& work) {
        return work.blocks().acknowledge_halts(kChain, "operator", bench.desk.clock.now());
    });
    for (int i = 0; i < 4; ++i) bench.look();
    CHECK(bench.halts().empty());
    bench.on_chain = 37;
    bench.look();
    bench.look();
    CHECK(bench.halts().size() == 1);
}

TEST_CASE("reconciler: more on the chain -> told, nothing halts") {
    Bench bench;
    bench.on_chain = 41;
    for (int i = 0; i < 4; ++i) CHECK(bench.look() == 1);
    CHECK(bench.halts().empty());
}
