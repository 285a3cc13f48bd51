#include "api/impl/names.hpp"

namespace api::impl {
namespace {

//! The contract's text when no configuration knows the token.
std::string raw_token_address(const Chains& chains, const core::AssetId& asset) {
    constexpr const char* kNative = "0x0000000000000000000000000000000000000000";
    if (asset.is_native()) return kNative;
    auto address = core::Address::from_hex(asset.asset_reference());
    if (!address) return std::string{asset.asset_reference()};
    return chains.format_address(asset.chain(), *address);
}

}  // namespace

std::string Names::chain_name(const core::ChainId& chain) const {
    const auto known = chains_.by_id(chain);
    return known ? known->name : chain.text();
}

void Names::put_chain(nlohmann::json& out, const core::ChainId& chain) const {
    out["chainName"] = chain_name(chain);
    if (const auto known = chains_.by_id(chain)) {
        out["chainId"] = known->number;
        return;
    }
    auto number = core::Units::from_decimal(chain.reference());
    auto small = number ? number->to_u64() : core::Expected<std::uint64_t>{number.error()};
    if (small) out["chainId"] = *small;
}

void Names::put_tx(nlohmann::json& out, const core::ChainId& chain, const core::TxId& tx) const {
    const std::string hash = chains_.format_tx(chain, tx);
    const auto known = chains_.by_id(chain);
    if (known && !known->explorer_url.empty()) {
        out["explorerUrl"] = known->explorer_url + "/tx/" + hash;
    }
    out["txHash"] = hash;
}

void Names::put_token(nlohmann::json& out, const core::AssetId& asset) const {
    const auto known = chains_.token(asset);
    out["tokenAddress"] = known ? known->address : raw_token_address(chains_, asset);
    out["tokenSymbol"] = known ? known->symbol : "";
}

void Names::put_units(nlohmann::json& out, const char* key, const core::AssetId& asset,
                      const core::Units& units) const {
    if (const auto known = chains_.token(asset)) out[key] = units.token_decimal(known->decimals);
}

std::string Names::amount(const core::AssetId& asset, const core::Units& units) const {
    const auto known = chains_.token(asset);
    if (!known) return units.decimal() + " base units of " + asset.text();
    return units.token_decimal(known->decimals) + " " + known->symbol;
}

}  // namespace api::impl
