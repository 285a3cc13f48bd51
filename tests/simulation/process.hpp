#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "api/http.hpp"
#include "daemon/assemble.hpp"
#include "tests/simulation/life.hpp"
#include "tests/simulation/host_clock.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/servers.hpp"
#include "tests/simulation/trace.hpp"
#include "tests/support/ram_disk.hpp"

namespace simulation {

//! What a host gives to every process that runs on it, one after the other.
struct Host {
    Nodes& nodes;
    Servers& servers;
    support::Disk& disk;
    Trace& trace;
    chains::Signer& signer;
    std::string receivers_xpub;
    std::vector<core::Address> operators;  //!< treasury, gas station
    depositd::Config config;
    std::function<void(std::string_view line)> on_line;  //!< of the log
    std::uint64_t starts = 0;
    std::uint64_t harm_checked = 0;  //!< of the disk
};

//! One life of the daemon: the real object graph on a loop of its own, from its start until it is
//! killed, stops when asked to, or ends by itself. Destroying it kills it.
class Process {
  public:
    using Answered = std::function<void(std::optional<api::Response>)>;

    Process(Host& host, core::Instant now, core::Millis clock_offset, Random rng);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    //! Runs all that is ready, until nothing is or the process is dead.
    void run_ready();
    //! World time at which something wakes.
    std::optional<core::Instant> next_wake() const { return clock_.next(); }
    void advance(core::Instant now) { clock_.advance(now); }

    Life& life() { return life_; }
    HostClock& clock() { return clock_; }
    bool is_serving() const { return is_serving_ && !is_over(); }
    //! Dead, or ended by itself.
    bool is_over() const { return life_.is_dead() || exit_code_.has_value(); }
    std::optional<int> exit_code() const { return exit_code_; }
    //! As SIGTERM does.
    void stop();

    //! A request over the public or the operator's listener. `answered` is called later, with nothing
    //! when the process died over it.
    void ask(api::Request request, bool of_operator, Answered answered);
    //! An environment and a key for it, as `depositd environment create` and `key create` make them.
    void open_account(db::Environment environment, std::function<void(std::string key)> opened);

  private:
    class Log;
    class Metrics;
    //! Its shutdown ends every coroutine while what it refers to still stands.
    struct Loop : core::asio::io_context {
        Loop() : core::asio::io_context{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE} {}
        using core::asio::io_context::shutdown;
    };

    core::Task<int> live();
    bool is_to_be_checked();
    core::Expected<std::unique_ptr<db::Database>> open_store(depositd::Surroundings around);

    Host& host_;
    Life life_;
    Random rng_;
    std::unique_ptr<Log> log_;
    std::unique_ptr<Metrics> metrics_;
    Loop loop_;
    HostClock clock_;
    Network network_;
    Internet internet_;
    db::Database* database_ = nullptr;
    std::unique_ptr<depositd::Application> application_;
    std::unique_ptr<depositd::Lifecycle> lifecycle_;
    bool is_serving_ = false;
    std::optional<int> exit_code_;
};

}  // namespace simulation
