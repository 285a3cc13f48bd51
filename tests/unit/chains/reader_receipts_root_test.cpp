#include "chains/evm/impl/bloom.hpp"
#include "chains/evm/impl/decode_block.hpp"
#include "chains/evm/receipts_root.hpp"
#include "tests/support/show_expected.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <fstream>

using namespace chains;
using namespace chains::evm::impl;
using nlohmann::json;

namespace {

struct Nobody final : WatchFilter {
    bool is_ours(const core::Address&) const override { return false; }
};

//! A block of anvil 1.7.1 with transactions of the types 0, 1, 2 and 4, one of them failed.
json recorded() {
    std::ifstream file{std::string{DEPOSITD_SOURCE_DIR} + "/tests/golden/evm_receipts.json"};
    return json::parse(file);
}

std::string padded(const json& value) {
    std::string text = value.dump();
    text.reserve(text.size() + 64);
    return text;
}

evm::Bytes32 root_of(const std::vector<Receipt>& receipts) {
    std::vector<core::Bytes> values;
    for (const Receipt& receipt : receipts) values.push_back(receipt.consensus);
    return evm::ordered_trie_root(values);
}

core::Bytes plain_receipt(std::uint64_t type, std::uint64_t index) {
    const Bloom none;
    evm::ReceiptParts parts;
    parts.type = type;
    parts.success = true;
    parts.cumulative_gas = 21'000 * (index + 1);
    parts.bloom = none.bytes;
    return *evm::encode_receipt(parts);
}

}  // namespace

TEST_CASE("receipts root: a real node's block of four types -> its header's root and hash") {
    const json node = recorded();
    Decoder decoder;
    const auto body = decoder.block(padded(node["block"]), Nobody{});
    REQUIRE(body);
    CHECK(body->head.proof == HeaderProof::kHash);
    const auto receipts = decoder.receipts(padded(node["receipts"]));
    REQUIRE(receipts);
    REQUIRE(receipts->size() == 6);
    CHECK(root_of(*receipts) == body->head.receipts_root);
}

TEST_CASE("receipts root: any change of a recorded receipt -> another root [F02][F03]",
          "[F02][F03]") {
    const json node = recorded();
    Decoder decoder;
    const auto root = root_of(*decoder.receipts(padded(node["receipts"])));
    const auto changed = [&](auto change) {
        json receipts = node["receipts"];
        change(receipts);
        return root_of(*decoder.receipts(padded(receipts)));
    };
    CHECK(changed([](json& r) { r[0]["logs"] = json::array(); }) != root);
    CHECK(changed([](json& r) { r[4]["status"] = "0x1"; }) != root);
    CHECK(changed([](json& r) { r[1]["type"] = "0x2"; }) != root);
    CHECK(changed([](json& r) { r[1]["cumulativeGasUsed"] = "0x1"; }) != root);
    CHECK(changed([](json& r) { r[2]["logs"][0]["topics"].erase(1); }) != root);
    CHECK(changed([](json& r) { r.erase(5); }) != root);
    CHECK(changed([](json& r) { r[2]["logs"][0]["logIndex"] = "0x9"; }) == root);  // not in it
}

TEST_CASE("receipts root: from none to 140 transactions -> the roots of a real node") {
    // anvil 1.7.1, blocks of that many plain transfers of type 2
    const std::map<std::size_t, std::string> known{
        {0, "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"},
        {1, "0xf78dfb743fbd92ade140711c8bbc542b5e307f0ab7984eff35d751969fe57efa"},
        {16, "0x56f4deeca0235fb553586308a94979b47340086232ca6b1d66a4f5ad2d27bd0d"},
        {17, "0x2c36e09d9cd52c95d99b4276acb915088e3e6bd77bf93076e2609ddad467eefa"},
        {127, "0x3912ad66ad33567666e9c5714aa605cb503dcb5471a3054ebdd0f28663e042b3"},
        {128, "0x59a45193f5427fb6b2f1ba4fc720aaf76f09d835ed5d17fc336edad099a2d0bf"},
        {129, "0x914eb2bdd870f93fae8972344a510bb810359cc9571be452283182918f0ddc64"},
        {140, "0xcb80a644c9033cd5f153be912266cb8ed08e90176e36f6b0472e9fd4904ce6ed"},
    };
    for (const auto& [count, root] : known) {
        CAPTURE(count);
        std::vector<core::Bytes> values;
        for (std::size_t i = 0; i < count; ++i) values.push_back(plain_receipt(2, i));
        CHECK(evm::ordered_trie_root(values).hex0x() == root);
    }
}

TEST_CASE("receipts root: types -> a prefix each but for the first; unknown ones unsupported") {
    const core::Bytes legacy = plain_receipt(0, 0);
    for (const std::uint64_t type : {1, 2, 3, 4}) {
        core::Bytes typed = plain_receipt(type, 0);
        CHECK(typed.front() == type);
        typed.erase(typed.begin());
        CHECK(typed == legacy);
    }
    evm::ReceiptParts parts;
    parts.type = 0x64;
    CHECK(evm::encode_receipt(parts).error().code == core::Errc::kUnsupported);
    parts.type = 0x7E;
    const Bloom none;
    parts.bloom = none.bytes;
    const auto before_canyon = evm::encode_receipt(parts);
    parts.deposit_nonce = 7;
    CHECK(evm::encode_receipt(parts) == before_canyon);
    parts.deposit_version = 1;
    const auto canyon = evm::encode_receipt(parts);
    REQUIRE(canyon);
    CHECK(canyon->size() == before_canyon->size() + 2);
    CHECK(core::to_hex(core::ByteView{*canyon}.last(3)) == "c00701");  // no logs, nonce, version
}

TEST_CASE("header hash: each field changed in turn -> it no longer is the hash") {
    const json node = recorded();
    Decoder decoder;
    for (const auto& [key, value] : node["block"].items()) {
        if (!value.is_string() || key == "hash" || key == "size" || key == "totalDifficulty") {
            continue;
        }
        CAPTURE(key);
        json block = node["block"];
        std::string text = value;
        text = text == "0x" ? "0x01"
                            : text.substr(0, text.size() - 1) + (text.back() == '1' ? "2" : "1");
        block[key] = text;
        const auto head = decoder.head(padded(block));
        REQUIRE(head);
        CHECK(head->proof == HeaderProof::kWrong);
        block["somethingNew"] = "0x1";
        CHECK(decoder.head(padded(block))->proof == HeaderProof::kUnknownForm);
    }
    json block = node["block"];
    block["somethingNew"] = "0x1";  // Arbitrum tells more than it hashes
    CHECK(decoder.head(padded(block))->proof == HeaderProof::kHash);
}
