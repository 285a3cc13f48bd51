#include "chains/ports/reader.hpp"
#include "core/check.hpp"
#include "tests/simulation/chain.hpp"

#include <algorithm>

namespace simulation {
namespace {

//! As far as `units` goes: somebody else's contract takes no more than there is.
U256 available(const State& state, const StateKey& key, const U256& units) {
    return std::min(state.get(key), units);
}

}  // namespace

void Chain::apply_grants(Draft& draft, const std::vector<Move>& grants) {
    for (Move move : grants) {
        if (!move.from.empty()) {
            const StateKey key = StateKey::balance(move.asset, move.from);
            move.units = available(state_, key, move.units);
            state_.set(key, state_.get(key) - move.units);
        }
        if (!move.to.empty()) {
            const StateKey key = StateKey::balance(move.asset, move.to);
            state_.set(key, state_.get(key) + move.units);
        }
        draft.body.grants.push_back(move);
        draft.body.moves.push_back({.tx = {},
                                    .position = kGrantPosition,
                                    .asset = move.asset,
                                    .from = move.from,
                                    .to = move.to,
                                    .units = core::Units{move.units},
                                    .height = draft.block.height,
                                    .block = {},
                                    .success = true});
    }
}

std::uint64_t Chain::tip_of(const Tx& tx, std::uint64_t base_fee) const {
    if (tx.fee_max == 0) return tx.tip_max;
    return std::min(tx.tip_max, tx.fee_max - base_fee);
}

Chain::Inclusion Chain::include(Draft& draft, TxIndex index) {
    const Tx& tx = txs_[index];
    if (tx.dead) return Inclusion::kNever;
    const auto nonce = static_cast<std::uint64_t>(state_.get(StateKey::nonce(tx.from)));
    if (!tx.synthetic && tx.nonce < nonce) return Inclusion::kNever;
    if (!tx.synthetic && tx.nonce > nonce) return Inclusion::kLater;
    const std::uint64_t base_fee = draft.block.base_fee;
    if (tx.fee_max != 0 && tx.fee_max < base_fee) return Inclusion::kLater;
    const std::uint64_t used = draft.body.txs.empty() ? 0 : draft.body.txs.back().gas_cumulative;
    if (used + tx.gas_limit > options_.gas_limit) return Inclusion::kLater;
    const U256 most = tx.pays_fee ? U256{tx.fee_max} * tx.gas_limit : U256{};
    if (state_.get(StateKey::balance(kNative, tx.from)) < most + tx.value) return Inclusion::kNever;

    Included included;
    included.tx = index;
    included.nonce = nonce;
    included.gas_price = base_fee + tip_of(tx, base_fee);
    included.gas_cumulative = used;
    included.first_log = draft.logs;
    state_.set(StateKey::nonce(tx.from), U256{nonce + 1});
    apply(draft, tx, included);
    const std::vector<Moved>& moves = draft.body.moves;
    if (!moves.empty() && moves.back().tx == tx.id && !moves.back().success) {
        txs_[index].was_in_vain = true;
    }
    draft.logs += static_cast<std::uint32_t>(included.logs.size());
    draft.body.txs.push_back(std::move(included));
    return Inclusion::kDone;
}

void Chain::apply(Draft& draft, const Tx& tx, Included& included) {
    Effects effects = run(contracts_, {tx.from, tx.to, tx.value, tx.data}, state_);
    const bool out_of_gas = effects.gas > tx.gas_limit;
    included.success = effects.success && !out_of_gas;
    included.gas_used = std::min(effects.gas, tx.gas_limit);
    included.gas_cumulative += included.gas_used;
    if (tx.pays_fee) {
        const StateKey key = StateKey::balance(kNative, tx.from);
        const U256 fee = U256{included.gas_price} * included.gas_used;
        state_.set(key, state_.get(key) - fee);
    }
    record_moves(draft, tx, effects, included.success);
    if (!included.success) return;
    for (const Move& move : effects.moves) {
        const StateKey from = StateKey::balance(move.asset, move.from);
        state_.set(from, state_.get(from) - move.units);
        const StateKey to = StateKey::balance(move.asset, move.to);
        state_.set(to, state_.get(to) + move.units);
    }
    for (const StateChange& change : effects.allowances) state_.set(change.key, change.value);
    included.logs = std::move(effects.logs);
}

void Chain::record_moves(Draft& draft, const Tx& tx, const Effects& effects, bool success) {
    const auto intent = intent_of(contracts_, {tx.from, tx.to, tx.value, tx.data});
    const bool moved = success && !effects.moves.empty();
    if (!moved && !intent) return;
    // No call of this machine moves twice.
    const Move& move = moved ? effects.moves.front() : *intent;
    draft.body.moves.push_back({.tx = tx.id,
                                .position = move.asset == kNative ? chains::kNativePosition : 0U,
                                .asset = move.asset,
                                .from = move.from,
                                .to = move.to,
                                .units = core::Units{move.units},
                                .height = draft.block.height,
                                .block = {},
                                .success = moved});
}

// The best payers first, each sender's in the order of their nonces.
void Chain::fill(Draft& draft) {
    for (const TxIndex index : std::set<TxIndex>{forced_}) {
        if (include(draft, index) == Inclusion::kDone) pool_remove(index);
    }
    forced_.clear();
    using Candidate = std::pair<std::uint64_t, TxIndex>;  // tip counted from the top, then age
    std::set<Candidate> candidates;
    const auto propose = [&](TxIndex index) {
        const Tx& tx = txs_[index];
        if (is_full_ && tx.pays_fee) return;
        if (is_held(index) || (tx.fee_max != 0 && tx.fee_max < draft.block.base_fee)) return;
        candidates.emplace(~tip_of(tx, draft.block.base_fee), index);
    };
    for (const auto& [sender, by_nonce] : pool_) propose(by_nonce.begin()->second);
    for (const TxIndex index : synthetic_pool_) propose(index);
    while (!candidates.empty()) {
        const TxIndex index = candidates.begin()->second;
        candidates.erase(candidates.begin());
        const Inclusion inclusion = include(draft, index);
        if (inclusion == Inclusion::kLater) continue;
        pool_remove(index);
        if (txs_[index].synthetic) continue;
        const auto next = pool_.find(txs_[index].from);
        if (next != pool_.end()) propose(next->second.begin()->second);
    }
}

}  // namespace simulation
