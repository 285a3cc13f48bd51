#include "api/sdk_view.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace api {
namespace {

using nlohmann::json;

//! Bounds that the modal wants to have; ours are the policy's, and money outside of it goes back.
constexpr const char* kLeastUsd = "0.01";
constexpr int kMostUsd = 1'000'000;

//! A number to be shown, from exact text; the double in it decides nothing.
json shown_number(const std::string& decimal) {
    return json::parse(decimal, nullptr, /*allow_exceptions=*/false);
}

json token_json(const TokenFacts& token, std::uint64_t chain_number) {
    return {{"chainId", chain_number}, {"token", token.address},     {"symbol", token.symbol},
            {"name", token.symbol},    {"decimals", token.decimals}, {"fiatISO", "USD"},
            {"logoURI", ""},           {"logoSourceURI", ""},        {"usd", 1},
            {"priceFromUsd", 1},       {"maxAcceptUsd", kMostUsd},   {"maxSendUsd", kMostUsd},
            {"displayDecimals", 2},    {"fiatSymbol", "$"}};
}

json amount_json(const json& token, unsigned decimals, const core::Units& units) {
    return {{"token", token},
            {"amount", units.decimal()},
            {"usd", shown_number(units.token_decimal(decimals))}};
}

core::Units least(unsigned decimals) {
    const auto cent = core::Units::from_token_decimal(kLeastUsd, decimals);
    return cent ? *cent : core::Units{1};
}

//! The modal shows an address with whole cents: rounded up, so that who pays what is shown never
//! pays too little.
std::string cents_up(const core::Units& units, unsigned decimals) {
    constexpr unsigned kCents = 2;
    constexpr unsigned kMostDigits = 19;
    if (decimals <= kCents || decimals - kCents > kMostDigits) return units.token_decimal(decimals);
    std::uint64_t step = 1;
    for (unsigned i = kCents; i < decimals; ++i) step *= 10;
    const auto cents = units.mul_ratio_ceil(1, step);
    return cents ? cents->token_decimal(kCents) : units.token_decimal(decimals);
}

std::string verb_of(const db::SessionRow& row) {
    const json display = json::parse(row.display_json, nullptr, /*allow_exceptions=*/false);
    return display.is_object() ? display.value("verb", std::string{"Pay"}) : std::string{"Pay"};
}

json address_node(const SessionFacts& facts, const TokenFacts& token, const ChainFacts& chain,
                  const Chains& chains) {
    const auto& session = facts.row.session;
    json node{{"id", "DepositAddress-" + std::to_string(chain.number)},
              {"type", "DepositAddress"},
              {"title", chain.name},
              {"label", token.symbol + " on " + chain.name},
              {"address", chains.format_address(chain.id, facts.receiver->address)},
              {"chainId", chain.number},
              {"minimumUsd", shown_number(kLeastUsd)},
              {"maximumUsd", kMostUsd},
              {"expiresAt", session.expires_at.unix_seconds()},
              {"tokenSuffix", token.symbol}};
    if (const auto asked = still_asked(session)) {
        node["requiredUsd"] = shown_number(cents_up(*asked, token.decimals));
    }
    return node;
}

}  // namespace

std::optional<core::Units> still_asked(const session::Session& session) {
    if (!session.destination.units) return std::nullopt;
    core::Units asked = *session.destination.units;
    for (const session::Tally& tally : session.tallies) {
        if (tally.asset != session.destination.asset) continue;
        for (const core::Units& came : {tally.detected, tally.confirmed}) {
            asked = asked > came ? *asked.minus(came) : core::Units{};
        }
    }
    return asked;
}

bool is_dollar(const TokenFacts& token) {
    constexpr std::array<std::string_view, 15> kDollars{
        "USDC", "USDT",  "DAI",  "USDbC", "USDCe",   "USDC.e", "USDT0", "USDT.e",
        "USDS", "PYUSD", "USDP", "cUSD",  "pathUSD", "XDAI",   "USDm"};
    return std::find(kDollars.begin(), kDollars.end(), token.symbol) != kDollars.end();
}

json token_option(const TokenFacts& token, std::uint64_t chain_number,
                  const std::optional<core::Units>& asked,
                  const std::optional<core::Units>& balance) {
    json out{{"chainId", chain_number},
             {"tokenAddress", token.address},
             {"tokenSymbol", token.symbol},
             {"requiredUnits", asked.value_or(core::Units{}).token_decimal(token.decimals)}};
    if (balance) out["balanceUnits"] = balance->token_decimal(token.decimals);
    return out;
}

json wallet_option(const TokenFacts& token, std::uint64_t chain_number,
                   const std::optional<core::Units>& asked,
                   const std::optional<core::Units>& balance) {
    const json shown = token_json(token, chain_number);
    const auto amount = [&](const core::Units& units) {
        return amount_json(shown, token.decimals, units);
    };
    json out{{"balance", amount(balance.value_or(core::Units{}))},
             {"required", amount(asked.value_or(core::Units{}))},
             {"minimumRequired", amount(asked.value_or(least(token.decimals)))},
             {"fees", amount(core::Units{})}};
    if (!balance) out["disabledReason"] = "The balance cannot be read right now.";
    return out;
}

json nav_tree(const SessionFacts& facts, const Chains& chains, bool payable) {
    const core::AssetId& asset = facts.row.session.destination.asset;
    const auto token = chains.token(asset);
    const auto chain = chains.by_id(asset.chain());
    if (!payable || !facts.receiver || !token || !chain) return json::array();
    json options = json::array();
    json address = address_node(facts, *token, *chain, chains);
    if (is_dollar(*token)) {
        options.push_back({{"id", "ConnectedWallet"},
                           {"type", "ConnectedWallet"},
                           {"title", "Connected wallet"}});
    } else {
        address["disabledReason"] = "This menu can show amounts in dollars only.";
    }
    options.push_back(std::move(address));
    json root{{"id", "SelectOption"},
              {"type", "ChooseOption"},
              {"title", verb_of(facts.row) + " with"},
              {"options", std::move(options)}};
    json tree = json::array();
    tree.push_back(std::move(root));
    return tree;
}

}  // namespace api
