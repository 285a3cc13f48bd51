#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "db/sqlite/jobs.hpp"

namespace db::sqlite {

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

//! The one thread that writes.
class Writer {
  public:
    explicit Writer(std::unique_ptr<WriteJobs> jobs);
    ~Writer();
    bool push(Ticket& ticket) { return queue_.push(ticket); }
    //! Finishes what is queued and joins.
    void stop();
    WriteJobs& jobs() { return *jobs_; }
    const WriteJobs& jobs() const { return *jobs_; }

  private:
    void run();

    std::unique_ptr<WriteJobs> jobs_;
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
    void run(ReadJobs& jobs);

    std::vector<std::unique_ptr<ReadJobs>> jobs_;
    Queue queue_;
    std::vector<std::thread> threads_;
};

class Threads final : public Workers {
  public:
    //! Without readers the writer's thread reads too.
    Threads(std::unique_ptr<WriteJobs> writes, std::vector<std::unique_ptr<Connection>> readers);
    bool push(Ticket& ticket) override;
    bool failed() const override { return writer_.jobs().failed(); }
    void stop() override;
    Connection& connection() override { return writer_.jobs().connection(); }

  private:
    Writer writer_;
    std::unique_ptr<Readers> readers_;
};

}  // namespace db::sqlite
