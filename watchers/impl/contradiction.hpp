#pragma once

#include "chains/ports/reader.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "core/time.hpp"
#include "db/database.hpp"
#include "watchers/scan.hpp"

#include <optional>
#include <set>
#include <utility>
#include <vector>

// One transaction told in two blocks of one chain: one of the two was told falsely.
namespace watchers {

//! What a block that is read now holds, and its row in another block, which was not taken back.
struct Contradiction {
    struct Payment {
        chains::TransferSeen told;
        db::Deposit row;
    };
    struct Own {
        chains::OwnTxSeen told;
        db::OwnTx row;
    };
    core::BlockRef block;  //!< where it is told now
    std::optional<Payment> payment;
    std::optional<Own> own;
};

core::Expected<std::vector<Contradiction>> contradictions_of(db::UnitOfWork& work,
                                                             const core::ChainId& chain,
                                                             const Batch& batch);

//! Transactions that their blocks do not hold, whoever tells them.
struct NotThere {
    std::set<std::pair<core::TxId, core::BlockHash>> told;
};
void leave_out(Batch& batch, const NotThere& not_there);

//! Asks as many endpoints as a payout takes, two at least, which block does not hold it. True: the row, which
//! is taken back. False: the one read now, which joins `not_there`. kNoQuorum while they deny neither.
core::Task<core::Expected<bool>> settle_contradiction(chains::ChainReader& reader, db::Database& db,
                                                      Contradiction contradiction,
                                                      core::Instant now, NotThere& not_there);

}  // namespace watchers
