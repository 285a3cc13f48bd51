#include "tests/support/show_expected.hpp"
#include "tests/unit/chains/reader_bench.hpp"

#include <catch2/catch.hpp>

using namespace evm_bench;
using core::Errc;

namespace {

//! A payout from alice to carol behind somebody else's transaction, in block 1.
chains::BlockScan mine_payout(Bench& bench) {
    FakeTx noise;
    noise.seed = "noise";
    noise.logs.push_back(transfer(bench.usdc, bench.carol, bench.carol, 1));
    FakeTx payout;
    payout.seed = "payout";
    payout.from = bench.alice;
    payout.to = bench.usdc;
    payout.nonce = 4;
    payout.logs.push_back(transfer(bench.usdc, bench.alice, bench.carol, 9));
    bench.chain.mine({{noise, payout}, ""});
    auto scan = bench.scan(1);
    REQUIRE(scan);
    REQUIRE(scan->own.size() == 1);
    REQUIRE(scan->own[0].transfers.size() == 1);
    return *scan;
}

void check_refused(Bench& bench, const chains::BlockScan& scan, Twist lie) {
    bench.twists[1] = std::move(lie);
    const auto done = bench.run(bench.reader().corroborate_own(scan.block, scan.own[0], 2));
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Errc::kNoQuorum);
}

}  // namespace

TEST_CASE("reader corroborate: our transaction, two nodes agree -> done") {
    Bench bench{2};
    const auto scan = mine_payout(bench);
    CHECK(bench.run(bench.reader().corroborate_own(scan.block, scan.own[0], 2)).has_value());
    const auto three = bench.run(bench.reader().corroborate_own(scan.block, scan.own[0], 3));
    REQUIRE_FALSE(three);
    CHECK(three.error().code == Errc::kNoQuorum);
}

TEST_CASE("reader corroborate: tokens come to the sender of ours -> told with what went out, and agreed on") {
    Bench bench{2};
    FakeTx call;
    call.seed = "call";
    call.from = bench.alice;
    call.to = bench.carol;
    call.logs.push_back(transfer(bench.usdc, bench.alice, bench.carol, 9));
    call.logs.push_back(transfer(bench.usdc, bench.carol, bench.alice, 4));
    bench.chain.mine({{call}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    REQUIRE(scan->own.size() == 1);
    const auto& transfers = scan->own[0].transfers;
    REQUIRE(transfers.size() == 2);
    CHECK(transfers[1].from == bench.carol);
    CHECK(transfers[1].to == bench.alice);
    CHECK(transfers[1].units == core::Units{4});
    const auto agree = [&] {
        return bench.run(bench.reader().corroborate_own(scan->block, scan->own[0], 2)).has_value();
    };
    CHECK(agree());
    bench.twists[1] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getTransactionReceipt") result["logs"].erase(1);
    };
    CHECK_FALSE(agree());
}

TEST_CASE("reader corroborate: our transaction, one node tells another story -> no quorum") {
    Bench bench{2};
    const auto scan = mine_payout(bench);
    const auto in_receipt = [](std::function<void(json&)> change) -> Twist {
        return [change](const std::string& method, const json&, json& result) {
            if (method == "eth_getTransactionReceipt") change(result);
        };
    };
    SECTION("it failed") {
        check_refused(bench, scan, in_receipt([](json& r) { r["status"] = "0x0"; }));
    }
    SECTION("another fee") {
        check_refused(bench, scan, in_receipt([](json& r) { r["gasUsed"] = "0x5209"; }));
    }
    SECTION("another amount") {
        check_refused(bench, scan, in_receipt([](json& r) { r["logs"][0]["data"] = word(8); }));
    }
    SECTION("no transfer") {
        check_refused(bench, scan, in_receipt([](json& r) { r["logs"] = json::array(); }));
    }
    SECTION("not mined") {
        check_refused(bench, scan, in_receipt([](json& r) { r = nullptr; }));
    }
    SECTION("another nonce") {
        check_refused(bench, scan, [](const std::string& method, const json&, json& result) {
            if (method == "eth_getTransactionByHash") result["nonce"] = "0x5";
        });
    }
}

TEST_CASE("reader corroborate: all nodes say that ours failed -> reorged") {
    Bench bench{2};
    auto scan = mine_payout(bench);
    scan.own[0].success = false;
    const auto done = bench.run(bench.reader().corroborate_own(scan.block, scan.own[0], 2));
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Errc::kReorged);
}

TEST_CASE("reader corroborate: a nonce -> used up when as many nodes say so") {
    Bench bench{2};
    std::vector<std::string> counts{"0x5", "0x5"};
    for (std::size_t i = 0; i < 2; ++i) {
        bench.twists[i] = [&counts, i](const std::string& method, const json& params,
                                       json& result) {
            if (method == "eth_getTransactionCount" && params[1] == "finalized") {
                result = counts[i];
            }
        };
    }
    const auto ask = [&] {
        return bench.run(bench.reader().corroborate_nonce(bench.alice, 4, true, 2));
    };
    CHECK(ask().has_value());
    counts = {"0x5", "0x9"};
    CHECK(ask().has_value());
    counts = {"0x5", "0x4"};
    CHECK(ask().error().code == Errc::kNoQuorum);
    counts = {"0x4", "0x3"};
    CHECK(ask().error().code == Errc::kNotReady);
}

TEST_CASE("reader corroborate: finality -> by each node's own word") {
    Bench bench{2};
    for (int i = 0; i < 4; ++i) bench.chain.mine({{}, ""});
    bench.chain.finalized = 3;
    CHECK(bench.run(bench.reader().corroborate_final(3, 2)).has_value());
    CHECK(bench.run(bench.reader().corroborate_final(4, 2)).error().code == Errc::kNotReady);
    const json behind = bench.chain.block_at(2);
    bench.twists[1] = [behind](const std::string& method, const json& params, json& result) {
        if (method == "eth_getBlockByNumber" && params[0] == "finalized") result = behind;
    };
    CHECK(bench.run(bench.reader().corroborate_final(2, 2)).has_value());
    CHECK(bench.run(bench.reader().corroborate_final(3, 2)).error().code == Errc::kNoQuorum);
}

TEST_CASE("reader corroborate: a balance -> equal at this block, or not") {
    Bench bench{2};
    bench.chain.mine({{}, ""});
    const auto block = bench.run(bench.reader().block_at(1));
    REQUIRE(block);
    const core::Units held{std::uint64_t{1000} + static_cast<unsigned char>('1')};
    const auto ask = [&](const core::Units& units) {
        return bench.run(bench.reader().corroborate_balance(*block, bench.alice, units, 2));
    };
    CHECK(ask(held).has_value());
    CHECK(ask(core::Units{1}).error().code == Errc::kReorged);
    bench.twists[1] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getBalance") result = "0x1";
    };
    CHECK(ask(held).error().code == Errc::kNoQuorum);
}

TEST_CASE("reader balance: agreed on -> with the names of those who say so; one lies -> they are named") {
    Bench bench{3};
    bench.chain.mine({{}, ""});
    const auto block = bench.run(bench.reader().block_at(1));
    REQUIRE(block);
    const core::Units held{std::uint64_t{1000} + static_cast<unsigned char>('1')};
    const auto native = bench.reader().info().native_asset;
    const auto ask = [&](unsigned endpoints) {
        return bench.run(bench.reader().agreed_balance(native, bench.alice, *block, endpoints));
    };
    REQUIRE(ask(3));
    CHECK(ask(3)->units == held);
    CHECK(ask(3)->agreed.size() == 3);
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getBalance") result = "0x1";
    };
    const auto most = ask(2);
    REQUIRE(most);
    CHECK(most->units == held);
    CHECK(most->agreed == std::vector<std::string>{"n1", "n2"});
    const auto all = ask(3);
    REQUIRE_FALSE(all);
    CHECK(all.error().code == Errc::kNoQuorum);
    CHECK(all.error().message.find("n0") != std::string::npos);
    CHECK(bench.run(bench.reader().agreed_balance(core::AssetId{"eip155:1/erc20:0x01"}, bench.alice,
                                                  *block, 2))
              .error()
              .code == Errc::kUnsupported);
}

TEST_CASE("reader range: read elsewhere -> from another endpoint, the same") {
    Bench bench{2};
    const auto first = mine_payout(bench);
    const auto again =
        bench.run(bench.reader().scan_range_elsewhere(1, 1, bench.filter, {first.endpoint}));
    REQUIRE(again);
    REQUIRE(again->size() == 1);
    CHECK(again->at(0).endpoint != first.endpoint);
    CHECK(again->at(0).block == first.block);
    CHECK(again->at(0).own.size() == 1);
    Bench single;
    const auto alone = single.run(single.reader().scan_range_elsewhere(0, 0, single.filter, {"n0"}));
    REQUIRE_FALSE(alone);
    CHECK(alone.error().code == Errc::kUnsupported);
}

TEST_CASE("reader corroborate: a payment that is not in the block -> absent when as many nodes say so") {
    Bench bench{2};
    const auto scan = mine_payout(bench);
    chains::TransferSeen invented;
    invented.tx = scan.own[0].tx;
    invented.position = chains::kNativePosition;
    invented.kind = chains::TransferKind::kNative;
    invented.asset = bench.reader().info().native_asset;
    invented.from = bench.carol;
    invented.to = bench.alice;
    invented.units = core::Units{5};
    const auto ask = [&](const chains::TransferSeen& transfer, core::BlockRef at) {
        return bench.run(bench.reader().corroborate_absent(at, transfer, 2));
    };
    SECTION("a transaction nobody knows") {
        invented.tx = *core::TxId::from_bytes(core::Bytes(32, 7));
        CHECK(ask(invented, scan.block).has_value());
        core::BlockRef other = scan.block;
        other.hash.bytes.fill(1);
        CHECK(ask(invented, other).error().code == Errc::kReorged);
        bench.twists[1] = [](const std::string& method, const json&, json& result) {
            if (method == "eth_getBlockByHash") result = nullptr;
        };
        CHECK(ask(invented, scan.block).error().code == Errc::kNoQuorum);
    }
    SECTION("nothing but a transaction") {
        invented.to = {};
        CHECK(ask(invented, scan.block).error().code == Errc::kReorged);
        bench.twists[1] = [](const std::string& method, const json&, json& result) {
            if (method == "eth_getTransactionReceipt") result["status"] = "0x0";
        };
        CHECK(ask(invented, scan.block).error().code == Errc::kReorged);
        invented.tx = *core::TxId::from_bytes(core::Bytes(32, 7));
        CHECK(ask(invented, scan.block).has_value());
    }
    SECTION("a transaction that pays somebody else") {
        CHECK(ask(invented, scan.block).has_value());
    }
    SECTION("a transfer that is there") {
        const chains::TransferSeen& moved = scan.own[0].transfers[0];
        CHECK(ask(moved, scan.block).error().code == Errc::kReorged);
        chains::TransferSeen elsewhere = moved;
        elsewhere.to = bench.alice;
        CHECK(ask(elsewhere, scan.block).has_value());
        for (std::size_t i = 0; i < 2; ++i) {
            bench.twists[i] = [](const std::string& method, const json&, json& result) {
                if (method == "eth_getTransactionReceipt") result = nullptr;
            };
        }
        CHECK(ask(moved, scan.block).error().code == Errc::kNotReady);
    }
    SECTION("a transfer that is there, and fails in the blocks that the endpoints are on now") {
        const chains::TransferSeen& moved = scan.own[0].transfers[0];
        for (std::size_t i = 0; i < 2; ++i) {
            bench.twists[i] = [](const std::string& method, const json&, json& result) {
                if (method != "eth_getTransactionReceipt") return;
                result["status"] = "0x0";
                result["logs"] = json::array();
                result["logsBloom"] = "0x" + std::string(512, '0');
                result["blockHash"] = "0x" + std::string(64, '7');
            };
        }
        CHECK_FALSE(ask(moved, scan.block).has_value());
    }
}
