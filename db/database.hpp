#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/task.hpp"
#include "core/time.hpp"
#include "db/repositories.hpp"

namespace db {

//! The repositories, over one connection. Valid only inside the job it is handed to. The const-less
//! interface serves both: in a read view, a write fails with kStorage.
struct UnitOfWork {
    virtual ~UnitOfWork() = default;
    virtual Environments& environments() = 0;
    virtual Sessions& sessions() = 0;
    virtual Receivers& receivers() = 0;
    virtual Blocks& blocks() = 0;
    virtual Deposits& deposits() = 0;
    virtual OwnTxs& own_txs() = 0;
    virtual Facts& facts() = 0;
    virtual Payouts& payouts() = 0;
    virtual Ledger& ledger() = 0;
    virtual Webhooks& webhooks() = 0;
};

//! Which commits somebody waits for. The failure after which there are none wakes everybody.
enum class Concern : unsigned {
    kAny,
    kFacts,    //!< facts were added
    kPayouts,  //!< what payouts go by: they, their steps and attempts, our transactions, halts
    kWebhooks,  //!< deliveries came, or came to another state
    kSessions,  //!< sessions changed, or deposits
    kNone,
};
inline constexpr std::size_t kConcerns = 6;

//! Counts commits, and the failure after which there are none. A ping without content: whoever wakes
//! reads again. A lost ping costs one poll.
class ChangeSignal {
  public:
    virtual ~ChangeSignal() = default;
    //! Returns when a commit that concerns the caller happened after `seen` (see revision()), or after
    //! `at_most`.
    virtual core::Task<std::uint64_t> wait(std::uint64_t seen, core::Millis at_most,
                                           Concern concern = Concern::kAny) = 0;
    //! As wait(), for commits that changed this session or its deposits.
    virtual core::Task<std::uint64_t> wait_for_session(std::uint64_t seen, core::Millis at_most,
                                                       core::SessionId session) = 0;
    virtual std::uint64_t revision() const = 0;
};

//! The store. Everything that must be true together is written by one job.
//!
//! A write job runs on the one writer thread. It is durable when write() returns: jobs that wait at
//! the same time share one commit (group commit), each in a savepoint of its own, so that a job which
//! returns an error leaves no trace and does not disturb its neighbours. A read job runs on a small
//! pool, on a consistent view. Jobs must not block, and must not touch what their caller does not keep
//! alive; results come back on the caller's executor. Once a commit failed (disk full, I/O error) every
//! later write fails with kStorage until restart: what was not committed was never said to be done.
class Database {
  public:
    using Job = std::function<Expected<Done>(UnitOfWork&)>;

    virtual ~Database() = default;
    virtual core::Task<Expected<Done>> run_write(Job job) = 0;
    virtual core::Task<Expected<Done>> run_read(Job job) = 0;
    virtual ChangeSignal& changes() = 0;
    //! A write failed and none will succeed any more: only opening the file again tells what is in it.
    virtual bool failed() const = 0;
    //! Folds the log into the main file and closes. No job may be waiting.
    virtual void close() = 0;

    template <class R, class F>
    core::Task<Expected<R>> write(F job) {
        auto out = std::make_shared<Expected<R>>();
        Job wrapped = [out, job = std::move(job)](UnitOfWork& work) mutable {
            return keep<R>(*out, job(work));
        };
        auto ran = co_await run_write(std::move(wrapped));
        if (!ran) co_return ran.error();
        co_return std::move(*out);
    }
    template <class R, class F>
    core::Task<Expected<R>> read(F job) {
        auto out = std::make_shared<Expected<R>>();
        Job wrapped = [out, job = std::move(job)](UnitOfWork& work) mutable {
            return keep<R>(*out, job(work));
        };
        auto ran = co_await run_read(std::move(wrapped));
        if (!ran) co_return ran.error();
        co_return std::move(*out);
    }

  private:
    template <class R>
    static Expected<Done> keep(Expected<R>& out, Expected<R> result) {
        if (!result) return result.error();
        out = std::move(result);
        return Done{};
    }
};

struct DatabaseOptions {
    std::string path;  //!< a file, or ":memory:" for tests
    unsigned readers = 3;  //!< connections; without threads at most one, and with 0 the writer's reads too
    //! `serve` takes the file for itself: a second one refuses to start (kHalted). Short commands do not.
    bool exclusive = true;
    bool migrate = true;
    //! The VFS of SQLite to use, by name; empty is the system's. A named one is not the system's file
    //! system: nothing is locked there and no file's mode is set.
    std::string vfs{};
    //! Without threads jobs run on their caller's loop, at its next turn; one loop, one thread. Destroyed
    //! without close(), such a store is a process that was killed: what waits never runs.
    bool threads = true;
    //! Reads the whole file through first (`quick_check`).
    bool check = true;
};

//! Opens, checks, migrates; to serve also folds the log and proves that the file can be
//! written. kStorage or kHalted with a text that says what to do. The change signal waits by `clock`.
Expected<std::unique_ptr<Database>> open_database(DatabaseOptions options, core::Clock& clock,
                                                  core::Log& log, core::Metrics& metrics);

}  // namespace db
