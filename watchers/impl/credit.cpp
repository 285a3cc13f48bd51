#include "watchers/impl/credit.hpp"

#include "watchers/impl/record.hpp"

#include <algorithm>

namespace watchers {
namespace {

core::Expected<core::Done> credit_deposits(db::UnitOfWork& work, const chains::ChainInfo& info,
                                           const ChainView& view, const Corroborated& corroborated,
                                           core::Instant now, Credited& out) {
    const auto due = due_height(info.credit, view);
    if (!due) return core::Done{};
    auto waiting = work.deposits().unconfirmed(info.id, *due);
    if (!waiting) return waiting.error();
    FactsByReceiver confirmed{db::FactKind::kDepositsConfirmed, info.id, view.tip.height, now};
    for (const db::Deposit& deposit : *waiting) {
        const chains::CreditTier tier = tier_of(info, deposit);
        if (!tier_met(tier, deposit.height, view)) continue;
        auto ours = still_ours(work.blocks(), info.id, deposit.height, deposit.block);
        if (!ours) return ours.error();
        if (!*ours) continue;
        if (tier.endpoints > 1 && !corroborated.deposits.contains({deposit.id, deposit.block})) {
            out.need_quorum.push_back(deposit);
            continue;
        }
        if (auto done = work.deposits().confirm(deposit.id, now); !done) return done.error();
        confirmed.add(deposit);
        ++out.deposits;
    }
    return confirmed.append(work.facts());
}

core::Expected<core::Done> finalise_own(db::UnitOfWork& work, const chains::ChainInfo& info,
                                        const ChainView& view, const Corroborated& corroborated,
                                        core::Instant now, Credited& out) {
    const auto due = due_height({info.payout_final}, view);
    if (!due) return core::Done{};
    auto mined = work.own_txs().not_final(info.id, *due);
    if (!mined) return mined.error();
    for (const db::OwnTx& tx : *mined) {
        auto ours = still_ours(work.blocks(), info.id, tx.height, tx.block);
        if (!ours) return ours.error();
        if (!*ours) continue;
        if (!corroborated.own_txs.contains({tx.id, tx.block})) {
            auto attempt = work.payouts().by_tx(info.id, tx.tx);
            if (!attempt) return attempt.error();
            const bool foreign = !attempt->has_value();
            if (foreign || info.payout_final.endpoints > 1) {
                out.own_need_quorum.push_back({tx, foreign});
                continue;
            }
        }
        if (auto done = work.own_txs().finalise(tx.id); !done) return done.error();
        auto seq = work.facts().append(own_tx_fact(db::FactKind::kOwnTxFinal, tx, now));
        if (!seq) return seq.error();
        ++out.own_txs;
    }
    return core::Done{};
}

}  // namespace

const chains::CreditTier& credit_tier(const chains::ChainInfo& info, const core::AssetId& asset,
                                      const core::Units& units) {
    const chains::TokenInfo* token = info.token(asset);
    return token != nullptr ? info.tier_for(*token, units) : info.credit.back();
}

core::Expected<bool> still_ours(db::Blocks& blocks, const core::ChainId& chain,
                                std::uint64_t height, const core::BlockHash& hash) {
    auto ours = blocks.at(chain, height);
    if (!ours) return ours.error();
    return !ours->has_value() || (**ours).hash == hash;
}

chains::CreditTier tier_of(const chains::ChainInfo& info, const db::Deposit& deposit) {
    chains::CreditTier tier = credit_tier(info, deposit.asset, deposit.units);
    if (deposit.kind == static_cast<int>(chains::TransferKind::kNative)) {
        tier.endpoints = std::max(tier.endpoints, info.payout_final.endpoints);
    }
    return tier;
}

bool tier_met(const chains::CreditTier& tier, std::uint64_t height, const ChainView& view) {
    if (height > view.tip.height || view.tip.height - height < tier.depth) return false;
    return !tier.finalized_tag || (view.final && height <= view.final->height);
}

std::optional<std::uint64_t> due_height(const std::vector<chains::CreditTier>& tiers,
                                        const ChainView& view) {
    std::optional<std::uint64_t> due;
    for (const chains::CreditTier& tier : tiers) {
        if (tier.depth > view.tip.height || (tier.finalized_tag && !view.final)) continue;
        std::uint64_t height = view.tip.height - tier.depth;
        if (tier.finalized_tag) height = std::min(height, view.final->height);
        due = std::max(due.value_or(0), height);
    }
    return due;
}

core::Expected<core::Done> credit(db::UnitOfWork& work, const chains::ChainInfo& info,
                                  const ChainView& view, const Corroborated& corroborated,
                                  core::Instant now, Credited& out) {
    if (auto done = credit_deposits(work, info, view, corroborated, now, out); !done) {
        return done.error();
    }
    return finalise_own(work, info, view, corroborated, now, out);
}

}  // namespace watchers
