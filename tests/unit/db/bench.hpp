#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "db/database.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/null_sinks.hpp"
#include "tests/support/sessions.hpp"

//! A database to test with, driven from a thread of its own turning: each call runs until it is done.
namespace support {

inline const core::ChainId kChain{"eip155:31337"};
inline const core::AssetId kNative{"eip155:31337/slip44:60"};
inline const core::EnvironmentId kEnvironment{"11111111-1111-4111-8111-111111111111"};
inline constexpr core::Instant kNow = core::Instant::from_unix_seconds(100);

//! A directory that goes away.
struct Scratch {
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    std::string file(const std::string& name = "test.db") const { return (path / name).string(); }
    std::filesystem::path path;
};

class Bench {
  public:
    using Job = std::function<core::Expected<core::Done>(db::UnitOfWork&)>;
    //! Opened with one environment, unless the file has it already.
    explicit Bench(std::string path = ":memory:", bool exclusive = false);
    explicit Bench(db::DatabaseOptions options);

    core::Expected<core::Done> write(Job job);
    core::Expected<core::Done> read(Job job);
    //! All at once: they may share a commit. Results in the order given.
    std::vector<core::Expected<core::Done>> write_all(std::vector<Job> jobs);
    //! write() that must succeed; rethrows what a REQUIRE inside said.
    void done(Job job);

  private:
    //! An io_context that outlives the database's threads, as the daemon's does: a thread that has just
    //! posted a result may still be inside it when the result has been taken.
    std::unique_ptr<core::asio::io_context> loop_;

  public:
    core::asio::io_context& loop() { return *loop_; }
    ManualClock clock;
    NullLog log;
    NullMetrics metrics;
    std::unique_ptr<db::Database> database;
};

core::BlockHash block_hash(std::uint64_t height, int fork = 0);
core::BlockRef block(std::uint64_t height, int fork = 0, int parent_fork = 0);
db::ReadBlock read_block(std::uint64_t height, int fork = 0, int parent_fork = 0);
core::TxId tx_id(std::uint64_t number);
db::SessionRow session_row(char id = 'a');
//! Derives address(0x80 + index).
core::Expected<core::Address> derive(std::uint32_t index);
db::Deposit deposit_row(std::uint64_t tx, std::uint64_t height, std::uint64_t amount, int fork = 0);
db::Payout payout_row(db::Leg leg, const std::string& claims);

}  // namespace support
