#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/chain_types.hpp"
#include "core/ids.hpp"
#include "core/units.hpp"

namespace chains {

//! When a deposit (or a payout of ours) of up to `units_max` counts as ours for good. Data, not code.
struct CreditTier {
    //! Largest amount, in whole tokens times the token's `tier_weight`, this tier is for; none = no
    //! upper bound.
    std::optional<std::uint64_t> whole_tokens_max;
    //! Blocks that must stand on top: 0 = the block itself is enough.
    std::uint64_t depth = 0;
    //! The block must also be at or below the node's `finalized` tag.
    bool finalized_tag = true;
    //! Endpoints, of different operators where there are, that must agree on block hash and log.
    unsigned endpoints = 1;
};

//! How a token lets itself be moved without gas on the receiver.
enum class GaslessKind { kNone = 0, kEip3009 = 1, kEip2612 = 2 };

struct TokenInfo {
    core::AssetId asset;
    std::string symbol;
    unsigned decimals = 0;
    //! The contract; empty for the native coin. The one exception is Celo, whose native coin is also
    //! an ERC-20 contract: there both the value of a transaction and a Transfer log credit the same
    //! (native) asset.
    core::Address contract;
    GaslessKind gasless = GaslessKind::kNone;
    //! Strays below this are booked, not returned.
    core::Units stray_min;
    //! How many whole tokens of the credit tiers' bounds one of these counts for: its price in
    //! dollars, rounded up generously. A bound of 1,000 is 1,000 USDC, but a fifth of an ETH.
    std::uint64_t tier_weight = 1;
};

//! The facts of one chain that rooms above need, as data.
struct ChainInfo {
    core::ChainId id;
    std::string name;                //!< "Base"; literal names of the sessions API
    std::string native_symbol;       //!< "ETH"
    //! Where people look at a transaction: this, "/tx/", its hash. Empty: nowhere known. No slash at the end.
    std::string explorer_url;
    unsigned native_decimals = 18;
    core::AssetId native_asset;
    bool is_mainnet = false;         //!< real money: stricter defaults
    bool scan_native = true;         //!< look for native coin deposits
    std::vector<TokenInfo> tokens;   //!< the allow-list, the native coin among them
    std::vector<CreditTier> credit;  //!< ordered by whole_tokens_max, the last without bound
    CreditTier payout_final;         //!< when our own transaction is final
    std::uint64_t block_ms = 12'000; //!< expected time between blocks
    unsigned range_blocks_max = 2'000;
    //! Prove blocks at the head by all their receipts where the header leaves room for a deposit.
    //! False saves about one large answer per block, and believes a second endpoint instead; a
    //! single endpoint is always asked to prove.
    bool prove_receipts = true;

    //! Null when the asset is not on the allow-list.
    const TokenInfo* token(const core::AssetId& asset) const {
        for (const TokenInfo& info : tokens) {
            if (info.asset == asset) return &info;
        }
        return nullptr;
    }
    const TokenInfo* token_at(const core::Address& contract) const {
        for (const TokenInfo& info : tokens) {
            if (!info.contract.empty() && info.contract == contract) return &info;
        }
        return nullptr;
    }
    //! The tier for an amount of a token.
    const CreditTier& tier_for(const TokenInfo& token, const core::Units& units) const;
};

}  // namespace chains
