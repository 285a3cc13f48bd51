#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/task.hpp"
#include "db/sqlite/factories.hpp"

namespace db::sqlite {

//! Somebody who waits for a job; complete() brings the result to their own loop, never at once.
struct Waiter {
    virtual ~Waiter() = default;
    virtual void complete(Expected<Done> result) = 0;
    //! Their loop. Not to be kept: it counts as work there.
    virtual core::asio::any_io_executor executor() const = 0;
};

struct Ticket {
    Database::Job job;
    bool reads = false;
    std::unique_ptr<Waiter> waiter;
};

//! Who runs the jobs: threads of their own (worker.hpp), or the callers' loop (turns.hpp).
struct Workers {
    virtual ~Workers() = default;
    //! False when stopped: the ticket is untouched.
    virtual bool push(Ticket& ticket) = 0;
    virtual bool failed() const = 0;
    //! Finishes what is queued. After it only the two below.
    virtual void stop() = 0;
    //! The writer's.
    virtual Connection& connection() = 0;
};

// Bounds the memory and the latency of one commit; far more than ever wait at once.
inline constexpr std::size_t kBatchMax = 512;

//! Writes: the one connection that does. For one thread at a time. See Database for the promises.
class WriteJobs {
  public:
    //! `timed`: commits are measured by the machine's clock.
    WriteJobs(std::unique_ptr<Connection> connection, std::function<void(const Touched&)> on_change, core::Log& log,
              core::Metrics& metrics, bool timed);
    //! All in one commit, each in a savepoint. Read jobs among them see what the earlier ones wrote.
    void run(std::vector<Ticket>& batch);
    bool failed() const { return poisoned_; }
    Connection& connection() { return *connection_; }

  private:
    Expected<bool> transact(std::vector<Ticket>& batch, std::vector<Expected<Done>>& results);
    Expected<Done> run_one(Ticket& ticket, bool alone);
    void poison(const Error& error);

    std::unique_ptr<Connection> connection_;
    std::unique_ptr<UnitOfWork> work_;
    std::function<void(const Touched&)> on_change_;
    core::Log& log_;
    core::Metrics& metrics_;
    const bool timed_;
    std::atomic<bool> poisoned_{false};
};

//! Reads, each on a consistent view. For one thread at a time.
class ReadJobs {
  public:
    explicit ReadJobs(std::unique_ptr<Connection> connection);
    //! On a connection that may write, between its transactions. A job that writes is taken back.
    explicit ReadJobs(Connection& borrowed);
    void run(Ticket& ticket);
    Connection& connection() { return connection_; }

  private:
    Expected<Done> run_one(const Database::Job& job);

    std::unique_ptr<Connection> own_;
    Connection& connection_;
    std::unique_ptr<UnitOfWork> work_;
};

}  // namespace db::sqlite
