#pragma once

#include "chains/ports/chain_info.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "db/database.hpp"
#include "watchers/tier.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

// When what was detected counts for good. Runs inside write jobs; the rules are data (CreditTier).
namespace watchers {

//! What enough endpoints have agreed on, in the block named.
struct Corroborated {
    std::set<std::pair<core::DepositId, core::BlockHash>> deposits;
    std::set<std::pair<std::int64_t, core::BlockHash>> own_txs;

    bool empty() const { return deposits.empty() && own_txs.empty(); }
};

//! One of our own transactions that waits for agreement.
struct OwnToAgree {
    db::OwnTx tx;
    //! Not one of our attempts: whoever signed it, its nonce has to be used up for good as well.
    bool foreign = false;
};

//! What is known of our own chain inside the unit of work.
struct ChainView {
    core::BlockRef tip;
    //! Proven to be on our chain. None: no finality known, and tiers that want it are not met.
    std::optional<core::BlockRef> final;
};

struct Credited {
    std::uint64_t deposits = 0;
    std::uint64_t own_txs = 0;
    //! Due but for the agreement of several endpoints, lowest first.
    std::vector<db::Deposit> need_quorum;
    std::vector<OwnToAgree> own_need_quorum;
};

//! The tier for an amount of an asset; the strictest for one that left the allow-list.
const chains::CreditTier& credit_tier(const chains::ChainInfo& info, const core::AssetId& asset,
                                      const core::Units& units);

//! Confirmations, and corrections of a row, count only while its block is ours. Marks and blocks change
//! in one unit of work, so this is false only when rows were touched by hand.
core::Expected<bool> still_ours(db::Blocks& blocks, const core::ChainId& chain,
                                std::uint64_t height, const core::BlockHash& hash);

//! Depth d is met when d blocks stand on top; the finality tag when the block is at or below it.
bool tier_met(const chains::CreditTier& tier, std::uint64_t height, const ChainView& view);

//! The highest block that any of these tiers could accept now; none when there is no such block.
std::optional<std::uint64_t> due_height(const std::vector<chains::CreditTier>& tiers,
                                        const ChainView& view);

//! Confirms every deposit and finalises every own transaction that is due, with their facts. What
//! our own transactions did decides over payouts: with a tier of several endpoints none of them is
//! final by the word of one, and one that is no attempt of ours is always asked about again.
core::Expected<core::Done> credit(db::UnitOfWork& work, const chains::ChainInfo& info,
                                  const ChainView& view, const Corroborated& corroborated,
                                  core::Instant now, Credited& out);

}  // namespace watchers
