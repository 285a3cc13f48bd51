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

namespace {

//! Looks at the heads again and again, so often that they are compared; a block comes before each look.
void follow(Bench& bench, int looks, const std::function<void()>& each = {}) {
    for (int i = 0; i < looks; ++i) {
        for (int block = 0; block < 8; ++block) bench.chain.mine({{}, ""});
        if (each) each();
        bench.clock.passed_ms += 15'000;
        (void)bench.run(bench.reader().heads());
    }
}

double doubts_of(Bench& bench, const std::string& endpoint, const std::string& reason) {
    return bench.metrics.values["depositd_endpoint_doubts_total,chain=" + bench.info.id.text() +
                                ",endpoint=" + endpoint + ",reason=" + reason];
}

bool is_head_question(const std::string& method, const json& params) {
    return method == "eth_getBlockByNumber" && params[0] == "latest";
}

//! An own block in place of the newest one, as a node on a branch of its own has it.
json other_head(const Bench& bench) {
    evm_bench::FakeChain branch = bench.chain;
    branch.blocks.back().fork = "alone";
    return branch.block_at(branch.head());
}

}  // namespace

TEST_CASE("reader heads: one tells a head that nobody ever has, again and again -> doubted [F28]",
          "[F28]") {
    Bench bench{3};
    bench.twists[2] = [&](const std::string& method, const json& params, json& result) {
        if (is_head_question(method, params)) result = other_head(bench);
    };
    follow(bench, 4);
    CHECK(doubts_of(bench, "n2", "ahead") == 0);
    follow(bench, 2);
    CHECK(doubts_of(bench, "n2", "ahead") == 1);
    CHECK(bench.log.text.find("endpoint=n2 reason=ahead detail=again and again a head") !=
          std::string::npos);
    CHECK(bench.log.text.find("endpoint=n0") == std::string::npos);
    CHECK(bench.log.text.find("endpoint=n1") == std::string::npos);
}

TEST_CASE("reader heads: one is on another branch now and then -> no doubt [F28]", "[F28]") {
    Bench bench{3};
    int look = 0;
    bench.twists[2] = [&](const std::string& method, const json& params, json& result) {
        if (look % 4 == 0 && is_head_question(method, params)) result = other_head(bench);
    };
    follow(bench, 40, [&] { ++look; });
    CHECK(doubts_of(bench, "n2", "ahead") == 0);
}

TEST_CASE("reader heads: one is a block behind, or quicker than the others -> no doubt [F28]",
          "[F28]") {
    for (const std::size_t odd : {std::size_t{0}, std::size_t{2}}) {
        Bench bench{3};
        for (std::size_t i = 0; i < 3; ++i) {
            const bool is_late = (odd == 0) == (i != 0);
            bench.twists[i] = [&bench, is_late](const std::string& method, const json& params,
                                                json& result) {
                if (!is_late || !is_head_question(method, params)) return;
                result = bench.chain.block_at(bench.chain.head() - 1);
            };
        }
        follow(bench, 20);
        CHECK(bench.log.text.find("doubted") == std::string::npos);
    }
}

TEST_CASE("reader heads: one calls its head final, thrice in a row -> doubted [F07]", "[F07]") {
    Bench bench{3, 8453};
    bench.info.credit.clear();
    bench.twists[1] = [&](const std::string& method, const json& params, json& result) {
        if (method != "eth_getBlockByNumber" || params[0] != "finalized") return;
        result = bench.chain.block_at(bench.chain.head());
    };
    const auto finalize = [&] { bench.chain.finalized = bench.chain.head() - 100; };
    for (int i = 0; i < 200; ++i) bench.chain.mine({{}, ""});
    follow(bench, 2, finalize);
    CHECK(doubts_of(bench, "n1", "ahead") == 0);
    follow(bench, 1, finalize);
    CHECK(doubts_of(bench, "n1", "ahead") == 1);
    CHECK(bench.log.text.find("endpoint=n0") == std::string::npos);
}

TEST_CASE("reader heads: one knows earlier than the others what is final -> no doubt [F07]",
          "[F07]") {
    Bench bench{3, 8453};
    bench.twists[1] = [&](const std::string& method, const json& params, json& result) {
        if (method != "eth_getBlockByNumber" || params[0] != "finalized") return;
        result = bench.chain.block_at(*bench.chain.finalized + 60);
    };
    for (int i = 0; i < 200; ++i) bench.chain.mine({{}, ""});
    follow(bench, 10, [&] { bench.chain.finalized = bench.chain.head() - 100; });
    CHECK(bench.log.text.find("doubted") == std::string::npos);
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

TEST_CASE("reader corroborate: a payment's block of another time than others tell -> not agreed [F02]", "[F02]") {
    Bench bench{2};
    FakeTx tx;
    tx.seed = "a";
    tx.logs.push_back(transfer(bench.usdc, bench.carol, bench.alice, 9));
    bench.chain.mine({{tx}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    core::BlockRef block = scan->block;
    block.mined_at = block.mined_at + core::Millis{3'600'000};
    const auto later = bench.run(bench.reader().corroborate(block, scan->deposits.at(0), 2));
    REQUIRE_FALSE(later);
    CHECK(later.error().code == Errc::kReorged);
    block.mined_at = {};
    CHECK(bench.run(bench.reader().corroborate(block, scan->deposits.at(0), 2)).has_value());
}

TEST_CASE("reader agreed block: its hash and time by the word of several, or no quorum [F02]", "[F02]") {
    Bench bench{2};
    bench.chain.mine({{}, ""});
    const auto scan = bench.scan(1);
    REQUIRE(scan);
    const auto agreed = bench.run(bench.reader().agreed_block(1, 2));
    REQUIRE(agreed);
    CHECK(agreed->hash == scan->block.hash);
    CHECK(agreed->mined_at == scan->block.mined_at);
    CHECK(agreed->parent == core::BlockHash{});
    bench.twists[1] = [](const std::string& method, const json&, json& result) {
        if (method != "eth_getBlockByNumber") return;
        result["timestamp"] = "0x7fffffff";
        result["strange"] = 1;  // a header of unknown form: its hash proves nothing
    };
    const auto lied = bench.run(bench.reader().agreed_block(1, 2));
    REQUIRE_FALSE(lied);
    CHECK(lied.error().code == Errc::kNoQuorum);
}

TEST_CASE("reader: a block of no time, in a header of unknown form -> malformed [F02]", "[F02]") {
    Bench bench;
    bench.chain.mine({{}, ""});
    bench.twists[0] = [](const std::string& method, const json&, json& result) {
        if (method != "eth_getBlockByNumber") return;
        result["timestamp"] = "0x0";
        result["strange"] = 1;
    };
    const auto scan = bench.scan(1);
    REQUIRE_FALSE(scan);
    CHECK(scan.error().code == Errc::kMalformed);
}

TEST_CASE("reader agreed block: one endpoint tells another number beside the same hash -> it has no word [F02]", "[F02]") {
    Bench bench{3};
    bench.chain.mine({{}, ""});
    const auto truth = bench.scan(1);
    REQUIRE(truth);
    const std::size_t liar = GENERATE(0, 1, 2);
    bench.twists[liar] = [](const std::string& method, const json&, json& result) {
        if (method == "eth_getBlockByNumber") result["number"] = "0xffff";
    };
    const auto agreed = bench.run(bench.reader().agreed_block(1, 2));
    REQUIRE(agreed);
    CHECK(agreed->height == 1);
    CHECK(agreed->hash == truth->block.hash);
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
