#include "chains/evm/impl/block_draft.hpp"
#include "chains/evm/impl/reader_sinks.hpp"
#include "chains/evm/profiles.hpp"
#include "tests/support/show_expected.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <fstream>

using namespace chains;
using namespace chains::evm::impl;
using nlohmann::json;

namespace {

struct Everyone final : WatchFilter {
    bool is_ours(const core::Address&) const override { return true; }
};

//! One block as anvil 1.7.1 tells it: a token transfer.
json recorded() {
    std::ifstream file{std::string{DEPOSITD_SOURCE_DIR} + "/tests/golden/evm_block.json"};
    return json::parse(file);
}

//! With the readable bytes behind it that a reply has.
std::string padded(const json& value) {
    std::string text = value.dump();
    text.reserve(text.size() + 64);
    return text;
}

}  // namespace

TEST_CASE("reader golden: a real node's block -> header, log and receipt fit together") {
    const json node = recorded();
    auto chain = evm::generic_profile(31337, "Local");
    evm::add_token(chain, "USDC", 6,
                   *core::Address::from_hex("0x008eb2b4909db972a400424984930d78479cc246"));
    const ListedTokens tokens{chain};
    const Quirks quirks;
    const Everyone filter;
    Decoder decoder;
    const auto body = decoder.block(padded(node["block"]), filter);
    REQUIRE(body);
    CHECK(body->head.ref.height == 0x21);
    CHECK(body->head.base_fee.value() == core::Units{0xdbc62a});
    REQUIRE(body->tx_hashes.size() == 1);

    BlockDraft draft{*body, "recorded"};
    CHECK(draft.judge(tokens, quirks) == BloomVerdict::kDoubtful);
    BlockSink sink{draft, tokens, quirks, filter};
    REQUIRE(decoder.logs(padded(node["logs"]), sink));
    CHECK(draft.judge(tokens, quirks) == BloomVerdict::kAgrees);

    const auto receipts = decoder.receipts(padded(node["receipts"]));
    REQUIRE(receipts);
    const auto whole = draft.check_whole(*receipts, quirks);
    REQUIRE(whole);
    CHECK(*whole == WholeProof::kRoot);
    const auto scan =
        draft.finish({{receipts->front().tx, receipts->front()}}, tokens, filter, true);
    REQUIRE(scan);
    REQUIRE(scan->deposits.size() == 1);
    CHECK(scan->deposits[0].units == core::Units{1000});
    CHECK(scan->deposits[0].position == 0);
    REQUIRE(scan->own.size() == 1);
    CHECK(scan->own[0].transfers == scan->deposits);
}

TEST_CASE("reader golden: a real node's fee history -> one base fee more than blocks") {
    const auto history = Decoder{}.fee_history(padded(recorded()["fee_history"]));
    REQUIRE(history);
    CHECK(history->base_fees.size() == history->rewards.size() + 1);
}

TEST_CASE("reader golden: each field in turn missing or of another form -> malformed [F25]",
          "[F25]") {
    const json node = recorded();
    const Everyone filter;
    Decoder decoder;
    for (const char* field :
         {"number", "hash", "parentHash", "timestamp", "logsBloom", "transactions"}) {
        CAPTURE(field);
        json block = node["block"];
        block.erase(field);
        CHECK(decoder.block(padded(block), filter).error().code == core::Errc::kMalformed);
        block[field] = 7;
        CHECK(decoder.block(padded(block), filter).error().code == core::Errc::kMalformed);
    }
    for (const char* field : {"transactionHash", "blockHash", "blockNumber", "status", "gasUsed",
                              "logs", "effectiveGasPrice"}) {
        CAPTURE(field);
        json receipt = node["receipts"][0];
        receipt.erase(field);
        CHECK(decoder.receipt(padded(receipt)).error().code == core::Errc::kMalformed);
    }
    std::string repeated = padded(node["receipts"][0]);
    repeated.replace(repeated.find("\"status\""), 8, "\"status\":\"0x0\",\"status\"");
    CHECK(decoder.receipt(padded(json::parse("null"))).error().code == core::Errc::kNotReady);
    repeated.reserve(repeated.size() + 64);
    CHECK(decoder.receipt(repeated).error().code == core::Errc::kMalformed);
}

TEST_CASE("reader golden: an answer cut anywhere -> never a value [F25]", "[F25]") {
    const Everyone filter;
    const std::string whole = recorded()["receipts"][0].dump();
    Decoder decoder;
    for (std::size_t length = 0; length < whole.size(); ++length) {
        std::string cut = whole.substr(0, length);
        cut.reserve(cut.size() + 64);
        CHECK_FALSE(decoder.receipt(cut).has_value());
    }
}

TEST_CASE("reader golden: one transaction told twice in a block -> malformed [F25]", "[F25]") {
    json block = recorded()["block"];
    block["transactions"].push_back(block["transactions"][0]);
    const Everyone filter;
    CHECK(Decoder{}.block(padded(block), filter).error().code == core::Errc::kMalformed);
}

TEST_CASE("reader golden: fees told twice -> malformed, not the last word [F25]", "[F25]") {
    const json node = recorded();
    const Everyone filter;
    Decoder decoder;
    std::string block = padded(node["block"]);
    block.replace(block.find("\"baseFeePerGas\""), 15, "\"baseFeePerGas\":\"0x1\",\"baseFeePerGas\"");
    block.reserve(block.size() + 64);
    CHECK(decoder.block(block, filter).error().code == core::Errc::kMalformed);
    std::string fees = R"({"baseFeePerGas":["0x1"],"reward":[],"baseFeePerGas":["0x9"]})";
    fees.reserve(fees.size() + 64);
    CHECK(decoder.fee_history(fees).error().code == core::Errc::kMalformed);
}

TEST_CASE("reader golden: one log twice where receipts prove little -> no deposit of one name twice [F25]",
          "[F25]") {
    const json node = recorded();
    json block = node["block"];
    block["strange"] = 1;  // a header of unknown form: only the bloom filter can be compared
    block.erase("mixHash");
    json receipt = node["receipts"][0];
    receipt["logs"].push_back(receipt["logs"][0]);
    const Everyone filter;
    Decoder decoder;
    const auto body = decoder.block(padded(block), filter);
    REQUIRE(body);
    const BlockDraft draft{*body, "recorded"};
    const auto honest = decoder.receipts(padded(node["receipts"]));
    REQUIRE(honest);
    CHECK(draft.check_whole(*honest, {}).value() == WholeProof::kBloom);
    const auto twice = decoder.receipts(padded(json::array({receipt})));
    REQUIRE(twice);
    CHECK(draft.check_whole(*twice, {}).error().code == core::Errc::kMalformed);
}
