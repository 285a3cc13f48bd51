#pragma once

#include "chains/ports/reader.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/log.hpp"
#include "core/task.hpp"
#include "core/units.hpp"
#include "db/database.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace watchers {

struct StoredPosition {
    std::optional<core::BlockRef> tip;
    std::optional<core::BlockRef> final;
};
core::Expected<StoredPosition> load_position(db::UnitOfWork& work, const core::ChainId& chain);

//! What the operator's addresses held at the first block: the books begin with it.
struct Opening {
    struct Balance {
        core::Address address;
        core::AssetId asset;
        core::Units units;
    };
    core::BlockRef origin;
    std::vector<Balance> balances;  //!< none of zero
};

//! The origin is the block below `start_height`, within what WatcherConfig says of it.
core::Task<core::Expected<Opening>> read_opening(chains::ChainReader& reader, core::Log& log,
                                                 std::vector<core::Address> operators,
                                                 std::optional<std::uint64_t> start_height,
                                                 chains::Heads heads);
core::Expected<core::Done> start_chain(db::UnitOfWork& work, const core::ChainId& chain,
                                       const Opening& opening, core::Instant now);

}  // namespace watchers
