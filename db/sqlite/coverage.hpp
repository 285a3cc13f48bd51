#pragma once

#include <vector>

#include "db/sqlite/connection.hpp"
#include "db/types.hpp"

namespace db::sqlite {

//! The coverage rows of Blocks. Called inside guarded(): throws what Query throws.
class Coverage {
  public:
    explicit Coverage(Connection& connection) : connection_{connection} {}

    //! `blocks` are linked and follow `tip`.
    void append(const core::ChainId& chain, const core::BlockRef& tip,
                const std::vector<ReadBlock>& blocks, std::int64_t watch_revision,
                core::Instant at);
    //! Forgets what lies above `target`; before its blocks are marked orphaned.
    void cut(const core::ChainId& chain, const core::BlockRef& target);
    std::vector<CoverageRow> between(const core::ChainId& chain, std::uint64_t from,
                                     std::uint64_t to);
    void compact(const core::ChainId& chain, std::uint64_t below_height, std::size_t limit);

  private:
    std::optional<CoverageRow> last(const core::ChainId& chain);
    void insert(const CoverageRow& row);
    void update(const CoverageRow& row);
    void erase(const CoverageRow& row);

    Connection& connection_;
};

}  // namespace db::sqlite
