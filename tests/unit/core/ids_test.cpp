#include <catch2/catch.hpp>

#include "core/chain_types.hpp"
#include "core/ids.hpp"

using core::AssetId;
using core::ChainId;

TEST_CASE("chain id: not of CAIP-2's form -> refused") {
    for (const char* text : {"", "8453", "eip155:", ":1", "EIP155:1", "ab:1", "toolongname:1",
                             "eip155:1/x", "eip155:123456789012345678901234567890123"}) {
        INFO(text);
        REQUIRE(ChainId::from_text(text).has_error());
    }
    REQUIRE(ChainId::from_text("eip155:8453").value() == ChainId::eip155(8453));
    REQUIRE(ChainId::eip155(8453).reference() == "8453");
}

TEST_CASE("asset id: CAIP-19 -> its chain and kind") {
    const auto native = AssetId::from_text("eip155:1/slip44:60").value();
    REQUIRE(native.is_native());
    REQUIRE(native.chain() == ChainId::eip155(1));
    const auto token = AssetId::from_text("eip155:1/erc20:0xa0b8").value();
    REQUIRE_FALSE(token.is_native());
    REQUIRE(token.asset_reference() == "0xa0b8");
    for (const char* text : {"eip155:1", "eip155:1/", "eip155:1/erc20", "eip155:1/erc20:", "x/erc20:1"}) {
        INFO(text);
        REQUIRE(AssetId::from_text(text).has_error());
    }
}

TEST_CASE("address and transaction id: wrong lengths and digits -> refused") {
    REQUIRE(core::Address::from_hex("0x" + std::string(40, 'a')).has_value());
    REQUIRE(core::Address::from_hex(std::string(64, 'b')).has_value());
    REQUIRE(core::Address::from_hex("0x" + std::string(39, 'a')).has_error());
    REQUIRE(core::Address::from_hex("0x" + std::string(40, 'g')).has_error());
    REQUIRE(core::TxId::from_hex("0x" + std::string(64, 'a')).has_value());
    REQUIRE(core::TxId::from_hex("0x" + std::string(66, 'a')).has_error());
}

TEST_CASE("hex: odd, doubled prefix, other characters -> refused") {
    REQUIRE(core::from_hex("0x")->empty());
    REQUIRE(core::from_hex("0xAbCd").value() == core::Bytes{0xab, 0xcd});
    for (const char* text : {"0xabc", "0x0x", "zz", "0x0x00"}) {
        INFO(text);
        REQUIRE(core::from_hex(text).has_error());
    }
}

TEST_CASE("constant-time compare: lengths and contents -> equal only when both are") {
    REQUIRE(core::equal_constant_time(core::bytes_of("abc"), core::bytes_of("abc")));
    REQUIRE_FALSE(core::equal_constant_time(core::bytes_of("abc"), core::bytes_of("abd")));
    REQUIRE_FALSE(core::equal_constant_time(core::bytes_of("abc"), core::bytes_of("ab")));
}
