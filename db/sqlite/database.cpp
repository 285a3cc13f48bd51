#include "db/database.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstring>
#include <list>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "db/sqlite/migrate.hpp"
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

class Signal final : public ChangeSignal {
  public:
    core::Task<std::uint64_t> wait(std::uint64_t seen, core::Millis at_most) override {
        const auto executor = co_await asio::this_coro::executor;
        Place place{*this, std::make_shared<asio::steady_timer>(executor, at_most)};
        if (revision() > seen) co_return revision();
        boost::system::error_code ignored;
        co_await place.timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_return revision();
    }
    std::uint64_t revision() const override { return revision_.load(); }

    //! From the writer's thread. Each timer is touched on its owner's executor only.
    void bump() {
        ++revision_;
        const std::lock_guard lock{mutex_};
        for (const Place* place : places_) {
            asio::post(place->timer->get_executor(), [timer = place->timer] {
                timer->expires_at(asio::steady_timer::time_point::min());
            });
        }
    }

  private:
    //! Registered before the revision is looked at, so that no commit falls between.
    struct Place {
        Place(Signal& of, std::shared_ptr<asio::steady_timer> with)
            : signal{of}, timer{std::move(with)} {
            const std::lock_guard lock{signal.mutex_};
            at = signal.places_.insert(signal.places_.end(), this);
        }
        ~Place() {
            const std::lock_guard lock{signal.mutex_};
            signal.places_.erase(at);
        }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        Signal& signal;
        std::shared_ptr<asio::steady_timer> timer;
        std::list<Place*>::iterator at;
    };

    std::atomic<std::uint64_t> revision_{0};
    std::mutex mutex_;
    std::list<Place*> places_;
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

  private:
    asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
    Handler handler_;
};

class SqliteDatabase final : public Database {
  public:
    SqliteDatabase(std::unique_ptr<FileLock> lock, std::unique_ptr<Connection> writer,
                   std::vector<std::unique_ptr<Connection>> readers, core::Log& log,
                   core::Metrics& metrics)
        : lock_{std::move(lock)},
          writer_{std::make_unique<sqlite::Writer>(
              std::move(writer), [this] { signal_.bump(); }, log, metrics)} {
        if (!readers.empty()) readers_ = std::make_unique<sqlite::Readers>(std::move(readers));
    }
    ~SqliteDatabase() override { close(); }

    core::Task<Expected<Done>> run_write(Job job) override { return submit(std::move(job), false); }
    core::Task<Expected<Done>> run_read(Job job) override { return submit(std::move(job), true); }
    ChangeSignal& changes() override { return signal_; }
    bool failed() const override { return writer_ && writer_->failed(); }

    void close() override {
        if (!writer_) return;
        if (readers_) readers_->stop();
        writer_->stop();
        // Best effort: an unfolded log is read again at the next start. After a failed write that start
        // is the one to fold it, with eyes that believe nothing.
        if (writer_->failed()) {
            writer_->connection().keep_log();
        } else {
            (void)writer_->connection().exec("PRAGMA wal_checkpoint(TRUNCATE)").has_value();
        }
        readers_.reset();
        writer_.reset();
        lock_.reset();
    }

  private:
    core::Task<Expected<Done>> submit(Job job, bool reads) {
        return asio::async_initiate<const asio::use_awaitable_t<>, void(Expected<Done>)>(
            [this](auto handler, Job moved, bool only_reads) {
                using Handler = decltype(handler);
                sqlite::Ticket ticket{std::move(moved), only_reads,
                                      std::make_unique<AsioWaiter<Handler>>(std::move(handler))};
                const bool taken = only_reads && readers_ ? readers_->push(ticket)
                                                          : writer_ && writer_->push(ticket);
                if (!taken) ticket.waiter->complete(Error{Errc::kCancelled, "the store is closed"});
            },
            asio::use_awaitable, std::move(job), reads);
    }

    std::unique_ptr<FileLock> lock_;
    Signal signal_;
    std::unique_ptr<sqlite::Writer> writer_;
    std::unique_ptr<sqlite::Readers> readers_;
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

Expected<std::unique_ptr<Database>> open_database(DatabaseOptions options, core::Log& log,
                                                  core::Metrics& metrics) {
    const bool in_memory = options.path == ":memory:";
    std::unique_ptr<FileLock> lock;
    if (!in_memory) {
        if (options.exclusive) {
            auto taken = FileLock::take(options.path + ".lock");
            if (!taken) return taken.error();
            lock = std::move(*taken);
        }
        if (auto made = create_private(options.path); !made) return made.error();
    }
    auto writer = Connection::open(options.path, sqlite::Access::kReadWrite);
    if (!writer) return writer.error();
    if (auto sound = sqlite::quick_check(**writer, options.path); !sound) return sound.error();
    if (auto ready = sqlite::migrate(**writer, options.path, options.migrate); !ready) {
        return ready.error();
    }
    if (!in_memory && options.exclusive) {
        if (auto can = sqlite::prove_writable(**writer, options.path); !can) return can.error();
    }
    std::vector<std::unique_ptr<Connection>> readers;
    for (unsigned i = 0; !in_memory && i < std::max(options.readers, 1U); ++i) {
        auto reader = Connection::open(options.path, sqlite::Access::kReadOnly);
        if (!reader) return reader.error();
        readers.push_back(std::move(*reader));
    }
    return std::unique_ptr<Database>{std::make_unique<SqliteDatabase>(
        std::move(lock), std::move(*writer), std::move(readers), log, metrics)};
}

}  // namespace db
