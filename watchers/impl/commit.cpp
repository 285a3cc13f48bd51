#include "watchers/impl/commit.hpp"

#include "core/crash_point.hpp"

#include <utility>

namespace watchers {
namespace {

std::vector<db::ReadBlock> rows_of(const Batch& batch) {
    std::vector<db::ReadBlock> rows;
    rows.reserve(batch.scans.size());
    for (const chains::BlockScan& scan : batch.scans) {
        rows.push_back({scan.block, scan.endpoint, static_cast<int>(scan.evidence), scan.log_count,
                        scan.tx_count});
    }
    return rows;
}

core::Expected<bool> watch_set_grew(db::UnitOfWork& work, const CommitInput& input) {
    if (input.accept_newer_receivers) return false;
    auto newer = work.receivers().since(input.info->id.name_space(), input.batch->revision, 1);
    if (!newer) return newer.error();
    return !newer->empty();
}

//! The highest block that is known to be final and is on our chain. A recorded final block that was
//! reorged away counts for nothing.
core::Expected<core::Done> settle_final(db::UnitOfWork& work, const CommitInput& input,
                                        CommitOutcome& out) {
    const core::ChainId& chain = input.info->id;
    auto recorded = work.blocks().final_block(chain);
    if (!recorded) return recorded.error();
    if (*recorded) {
        auto ours = work.blocks().at(chain, (**recorded).height);
        if (!ours) return ours.error();
        if (*ours && (**ours).hash == (**recorded).hash) out.final = **recorded;
    }
    std::optional<core::BlockRef> offered;
    if (input.node_final && input.node_final->height <= out.tip.height) {
        auto ours = work.blocks().at(chain, input.node_final->height);
        if (!ours) return ours.error();
        if (*ours && (**ours).hash == input.node_final->hash) {
            offered = **ours;
        } else if (*ours) {
            out.final_not_ours = true;
        }
    } else if (input.node_final && input.batch && input.batch->below_final) {
        // Still below the node's final block: what was read as final and is linked to us is final.
        offered = input.batch->last();
    }
    if (!offered || (out.final && offered->height <= out.final->height)) return core::Done{};
    out.final = offered;
    if (*recorded && offered->height <= (**recorded).height) return core::Done{};
    return work.blocks().set_final(chain, *offered);
}

core::Expected<core::Done> append_batch(db::UnitOfWork& work, const CommitInput& input,
                                        CommitOutcome& out) {
    const Batch& batch = *input.batch;
    CRASH_POINT("cursor_before");
    auto appended =
        work.blocks().append(input.info->id, rows_of(batch), batch.revision.value, input.now);
    if (!appended) return appended.error();
    for (const chains::BlockScan& scan : batch.scans) {
        auto recorded = record_block(work, *input.info, scan, input.now, out.tally);
        if (!recorded) return recorded.error();
    }
    if (input.balances) {
        auto done = record_residuals(work, *input.info, *input.balances, batch.last(), input.told,
                                     input.now, out.tally, out.missing);
        if (!done) return done.error();
    }
    if (!input.info->scan_native || (input.balances && input.balances->complete)) {
        auto done = work.blocks().set_native_read_to(input.info->id, batch.last());
        if (!done) return done.error();
    }
    out.tip = batch.last();
    CRASH_POINT("cursor_after");
    return core::Done{};
}

}  // namespace

core::Expected<CommitOutcome> commit_batch(db::UnitOfWork& work, const CommitInput& input) {
    CommitOutcome out;
    auto tip = work.blocks().tip(input.info->id);
    if (!tip) return tip.error();
    if (!*tip) return core::Error{core::Errc::kNotFound, "the chain was never started"};
    out.tip = **tip;
    if (input.batch) {
        const core::BlockRef& first = input.batch->first();
        if (first.height != out.tip.height + 1 || first.parent != out.tip.hash) {
            out.result = CommitResult::kUnlinked;
            return out;
        }
        auto grew = watch_set_grew(work, input);
        if (!grew) return grew.error();
        if (*grew) {
            out.result = CommitResult::kWatchSetGrew;
            return out;
        }
        auto contradictions = contradictions_of(work, input.info->id, *input.batch);
        if (!contradictions) return contradictions.error();
        if (!contradictions->empty()) {
            out.result = CommitResult::kContradicted;
            out.contradictions = std::move(*contradictions);
            return out;
        }
        if (auto done = append_batch(work, input, out); !done) return done.error();
    }
    if (auto done = settle_final(work, input, out); !done) return done.error();
    auto credited = credit(work, *input.info, {out.tip, out.final}, *input.corroborated, input.now,
                           out.credited);
    if (!credited) return credited.error();
    return out;
}

}  // namespace watchers
