#include "tests/support/show_expected.hpp"
#include "tests/unit/chains/reader_bench.hpp"

#include <catch2/catch.hpp>

using namespace evm_bench;
using chains::Evidence;
using chains::TransferKind;
using core::Errc;

namespace {

FakeTx paying(Bench& bench, std::string seed, const core::Address& to, std::uint64_t units) {
    FakeTx tx;
    tx.seed = std::move(seed);
    tx.logs.push_back(transfer(bench.usdc, bench.carol, to, units));
    return tx;
}

}  // namespace

TEST_CASE("reader: token and native transfers in one block -> both are deposits, once each") {
    Bench bench;
    FakeTx noise = paying(bench, "noise", bench.carol, 5);
    noise.logs.push_back(transfer(bench.usdc, bench.carol, bench.carol, 6));
    FakeTx token = paying(bench, "token", bench.carol, 1);
    token.logs.push_back(transfer(bench.usdc, bench.carol, bench.alice, 250));
    FakeTx native;
    native.seed = "native";
    native.from = bench.carol;
    native.to = bench.bob;
    native.value = 77;
    bench.chain.mine({{noise, token, native}, ""});

    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->evidence == Evidence::kReceipts);
    CHECK(scan->endpoint == "n0");
    CHECK(scan->tx_count == 3);
    CHECK(scan->log_count == 4);
    CHECK(scan->own.empty());
    REQUIRE(scan->deposits.size() == 2);
    CHECK(scan->deposits[0].kind == TransferKind::kToken);
    CHECK(scan->deposits[0].position == 1);  // third in the block, second in its transaction
    CHECK(scan->deposits[0].units == core::Units{250});
    CHECK(scan->deposits[0].to == bench.alice);
    CHECK(scan->deposits[0].tx.hex0x() == token.hash());
    CHECK(scan->deposits[1].kind == TransferKind::kNative);
    CHECK(scan->deposits[1].position == chains::kNativePosition);
    CHECK(scan->deposits[1].asset == bench.info.native_asset);
    CHECK(scan->deposits[1].units == core::Units{77});
}

TEST_CASE("reader: a hit in the first transaction -> its position needs no receipt") {
    Bench bench;
    bench.chain.mine({{paying(bench, "a", bench.alice, 9)}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    REQUIRE(scan->deposits.size() == 1);
    CHECK(scan->deposits[0].position == 0);
    CHECK(bench.calls_of("eth_getTransactionReceipt") == 0);
}

TEST_CASE("reader: logs of one block -> asked for by its hash [F04]", "[F04]") {
    Bench bench;
    bench.chain.mine({{paying(bench, "a", bench.alice, 9)}, ""});
    REQUIRE(bench.scan(1));
    REQUIRE(bench.log_queries.size() == 1);
    CHECK(bench.log_queries[0].find(bench.chain.hash_of(1)) != std::string::npos);
    CHECK(bench.log_queries[0].find("fromBlock") == std::string::npos);
}

TEST_CASE("reader: a node that does not have the block -> not ready, never empty [F01][F27]",
          "[F01][F27]") {
    Bench bench;
    const auto beyond = bench.scan(7);
    REQUIRE_FALSE(beyond);
    CHECK(beyond.error().code == Errc::kNotReady);

    bench.chain.mine({{paying(bench, "a", bench.alice, 9)}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json&) {
        if (method == "eth_getLogs") throw RpcFailure{-32000, "unknown block", {}};
    };
    const auto unknown = bench.scan(1);
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().code == Errc::kNotReady);
}

TEST_CASE("reader: the only node hides logs -> the block's receipts tell [F01][F02]",
          "[F01][F02]") {
    Bench bench;
    bench.chain.mine({{paying(bench, "a", bench.alice, 9)}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result = json::array();
    };
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->evidence == Evidence::kReceipts);
    REQUIRE(scan->deposits.size() == 1);
    CHECK(scan->deposits[0].units == core::Units{9});
}

TEST_CASE("reader: a subset of the logs -> the bloom filter shows it [F02]", "[F02]") {
    Bench bench;
    FakeTx dai = paying(bench, "b", bench.carol, 1);
    dai.logs.push_back(transfer(bench.dai, bench.carol, bench.bob, 8));
    bench.chain.mine({{dai}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result.erase(1);
    };
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    REQUIRE(scan->deposits.size() == 1);
    CHECK(scan->deposits[0].units == core::Units{8});
}

TEST_CASE("reader: one of two nodes hides logs -> the receipts decide [F03]", "[F03]") {
    Bench bench{2};
    bench.info.prove_receipts = false;
    bench.chain.mine({{paying(bench, "a", bench.alice, 9)}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result = json::array();
    };
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->evidence == Evidence::kReceipts);
    REQUIRE(scan->deposits.size() == 1);
    CHECK(bench.log.text.find("disagree") != std::string::npos);
}

TEST_CASE("reader: the filter says maybe and two nodes have nothing -> second endpoint") {
    Bench bench{2};
    bench.info.prove_receipts = false;
    FakeTx approval;
    approval.seed = "approval";
    approval.logs.push_back({bench.usdc, {hash_text("Approval")}, word(1)});
    approval.logs.push_back(transfer(address(0xEE), bench.carol, bench.alice, 3));
    bench.chain.mine({{approval}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->evidence == Evidence::kSecondEndpoint);
    CHECK(scan->deposits.empty());
    CHECK(bench.calls_of("eth_getBlockReceipts") == 0);
}

TEST_CASE(
    "reader: receipts that do not make up the filter -> refused, the block stays unread [F03]",
    "[F03]") {
    Bench bench;
    bench.chain.mine({{paying(bench, "a", bench.alice, 9)}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result = json::array();
        if (method == "eth_getBlockReceipts") result[0]["logs"] = json::array();
    };
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kMalformed);
}

TEST_CASE("reader: no method for a block's receipts -> one by one") {
    Bench bench;
    bench.chain.mine({{paying(bench, "a", bench.alice, 9), paying(bench, "b", bench.bob, 4)}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result = json::array();
        if (method == "eth_getBlockReceipts") throw RpcFailure{-32601, "method not found", {}};
    };
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->deposits.size() == 2);
    CHECK(scan->evidence == Evidence::kReceipts);
}

TEST_CASE("reader: nothing listed in the filter -> the empty answer is believed") {
    Bench bench;
    FakeTx plain;
    plain.seed = "x";
    bench.chain.mine({{plain}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->evidence == Evidence::kBloomExcludes);
    CHECK(bench.calls_of("eth_getLogs") == 1);
}

TEST_CASE("reader: a log the filter excludes -> a lie") {
    Bench bench{1, 5};  // on a chain whose headers may be hashed in another way
    chains::evm::add_token(bench.info, "USDC", 6, bench.usdc);
    bench.chain.mine({{paying(bench, "a", bench.alice, 9)}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getBlockByNumber") result["logsBloom"] = "0x" + std::string(512, '0');
    };
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kMalformed);
}

TEST_CASE("reader: a removed log or one of another block -> not credited [F05]", "[F05]") {
    Bench bench;
    bench.chain.mine({{paying(bench, "a", bench.alice, 9)}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result[0]["removed"] = true;
    };
    const auto removed = bench.scan(1);
    REQUIRE_FALSE(removed);
    CHECK(removed.error().code == Errc::kReorged);

    const auto change = GENERATE(std::string{"blockHash"}, std::string{"transactionHash"});
    bench.twists[0] = [change](const std::string& method, const json&, json& result) {
        if (method == "eth_getLogs") result[0][change] = hash_text("another");
    };
    const auto other = bench.scan(1);
    REQUIRE_FALSE(other);
    CHECK(other.error().code == Errc::kMalformed);
}

TEST_CASE("reader: the receipt names another block -> reorged [F12]", "[F12]") {
    Bench bench;
    bench.chain.mine(
        {{paying(bench, "x", bench.carol, 1), paying(bench, "a", bench.alice, 9)}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getBlockReceipts") throw RpcFailure{-32601, "method not found", {}};
        if (method == "eth_getTransactionReceipt") result["blockHash"] = hash_text("pre-confirmed");
    };
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kReorged);
}

TEST_CASE("reader: a receipt in a block that is not on the chain -> mined nowhere [F12]", "[F12]") {
    Bench bench;
    FakeTx tx = paying(bench, "a", bench.alice, 9);
    bench.chain.mine({{tx}, ""});
    const auto id = *core::TxId::from_hex(tx.hash());
    auto found = bench.run(bench.reader().block_of(id));
    REQUIRE(found);
    REQUIRE(found->has_value());
    CHECK((*found)->height == 1);

    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getTransactionReceipt") result["blockHash"] = hash_text("pre-confirmed");
    };
    found = bench.run(bench.reader().block_of(id));
    REQUIRE(found);
    CHECK_FALSE(found->has_value());
}

TEST_CASE("reader: a receipt is null -> not ready, never absent [F27]", "[F27]") {
    Bench bench;
    bench.chain.mine(
        {{paying(bench, "x", bench.carol, 1), paying(bench, "a", bench.alice, 9)}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getBlockReceipts") throw RpcFailure{-32601, "method not found", {}};
        if (method == "eth_getTransactionReceipt") result = nullptr;
    };
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kNotReady);
}

TEST_CASE("reader: a failed transaction with value -> no deposit [F14]", "[F14]") {
    Bench bench;
    FakeTx native;
    native.seed = "failed";
    native.to = bench.bob;
    native.value = 77;
    native.success = false;
    bench.chain.mine({{native}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->deposits.empty());
}

TEST_CASE("reader: logs of contracts that are not listed -> ignored [F18][F19]", "[F18][F19]") {
    Bench bench;
    FakeTx fake;
    fake.seed = "fake";
    fake.to = bench.bob;
    fake.value = 5;
    fake.logs.push_back(transfer(address(0xEE), bench.carol, bench.alice, 1'000'000));
    const auto system = *core::Address::from_hex("0xfffffffffffffffffffffffffffffffffffffffe");
    fake.logs.push_back(transfer(system, bench.carol, bench.bob, 5));
    bench.chain.mine({{fake}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    REQUIRE(scan->deposits.size() == 1);  // the native value, once
    CHECK(scan->deposits[0].kind == TransferKind::kNative);

    bench.twists[0] = [&](const std::string& method, const json&, json& result) {
        if (method != "eth_getLogs") return;
        result = bench.chain.answer("eth_getTransactionReceipt", {fake.hash()})["logs"];
    };
    const auto pushed = bench.scan(1);
    REQUIRE_FALSE(pushed);
    CHECK(pushed.error().code == Errc::kMalformed);
}

TEST_CASE("reader: a transfer of nothing -> no deposit [F21]", "[F21]") {
    Bench bench;
    bench.chain.mine({{paying(bench, "dust", bench.alice, 0)}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->deposits.empty());
    CHECK(scan->log_count == 1);
}

TEST_CASE("reader: a transaction of ours -> fee with its L1 part, outcome and transfers out") {
    Bench bench;
    FakeTx own;
    own.seed = "own";
    own.from = bench.alice;
    own.to = bench.usdc;
    own.nonce = 4;
    own.l1_fee = 33;
    own.logs.push_back(transfer(bench.usdc, bench.alice, bench.carol, 12));
    FakeTx failed = own;
    failed.seed = "own2";
    failed.nonce = 5;
    failed.success = false;
    failed.logs.clear();
    bench.chain.mine({{own, failed}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    CHECK(scan->deposits.empty());
    REQUIRE(scan->own.size() == 2);
    CHECK(scan->own[0].success);
    CHECK(scan->own[0].nonce == 4);
    CHECK(scan->own[0].fee == core::Units{21'000 * 10 + 33});
    REQUIRE(scan->own[0].transfers.size() == 1);
    CHECK(scan->own[0].transfers[0].to == bench.carol);
    CHECK_FALSE(scan->own[1].success);
    CHECK(scan->own[1].transfers.empty());
}

TEST_CASE("reader: Celo's coin by value and by its contract -> two deposits of one asset") {
    Bench bench{1, 42220};
    const auto coin = *core::Address::from_hex("0x471EcE3750Da237f93B8E339c536989b8978a438");
    FakeTx by_value;
    by_value.seed = "value";
    by_value.to = bench.alice;
    by_value.value = 3;
    FakeTx by_log;
    by_log.seed = "log";
    by_log.logs.push_back(transfer(coin, bench.carol, bench.alice, 4));
    bench.chain.mine({{by_value, by_log}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    REQUIRE(scan->deposits.size() == 2);
    CHECK(scan->deposits[0].asset == bench.info.native_asset);
    CHECK(scan->deposits[1].asset == bench.info.native_asset);
}
