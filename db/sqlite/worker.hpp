#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/log.hpp"
#include "core/metrics.hpp"
#include "db/sqlite/factories.hpp"

namespace db::sqlite {

//! Somebody who waits for a job; complete() brings the result to their own thread.
struct Waiter {
    virtual ~Waiter() = default;
    virtual void complete(Expected<Done> result) = 0;
};

struct Ticket {
    Database::Job job;
    bool reads = false;  //!< a read job on the writer's connection (":memory:")
    std::unique_ptr<Waiter> waiter;
};

//! Jobs between the callers and a thread. Refuses once stopped.
class Queue {
  public:
    //! False when stopped: the ticket is untouched.
    bool push(Ticket& ticket);
    //! Waits for work, takes at most `limit`; empty when stopped and drained.
    std::vector<Ticket> take(std::size_t limit);
    void stop();

  private:
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Ticket> tickets_;
    bool stopped_ = false;
};

//! The one thread that writes. See Database for the promises.
class Writer {
  public:
    Writer(std::unique_ptr<Connection> connection, std::function<void()> on_commit, core::Log& log,
           core::Metrics& metrics);
    ~Writer();
    bool push(Ticket& ticket) { return queue_.push(ticket); }
    //! Finishes what is queued and joins.
    void stop();
    bool failed() const { return poisoned_; }
    //! Only after stop().
    Connection& connection() { return *connection_; }

  private:
    void run();
    void run_batch(std::vector<Ticket>& batch);
    Expected<bool> transact(std::vector<Ticket>& batch, std::vector<Expected<Done>>& results);
    Expected<Done> run_one(Ticket& ticket, bool alone);
    void poison(const Error& error);

    std::unique_ptr<Connection> connection_;
    std::unique_ptr<UnitOfWork> work_;
    std::function<void()> on_commit_;
    core::Log& log_;
    core::Metrics& metrics_;
    std::atomic<bool> poisoned_{false};
    Queue queue_;
    std::thread thread_;
};

//! Threads that read, each on its own connection.
class Readers {
  public:
    explicit Readers(std::vector<std::unique_ptr<Connection>> connections);
    ~Readers();
    bool push(Ticket& ticket) { return queue_.push(ticket); }
    void stop();

  private:
    void run(Connection& connection);

    std::vector<std::unique_ptr<Connection>> connections_;
    Queue queue_;
    std::vector<std::thread> threads_;
};

}  // namespace db::sqlite
