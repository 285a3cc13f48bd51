#pragma once

#include "db/database.hpp"
#include "tests/support/fake_chain.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/null_sinks.hpp"
#include "watchers/config.hpp"
#include "watchers/watch_set.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace watchers {
class ChainWatcher;
}

//! One scripted chain, an in-memory store and a watcher between them.
class World {
  public:
    explicit World(chains::ChainInfo info, watchers::WatcherConfig config = {});
    ~World();

    //! A new session with a receiver. `native`: it waits for native coin.
    db::Receiver issue(bool native = false);
    //! Everything in memory is lost; a new watcher begins on the same rows.
    void restart();
    core::Expected<core::Done> step();
    //! A look that has to succeed.
    void follow();

    std::vector<db::Fact> facts();
    //! "detected r1 d1,d2 @5" and so on, from fact number `from` on.
    std::vector<std::string> story(std::size_t from = 0);
    std::vector<db::Deposit> deposits(const db::Receiver& receiver);
    std::vector<db::Deposit> deposits_of(const core::TxId& tx);
    core::BlockRef tip();
    std::vector<db::Halt> halts();
    //! Files an attempt with this transaction id, so that its transfers are our own.
    struct TopUp {
        core::Address to;
        std::uint64_t units;
        db::PayoutStatus status = db::PayoutStatus::kSigned;
    };
    void own_attempt(const core::TxId& tx, std::optional<TopUp> top_up = {},
                     db::StepKind kind = db::StepKind::kTransfer);

    template <class T>
    T wait(core::Task<T> task) {
        core::asio::io_context loop;
        std::optional<T> out;
        core::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr failed, T value) {
            if (failed) std::rethrow_exception(failed);
            out = std::move(value);
        });
        loop.run();
        return std::move(*out);
    }
    template <class T, class F>
    T read(F job) {
        return *wait(db->read<T>(std::move(job)));
    }

    core::asio::io_context ioc;
    support::ManualClock clock;
    support::RecordingLog log;
    support::RecordingMetrics metrics;
    support::FakeChain chain;
    watchers::WatcherConfig config;
    std::vector<core::Address> operators{support::fake_address(501), support::fake_address(502)};
    std::unique_ptr<db::Database> db;
    std::unique_ptr<watchers::WatchSet> watch;
    std::unique_ptr<watchers::ChainWatcher> watcher;

  private:
    std::uint64_t issued_ = 0;
    std::uint64_t attempts_ = 0;
};
