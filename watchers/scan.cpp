#include "watchers/scan.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace watchers {
namespace {

//! Shorter stretches are read block by block: a range saves nothing there.
constexpr std::uint64_t kRangeMin = 4;
//! Without a finality tag, ranges end this far below the head at least.
constexpr std::uint64_t kSettledDepthMin = 64;

//! A transaction stands in one block: of two that tell it the second is committed, and judged, by itself.
void cut_before_repeat(std::vector<chains::BlockScan>& scans) {
    std::map<core::TxId, std::size_t> first;
    for (std::size_t i = 0; i < scans.size(); ++i) {
        const auto is_repeated = [&](const auto& one) {
            return first.try_emplace(one.tx, i).first->second != i;
        };
        if (std::ranges::any_of(scans[i].deposits, is_repeated) ||
            std::ranges::any_of(scans[i].own, is_repeated)) {
            scans.resize(i);
        }
    }
}

}  // namespace

std::uint64_t settled_height(const chains::ChainInfo& info, const chains::Heads& heads) {
    if (heads.finalized) return std::min(heads.finalized->height, heads.latest.height);
    std::uint64_t depth = std::max(kSettledDepthMin, info.payout_final.depth);
    for (const chains::CreditTier& tier : info.credit) depth = std::max(depth, tier.depth);
    return heads.latest.height > depth ? heads.latest.height - depth : 0;
}

core::Expected<core::Done> check_linked(const std::vector<chains::BlockScan>& scans,
                                        std::uint64_t from, std::uint64_t to) {
    if (scans.size() != to - from + 1) {
        return core::Error{core::Errc::kMalformed,
                           "a range came back with a wrong number of blocks"};
    }
    for (std::size_t i = 0; i < scans.size(); ++i) {
        if (scans[i].block.height != from + i) {
            return core::Error{core::Errc::kMalformed, "a block came back with another height"};
        }
        if (i > 0 && scans[i].block.parent != scans[i - 1].block.hash) {
            return core::Error{core::Errc::kReorged, "the blocks of a range are not linked"};
        }
    }
    return core::Done{};
}

Scanner::Scanner(chains::ChainReader& reader, WatchSet& watch, db::Database& db,
                 unsigned range_batch)
    : reader_{reader}, watch_{watch}, db_{db}, range_batch_{std::max(range_batch, 1U)} {}

core::Task<core::Expected<Batch>> Scanner::fetch(std::uint64_t from, chains::Heads heads) {
    const std::uint64_t settled = settled_height(reader_.info(), heads);
    const bool range = settled >= from && settled - from + 1 >= kRangeMin;
    const std::uint64_t batch_max = std::max<std::uint64_t>(
        1, std::min<std::uint64_t>(range_batch_, reader_.info().range_blocks_max));
    const std::uint64_t to = range ? std::min(settled, from + batch_max - 1) : from;
    const bool below_final = heads.finalized && to <= heads.finalized->height;
    co_return co_await again(from, to, range, below_final);
}

core::Task<core::Expected<Batch>> Scanner::again(std::uint64_t from, std::uint64_t to, bool range,
                                                 bool below_final) {
    auto fresh = co_await watch_.refresh(db_);
    if (!fresh) co_return fresh.error();
    Batch batch;
    batch.revision = watch_.revision();
    batch.range = range;
    batch.below_final = below_final;
    if (range) {
        auto scans = co_await reader_.scan_range(from, to, watch_);
        if (!scans) co_return scans.error();
        batch.scans = std::move(*scans);
    } else {
        auto scan = co_await reader_.scan_block(from, watch_);
        if (!scan) co_return scan.error();
        batch.scans.push_back(std::move(*scan));
    }
    auto linked = check_linked(batch.scans, from, to);
    if (!linked) co_return linked.error();
    cut_before_repeat(batch.scans);
    co_return batch;
}

}  // namespace watchers
