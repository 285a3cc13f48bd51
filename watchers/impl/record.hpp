#pragma once

#include "chains/ports/reader.hpp"
#include "core/expected.hpp"
#include "db/database.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// Blocks that were read → rows. One code for following the chain and for replay. Runs inside write
// jobs.
namespace watchers {

//! What recording did, to be counted and logged after the commit.
struct Tally {
    std::uint64_t found = 0;         //!< transfers that are deposits
    std::uint64_t changed = 0;       //!< of these: new, or back from orphaned
    std::uint64_t zero_ignored = 0;  //!< transfers of nothing
    std::uint64_t own_changed = 0;
    std::map<std::string, std::uint64_t> changed_by_symbol;
};

//! Facts about deposits, one per receiver; one per deposit for the operator's own addresses.
class FactsByReceiver {
  public:
    FactsByReceiver(db::FactKind kind, const core::ChainId& chain, std::uint64_t height,
                    core::Instant at)
        : kind_{kind}, chain_{chain}, height_{height}, at_{at} {}
    void add(const db::Deposit& deposit, bool was_confirmed = false);
    //! In the order of receiver ids, the operator's last.
    core::Expected<core::Done> append(db::Facts& facts) const;

  private:
    db::Fact fact_for(const db::Deposit& deposit) const;

    db::FactKind kind_;
    core::ChainId chain_;
    std::uint64_t height_;
    core::Instant at_;
    std::map<std::int64_t, db::Fact> of_receivers_;
    std::vector<db::Fact> of_operator_;
};

//! A fact about one of our own transactions.
db::Fact own_tx_fact(db::FactKind kind, const db::OwnTx& tx, core::Instant at);

std::string deposit_key(const core::TxId& tx, std::uint32_t position);

//! Deposits and own transactions of one block, with the facts for what was not known.
core::Expected<core::Done> record_block(db::UnitOfWork& work, const chains::ChainInfo& info,
                                        const chains::BlockScan& scan, core::Instant now,
                                        Tally& tally);

//! Records one deposit and counts it; adds it to `detected` when it changed something.
core::Expected<core::Done> record_deposit(db::UnitOfWork& work, const chains::ChainInfo& info,
                                          const db::Deposit& deposit, FactsByReceiver& detected,
                                          Tally& tally);

}  // namespace watchers
