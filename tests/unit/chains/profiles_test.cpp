#include "chains/evm/profiles.hpp"

#include "chains/evm/impl/quirks.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace chains;

namespace {

core::Units whole(const TokenInfo& token, std::uint64_t amount) {
    auto units = core::Units{amount};
    for (unsigned i = 0; i < token.decimals; ++i) units = *units.times(10);
    return units;
}

const TokenInfo& by_symbol(const ChainInfo& chain, std::string_view symbol) {
    for (const TokenInfo& token : chain.tokens) {
        if (token.symbol == symbol) return token;
    }
    FAIL("no such token");
    return chain.tokens.front();
}

}  // namespace

TEST_CASE("profiles: every chain of the API -> fourteen profiles, tokens with ids of their own") {
    const auto numbers = evm::profile_numbers();
    CHECK(numbers.size() == 14);
    std::size_t tokens = 0;
    std::set<std::string> assets;
    for (const auto number : numbers) {
        const auto chain = evm::find_profile(number);
        REQUIRE(chain);
        CHECK(chain->is_mainnet);
        CHECK(core::ChainId::from_text(chain->id.text()).has_value());
        REQUIRE(!chain->credit.empty());
        CHECK_FALSE(chain->credit.back().whole_tokens_max.has_value());
        for (const TokenInfo& token : chain->tokens) {
            CHECK(core::AssetId::from_text(token.asset.text()).has_value());
            CHECK(token.asset.chain() == chain->id);
            CHECK(token.asset.is_native() == (token.asset == chain->native_asset));
            assets.insert(token.asset.text());
            ++tokens;
        }
    }
    CHECK(tokens == 72);
    CHECK(assets.size() == tokens);
    CHECK_FALSE(evm::find_profile(5));
}

TEST_CASE("profiles: explorers -> https, and no slash where the path begins") {
    std::size_t known = 0;
    for (const std::uint64_t number : evm::profile_numbers()) {
        const auto chain = evm::find_profile(number);
        REQUIRE(chain.has_value());
        if (chain->explorer_url.empty()) continue;
        CAPTURE(chain->explorer_url);
        CHECK(chain->explorer_url.starts_with("https://"));
        CHECK_FALSE(chain->explorer_url.ends_with('/'));
        ++known;
    }
    CHECK(known >= 10);
    CHECK(evm::find_profile(8453)->explorer_url == "https://basescan.org");
    CHECK(evm::generic_profile(31337, "devnet").explorer_url.empty());
}

TEST_CASE("profiles: asset ids -> CAIP-19 in lower case with the coin's SLIP-44 number") {
    const auto base = *evm::find_profile(8453);
    CHECK(by_symbol(base, "USDC").asset.text() ==
          "eip155:8453/erc20:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913");
    CHECK(by_symbol(base, "USDC").gasless == GaslessKind::kEip3009);
    CHECK(by_symbol(base, "ETH").asset.text() == "eip155:8453/slip44:60");
    CHECK(by_symbol(*evm::find_profile(56), "BNB").asset.text() == "eip155:56/slip44:714");
    CHECK(by_symbol(*evm::find_profile(56), "USDC").decimals == 18);
    CHECK(by_symbol(*evm::find_profile(56), "USDC").gasless == GaslessKind::kNone);
    CHECK(by_symbol(*evm::find_profile(137), "POL").asset.text() == "eip155:137/slip44:966");
    CHECK(by_symbol(*evm::find_profile(100), "XDAI").asset.text() == "eip155:100/slip44:700");
}

TEST_CASE("profiles: Celo's coin is also a contract -> one asset for both, credited once") {
    const auto celo = *evm::find_profile(42220);
    const TokenInfo& coin = by_symbol(celo, "CELO");
    CHECK(coin.asset == celo.native_asset);
    CHECK(coin.asset.text() == "eip155:42220/slip44:52752");
    REQUIRE(celo.token_at(coin.contract) != nullptr);
    CHECK(celo.token_at(coin.contract)->asset == celo.native_asset);
}

TEST_CASE("profiles: amount decides the tier -> weighed by the token's price") {
    const auto base = *evm::find_profile(8453);
    const TokenInfo& usdc = by_symbol(base, "USDC");
    const TokenInfo& eth = by_symbol(base, "ETH");
    CHECK_FALSE(base.tier_for(usdc, whole(usdc, 1'000)).finalized_tag);
    const CreditTier& large = base.tier_for(usdc, whole(usdc, 1'001));
    CHECK(large.finalized_tag);
    CHECK(large.endpoints == 2);
    CHECK(base.tier_for(eth, whole(eth, 1)).finalized_tag);
    CHECK_FALSE(base.tier_for(eth, *whole(eth, 1).mul_ratio_floor(1, 5)).finalized_tag);
}

TEST_CASE("profiles: Polygon's tag was violated before -> tag and 500 blocks [F06][F07]",
          "[F06][F07]") {
    const auto polygon = *evm::find_profile(137);
    CHECK(polygon.credit.front().depth == 160);
    CHECK(polygon.credit.back().depth == 500);
    CHECK(polygon.credit.back().finalized_tag);
    CHECK(polygon.payout_final.depth == 500);
    CHECK(evm::impl::quirks_of(137).bloom_is_partial);
}

TEST_CASE("profiles: unknown and local chains -> generic policy") {
    const auto other = evm::generic_profile(5, "Other");
    CHECK(other.is_mainnet);
    CHECK(other.credit.back().depth == 12);
    CHECK(other.credit.back().finalized_tag);
    const auto local = evm::generic_profile(31337, "Local");
    CHECK_FALSE(local.is_mainnet);
    CHECK(local.credit.back().depth == 2);
    CHECK_FALSE(local.credit.back().finalized_tag);
    CHECK(local.payout_final.endpoints == 1);
    CHECK(evm::chain_number(local.id).value() == 31337);
    CHECK_FALSE(evm::chain_number(core::ChainId{"tron:0x2b6653dc"}).has_value());
}
