#include "chains/evm/impl/rpc_params.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/chains/reader_bench.hpp"

#include <catch2/catch.hpp>

using namespace evm_bench;
using core::Errc;

namespace {

core::BlockRef ref_of(Bench& bench, std::uint64_t height) {
    return *bench.run(bench.reader().block_at(height));
}

}  // namespace

TEST_CASE("reader heads: latest and finalized -> both; no tag yet -> none") {
    Bench bench{1, 8453};
    bench.chain.mine({{}, ""});
    bench.chain.mine({{}, ""});
    auto heads = bench.run(bench.reader().heads());
    REQUIRE(heads);
    CHECK(heads->latest.height == 2);
    CHECK_FALSE(heads->finalized);
    bench.chain.finalized = 1;
    heads = bench.run(bench.reader().heads());
    REQUIRE(heads);
    REQUIRE(heads->finalized);
    CHECK(heads->finalized->height == 1);
    CHECK(heads->finalized->hash.hex0x() == bench.chain.hash_of(1));
}

TEST_CASE("reader heads: a chain without the tag -> it is not asked for") {
    Bench bench;
    const auto heads = bench.run(bench.reader().heads());
    REQUIRE(heads);
    CHECK(bench.calls_of("eth_getBlockByNumber") == 1);
}

TEST_CASE("reader: an endpoint of another chain -> quarantined, the next one answers [F26]",
          "[F26]") {
    Bench bench{2};
    bench.chain.mine({{}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_chainId") result = "0x1";
    };
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->endpoint == "n1");
    CHECK(bench.pool->status()[0].quarantined.has_value());
}

TEST_CASE("reader: an endpoint swapped while running -> quarantined by the next poll [F26]",
          "[F26]") {
    Bench bench;
    REQUIRE(bench.run(bench.reader().heads()));
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_chainId") result = "0x1";
    };
    const auto heads = bench.run(bench.reader().heads());
    REQUIRE_FALSE(heads);
    CHECK(heads.error().code == Errc::kWrongChain);
    CHECK(bench.pool->status()[0].quarantined.has_value());
}

TEST_CASE("reader balances: one call for all -> read from what the code returned") {
    Bench bench;
    bench.chain.balances_answer = word(5) + word(6).substr(2);
    const auto at = ref_of(bench, 0);
    const auto balances = bench.run(bench.reader().native_balances({bench.alice, bench.bob}, at));
    REQUIRE(balances);
    CHECK(*balances == std::vector<core::Units>{core::Units{5}, core::Units{6}});
    CHECK(bench.calls_of("eth_getBalance") == 0);
}

TEST_CASE("reader balances: the node runs no such code -> one by one, from then on") {
    Bench bench;
    bench.twists[0] = [](const std::string& method, const json&, json&) {
        if (method == "eth_call") throw RpcFailure{3, "execution reverted", {}};
    };
    const auto at = ref_of(bench, 0);
    for (int i = 0; i < 2; ++i) {
        const auto balances = bench.run(bench.reader().native_balances({bench.alice}, at));
        REQUIRE(balances);
        CHECK(balances->at(0) == core::Units{1000 + '1'});
    }
    CHECK(bench.calls_of("eth_call") == 1);
}

TEST_CASE("reader balances: the code -> loops over the addresses behind it") {
    const std::vector<core::Address> two{address(1), address(2)};
    const auto code = chains::evm::impl::balances_init_code(two);
    REQUIRE(code.size() == 43 + 40);
    CHECK(core::to_hex(core::ByteView{code}.first(43)) ==
          "602b60205b81381115602357601482600c3960005131815260200190601401906004565b60209003602"
          "0f3");
    CHECK(core::to_hex(core::ByteView{code}.subspan(43, 20)) == address(1).hex0x().substr(2));
}

TEST_CASE("reader corroborate: two nodes agree -> done; one says otherwise -> no quorum") {
    Bench bench{2};
    FakeTx noise;
    noise.seed = "noise";
    noise.logs.push_back(transfer(bench.usdc, bench.carol, bench.carol, 1));
    FakeTx tx;
    tx.seed = "a";
    tx.logs.push_back(transfer(bench.usdc, bench.carol, bench.alice, 9));
    FakeTx native;
    native.seed = "n";
    native.to = bench.bob;
    native.value = 5;
    bench.chain.mine({{noise, tx, native}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    REQUIRE(scan->deposits.size() == 2);
    for (const auto& deposit : scan->deposits) {
        CHECK(bench.run(bench.reader().corroborate(scan->block, deposit, 2)).has_value());
    }
    const auto three = bench.run(bench.reader().corroborate(scan->block, scan->deposits[0], 3));
    REQUIRE_FALSE(three);
    CHECK(three.error().code == Errc::kNoQuorum);

    bench.twists[1] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getTransactionReceipt") result["logs"][0]["data"] = word(8);
    };
    const auto lied = bench.run(bench.reader().corroborate(scan->block, scan->deposits[0], 2));
    REQUIRE_FALSE(lied);
    CHECK(lied.error().code == Errc::kNoQuorum);
}

TEST_CASE("reader corroborate: all agree on another block -> reorged [F05]", "[F05]") {
    Bench bench{2};
    FakeTx tx;
    tx.seed = "a";
    tx.logs.push_back(transfer(bench.usdc, bench.carol, bench.alice, 9));
    bench.chain.mine({{tx}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    bench.chain.blocks[1].fork = "other";
    const auto gone = bench.run(bench.reader().corroborate(scan->block, scan->deposits.at(0), 2));
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == Errc::kReorged);
}
