#include "db/database.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "db/sqlite/change_signal.hpp"
#include "db/sqlite/migrate.hpp"
#include "db/sqlite/turns.hpp"
#include "db/sqlite/worker.hpp"

namespace db {
namespace {

namespace asio = boost::asio;
using core::Errc;
using core::Error;
using sqlite::Connection;

//! Held for the life of the process that serves. A file of its own: closing any descriptor of the
//! database file would drop SQLite's own locks (sqlite.org/howtocorrupt.html, 2.2).
class FileLock {
  public:
    static Expected<std::unique_ptr<FileLock>> take(const std::string& path) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) return failed(path);
        auto lock = std::unique_ptr<FileLock>{new FileLock{fd}};
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK) return failed(path);
            char pid[24] = {};
            const auto got = ::pread(fd, pid, sizeof pid - 1, 0);
            return Error{Errc::kHalted, "another depositd serves this database, process " +
                                            (got > 0 ? std::string{pid} : std::string{"unknown"}) +
                                            " holds " + path};
        }
        const std::string pid = std::to_string(::getpid());
        if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
            return sqlite::disk_failed(path, std::strerror(errno));
        }
        return lock;
    }
    ~FileLock() { ::close(fd_); }
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

  private:
    explicit FileLock(int fd) : fd_{fd} {}
    static Error failed(const std::string& path) {
        return Error{Errc::kStorage, "cannot lock " + path + ": " + std::strerror(errno)};
    }
    int fd_;
};

template <class Handler>
class AsioWaiter final : public sqlite::Waiter {
  public:
    explicit AsioWaiter(Handler handler)
        : work_{asio::get_associated_executor(handler)}, handler_{std::move(handler)} {}

    void complete(Expected<Done> result) override {
        // The guard goes along: the loop may be gone before this thread has let go of the waiter.
        auto executor = work_.get_executor();
        asio::post(executor, [work = std::move(work_), handler = std::move(handler_),
                              result = std::move(result)]() mutable {
            std::move(handler)(std::move(result));
        });
    }

    asio::any_io_executor executor() const override { return work_.get_executor(); }

  private:
    asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
    Handler handler_;
};

class SqliteDatabase final : public Database {
  public:
    SqliteDatabase(std::unique_ptr<FileLock> lock, std::unique_ptr<Connection> writer,
                   std::vector<std::unique_ptr<Connection>> readers, bool threads,
                   core::Clock& clock, core::Log& log, core::Metrics& metrics)
        : lock_{std::move(lock)}, signal_{clock}, closes_itself_{threads} {
        auto writes = std::make_unique<sqlite::WriteJobs>(
            std::move(writer), [this](const sqlite::Touched& touched) { signal_.bump(touched); }, log, metrics, threads);
        if (threads) {
            workers_ = std::make_unique<sqlite::Threads>(std::move(writes), std::move(readers));
        } else {
            auto reader = readers.empty() ? nullptr : std::move(readers.front());
            workers_ = std::make_unique<sqlite::Turns>(std::move(writes), std::move(reader));
        }
    }
    ~SqliteDatabase() override {
        if (closes_itself_) close();
    }

    core::Task<Expected<Done>> run_write(Job job) override { return submit(std::move(job), false); }
    core::Task<Expected<Done>> run_read(Job job) override { return submit(std::move(job), true); }
    ChangeSignal& changes() override { return signal_; }
    bool failed() const override { return workers_ && workers_->failed(); }

    void close() override {
        if (!workers_) return;
        workers_->stop();
        // Best effort: an unfolded log is read again at the next start. After a failed write that start
        // is the one to fold it, with eyes that believe nothing.
        if (workers_->failed()) {
            workers_->connection().keep_log();
        } else {
            (void)workers_->connection().exec("PRAGMA wal_checkpoint(TRUNCATE)").has_value();
        }
        workers_.reset();
        lock_.reset();
    }

  private:
    core::Task<Expected<Done>> submit(Job job, bool reads) {
        return asio::async_initiate<const asio::use_awaitable_t<>, void(Expected<Done>)>(
            [this](auto handler, Job moved, bool only_reads) {
                using Handler = decltype(handler);
                sqlite::Ticket ticket{std::move(moved), only_reads,
                                      std::make_unique<AsioWaiter<Handler>>(std::move(handler))};
                const bool taken = workers_ && workers_->push(ticket);
                if (!taken) ticket.waiter->complete(Error{Errc::kCancelled, "the store is closed"});
            },
            asio::use_awaitable, std::move(job), reads);
    }

    std::unique_ptr<FileLock> lock_;
    sqlite::Signal signal_;
    const bool closes_itself_;
    std::unique_ptr<sqlite::Workers> workers_;
};

//! Sessions' secrets are in it: nobody else may read it. Never opened when it exists (see FileLock).
Expected<Done> create_private(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ::close(fd);
    } else if (errno != EEXIST) {
        return Error{Errc::kStorage, "cannot create " + path + ": " + std::strerror(errno)};
    }
    return Done{};
}

}  // namespace

Expected<std::unique_ptr<Database>> open_database(DatabaseOptions options, core::Clock& clock,
                                                  core::Log& log, core::Metrics& metrics) {
    const bool in_memory = options.path == ":memory:";
    std::unique_ptr<FileLock> lock;
    if (!in_memory && options.vfs.empty()) {
        if (options.exclusive) {
            auto taken = FileLock::take(options.path + ".lock");
            if (!taken) return taken.error();
            lock = std::move(*taken);
        }
        if (auto made = create_private(options.path); !made) return made.error();
    }
    auto writer = Connection::open(options.path, sqlite::Access::kReadWrite, options.vfs);
    if (!writer) return writer.error();
    if (options.check) {
        if (auto sound = sqlite::quick_check(**writer, options.path); !sound) return sound.error();
    }
    if (auto ready = sqlite::migrate(**writer, options.path, options.migrate); !ready) {
        return ready.error();
    }
    if (!in_memory && options.exclusive) {
        if (auto can = sqlite::prove_writable(**writer, options.path); !can) return can.error();
    }
    std::vector<std::unique_ptr<Connection>> readers;
    const unsigned wanted =
        options.threads ? std::max(options.readers, 1U) : std::min(options.readers, 1U);
    for (unsigned i = 0; !in_memory && i < wanted; ++i) {
        auto reader = Connection::open(options.path, sqlite::Access::kReadOnly, options.vfs);
        if (!reader) return reader.error();
        readers.push_back(std::move(*reader));
    }
    return std::unique_ptr<Database>{std::make_unique<SqliteDatabase>(
        std::move(lock), std::move(*writer), std::move(readers), options.threads, clock, log,
        metrics)};
}

}  // namespace db
