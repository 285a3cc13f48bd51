#include "watchers/second_reading.hpp"

#include "watchers/impl/begin.hpp"
#include "watchers/impl/correct.hpp"
#include "watchers/impl/record_again.hpp"
#include "watchers/scan.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace watchers {
namespace {

//! Between two batches, when there is nothing new, and after a failure: following comes first.
constexpr core::Millis kRest{250};
constexpr core::Millis kIdle{2'000};
//! What there is to read follows from rows alone, and who writes them wakes us.
constexpr core::Millis kIdleAtMost{30'000};
constexpr core::Millis kAfterFailure{10'000};
constexpr core::Millis kAlone{60'000};
//! Who tells something cannot vouch for himself.
constexpr unsigned kAgreeingMin = 2;

//! In the place of the row of the same name, or behind all.
template <class Row, class SameName>
void put(std::vector<Row>& rows, const Row& row, SameName same_name) {
    const auto known = std::ranges::find_if(rows, same_name);
    if (known == rows.end()) {
        rows.push_back(row);
    } else {
        *known = row;
    }
}

}  // namespace

//! Heights in a row that one endpoint gave the first time.
struct SecondReading::Stretch {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::string first_endpoint;
};

namespace {

std::optional<std::uint64_t> settled_to(const chains::ChainInfo& info,
                                        const StoredPosition& position) {
    if (!position.tip) return std::nullopt;
    if (position.final) return std::min(position.final->height, position.tip->height);
    if (info.payout_final.finalized_tag) return std::nullopt;
    chains::Heads heads;
    heads.latest = *position.tip;
    return settled_height(info, heads);
}

}  // namespace

SecondReading::SecondReading(chains::ChainReader& reader, db::Database& db, WatchSet& watch,
                             core::Clock& clock, core::Log& log, core::Metrics& metrics,
                             unsigned range_batch)
    : reader_{reader},
      db_{db},
      watch_{watch},
      clock_{clock},
      log_{log},
      metrics_{metrics},
      info_{std::make_shared<const chains::ChainInfo>(reader.info())},
      range_batch_{std::max(1U, std::min(range_batch, reader.info().range_blocks_max))} {}

core::Task<void> SecondReading::run() {
    while (true) {
        const std::uint64_t seen = db_.changes().revision();
        const auto read = co_await step();
        core::Millis rest = kRest;
        if (!read) {
            rest = read.error().code == core::Errc::kUnsupported ? kAlone : kAfterFailure;
        } else if (!*read) {
            rest = kIdle;
        }
        co_await clock_.sleep_for(rest);
        if (read && !*read) co_await db_.changes().wait(seen, kIdleAtMost);
    }
}

core::Task<core::Expected<bool>> SecondReading::step() {
    using Next = std::optional<Stretch>;
    auto job = [info = info_, batch = range_batch_](db::UnitOfWork& work) -> core::Expected<Next> {
        auto position = load_position(work, info->id);
        if (!position) return position.error();
        const auto settled = settled_to(*info, *position);
        if (!settled) return Next{};
        auto done = work.blocks().second_reading(info->id);
        if (!done) return done.error();
        std::uint64_t from = *done ? (**done).height + 1 : 0;
        if (from > *settled) return Next{};
        // Where the chain's reading began is not known otherwise; that is asked once.
        auto rows = work.blocks().coverage(
            info->id, from, *done ? std::min(from + batch - 1, *settled) : *settled);
        if (!rows) return rows.error();
        if (rows->empty()) return Next{};
        Stretch next{std::max(from, rows->front().from), 0, rows->front().endpoint};
        for (const db::CoverageRow& row : *rows) {
            if (row.endpoint != next.first_endpoint) break;
            next.to = row.to;
        }
        next.to = std::min({next.to, *settled, next.from + batch - 1});
        return next.from <= next.to ? Next{next} : Next{};
    };
    auto next = co_await db_.read<Next>(std::move(job));
    if (!next) co_return next.error();
    if (!*next) co_return false;
    auto read = co_await this->read(**next);
    if (read) {
        told_.clear();
    } else {
        note(read.error());
    }
    co_return read;
}

core::Task<core::Expected<bool>> SecondReading::read(Stretch stretch) {
    if (auto fresh = co_await watch_.refresh(db_); !fresh) co_return fresh.error();
    auto again = co_await read_elsewhere(stretch);
    if (!again) co_return again.error();
    if (auto linked = check_linked(*again, stretch.from, stretch.to); !linked) {
        co_return linked.error();
    }
    const std::string endpoint = again->back().endpoint;
    auto scans = std::make_shared<Scans>(std::move(*again));
    if (auto sure = co_await make_sure(scans); !sure) {
        in_vain_.push_back(endpoint);
        co_return sure.error();
    }
    auto job = [info = info_, scans, endpoint,
                now = clock_.now()](db::UnitOfWork& work) -> core::Expected<Tally> {
        auto tally = record_again(work, *info, *scans, now);
        if (!tally) return tally.error();
        const db::SecondReading reached{scans->back().block.height, endpoint, now};
        auto done = work.blocks().set_second_reading(info->id, reached);
        if (!done) return done.error();
        return tally;
    };
    auto tally = co_await db_.write<Tally>(std::move(job));
    if (!tally) {
        // It tells a transaction that stands in another block.
        if (tally.error().code == core::Errc::kConflict) in_vain_.push_back(endpoint);
        co_return tally.error();
    }
    in_vain_.clear();
    metrics_.count("depositd_second_reading_blocks_total", {{"chain", info_->id.text()}},
                   static_cast<double>(scans->size()));
    if (tally->changed > 0) {
        metrics_.count("depositd_second_reading_found_total",
                       {{"chain", info_->id.text()}, {"endpoint", stretch.first_endpoint}},
                       static_cast<double>(tally->changed));
        log_.error("an endpoint had hidden deposits", {{"chain", info_->id.text()},
                                                       {"endpoint", stretch.first_endpoint},
                                                       {"found_by", endpoint},
                                                       {"from", stretch.from},
                                                       {"to", stretch.to},
                                                       {"deposits", tally->changed}});
    }
    co_return true;
}

core::Task<core::Expected<std::vector<chains::BlockScan>>> SecondReading::read_elsewhere(
    Stretch stretch) {
    if (in_vain_from_ != stretch.from) in_vain_.clear();
    in_vain_from_ = stretch.from;
    std::vector<std::string> other_than = in_vain_;
    other_than.push_back(stretch.first_endpoint);
    auto again = co_await reader_.scan_range_elsewhere(stretch.from, stretch.to, watch_,
                                                       std::move(other_than));
    const bool all_asked = !again && again.error().code == core::Errc::kUnsupported;
    if (!all_asked || in_vain_.empty()) co_return again;
    in_vain_.clear();
    std::vector<std::string> first;
    first.push_back(stretch.first_endpoint);
    co_return co_await reader_.scan_range_elsewhere(stretch.from, stretch.to, watch_,
                                                    std::move(first));
}

core::Task<core::Expected<core::Done>> SecondReading::make_sure(
    std::shared_ptr<Scans> scans) {
    using Heights = std::vector<std::uint64_t>;
    auto job = [scans](db::UnitOfWork& work) { return heights_with_news(work, *scans); };
    auto news = co_await db_.read<Heights>(std::move(job));
    if (!news) co_return news.error();
    for (const std::uint64_t height : *news) {
        chains::BlockScan& scan = scans->at(height - scans->front().block.height);
        auto sure = co_await reader_.scan_block(height, watch_);
        if (!sure) co_return sure.error();
        if (sure->block.hash != scan.block.hash) {
            co_return core::Error{core::Errc::kReorged, "a block changed between two readings"};
        }
        if (sure->deposits != scan.deposits) {
            log_.error("endpoints disagree about a block's deposits",
                       {{"chain", info_->id.text()},
                        {"height", height},
                        {"endpoint", scan.endpoint},
                        {"deposits", scan.deposits.size()},
                        {"proven", sure->deposits.size()}});
        }
        if (auto kept = co_await keep_agreed(scan, *sure); !kept) co_return kept.error();
        scan = std::move(*sure);
    }
    co_return core::Done{};
}

core::Task<core::Expected<core::Done>> SecondReading::keep_agreed(const chains::BlockScan& told,
                                                                  chains::BlockScan& sure) {
    const unsigned endpoints = std::max(kAgreeingMin, info_->payout_final.endpoints);
    core::BlockRef block = told.block;
    block.mined_at = {};  // what is kept is dated by `sure`
    for (const chains::TransferSeen& seen : told.deposits) {
        if (seen.kind != chains::TransferKind::kNative) continue;
        if (std::ranges::find(sure.deposits, seen) != sure.deposits.end()) continue;
        auto agreed = co_await reader_.corroborate(block, seen, endpoints);
        if (agreed) {
            put(sure.deposits, seen, [&seen](const chains::TransferSeen& other) {
                return other.tx == seen.tx && other.position == seen.position;
            });
        } else if (agreed.error().code != core::Errc::kReorged) {
            co_return agreed.error();
        }
    }
    for (const chains::OwnTxSeen& seen : told.own) {
        const auto equal = [&seen](const chains::OwnTxSeen& other) { return is_same(other, seen); };
        if (std::ranges::any_of(sure.own, equal)) continue;
        auto agreed = co_await reader_.corroborate_own(told.block, seen, endpoints);
        if (agreed) {
            put(sure.own, seen,
                [&seen](const chains::OwnTxSeen& other) { return other.tx == seen.tx; });
        } else if (agreed.error().code != core::Errc::kReorged) {
            co_return agreed.error();
        }
    }
    co_return core::Done{};
}

void SecondReading::note(const core::Error& error) {
    std::string text = std::string{core::to_string(error.code)} + ": " + error.message;
    if (text == told_) return;
    if (error.code == core::Errc::kUnsupported) {
        log_.info("blocks are read once only", {{"chain", info_->id.text()}, {"why", text}});
    } else {
        log_.warn("no second reading now", {{"chain", info_->id.text()}, {"why", text}});
    }
    told_ = std::move(text);
}

}  // namespace watchers
