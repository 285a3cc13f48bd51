#include "watchers/impl/record.hpp"

#include <optional>
#include <utility>

namespace watchers {
namespace {

db::Deposit deposit_of(const chains::ChainInfo& info, const core::BlockRef& block,
                       const chains::TransferSeen& seen, core::Instant now) {
    db::Deposit deposit;
    deposit.chain = info.id;
    deposit.key = deposit_key(seen.tx, seen.position);
    deposit.tx = seen.tx;
    deposit.position = seen.position;
    deposit.kind = static_cast<int>(seen.kind);
    deposit.asset = seen.asset;
    deposit.from = seen.from;
    deposit.to = seen.to;
    deposit.units = seen.units;
    deposit.height = block.height;
    deposit.block = block.hash;
    deposit.mined_at = block.mined_at;
    deposit.detected_at = now;
    return deposit;
}

db::OwnTx own_tx_of(const chains::ChainInfo& info, const core::BlockRef& block,
                    const chains::OwnTxSeen& seen) {
    db::OwnTx own;
    own.chain = info.id;
    own.tx = seen.tx;
    own.sender = seen.sender;
    own.nonce = seen.nonce;
    own.success = seen.success;
    own.fee = seen.fee;
    own.to = seen.to;
    own.native_value = seen.native_value;
    own.height = block.height;
    own.block = block.hash;
    own.mined_at = block.mined_at;
    for (const chains::TransferSeen& transfer : seen.transfers) {
        own.transfers.push_back(
            {transfer.asset, transfer.from, transfer.to, transfer.units, transfer.position});
    }
    return own;
}

//! Transfers made by our own attempts are never deposits: matched by attempt, not by sender. Of a call
//! nothing is ours but what comes back to its own sender from itself: what the contract returns is a
//! deposit, and so is what the call moves to another of our addresses.
//! Neighbouring transfers are often of one transaction, which is looked up once.
class OwnAttempts {
  public:
    OwnAttempts(db::Payouts& payouts, const core::ChainId& chain)
        : payouts_{payouts}, chain_{chain} {}
    core::Expected<bool> made(const chains::TransferSeen& seen) {
        if (!last_ || *last_ != seen.tx) {
            auto place = payouts_.by_tx(chain_, seen.tx);
            if (!place) return place.error();
            last_ = seen.tx;
            step_.reset();
            if (*place) step_ = (**place).step;
        }
        if (!step_) return false;
        if (step_->kind != db::StepKind::kCall) return true;
        return seen.from == step_->sender && seen.to == step_->sender;
    }

  private:
    db::Payouts& payouts_;
    const core::ChainId& chain_;
    std::optional<core::TxId> last_;
    std::optional<db::PayoutStep> step_;
};

}  // namespace

std::string deposit_key(const core::TxId& tx, std::uint32_t position) {
    return tx.hex0x() + ":" + std::to_string(position);
}

db::Fact FactsByReceiver::fact_for(const db::Deposit& deposit) const {
    db::Fact fact;
    fact.kind = kind_;
    fact.chain = chain_;
    fact.receiver = deposit.receiver;
    fact.height = height_;
    fact.recorded_at = at_;
    return fact;
}

void FactsByReceiver::add(const db::Deposit& deposit, bool was_confirmed) {
    db::Fact* fact = nullptr;
    if (deposit.receiver) {
        auto [place, fresh] = of_receivers_.try_emplace(deposit.receiver->value);
        if (fresh) place->second = fact_for(deposit);
        fact = &place->second;
    } else {
        fact = &of_operator_.emplace_back(fact_for(deposit));
    }
    fact->deposits.push_back(deposit.id);
    if (was_confirmed) fact->were_confirmed.push_back(deposit.id);
}

core::Expected<core::Done> FactsByReceiver::append(db::Facts& facts) const {
    for (const auto& [receiver, fact] : of_receivers_) {
        if (auto seq = facts.append(fact); !seq) return seq.error();
    }
    for (const db::Fact& fact : of_operator_) {
        if (auto seq = facts.append(fact); !seq) return seq.error();
    }
    return core::Done{};
}

db::Fact own_tx_fact(db::FactKind kind, const db::OwnTx& tx, core::Instant at) {
    db::Fact fact;
    fact.kind = kind;
    fact.chain = tx.chain;
    fact.own_tx = tx.id;
    fact.address = tx.sender;
    fact.height = tx.height;
    fact.recorded_at = at;
    return fact;
}

core::Expected<core::Done> record_deposit(db::UnitOfWork& work, const chains::ChainInfo& info,
                                          const db::Deposit& deposit, FactsByReceiver& detected,
                                          Tally& tally) {
    auto recorded = work.deposits().record(deposit);
    if (!recorded) return recorded.error();
    ++tally.found;
    if (!recorded->changed) return core::Done{};
    ++tally.changed;
    const chains::TokenInfo* token = info.token(deposit.asset);
    ++tally.changed_by_symbol[token != nullptr ? token->symbol : "unlisted"];
    detected.add(recorded->deposit);
    return core::Done{};
}

core::Expected<core::Done> record_block(db::UnitOfWork& work, const chains::ChainInfo& info,
                                        const chains::BlockScan& scan, core::Instant now,
                                        Tally& tally) {
    FactsByReceiver detected{db::FactKind::kDepositsDetected, info.id, scan.block.height, now};
    OwnAttempts attempts{work.payouts(), info.id};
    tally.zero_ignored += scan.zero_transfers;
    for (const chains::TransferSeen& seen : scan.deposits) {
        if (seen.units.is_zero()) {
            ++tally.zero_ignored;
            continue;
        }
        auto ours = attempts.made(seen);
        if (!ours) return ours.error();
        if (*ours) continue;
        auto recorded =
            record_deposit(work, info, deposit_of(info, scan.block, seen, now), detected, tally);
        if (!recorded) return recorded.error();
    }
    if (auto done = detected.append(work.facts()); !done) return done.error();

    for (const chains::OwnTxSeen& seen : scan.own) {
        auto recorded = work.own_txs().record(own_tx_of(info, scan.block, seen));
        if (!recorded) return recorded.error();
        if (!recorded->changed) continue;
        ++tally.own_changed;
        auto seq = work.facts().append(own_tx_fact(db::FactKind::kOwnTxMined, recorded->tx, now));
        if (!seq) return seq.error();
    }
    return core::Done{};
}

}  // namespace watchers
