#pragma once

#include "core/ids.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace watchers {

struct WatcherConfig {
    //! Time between two looks at the chain's head.
    core::Millis poll_interval{1'000};
    //! After failures the pause doubles up to this.
    core::Millis backoff_max{15'000};
    //! First block to read when the chain was never read. None: now, that is the node's final
    //! block, or 64 blocks below the head when finality is further away: an origin that a reorg can
    //! take away would leave nothing to walk back to. One above the node's final block is lowered to it.
    std::optional<std::uint64_t> start_height;
    //! Blocks of one commit while catching up below finality.
    unsigned range_batch = 200;
    //! Blocks between two rounds of forgetting old block rows.
    unsigned prune_every = 256;
    //! Block rows kept below the tip, besides those that are not final.
    std::uint64_t keep_blocks = 1'024;
    //! Pause before endpoints that did not agree on a deposit are asked again.
    core::Millis corroborate_retry{5'000};
};

//! Where a watcher stands, for people and for readiness.
struct WatcherStatus {
    core::ChainId chain;
    std::optional<std::uint64_t> tip;           //!< last block committed; none before the first
    std::optional<std::uint64_t> head;          //!< of the node, at the last look
    std::optional<std::uint64_t> final_height;  //!< highest block taken for final
    std::uint64_t lag_blocks = 0;               //!< head − tip
    std::optional<core::Instant> last_ok;       //!< end of the last look without an error
    std::string last_error;                     //!< empty after a look without an error
    std::string waiting;                        //!< what it waits for; empty when for nothing
};

}  // namespace watchers
