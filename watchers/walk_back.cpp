#include "watchers/walk_back.hpp"

#include "watchers/impl/record.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace watchers {
namespace {

enum class Probe { kAgrees, kDiffers, kNotKept };

class AncestorSearch {
  public:
    AncestorSearch(chains::ChainReader& reader, db::Database& db) : reader_{reader}, db_{db} {}

    //! The highest height ≤ `top` where we agree; none when no kept block agrees. Agreement is
    //! monotone: gallop down until it is found, then halve. A block we do not keep may agree: only
    //! its kept neighbours above can prove anything.
    core::Task<core::Expected<std::optional<core::BlockRef>>> find(std::uint64_t top) {
        std::optional<core::BlockRef> agreed;
        std::uint64_t differs = top + 1;
        std::uint64_t low = 0;
        for (std::uint64_t step = 1;; step *= 2) {
            const std::uint64_t height = differs > step ? differs - step : 0;
            auto probe = co_await look(height, agreed);
            if (!probe) co_return probe.error();
            low = height;
            if (*probe != Probe::kDiffers) break;
            if (height == 0) co_return std::optional<core::BlockRef>{};
            differs = height;
        }
        while (low + 1 < differs) {
            const std::uint64_t middle = low + (differs - low) / 2;
            auto probe = co_await look(middle, agreed);
            if (!probe) co_return probe.error();
            if (*probe == Probe::kDiffers) {
                differs = middle;
            } else {
                low = middle;
            }
        }
        if (agreed && agreed->height != low) agreed.reset();
        co_return agreed;
    }

  private:
    core::Task<core::Expected<Probe>> look(std::uint64_t height,
                                           std::optional<core::BlockRef>& agreed) {
        auto job = [chain = reader_.info().id, height](db::UnitOfWork& work) {
            return work.blocks().at(chain, height);
        };
        auto ours = co_await db_.read<std::optional<core::BlockRef>>(std::move(job));
        if (!ours) co_return ours.error();
        if (!*ours) co_return Probe::kNotKept;
        auto theirs = co_await reader_.block_at(height);
        if (!theirs) co_return theirs.error();
        if (theirs->hash != (**ours).hash) co_return Probe::kDiffers;
        if (!agreed || agreed->height < height) agreed = **ours;
        co_return Probe::kAgrees;
    }

    chains::ChainReader& reader_;
    db::Database& db_;
};

//! Has the chain really lost what stood above the ancestor? The word of one endpoint is enough near
//! the head. Below what may be credited, or is final, it would halt payouts: there it takes as many
//! as a large deposit does, and a lie is outvoted.
class LossJudge {
  public:
    LossJudge(chains::ChainReader& reader, db::Database& db) : reader_{reader}, db_{db} {
        const chains::ChainInfo& info = reader.info();
        std::vector<chains::CreditTier> tiers = info.credit;
        tiers.push_back(info.payout_final);
        for (const chains::CreditTier& tier : tiers) {
            endpoints_ = std::max(endpoints_, tier.endpoints);
            free_depth_ = std::min(free_depth_, tier.depth);
        }
    }

    core::Task<core::Expected<core::Done>> judge(core::BlockRef tip,
                                                 std::optional<core::BlockRef> ancestor) {
        if (endpoints_ < 2) co_return core::Done{};
        const std::uint64_t lowest = ancestor ? ancestor->height + 1 : 0;
        auto job = [chain = reader_.info().id, lowest](db::UnitOfWork& work) {
            return lowest_lost(work, chain, lowest);
        };
        auto lost = co_await db_.read<std::optional<core::BlockRef>>(std::move(job));
        if (!lost) co_return lost.error();
        if (!*lost) co_return core::Done{};
        auto final = co_await final_block();
        if (!final) co_return final.error();
        const bool shallow = ancestor && tip.height - ancestor->height <= free_depth_;
        const bool below_final = *final && (**lost).height <= (**final).height;
        if (shallow && !below_final) co_return core::Done{};
        chains::TransferSeen only_the_block;
        only_the_block.kind = chains::TransferKind::kNativeResidual;
        auto stands = co_await reader_.corroborate(**lost, std::move(only_the_block), endpoints_);
        if (stands) {
            co_return core::Error{core::Errc::kNoQuorum,
                                  "one endpoint alone says that block " +
                                      std::to_string((**lost).height) + " left the chain"};
        }
        if (stands.error().code == core::Errc::kReorged) co_return core::Done{};
        co_return stands;
    }

  private:
    using MaybeBlock = std::optional<core::BlockRef>;
    static core::Expected<MaybeBlock> lowest_lost(db::UnitOfWork& work, const core::ChainId& chain,
                                                  std::uint64_t height) {
        auto ours = work.blocks().at(chain, height);
        if (!ours || *ours) return ours;
        return work.blocks().final_block(chain);
    }
    core::Task<core::Expected<MaybeBlock>> final_block() {
        auto job = [chain = reader_.info().id](db::UnitOfWork& work) {
            return work.blocks().final_block(chain);
        };
        co_return co_await db_.read<MaybeBlock>(std::move(job));
    }

    chains::ChainReader& reader_;
    db::Database& db_;
    unsigned endpoints_ = 1;
    std::uint64_t free_depth_ = UINT64_MAX;
};

std::string violation_of(const std::optional<core::BlockRef>& final, const core::BlockRef& ancestor,
                         std::size_t confirmed, std::size_t own_final) {
    std::string what;
    if (final && ancestor.height < final->height) {
        what = "block " + std::to_string(final->height) + " was final and left the chain at " +
               std::to_string(ancestor.height);
    }
    if (confirmed > 0) {
        what += (what.empty() ? "" : "; ") + std::to_string(confirmed) +
                " confirmed deposits left the chain";
    }
    if (own_final > 0) {
        what += (what.empty() ? "" : "; ") + std::to_string(own_final) +
                " final transactions of ours left the chain";
    }
    return what.empty() ? what : "finality violation: " + what;
}

core::Expected<WalkedBack> rewind_to(db::UnitOfWork& work, const core::ChainId& chain,
                                     const core::BlockRef& expected_tip,
                                     const core::BlockRef& ancestor, core::Instant now) {
    auto tip = work.blocks().tip(chain);
    if (!tip) return tip.error();
    if (!*tip || (**tip).hash != expected_tip.hash) {
        return core::Error{core::Errc::kConflict, "the tip moved while walking back"};
    }
    auto final = work.blocks().final_block(chain);
    if (!final) return final.error();
    auto deposits = work.deposits().orphan_above(chain, ancestor.height);
    if (!deposits) return deposits.error();
    auto own = work.own_txs().orphan_above(chain, ancestor.height);
    if (!own) return own.error();
    if (auto done = work.blocks().rewind(chain, ancestor.height, now); !done) return done.error();

    FactsByReceiver orphaned{db::FactKind::kDepositsOrphaned, chain, ancestor.height, now};
    std::size_t confirmed = 0;
    for (const db::Deposit& deposit : *deposits) {
        const bool was_confirmed = deposit.status == db::DepositStatus::kConfirmed;
        confirmed += was_confirmed ? 1 : 0;
        orphaned.add(deposit, was_confirmed);
    }
    if (auto done = orphaned.append(work.facts()); !done) return done.error();
    std::size_t own_final = 0;
    for (const db::OwnTx& tx : *own) {
        own_final += tx.status == db::OwnTxStatus::kFinal ? 1 : 0;
        auto seq = work.facts().append(own_tx_fact(db::FactKind::kOwnTxOrphaned, tx, now));
        if (!seq) return seq.error();
    }

    WalkedBack out;
    out.tip = ancestor;
    out.depth = expected_tip.height - ancestor.height;
    out.deposits = deposits->size();
    out.own_txs = own->size();
    out.violation = violation_of(*final, ancestor, confirmed, own_final);
    if (!out.violation.empty()) {
        if (auto done = work.blocks().halt(chain, out.violation, now); !done) return done.error();
    }
    return out;
}

}  // namespace

core::Task<core::Expected<WalkedBack>> walk_back(chains::ChainReader& reader, db::Database& db,
                                                 core::BlockRef tip, core::BlockRef head,
                                                 core::Instant now) {
    const core::ChainId chain = reader.info().id;
    AncestorSearch search{reader, db};
    auto ancestor = co_await search.find(std::min(tip.height, head.height));
    if (!ancestor) co_return ancestor.error();
    if (!*ancestor || (**ancestor).hash != tip.hash) {
        LossJudge loss{reader, db};
        auto judged = co_await loss.judge(tip, *ancestor);
        if (!judged) co_return judged.error();
    }
    if (!*ancestor) {
        const std::string reason =
            "finality violation: no block that is kept is on the node's chain any more";
        auto job = [chain, reason, now](db::UnitOfWork& work) {
            return work.blocks().halt(chain, reason, now);
        };
        auto halted = co_await db.write<core::Done>(std::move(job));
        if (!halted) co_return halted.error();
        co_return core::Error{core::Errc::kHalted, reason};
    }
    if ((**ancestor).hash == tip.hash) {
        WalkedBack same;
        same.tip = tip;
        co_return same;
    }
    auto job = [chain, tip, to = **ancestor, now](db::UnitOfWork& work) {
        return rewind_to(work, chain, tip, to, now);
    };
    co_return co_await db.write<WalkedBack>(std::move(job));
}

}  // namespace watchers
