#include "api/sdk_view.hpp"

#include "tests/support/show_expected.hpp"
#include "tests/unit/api/fakes.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace api;
using namespace api_test;
using nlohmann::json;

namespace {

SessionFacts facts_asking(const core::AssetId& token, const char* units) {
    SessionFacts facts;
    facts.row.session.destination.asset = token;
    if (units != nullptr) {
        facts.row.session.destination.units = core::Units::from_decimal(units).value();
    }
    facts.row.display_json = R"({"title":"Shop","verb":"Donate"})";
    facts.receiver = db::Receiver{};
    facts.receiver->address = address(kShop);
    return facts;
}

json address_of(const json& tree) { return tree.at(0).at("options").back(); }

TokenFacts usdc() { return FakeChains{}.token(kBaseUsdc).value(); }

}  // namespace

TEST_CASE("still asked: what came in time counts, another token's does not") {
    session::Session session;
    session.destination.asset = kBaseUsdc;
    CHECK_FALSE(still_asked(session).has_value());
    session.destination.units = core::Units{100};
    CHECK((still_asked(session) == core::Units{100}));
    session.tallies.push_back({kBaseUsdc, core::Units{30}, core::Units{25}});
    session.tallies.push_back({kArbitrumUsdc, core::Units{40}, core::Units{}});
    CHECK((still_asked(session) == core::Units{45}));
    session.tallies.push_back({kBaseUsdc, core::Units{1'000}, core::Units{}});
    CHECK((still_asked(session) == core::Units{}));
}

TEST_CASE("menu: an amount of odd units -> shown in cents, rounded up, never too little") {
    const FakeChains chains;
    const auto shown = [&](const char* units) {
        return address_of(nav_tree(facts_asking(kBaseUsdc, units), chains, true))["requiredUsd"];
    };
    CHECK(shown("10500000") == 10.5);
    CHECK(shown("10500001") == 10.51);
    CHECK(shown("1") == 0.01);
    CHECK(shown("123456789012345678900000000") == 123456789012345678900.0);
    const json open = address_of(nav_tree(facts_asking(kBaseUsdc, nullptr), chains, true));
    CHECK_FALSE(open.contains("requiredUsd"));
    CHECK(open["minimumUsd"] == 0.01);
}

TEST_CASE("menu: dollars -> wallet and address on the one chain that counts") {
    const FakeChains chains;
    const json tree = nav_tree(facts_asking(kArbitrumUsdc, "5000000"), chains, true);
    REQUIRE(tree.size() == 1);
    CHECK(tree[0]["title"] == "Donate with");
    REQUIRE(tree[0]["options"].size() == 2);
    const json node = address_of(tree);
    CHECK(node["title"] == "Arbitrum");
    CHECK(node["chainId"] == 42161);
    CHECK(node["address"] == kShop);
    CHECK(node["tokenSuffix"] == "USDC");
    CHECK_FALSE(node.contains("disabledReason"));
}

TEST_CASE("menu: coin -> no wallet, the address disabled: a dollar sign would be a lie") {
    const json tree = nav_tree(facts_asking(kBaseEth, "5000000"), FakeChains{}, true);
    REQUIRE(tree[0]["options"].size() == 1);
    CHECK(address_of(tree).contains("disabledReason"));
}

TEST_CASE("menu: nothing can be paid, no address, token not configured any more -> empty") {
    const FakeChains chains;
    CHECK(nav_tree(facts_asking(kBaseUsdc, "5"), chains, false) == json::array());
    SessionFacts bare = facts_asking(kBaseUsdc, "5");
    bare.receiver.reset();
    CHECK(nav_tree(bare, chains, true) == json::array());
    const auto gone = asset("eip155:8453/erc20:" + kRefund);
    CHECK(nav_tree(facts_asking(gone, "5"), chains, true) == json::array());
}

TEST_CASE("wallet option: balance unknown -> told, and not to be chosen") {
    const json told = wallet_option(usdc(), 8453, core::Units{7}, std::nullopt);
    CHECK(told["balance"]["amount"] == "0");
    CHECK(told.contains("disabledReason"));
    CHECK_FALSE(
        wallet_option(usdc(), 8453, core::Units{7}, core::Units{7}).contains("disabledReason"));
}

TEST_CASE("wallet option: the payer chooses -> nothing required, a cent at least") {
    const json told = wallet_option(usdc(), 8453, std::nullopt, core::Units{25'000'000});
    CHECK(told["required"]["amount"] == "0");
    CHECK(told["required"]["usd"] == 0.0);
    CHECK(told["minimumRequired"]["amount"] == "10000");
    CHECK(token_option(usdc(), 8453, std::nullopt, std::nullopt)["requiredUnits"] == "0.00");
}
