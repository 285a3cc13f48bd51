#include "daemon/impl/replay_order.hpp"

#include <catch2/catch.hpp>

#include "chains/evm/address_codec.hpp"
#include "tests/support/show_expected.hpp"

namespace depositd {

namespace {

const std::vector<core::ChainId> kChains{core::ChainId::eip155(1), core::ChainId::eip155(8453)};

core::Expected<ReplayOrder> parse(const char* text) {
    const chains::evm::EvmAddressCodec codec;
    return parse_replay_order(nlohmann::json::parse(text), kChains, codec);
}

}  // namespace

TEST_CASE("replay order: a range, a transaction, a session -> read, on the chain that is named") {
    const auto range = parse(R"({"chain":"eip155:8453","from":3,"to":9})");
    REQUIRE(range);
    CHECK(range->chains == std::vector{kChains[1]});
    CHECK(std::get<watchers::ReplayRange>(range->request).to == 9);
    const auto session = parse(R"({"session":"00112233445566778899aabbccddeeff"})");
    REQUIRE(session);
    CHECK(session->chains == kChains);
    const auto tx = parse(
        R"({"tx":"0x1111111111111111111111111111111111111111111111111111111111111111",)"
        R"("chain":"eip155:1"})");
    REQUIRE(tx);
    CHECK(tx->chains == std::vector{kChains[0]});
}

TEST_CASE("replay order: half understood -> refused, never read as something wider") {
    for (const char* text :
         {"[]", "{}", R"({"chain":8453,"from":3,"to":9})", R"({"chain":null,"from":3,"to":9})",
          R"({"chain":"eip155:2","from":3,"to":9})", R"({"chain":"eip155:1","from":9,"to":3})",
          R"({"chain":"eip155:1","from":-1,"to":3})", R"({"chain":"eip155:1","from":1.5,"to":3})",
          R"({"chain":"eip155:1"})", R"({"from":3,"to":9})", R"({"session":""})", R"({"session":7})",
          R"({"tx":"0x11"})", R"({"tx":7,"session":"ab"})", R"({"session":"ab","from":3,"to":9})",
          R"({"chain":"eip155:1","session":"ab","to":9})"}) {
        INFO(text);
        const auto order = parse(text);
        REQUIRE_FALSE(order.has_value());
        CHECK(order.error().code == core::Errc::kInvalid);
    }
}

}  // namespace depositd
