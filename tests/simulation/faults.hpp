#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/customers.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

//! Everything that goes wrong, by chance: a fault every 76 seconds on average, many at once. Each ends by
//! itself after a while; heal() ends all.
//!
//! What it keeps to, because the daemon is promised it: at most one of a chain's three nodes lies or is
//! far behind at a time. No reorganisation goes below the finalized block, but for one in some worlds: then
//! it must halt, and the auditor judges the orders that were touched by fewer rules.
class Faults {
  public:
    //! `liars`: nodes of a chain that tell the same lie at a time.
    Faults(World& world, Customers& customers, Auditor& auditor, std::size_t liars);

    void open();
    //! No new ones, and none of the old ones goes on.
    void heal();
    //! Somebody has final blocks read again.
    void replays();
    void fees_rise();
    void blocks_are_full();
    //! How often each kind struck.
    const std::map<std::string, std::uint64_t>& tally() const { return tally_; }

  private:
    using Strike = void (Faults::*)();
    struct Kind {
        const char* name;
        unsigned weight;
        Strike strike;
    };
    static const std::vector<Kind>& kinds();

    void next();
    void later(core::Millis wait, std::function<void()> deed);
    core::Millis a_while();
    std::size_t some_place();

    void node_lies();
    void node_is_behind();
    void node_is_gone();
    void all_are_gone();
    void way_is_slow();
    void way_loses();
    void dies_now();
    void dies_at_disk();
    void dies_at_send();
    void dies_at_crash_point();
    void stops_in_order();
    void loses_power();
    void disk_fails();
    void chain_is_rewritten();
    Fate fate_of(const DroppedTx& tx);
    void finality_breaks();
    void blocks_are_late();
    void finality_stalls();
    void pool_forgets();
    void token_refuses();
    void clock_jumps();

    World& world_;
    Customers& customers_;
    Auditor& auditor_;
    std::size_t liars_;
    Random rng_;
    bool is_open_ = false;
    std::uint64_t epoch_ = 0;  //!< what was put down before heal() does nothing after it
    std::map<std::size_t, std::uint64_t> suspect_until_;
    std::map<std::string, std::uint64_t> tally_;
};

}  // namespace simulation
