#pragma once

#include "chains/ports/chain_info.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "db/database.hpp"
#include "watchers/impl/contradiction.hpp"
#include "watchers/impl/credit.hpp"
#include "watchers/impl/record.hpp"
#include "watchers/impl/residual.hpp"
#include "watchers/scan.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace watchers {

//! All that one unit of work of the watcher needs. Kept alive by the job: a cancelled caller may be
//! gone while it runs.
struct CommitInput {
    std::shared_ptr<const chains::ChainInfo> info;
    std::optional<Batch> batch;  //!< none: only credit what became due
    std::optional<core::BlockRef> node_final;
    std::optional<Balances> balances;  //!< at the batch's last block
    Missing told;
    std::shared_ptr<const Corroborated> corroborated;
    //! The batch was read again for receivers issued meanwhile and is the same: whoever was issued
    //! after that cannot have been paid in it.
    bool accept_newer_receivers = false;
    core::Instant now;
};

enum class CommitResult {
    kCommitted,
    kUnlinked,      //!< the batch does not stand on our tip: walk back
    kWatchSetGrew,  //!< receivers were issued that the batch was not read for: read it again
    kContradicted,  //!< what it holds stands in other blocks: nothing is written before that is settled
};

struct CommitOutcome {
    CommitResult result = CommitResult::kCommitted;
    core::BlockRef tip;
    std::optional<core::BlockRef> final;  //!< proven to be ours
    bool final_not_ours = false;          //!< the node's final block is not on our chain
    std::vector<Contradiction> contradictions;
    Tally tally;
    Credited credited;
    Missing missing;
};

//! Blocks, coverage, cursor, deposits, own transactions, credits and their facts: all or nothing.
core::Expected<CommitOutcome> commit_batch(db::UnitOfWork& work, const CommitInput& input);

}  // namespace watchers
