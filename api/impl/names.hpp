#pragma once

#include "api/ports.hpp"
#include "core/units.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace api::impl {

//! Names of chains, tokens and addresses, also of those that a later configuration has dropped
//! while sessions still speak of them: then amounts in whole tokens are unknown and left out.
class Names {
  public:
    explicit Names(const Chains& chains) : chains_{chains} {}

    //! {"chainId", "chainName"}; `chainId` is the number of the CAIP-2 reference.
    void put_chain(nlohmann::json& out, const core::ChainId& chain) const;
    //! {"tokenAddress", "tokenSymbol"}
    void put_token(nlohmann::json& out, const core::AssetId& asset) const;
    //! out[key] = whole tokens, when the decimals are known.
    void put_units(nlohmann::json& out, const char* key, const core::AssetId& asset,
                   const core::Units& units) const;
    std::string address(const core::ChainId& chain, const core::Address& address) const {
        return chains_.format_address(chain, address);
    }
    std::string tx(const core::ChainId& chain, const core::TxId& tx) const {
        return chains_.format_tx(chain, tx);
    }
    //! {"txHash"}, and {"explorerUrl"} where people can look at it, when that is known.
    void put_tx(nlohmann::json& out, const core::ChainId& chain, const core::TxId& tx) const;
    std::string chain_name(const core::ChainId& chain) const;
    //! "10.50 USDC"
    std::string amount(const core::AssetId& asset, const core::Units& units) const;

  private:
    const Chains& chains_;
};

}  // namespace api::impl
