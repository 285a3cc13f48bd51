#include "settlement/impl/grants.hpp"

#include <algorithm>

#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

namespace settlement {
namespace {

using core::Done;
using core::Expected;
using core::Units;

//! As many as a node may be behind another.
constexpr std::uint64_t kBlocksBack = 16;

Expected<Done> add(Units& sum, const Units& units) {
    auto total = sum.plus(units);
    if (!total) return total.error();
    sum = *total;
    return Done{};
}

//! From the moment on when its bytes may be out.
bool may_be_given(const db::PayoutStep& step) {
    return step.kind == db::StepKind::kApprove && step.status != db::PayoutStatus::kPlanned &&
           step.status != db::PayoutStatus::kReserved &&
           step.status != db::PayoutStatus::kFinalFailed && step.status != db::PayoutStatus::kDead;
}

bool is_filed(const std::vector<db::GrantEnd>& ended, const db::PayoutStep& step) {
    return std::any_of(ended.begin(), ended.end(),
                       [&](const db::GrantEnd& end) { return end.step == step.id; });
}

bool is_filed(const std::vector<db::GrantEnd>& ended, const db::PayoutFull& full) {
    return std::any_of(full.steps.begin(), full.steps.end(),
                       [&](const db::PayoutStep& step) { return is_filed(ended, step); });
}

//! Transactions of ours that left `owner`, in blocks that stand.
Expected<std::vector<db::OwnTx>> standing_txs(db::UnitOfWork& work, const core::ChainId& chain,
                                              const core::SessionId& session,
                                              const core::Address& owner) {
    auto payouts = work.payouts().of_session(session);
    if (!payouts) return payouts.error();
    std::vector<db::OwnTx> out;
    for (const db::PayoutFull& full : *payouts) {
        if (full.payout.asset.chain() != chain) continue;
        for (const db::Attempt& attempt : full.attempts) {
            auto tx = work.own_txs().by_tx(chain, attempt.tx);
            if (!tx) return tx.error();
            if (!*tx || (**tx).status == db::OwnTxStatus::kOrphaned) continue;
            if ((**tx).sender == owner) out.push_back(std::move(**tx));
        }
    }
    return out;
}

Expected<Units> known_at(const std::vector<db::Deposit>& deposits,
                         const std::vector<db::OwnTx>& own, const db::PayoutStep& grant,
                         std::uint64_t height) {
    Units in;
    for (const db::Deposit& deposit : deposits) {
        if (deposit.asset != grant.asset || deposit.to != grant.sender) continue;
        if (deposit.status == db::DepositStatus::kOrphaned || deposit.height > height) continue;
        if (auto done = add(in, deposit.units); !done) return done.error();
    }
    Units out;
    for (const db::OwnTx& tx : own) {
        if (tx.height > height) continue;
        for (const chains::TokenMove& move : moves_of(tx)) {
            // What came in is a deposit.
            if (move.asset != grant.asset || move.comes_in) continue;
            if (auto done = add(out, move.units); !done) return done.error();
        }
    }
    if (in <= out) return Units{};
    return in.minus(out);
}

//! Took the allowance back, or may have used it up.
bool may_end(const db::PayoutStep& step, const db::PayoutStep& grant) {
    if (step.id < grant.id || step.recipient != grant.recipient) return false;
    return pays_nobody(step) || (step.kind == db::StepKind::kCall && step.payout == grant.payout);
}

//! The block of the last such transaction; none while it is not final.
std::optional<core::BlockRef> end_block(const std::vector<db::PayoutFull>& payouts,
                                        const std::vector<db::OwnTx>& own,
                                        const db::PayoutStep& grant) {
    std::optional<core::BlockRef> last;
    for (const db::PayoutFull& full : payouts) {
        for (const db::PayoutStep& step : full.steps) {
            if (!may_end(step, grant)) continue;
            for (const db::Attempt& attempt : full.attempts) {
                if (attempt.step != step.id) continue;
                for (const db::OwnTx& tx : own) {
                    if (tx.tx != attempt.tx || tx.status != db::OwnTxStatus::kFinal) continue;
                    if (!tx.success) continue;
                    if (last && last->height >= tx.height) continue;
                    last = core::BlockRef{tx.height, tx.block, {}, tx.mined_at};
                }
            }
        }
    }
    return last;
}

}  // namespace

Expected<Grants> grants_of(db::UnitOfWork& work, const db::Payout& payout) {
    const core::SessionId session = payout.session.value_or(core::SessionId{});
    auto payouts = work.payouts().of_session(session);
    if (!payouts) return payouts.error();
    auto ended = work.payouts().ended_grants(session);
    if (!ended) return ended.error();
    Grants out;
    if (auto may = may_move(work, payout); !may) out.barred = may.error().message;
    out.open = open_grant(*payouts);
    if (out.open && is_filed(*ended, *out.open)) out.open.reset();
    for (const db::GrantEnd& end : *ended) {
        if (auto done = add(out.missing, end.missing); !done) return done.error();
    }
    if (out.open) return out;
    for (const db::PayoutFull& full : *payouts) {
        for (const db::PayoutStep& step : full.steps) {
            if (is_grant(step) && !is_filed(*ended, step)) out.not_filed.push_back(step);
        }
    }
    return out;
}

Expected<bool> serves_end(db::UnitOfWork& work, const db::Payout& payout,
                          const db::PayoutStep& step) {
    if (!payout.session) return false;
    if (!pays_nobody(step) && step.kind != db::StepKind::kCancel) return false;
    auto grants = grants_of(work, payout);
    if (!grants) return grants.error();
    return grants->open.has_value();
}

Expected<std::vector<Look>> looks_at(db::UnitOfWork& work, const db::PayoutStep& grant,
                                     const core::SessionId& session) {
    const core::ChainId chain = grant.asset.chain();
    auto payouts = work.payouts().of_session(session);
    if (!payouts) return payouts.error();
    auto own = standing_txs(work, chain, session, grant.sender);
    if (!own) return own.error();
    auto deposits = work.deposits().of_session(session);
    if (!deposits) return deposits.error();
    auto tip = work.blocks().tip(chain);
    if (!tip) return tip.error();
    const auto ended_in = end_block(*payouts, *own, grant);
    std::vector<Look> out;
    if (!ended_in) return out;
    std::optional<core::BlockRef> before_tip;
    if (*tip && (**tip).height > kBlocksBack) {
        auto block = work.blocks().at(chain, (**tip).height - kBlocksBack);
        if (!block) return block.error();
        before_tip = *block;
    }
    for (const std::optional<core::BlockRef>& at : {ended_in, *tip, before_tip}) {
        if (!at || at->height < ended_in->height) continue;
        auto known = known_at(*deposits, *own, grant, at->height);
        if (!known) return known.error();
        out.push_back({*at, *known});
    }
    return out;
}

Expected<Units> granted(db::UnitOfWork& work, const core::ChainId& chain,
                        const core::Address& owner, const core::AssetId& asset) {
    auto receiver = work.receivers().by_address(chain.name_space(), owner);
    if (!receiver) return receiver.error();
    if (!*receiver) return Units{};
    auto payouts = work.payouts().of_session((**receiver).session);
    if (!payouts) return payouts.error();
    auto ended = work.payouts().ended_grants((**receiver).session);
    if (!ended) return ended.error();
    Units sum;
    for (const db::PayoutFull& full : *payouts) {
        // One allowance per payout: what was looked at is on the books.
        if (is_filed(*ended, full)) continue;
        for (const db::PayoutStep& step : full.steps) {
            if (step.asset != asset || !may_be_given(step)) continue;
            if (auto done = add(sum, step.units); !done) return done.error();
        }
    }
    return sum;
}

}  // namespace settlement
