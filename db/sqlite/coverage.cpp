#include "db/sqlite/coverage.hpp"

#include <algorithm>

namespace db::sqlite {
namespace {

#define COVERAGE_COLUMNS                                                                       \
    "chain, from_height, to_height, first_parent, last_hash, endpoint, evidence, log_count,"   \
    " tx_count, watch_revision, read_at"

constexpr char kInsert[] =
    "INSERT INTO coverage (" COVERAGE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kUpdate[] =
    "UPDATE coverage SET to_height = ?, last_hash = ?, log_count = ?, tx_count = ?, read_at = ?"
    " WHERE chain = ? AND from_height = ?";
constexpr char kErase[] = "DELETE FROM coverage WHERE chain = ? AND from_height = ?";
constexpr char kEraseAbove[] = "DELETE FROM coverage WHERE chain = ? AND from_height > ?";
constexpr char kLast[] =
    "SELECT " COVERAGE_COLUMNS " FROM coverage WHERE chain = ? ORDER BY from_height DESC LIMIT 1";
// The row that begins at or before `from` is the only earlier one that can reach into the range.
constexpr char kBetween[] =
    "SELECT " COVERAGE_COLUMNS " FROM coverage WHERE chain = ?1 AND from_height <= ?3"
    " AND from_height >= coalesce((SELECT max(c.from_height) FROM coverage c"
    "  WHERE c.chain = ?1 AND c.from_height <= ?2), 0)"
    " AND to_height >= ?2 ORDER BY from_height";
constexpr char kBelow[] =
    "SELECT " COVERAGE_COLUMNS " FROM coverage WHERE chain = ? AND to_height < ?"
    " ORDER BY from_height DESC LIMIT ?";
constexpr char kAbove[] =
    "SELECT coalesce(sum(log_count), 0), coalesce(sum(tx_count), 0) FROM blocks"
    " WHERE chain = ? AND height > ? AND height <= ? AND status = 1";

CoverageRow read_row(Query& query) {
    CoverageRow row;
    query.read(row.chain, row.from, row.to, row.first_parent, row.last_hash, row.endpoint,
               row.evidence, row.log_count, row.tx_count, row.watch_revision, row.read_at);
    return row;
}

//! May `next` be told by the same row as `row`?
bool joins(const CoverageRow& row, const CoverageRow& next) {
    return row.to + 1 == next.from && row.last_hash == next.first_parent &&
           row.endpoint == next.endpoint && row.evidence == next.evidence &&
           row.watch_revision == next.watch_revision;
}

void join(CoverageRow& row, const CoverageRow& next) {
    row.to = next.to;
    row.last_hash = next.last_hash;
    row.log_count += next.log_count;
    row.tx_count += next.tx_count;
    row.read_at = next.read_at;
}

}  // namespace

void Coverage::append(const core::ChainId& chain, const core::BlockRef& tip,
                      const std::vector<ReadBlock>& blocks, std::int64_t watch_revision,
                      core::Instant at) {
    std::optional<CoverageRow> open = last(chain);
    bool stored = open.has_value();
    bool changed = false;
    const auto flush = [&] {
        if (!changed) return;
        if (stored) {
            update(*open);
        } else {
            insert(*open);
        }
    };
    std::uint64_t covered = tip.height;
    for (const ReadBlock& block : blocks) {
        CoverageRow next;
        next.chain = chain;
        // Heights that the parent link proves to be empty are read as well.
        next.from = covered + 1;
        next.to = block.ref.height;
        next.first_parent = block.ref.parent;
        next.last_hash = block.ref.hash;
        next.endpoint = block.endpoint;
        next.evidence = block.evidence;
        next.log_count = block.log_count;
        next.tx_count = block.tx_count;
        next.watch_revision = watch_revision;
        next.read_at = at;
        covered = next.to;
        if (open && joins(*open, next)) {
            join(*open, next);
            changed = true;
            continue;
        }
        flush();
        open = std::move(next);
        stored = false;
        changed = true;
    }
    flush();
}

void Coverage::cut(const core::ChainId& chain, const core::BlockRef& target) {
    Query{connection_, kEraseAbove}.bind(chain, target.height).run();
    auto row = last(chain);
    if (!row || row->to <= target.height) return;
    std::uint64_t logs = 0;
    std::uint64_t txs = 0;
    {
        Query query{connection_, kAbove};
        if (query.bind(chain, target.height, row->to).step()) query.read(logs, txs);
    }
    row->to = target.height;
    row->last_hash = target.hash;
    row->log_count -= std::min(logs, row->log_count);
    row->tx_count -= std::min(txs, row->tx_count);
    update(*row);
}

std::vector<CoverageRow> Coverage::between(const core::ChainId& chain, std::uint64_t from,
                                           std::uint64_t to) {
    std::vector<CoverageRow> out;
    Query query{connection_, kBetween};
    query.bind(chain, from, to);
    while (query.step()) out.push_back(read_row(query));
    return out;
}

void Coverage::compact(const core::ChainId& chain, std::uint64_t below_height, std::size_t limit) {
    std::vector<CoverageRow> rows;
    {
        Query query{connection_, kBelow};
        query.bind(chain, below_height, limit);
        while (query.step()) rows.push_back(read_row(query));
    }
    // The newest rows below the height: older ones were joined before.
    std::reverse(rows.begin(), rows.end());
    for (std::size_t i = 0; i < rows.size();) {
        CoverageRow& row = rows[i];
        std::size_t next = i + 1;
        for (; next < rows.size() && joins(row, rows[next]); ++next) {
            join(row, rows[next]);
            erase(rows[next]);
        }
        if (next > i + 1) update(row);
        i = next;
    }
}

std::optional<CoverageRow> Coverage::last(const core::ChainId& chain) {
    std::optional<CoverageRow> out;
    Query query{connection_, kLast};
    if (query.bind(chain).step()) out = read_row(query);
    return out;
}

void Coverage::insert(const CoverageRow& row) {
    Query query{connection_, kInsert};
    query.bind(row.chain, row.from, row.to, row.first_parent, row.last_hash, row.endpoint,
               row.evidence, row.log_count, row.tx_count, row.watch_revision, row.read_at);
    query.run();
}

void Coverage::update(const CoverageRow& row) {
    Query query{connection_, kUpdate};
    query.bind(row.to, row.last_hash, row.log_count, row.tx_count, row.read_at, row.chain,
               row.from);
    query.run();
}

void Coverage::erase(const CoverageRow& row) {
    Query{connection_, kErase}.bind(row.chain, row.from).run();
}

}  // namespace db::sqlite
