#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/agenda.hpp"
#include "tests/simulation/chain.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/node.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/servers.hpp"
#include "tests/simulation/trace.hpp"
#include "tests/support/ram_disk.hpp"

namespace simulation {

inline constexpr std::size_t kNodesPerChain = 3;
//! Tokens that the daemon is configured for; on the chain there is one more, worth nothing.
inline constexpr Asset kListedTokens = 2;
inline constexpr Asset kWorthless = kListedTokens + 1;

//! A chain of the world with the nodes that serve it.
struct Place {
    std::unique_ptr<Chain> chain;
    std::vector<std::unique_ptr<Node>> nodes;
    std::vector<std::string> names;
    core::Millis block_time{12'000};
    bool is_mining = true;
};

//! All there is: time, chains, nodes, a host with its disk, and at most one living daemon on it. What
//! happens is put on the agenda by customers and by faults.
class World {
  public:
    //! `chains`: how many.
    World(std::uint64_t seed, std::size_t chains);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    //! Goes on until this time.
    void run_until(core::Instant end);
    core::Instant now() const { return agenda_.now(); }

    // ---- what faults and customers turn

    Agenda& agenda() { return agenda_; }
    Trace& trace() { return trace_; }
    Nodes& nodes() { return nodes_; }
    Servers& servers() { return servers_; }
    support::Disk& disk() { return disk_; }
    std::vector<Place>& places() { return places_; }
    const Random& seed() const { return rng_; }
    chains::Signer& signer() { return *signer_; }
    //! Whoever pays; has more than anybody can spend.
    static core::Address payer();

    //! Null between two lives.
    Process* process() { return process_.get(); }
    void kill_process(const std::string& why);
    //! Time between the end of one life and the next; the host is off until then.
    void keep_down_until(core::Instant when);
    void set_clock_offset(core::Millis offset);
    std::uint64_t lives() const { return lives_; }
    //! Since when this life serves; none while it does not.
    std::optional<core::Instant> serving_since() const;
    core::Millis clock_offset() const { return clock_offset_; }
    //! When the host's clock last jumped.
    core::Instant clock_jumped_at() const { return clock_jumped_at_; }

    //! Called after every block of every chain.
    void on_block(std::function<void(std::size_t place)> hook) { on_block_ = std::move(hook); }
    //! Called with every request that carries transactions, when it has reached a node.
    void on_request(std::function<void(std::size_t place, std::string_view body)> hook) {
        on_request_ = std::move(hook);
    }
    //! Called with every line of the daemon's log.
    void on_line(std::function<void(std::string_view line)> hook);
    //! Called before a life begins.
    void on_life(std::function<void()> hook) { on_life_ = std::move(hook); }
    //! Called when a life begins to serve.
    void on_serving(std::function<void()> hook) { on_serving_ = std::move(hook); }

  private:
    void add_place(std::uint64_t number);
    void make_config();
    void mine(std::size_t place);
    void tell_moves(const Place& place);
    void start_process();
    void look_after_process();

    Random rng_;
    Trace trace_;
    Agenda agenda_;
    Nodes nodes_;
    Servers servers_;
    support::Disk disk_;
    std::vector<Place> places_;
    std::unique_ptr<chains::Signer> signer_;
    std::unique_ptr<Host> host_;
    std::unique_ptr<Process> process_;
    core::Millis clock_offset_{0};
    core::Instant clock_jumped_at_;
    core::Instant down_until_;
    std::uint64_t lives_ = 0;
    bool was_serving_ = false;
    core::Instant serving_since_;
    std::function<void(std::size_t)> on_block_;
    std::function<void(std::size_t, std::string_view)> on_request_;
    std::function<void()> on_life_;
    std::function<void()> on_serving_;
};

}  // namespace simulation
