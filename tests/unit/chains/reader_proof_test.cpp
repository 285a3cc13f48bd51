#include "tests/support/show_expected.hpp"
#include "tests/unit/chains/reader_bench.hpp"

#include <catch2/catch.hpp>

using namespace evm_bench;
using chains::Evidence;
using core::Errc;

namespace {

//! One block with two deposits of one token in two transactions: the filter can't tell one from
//! two.
void mine_two_deposits(Bench& bench, std::uint64_t type = 2) {
    FakeBlock block;
    for (const auto& [seed, to, units] : {std::tuple{"a", bench.alice, 9}, {"b", bench.bob, 4}}) {
        FakeTx tx;
        tx.seed = seed;
        tx.type = type;
        tx.logs.push_back(transfer(bench.usdc, bench.carol, to, static_cast<std::uint64_t>(units)));
        block.txs.push_back(tx);
    }
    bench.chain.mine(block);
}

void hide_last_log(const std::string& method, const json&, json& result) {
    if (method == "eth_getLogs") result.erase(result.size() - 1);
}

void hide_and_refuse_receipts(const std::string& method, const json& params, json& result) {
    hide_last_log(method, params, result);
    if (method == "eth_getBlockReceipts") throw RpcFailure{-32601, "method not found", {}};
}

}  // namespace

TEST_CASE(
    "reader proof: the only node hides one of two deposits -> the receipts' root shows it "
    "[F02][F03]",
    "[F02][F03]") {
    Bench bench;
    mine_two_deposits(bench);
    bench.twists[0] = hide_last_log;
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->deposits.size() == 2);
    CHECK(scan->evidence == Evidence::kReceipts);
    CHECK(bench.calls_of("eth_getTransactionReceipt") == 0);  // they came with the proof
}

TEST_CASE(
    "reader proof: receipts with one log less but the same filter -> refused, by name "
    "[F03]",
    "[F03]") {
    Bench bench;
    FakeTx tx;
    tx.seed = "twice";
    for (int i = 0; i < 2; ++i) {
        tx.logs.push_back(transfer(bench.usdc, bench.carol, bench.alice, 5));
    }
    bench.chain.mine({{tx}, ""});
    bench.twists[0] = [](const std::string& method, const json& params, json& result) {
        hide_last_log(method, params, result);
        if (method == "eth_getBlockReceipts") result[0]["logs"].erase(1);
    };
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kMalformed);
    CHECK(scan.error().message.find("n0") != std::string::npos);
}

TEST_CASE("reader proof: one node's receipts are false -> the next one proves the block [F03]",
          "[F03]") {
    Bench bench{2};
    mine_two_deposits(bench);
    bench.twists[0] = [](const std::string& method, const json& params, json& result) {
        hide_last_log(method, params, result);
        if (method == "eth_getBlockReceipts") result[1]["logs"] = json::array();
    };
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->deposits.size() == 2);
    CHECK(scan->evidence == Evidence::kReceipts);
    CHECK(bench.log.text.find("contradict") != std::string::npos);
}

TEST_CASE("reader proof: receipts for a while not to be had -> the block waits") {
    Bench bench;
    mine_two_deposits(bench);
    bench.twists[0] = [](const std::string& method, const json&, json&) {
        if (method == "eth_getBlockReceipts") throw RpcFailure{-32000, "header not found", {}};
    };
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kNotReady);
}

TEST_CASE("reader proof: no receipts of a block, two nodes with other logs -> no quorum [F03]",
          "[F03]") {
    Bench bench{2};
    mine_two_deposits(bench, 0x64);  // receipts of a type that nobody here can hash
    bench.twists[0] = hide_and_refuse_receipts;
    bench.twists[1] = [](const std::string& method, const json&, json&) {
        if (method == "eth_getBlockReceipts") throw RpcFailure{-32601, "method not found", {}};
    };
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kNoQuorum);

    bench.twists[0] = bench.twists[1];
    const auto agreed = bench.scan(1);
    REQUIRE(agreed);
    CHECK(agreed->evidence == Evidence::kSecondEndpoint);
    CHECK(agreed->deposits.size() == 2);
}

TEST_CASE("reader proof: two of three nodes have the same logs -> theirs are taken [F03]",
          "[F03]") {
    Bench bench{3};
    mine_two_deposits(bench, 0x64);
    const auto refuse = [](const std::string& method, const json&, json&) {
        if (method == "eth_getBlockReceipts") throw RpcFailure{-32601, "method not found", {}};
    };
    bench.twists = {hide_and_refuse_receipts, refuse, refuse};
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->deposits.size() == 2);
    CHECK(scan->endpoint != "n0");
    CHECK(scan->evidence == Evidence::kSecondEndpoint);
}

TEST_CASE("reader proof: nothing can be proven and nobody else is there -> the weak evidence") {
    Bench bench;
    mine_two_deposits(bench);
    bench.twists[0] = [](const std::string& method, const json&, json&) {
        if (method == "eth_getBlockReceipts") throw RpcFailure{-32601, "method not found", {}};
    };
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->evidence == Evidence::kLogsAgree);
}

TEST_CASE(
    "reader proof: header from one node and logs from the other -> a second one is another "
    "than the logs' [F03]",
    "[F03]") {
    Bench bench{2};
    mine_two_deposits(bench, 0x64);
    const auto refuse = [](const std::string& method, const json&, json&) {
        if (method == "eth_getBlockReceipts") throw RpcFailure{-32601, "method not found", {}};
    };
    // n0 gives the header and fails the logs once, so that n1 gives those; n0 could corroborate.
    int failures = 1;
    bench.twists[0] = [&](const std::string& method, const json& params, json& result) {
        refuse(method, params, result);
        if (method == "eth_getLogs" && failures-- > 0)
            throw RpcFailure{-32000, "unknown block", {}};
    };
    bench.twists[1] = hide_and_refuse_receipts;
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kNoQuorum);  // n1 did not confirm itself
}

TEST_CASE("reader proof: two logs of one number -> a lie") {
    Bench bench;
    mine_two_deposits(bench);
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result.push_back(result[0]);
    };
    CHECK(bench.scan(1).error().code == Errc::kMalformed);
}

TEST_CASE(
    "reader header: its filter emptied to excuse an empty answer -> quarantined by name "
    "[F02]",
    "[F02]") {
    Bench bench{2};
    mine_two_deposits(bench);
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getBlockByNumber") result["logsBloom"] = "0x" + std::string(512, '0');
        if (method == "eth_getLogs") result = json::array();
    };
    const auto honest = bench.scan(1);
    REQUIRE(honest);
    CHECK(honest->deposits.size() == 2);
    CHECK(honest->endpoint == "n1");
    CHECK(bench.pool->status()[0].quarantined.has_value());
}

TEST_CASE("reader header: fields that we do not know and no hash -> read, but proves nothing") {
    Bench bench;
    bench.chain.mine({});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method != "eth_getBlockByNumber") return;
        result["slotNumber"] = "0x5";
        result["hash"] = hash_text("of a later kind of header");
    };
    bench.twists[0] = [old = bench.twists[0]](const std::string& method, const json& params,
                                              json& result) {
        old(method, params, result);
        if (method == "eth_getLogs") result = json::array();
    };
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->evidence == Evidence::kLogsAgree);
    CHECK_FALSE(bench.pool->status()[0].quarantined.has_value());
}

TEST_CASE("reader proof: catching up -> receipts only of what is suspicious or pays us") {
    Bench bench;
    for (int i = 0; i < 3; ++i) mine_two_deposits(bench);
    for (std::size_t i = 1; i < bench.chain.blocks.size(); ++i) {
        for (FakeTx& tx : bench.chain.blocks[i].txs) tx.seed += std::to_string(i);
    }
    bench.filter.ours = {address(0x33)};
    REQUIRE(bench.run(bench.reader().scan_range(1, 3, bench.filter)));
    CHECK(bench.calls_of("eth_getBlockReceipts") == 0);
    bench.filter.ours = {bench.bob};
    const auto scans = bench.run(bench.reader().scan_range(1, 3, bench.filter));
    REQUIRE(scans);
    CHECK(bench.calls_of("eth_getBlockReceipts") == 3);
    CHECK(scans->front().evidence == Evidence::kReceipts);
}

TEST_CASE(
    "reader proof: catching up, one of three raises a deposit's amount -> the block's own [F02]",
    "[F02]") {
    Bench bench{3};
    mine_two_deposits(bench);
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result[0]["data"] = word(9'000);
    };
    const auto scans = bench.run(bench.reader().scan_range(1, 1, bench.filter));
    REQUIRE(scans);
    REQUIRE(scans->front().deposits.size() == 2);
    CHECK(scans->front().deposits[0].units == core::Units{9});
    CHECK(bench.pool->status()[0].quarantined.has_value());
}

namespace {

void mine_coin(Bench& bench) {
    FakeTx tx;
    tx.seed = "coin";
    tx.from = bench.carol;
    tx.to = bench.alice;
    tx.value = 77;
    bench.chain.mine({{tx}, ""});
}

void tell_more_coin(const std::string& method, const json&, json& result) {
    if (method.starts_with("eth_getBlockBy") && result.is_object()) {
        for (json& tx : result["transactions"]) tx["value"] = "0x1000000";
    }
}

}  // namespace

TEST_CASE(
    "reader proof: one of three tells another value of a payment in coin -> the others' [F02]",
    "[F02]") {
    const bool in_bulk = GENERATE(false, true);
    const std::size_t liar = GENERATE(0U, 1U, 2U);
    Bench bench{3};
    mine_coin(bench);
    bench.twists[liar] = tell_more_coin;
    chains::BlockScan scan;
    if (in_bulk) {
        const auto scans = bench.run(bench.reader().scan_range(1, 1, bench.filter));
        REQUIRE(scans);
        scan = scans->front();
    } else {
        const auto one = bench.scan(1);
        REQUIRE(one);
        scan = *one;
    }
    REQUIRE(scan.deposits.size() == 1);
    CHECK(scan.deposits[0].units == core::Units{77});
    CHECK(bench.pool->status()[liar].doubted == (liar != 2));  // nobody needed the third
}

TEST_CASE("reader proof: two differ about a payment in coin -> not believed, and no third knows") {
    Bench bench{2};
    mine_coin(bench);
    bench.twists[0] = tell_more_coin;
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kNoQuorum);
}

TEST_CASE("reader proof: the others have not seen a block with a payment yet -> not ready") {
    Bench bench{2};
    mine_coin(bench);
    bench.twists[1] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getBlockByHash") result = nullptr;
    };
    const auto early = bench.scan(1);
    REQUIRE_FALSE(early);
    CHECK(early.error().code == Errc::kNotReady);
    bench.pool->doubt(1, "behind", "for long");
    CHECK(bench.scan(1));
}
