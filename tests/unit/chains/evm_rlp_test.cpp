#include "chains/evm/rlp.hpp"
#include "tests/unit/chains/vectors.hpp"

using namespace chains;
using test::Json;

namespace {

core::Bytes encoded(const Json& input) {
    if (input.is_string()) return evm::rlp_string(test::bytes(input));
    std::vector<core::Bytes> items;
    for (const Json& item : input) items.push_back(encoded(item));
    return evm::rlp_list(items);
}

Json decoded(const evm::RlpItem& item) {
    if (!item.is_list) return core::to_hex0x(item.bytes);
    Json out = Json::array();
    for (const evm::RlpItem& inner : item.items) out.push_back(decoded(inner));
    return out;
}

std::string repeated(const std::string& text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

}  // namespace

TEST_CASE("rlp: not canonical, cut off or followed by more -> refused") {
    const std::string fifty_five = repeated("aa", 55);
    for (const std::string& wrong :
         {std::string{}, std::string{"8100"}, std::string{"817f"}, std::string{"b800"},
          "b837" + fifty_five, "b90038" + fifty_five + "aa", "f837" + fifty_five,
          "f90038" + fifty_five + "aa", std::string{"82aa"}, std::string{"c1"},
          std::string{"c2c1"}, std::string{"c182"}, std::string{"b8"}, std::string{"bf"},
          std::string{"bfffffffffffffffff"}, std::string{"ffffffffffffffffff"},
          std::string{"bf7fffffffffffffff00"}, std::string{"0000"}, std::string{"c000"},
          std::string{"8080"}, std::string{"c28100"}, std::string{"c382aa"}}) {
        INFO(wrong);
        const core::Bytes input = core::from_hex(wrong).value();
        REQUIRE(evm::rlp_decode(input).error().code == core::Errc::kInvalid);
    }
}

TEST_CASE("rlp: lists nested too deep -> refused, at the limit -> read") {
    core::Bytes nested = evm::rlp_list({});
    for (std::size_t depth = 1; depth < evm::kRlpDepthMax; ++depth) {
        nested = evm::rlp_list(std::span{&nested, 1});
    }
    REQUIRE(evm::rlp_decode(nested).has_value());
    nested = evm::rlp_list(std::span{&nested, 1});
    REQUIRE_FALSE(evm::rlp_decode(nested).has_value());
}

TEST_CASE("rlp number: leading zero, list, too wide -> refused") {
    const auto item_of = [](const core::Bytes& input) { return evm::rlp_decode(input).value(); };
    const core::Bytes zero = core::from_hex("00").value();
    const core::Bytes padded = core::from_hex("820001").value();
    const core::Bytes list = core::from_hex("c0").value();
    const core::Bytes wide = evm::rlp_string(core::Bytes(33, 1));
    for (const core::Bytes& wrong : {zero, padded, list, wide}) {
        INFO(core::to_hex(wrong));
        REQUIRE_FALSE(evm::rlp_units(item_of(wrong)).has_value());
        REQUIRE_FALSE(evm::rlp_u64(item_of(wrong)).has_value());
    }
    const core::Bytes nine = evm::rlp_string(core::Bytes(9, 1));
    REQUIRE_FALSE(evm::rlp_u64(item_of(nine)).has_value());
    REQUIRE(evm::rlp_units(item_of(nine)).has_value());
    for (const std::uint64_t number : {0ULL, 1ULL, 127ULL, 128ULL, 256ULL, ~0ULL}) {
        const core::Bytes encoding = evm::rlp_number(number);
        REQUIRE(evm::rlp_u64(item_of(encoding)).value() == number);
        REQUIRE(evm::rlp_number(core::Units{number}) == encoding);
    }
}

TEST_CASE("rlp: known answers -> equal both ways") {
    const Json vectors = test::load_vectors("rlp");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const core::Bytes rlp = test::bytes(vectors[i]["rlp"]);
        REQUIRE(encoded(vectors[i]["input"]) == rlp);
        REQUIRE(decoded(evm::rlp_decode(rlp).value()) == vectors[i]["input"]);
        REQUIRE_FALSE(evm::rlp_decode(core::ByteView{rlp}.first(rlp.size() - 1)).has_value());
    }
}
