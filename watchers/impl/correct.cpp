#include "watchers/impl/correct.hpp"

#include "watchers/impl/credit.hpp"
#include "watchers/impl/record.hpp"

#include <utility>

namespace watchers {
namespace {

core::BlockRef block_of(std::uint64_t height, const core::BlockHash& hash, core::Instant mined_at) {
    core::BlockRef block;
    block.height = height;
    block.hash = hash;
    block.mined_at = mined_at;
    return block;
}

}  // namespace

chains::TransferSeen transfer_of(const db::Deposit& deposit) {
    chains::TransferSeen seen;
    seen.tx = deposit.tx;
    seen.position = deposit.position;
    seen.kind = static_cast<chains::TransferKind>(deposit.kind);
    seen.asset = deposit.asset;
    seen.from = deposit.from;
    seen.to = deposit.to;
    seen.units = deposit.units;
    return seen;
}

chains::OwnTxSeen own_of(const db::OwnTx& own) {
    chains::OwnTxSeen seen;
    seen.tx = own.tx;
    seen.sender = own.sender;
    seen.nonce = own.nonce;
    seen.success = own.success;
    seen.fee = own.fee;
    seen.to = own.to;
    seen.native_value = own.native_value;
    for (const db::OwnTxTransfer& moved : own.transfers) {
        seen.transfers.push_back({own.tx, moved.position, chains::TransferKind::kToken, moved.asset,
                                  moved.from, moved.to, moved.units});
    }
    return seen;
}

bool is_same(const chains::OwnTxSeen& one, const chains::OwnTxSeen& other) {
    return one.tx == other.tx && one.sender == other.sender && one.nonce == other.nonce &&
           one.success == other.success && one.fee == other.fee && one.to == other.to &&
           one.native_value == other.native_value && one.transfers == other.transfers;
}

chains::TransferSeen only_tx(const core::TxId& tx) {
    chains::TransferSeen seen;
    seen.tx = tx;
    seen.position = chains::kNativePosition;
    seen.kind = chains::TransferKind::kNative;
    return seen;
}

core::Expected<bool> take_back_own(db::UnitOfWork& work, const chains::ChainInfo& info,
                                   const db::OwnTx& refuted, core::Instant now) {
    auto row = work.own_txs().load(refuted.id);
    if (!row) return row.error();
    if (!*row || (**row).status != db::OwnTxStatus::kMined || (**row).block != refuted.block ||
        !is_same(own_of(**row), own_of(refuted))) {
        return false;
    }
    auto ours = still_ours(work.blocks(), info.id, refuted.height, refuted.block);
    if (!ours || !*ours) return ours;
    if (auto done = work.own_txs().orphan(refuted.id); !done) return done.error();
    auto told = work.facts().append(own_tx_fact(db::FactKind::kOwnTxOrphaned, **row, now));
    if (!told) return told.error();
    return true;
}

core::Expected<bool> correct_own(db::UnitOfWork& work, const chains::ChainInfo& info,
                                 const db::OwnTx& refuted, const chains::OwnTxSeen& agreed,
                                 core::Instant now) {
    auto taken_back = take_back_own(work, info, refuted, now);
    if (!taken_back || !*taken_back) return taken_back;
    chains::BlockScan scan;
    scan.block = block_of(refuted.height, refuted.block, refuted.mined_at);
    scan.own.push_back(agreed);
    Tally tally;
    if (auto done = record_block(work, info, scan, now, tally); !done) return done.error();
    return true;
}

core::Expected<bool> take_back(db::UnitOfWork& work, const chains::ChainInfo& info,
                               const db::Deposit& refuted, core::Instant now) {
    auto row = work.deposits().load(refuted.id);
    if (!row) return row.error();
    if (!*row || (**row).status != db::DepositStatus::kDetected || (**row).block != refuted.block ||
        (**row).mined_at != refuted.mined_at || transfer_of(**row) != transfer_of(refuted)) {
        return false;
    }
    if ((**row).counted == db::Counted::kConfirmed) return false;
    auto ours = still_ours(work.blocks(), info.id, refuted.height, refuted.block);
    if (!ours || !*ours) return ours;
    if (auto done = work.deposits().orphan(refuted.id); !done) return done.error();
    FactsByReceiver orphaned{db::FactKind::kDepositsOrphaned, info.id, refuted.height, now};
    orphaned.add(**row);
    if (auto done = orphaned.append(work.facts()); !done) return done.error();
    return true;
}

core::Expected<bool> correct_deposit(db::UnitOfWork& work, const chains::ChainInfo& info,
                                     const db::Deposit& refuted, const core::BlockRef& block,
                                     const chains::TransferSeen& agreed, core::Instant now) {
    // Another's money is not moved about by a correction.
    if (agreed.to != refuted.to) return false;
    auto taken_back = take_back(work, info, refuted, now);
    if (!taken_back || !*taken_back) return taken_back;
    chains::BlockScan scan;
    scan.block = block;
    scan.deposits.push_back(agreed);
    Tally tally;
    if (auto done = record_block(work, info, scan, now, tally); !done) return done.error();
    return true;
}

}  // namespace watchers
