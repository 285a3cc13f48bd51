#include "chains/crypto/keccak.hpp"
#include "core/check.hpp"
#include "tests/simulation/chain.hpp"

#include <algorithm>

namespace simulation {

// The same money to somebody else. Its sender's nonce is used up by it, so that the signed one that
// it takes the place of can never be mined again.
TxIndex Chain::conflict_of(TxIndex index) {
    const Tx& tx = txs_[index];
    const auto intent = intent_of(contracts_, {tx.from, tx.to, tx.value, tx.data});
    Payment payment;
    payment.asset = intent ? intent->asset : kNative;
    payment.from = tx.from;
    payment.to = thief_;
    payment.units = intent ? core::Units{intent->units} : core::Units{};
    payment.tip = tx.tip_max;
    payment.fee_max = tx.fee_max;
    payment.pays_fee = tx.pays_fee;
    const TxIndex conflict = payment_tx(payment);
    if (tx.pays_fee) txs_[conflict].gas_limit = tx.gas_limit;
    return conflict;
}

TxIndex Chain::other_attempt(TxIndex index) const {
    const Tx& tx = txs_[index];
    const auto found = attempts_.find({tx.from, tx.nonce});
    if (tx.synthetic || found == attempts_.end()) return index;
    for (const TxIndex other : found->second) {
        if (other != index && !txs_[other].dead) return other;
    }
    return index;
}

core::Expected<ReorgReport> Chain::reorg(std::uint64_t depth, const ReorgPlan& plan,
                                         core::Instant now, bool may_break_finality,
                                         std::uint64_t extra) {
    CHECK(extra >= 1, "the new branch is the longer one");
    if (depth == 0 || depth > height()) return core::invalid("no such depth");
    const std::uint64_t fork = height() - depth;
    if (fork < finalized_ && !may_break_finality) {
        return core::Error{core::Errc::kRefused, "below the finalized block"};
    }
    ReorgReport report;
    report.old_tip = tip();
    std::vector<BlockId> dropped;
    for (std::uint64_t i = 0; i < depth; ++i) {
        dropped.push_back(tip_id());
        drop_tip();
    }
    std::reverse(dropped.begin(), dropped.end());
    report.fork = tip();
    ++branch_;

    std::vector<TxIndex> later;
    for (std::uint64_t i = 0; i < depth + extra; ++i) {
        const bool replaces = i < depth;
        const std::uint64_t timestamp =
            replaces ? blocks_[dropped[i]].timestamp
                     : static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.unix_seconds()));
        Draft draft = open_block(timestamp);
        const auto old = replaces ? blocks_[dropped[i]].body : nullptr;
        std::vector<TxIndex> wanted;
        std::vector<TxIndex> next;
        if (old) apply_grants(draft, old->grants);
        for (const Included& included : old ? old->txs : std::vector<Included>{}) {
            const Tx& tx = txs_[included.tx];
            const DroppedTx info{tx.id, tx.from, tx.to, draft.block.height, tx.synthetic};
            const Fate fate = plan(info);
            report.fates.emplace_back(info, fate);
            switch (fate) {
                case Fate::kSamePlace: wanted.push_back(included.tx); break;
                case Fate::kElsewhere: next.push_back(included.tx); break;
                case Fate::kPool: pool_add(included.tx); break;
                case Fate::kGone: break;
                case Fate::kDoubleSpent:
                    wanted.push_back(conflict_of(included.tx));
                    txs_[included.tx].dead = true;
                    break;
                case Fate::kOtherAttempt: wanted.push_back(other_attempt(included.tx)); break;
            }
        }
        wanted.insert(wanted.end(), later.begin(), later.end());
        later = std::move(next);
        for (const TxIndex index : wanted) {
            const Inclusion inclusion = include(draft, index);
            if (inclusion == Inclusion::kLater) later.push_back(index);
            if (inclusion == Inclusion::kDone) pool_remove(index);
        }
        seal(std::move(draft));
    }
    for (const TxIndex index : later) pool_add(index);
    report.new_tip = tip();
    move_finality();
    return report;
}

}  // namespace simulation
