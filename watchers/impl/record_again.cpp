#include "watchers/impl/record_again.hpp"

#include <algorithm>

namespace watchers {
namespace {

core::Expected<core::Done> check_ours(db::UnitOfWork& work, const core::ChainId& chain,
                                      const std::vector<chains::BlockScan>& scans) {
    const core::Error reorged{core::Errc::kReorged,
                              "the node's block is not the one that was committed"};
    for (const chains::BlockScan& scan : scans) {
        auto ours = work.blocks().at(chain, scan.block.height);
        if (!ours) return ours.error();
        if (*ours && (**ours).hash != scan.block.hash) return reorged;
    }
    // Block rows are forgotten in time; the coverage keeps a hash at the end of each of its rows.
    const std::uint64_t from = scans.front().block.height;
    const std::uint64_t to = scans.back().block.height;
    auto rows = work.blocks().coverage(chain, from, to);
    if (!rows) return rows.error();
    for (const db::CoverageRow& row : *rows) {
        if (row.to < from || row.to > to) continue;
        if (scans[row.to - from].block.hash != row.last_hash) return reorged;
    }
    return core::Done{};
}

//! A row that left the chain with a reorganisation is no knowledge of the block that is read now.
core::Expected<bool> is_known(db::Deposits& deposits, const chains::TransferSeen& seen) {
    auto rows = deposits.of_tx(seen.tx);
    if (!rows) return rows.error();
    return std::any_of(rows->begin(), rows->end(), [&](const db::Deposit& row) {
        return row.position == seen.position && row.status != db::DepositStatus::kOrphaned;
    });
}

core::Expected<chains::BlockScan> without_booked_coin(db::UnitOfWork& work,
                                                      const chains::ChainInfo& info,
                                                      const chains::BlockScan& scan) {
    chains::BlockScan kept = scan;
    kept.deposits.clear();
    for (const chains::TransferSeen& seen : scan.deposits) {
        if (seen.kind == chains::TransferKind::kNative) {
            auto booked = work.deposits().residual_count(info.id, seen.to);
            if (!booked) return booked.error();
            auto known = is_known(work.deposits(), seen);
            if (!known) return known.error();
            if (*booked > 0 && !*known) continue;
        }
        kept.deposits.push_back(seen);
    }
    return kept;
}

}  // namespace

core::Expected<std::vector<std::uint64_t>> heights_with_news(
    db::UnitOfWork& work, const std::vector<chains::BlockScan>& scans) {
    std::vector<std::uint64_t> heights;
    for (const chains::BlockScan& scan : scans) {
        for (const chains::TransferSeen& seen : scan.deposits) {
            if (seen.units.is_zero()) continue;
            auto known = is_known(work.deposits(), seen);
            if (!known) return known.error();
            if (*known) continue;
            heights.push_back(scan.block.height);
            break;
        }
    }
    return heights;
}

core::Expected<Tally> record_again(db::UnitOfWork& work, const chains::ChainInfo& info,
                                   const std::vector<chains::BlockScan>& scans, core::Instant now) {
    auto tip = work.blocks().tip(info.id);
    if (!tip) return tip.error();
    if (!*tip || (**tip).height < scans.back().block.height) {
        return core::Error{core::Errc::kReorged, "the chain was taken back meanwhile"};
    }
    if (auto ours = check_ours(work, info.id, scans); !ours) return ours.error();
    Tally tally;
    for (const chains::BlockScan& scan : scans) {
        auto kept = without_booked_coin(work, info, scan);
        if (!kept) return kept.error();
        if (auto done = record_block(work, info, *kept, now, tally); !done) return done.error();
    }
    return tally;
}

}  // namespace watchers
