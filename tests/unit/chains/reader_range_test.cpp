#include "tests/support/show_expected.hpp"
#include "tests/unit/chains/reader_bench.hpp"

#include <catch2/catch.hpp>

using namespace evm_bench;
using chains::Evidence;
using core::Errc;

namespace {

//! Blocks 1 … count; each even one pays Alice its height.
void fill(Bench& bench, std::uint64_t count) {
    for (std::uint64_t height = 1; height <= count; ++height) {
        FakeTx first;
        first.seed = "first" + std::to_string(height);
        first.logs.push_back(transfer(bench.dai, bench.carol, bench.carol, 1));
        FakeTx second;
        second.seed = "second" + std::to_string(height);
        second.logs.push_back(transfer(bench.dai, bench.carol, bench.carol, 1));
        if (height % 2 == 0) {
            second.logs.push_back(transfer(bench.usdc, bench.carol, bench.alice, height));
        }
        bench.chain.mine({{first, second}, ""});
    }
}

std::uint64_t deposited(const std::vector<chains::BlockScan>& scans) {
    std::uint64_t sum = 0;
    for (const auto& scan : scans) {
        for (const auto& deposit : scan.deposits) sum += *deposit.units.to_u64();
    }
    return sum;
}

}  // namespace

TEST_CASE("reader range: many blocks in pieces -> every block in order, every deposit") {
    Bench bench;
    fill(bench, 90);
    const auto scans = bench.run(bench.reader().scan_range(1, 90, bench.filter));
    REQUIRE(scans);
    REQUIRE(scans->size() == 90);
    for (std::size_t i = 1; i < scans->size(); ++i) {
        CHECK((*scans)[i].block.parent == (*scans)[i - 1].block.hash);
    }
    CHECK(deposited(*scans) == 45 * 46);
    CHECK((*scans)[1].deposits.at(0).position == 1);
    CHECK(bench.calls_of("eth_getLogs") < 10);
}

TEST_CASE("reader range: a provider's limit -> halved down to one block by hash [F24]", "[F24]") {
    Bench bench;
    fill(bench, 20);
    bench.twists[0] = [](const std::string& method, const json& params, json&) {
        if (method == "eth_getLogs" && params[0].contains("fromBlock")) {
            throw RpcFailure{-32005, "query returned more than 10000 results", {}};
        }
    };
    const auto scans = bench.run(bench.reader().scan_range(1, 20, bench.filter));
    REQUIRE(scans);
    CHECK(deposited(*scans) == 10 * 11);
}

TEST_CASE("reader range: even one block is too much -> its receipts [F24]", "[F24]") {
    Bench bench;
    fill(bench, 4);
    bench.twists[0] = [](const std::string& method, const json&, json&) {
        if (method == "eth_getLogs") {
            throw RpcFailure{-32005, "query returned more than 10000 results", {}};
        }
    };
    const auto scans = bench.run(bench.reader().scan_range(1, 4, bench.filter));
    REQUIRE(scans);
    CHECK(deposited(*scans) == 2 + 4);
    CHECK(scans->front().evidence == Evidence::kReceipts);
}

TEST_CASE("reader range: a range answered by a node that is behind -> nothing is lost [F01][F03]",
          "[F01][F03]") {
    Bench bench;
    fill(bench, 12);
    bench.twists[0] = [](const std::string& method, const json& params, json& result) {
        if (method == "eth_getLogs" && params[0].contains("fromBlock")) result = json::array();
    };
    const auto scans = bench.run(bench.reader().scan_range(1, 12, bench.filter));
    REQUIRE(scans);
    CHECK(deposited(*scans) == 2 + 4 + 6 + 8 + 10 + 12);
}

TEST_CASE("reader range: a block that does not link -> reorged") {
    Bench bench{1, 5};  // on a chain whose headers may be hashed in another way
    fill(bench, 8);
    bench.twists[0] = [](const std::string& method, const json& params, json& result) {
        if (method == "eth_getBlockByNumber" && params[0] == "0x5") {
            result["parentHash"] = hash_text("elsewhere");
        }
    };
    const auto scans = bench.run(bench.reader().scan_range(1, 8, bench.filter));
    REQUIRE_FALSE(scans);
    CHECK(scans.error().code == Errc::kReorged);
}

TEST_CASE("reader range: one of three marks final logs as removed -> blamed, read from another") {
    Bench bench{3};
    fill(bench, 4);
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method != "eth_getLogs") return;
        for (json& log : result) log["removed"] = true;
    };
    const auto scans = bench.run(bench.reader().scan_range(1, 4, bench.filter));
    REQUIRE(scans);
    CHECK(deposited(*scans) == 6);
    CHECK(bench.pool->status()[0].doubted);
}

TEST_CASE("reader range: past the head -> not ready [F01]", "[F01]") {
    Bench bench;
    fill(bench, 3);
    const auto scans = bench.run(bench.reader().scan_range(2, 6, bench.filter));
    REQUIRE_FALSE(scans);
    CHECK(scans.error().code == Errc::kNotReady);
}

TEST_CASE("reader range: an answer cut or of another form -> refused [F25]", "[F25]") {
    Bench bench;
    fill(bench, 3);
    const auto field = GENERATE(std::string{"logIndex"}, std::string{"address"},
                                std::string{"blockNumber"}, std::string{"topics"});
    bench.twists[0] = [field](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result[0].erase(field);
    };
    const auto scans = bench.run(bench.reader().scan_range(1, 3, bench.filter));
    REQUIRE_FALSE(scans);
    CHECK(scans.error().code == Errc::kMalformed);
}
