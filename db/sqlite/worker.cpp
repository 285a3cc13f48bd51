#include "db/sqlite/worker.hpp"

#include <chrono>

#include "core/crash_point.hpp"

namespace db::sqlite {
namespace {

// Bounds the memory and the latency of one commit; far more than ever wait at once.
constexpr std::size_t kBatchMax = 512;

constexpr char kBegin[] = "BEGIN IMMEDIATE";
constexpr char kCommit[] = "COMMIT";
constexpr char kRollback[] = "ROLLBACK";
constexpr char kSave[] = "SAVEPOINT job";
constexpr char kKeep[] = "RELEASE job";
constexpr char kUndo[] = "ROLLBACK TO job";
constexpr char kBeginRead[] = "BEGIN DEFERRED";
constexpr char kEndRead[] = "COMMIT";
constexpr char kQueryOnly[] = "PRAGMA query_only = 1";
constexpr char kQueryAlso[] = "PRAGMA query_only = 0";

Expected<Done> plain(Connection& connection, const char* sql) {
    return guarded(connection, [&]() -> Expected<Done> {
        Query{connection, sql}.run();
        return Done{};
    });
}

//! A job that throws is our bug; its caller hears of it and nothing of it stays.
Expected<Done> run_job(const Database::Job& job, UnitOfWork& work) {
    try {
        return job(work);
    } catch (const std::exception& e) {
        return Error{Errc::kStorage, std::string{"the job threw: "} + e.what()};
    }
}

}  // namespace

bool Queue::push(Ticket& ticket) {
    {
        const std::lock_guard lock{mutex_};
        if (stopped_) return false;
        tickets_.push_back(std::move(ticket));
    }
    wake_.notify_one();
    return true;
}

std::vector<Ticket> Queue::take(std::size_t limit) {
    std::vector<Ticket> out;
    std::unique_lock lock{mutex_};
    wake_.wait(lock, [&] { return stopped_ || !tickets_.empty(); });
    while (!tickets_.empty() && out.size() < limit) {
        out.push_back(std::move(tickets_.front()));
        tickets_.pop_front();
    }
    return out;
}

void Queue::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
    }
    wake_.notify_all();
}

Writer::Writer(std::unique_ptr<Connection> connection, std::function<void()> on_commit,
               core::Log& log, core::Metrics& metrics)
    : connection_{std::move(connection)},
      work_{make_unit_of_work(*connection_)},
      on_commit_{std::move(on_commit)},
      log_{log},
      metrics_{metrics},
      thread_{[this] { run(); }} {}

Writer::~Writer() { stop(); }

void Writer::stop() {
    queue_.stop();
    if (thread_.joinable()) thread_.join();
}

void Writer::run() {
    for (;;) {
        auto batch = queue_.take(kBatchMax);
        if (batch.empty()) return;
        run_batch(batch);
    }
}

void Writer::run_batch(std::vector<Ticket>& batch) {
    std::vector<Expected<Done>> results;
    results.reserve(batch.size());
    auto committed = transact(batch, results);
    if (!committed) {
        results.assign(batch.size(), committed.error());
    } else if (*committed) {
        on_commit_();
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i].job = nullptr;
        batch[i].waiter->complete(std::move(results[i]));
    }
}

Expected<bool> Writer::transact(std::vector<Ticket>& batch, std::vector<Expected<Done>>& results) {
    if (poisoned_) {
        return Error{Errc::kStorage, "the store stopped after a failed write; restart the service"};
    }
    const auto began_at = std::chrono::steady_clock::now();
    if (auto begun = plain(*connection_, kBegin); !begun) {
        if (connection_->broken()) poison(begun.error());
        return begun.error();
    }
    const std::int64_t before = connection_->changes();
    bool kept = false;
    for (Ticket& ticket : batch) {
        results.push_back(run_one(ticket, batch.size() == 1));
        kept = kept || (results.back() && !ticket.reads);
        // SQLite gives up the whole transaction on some failures, neighbours included.
        if (connection_->broken() || connection_->in_autocommit()) {
            const Error error{Errc::kStorage, results.back() ? std::string{"transaction lost"}
                                                             : results.back().error().message};
            if (!connection_->in_autocommit()) (void)plain(*connection_, kRollback).has_value();
            poison(error);
            return error;
        }
    }
    // Nobody is woken for a look that changed nothing.
    const bool wrote = kept && connection_->changes() != before;
    if (wrote) CRASH_POINT("commit_before");
    auto ended = plain(*connection_, wrote ? kCommit : kRollback);
    if (wrote) CRASH_POINT("commit_after");
    if (!ended) {
        if (!connection_->in_autocommit()) (void)plain(*connection_, kRollback).has_value();
        poison(ended.error());
        return ended.error();
    }
    if (wrote) {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_at;
        metrics_.observe("depositd_db_commit_seconds", {}, took.count());
        metrics_.observe("depositd_db_commit_jobs", {}, static_cast<double>(batch.size()));
    }
    return wrote;
}

Expected<Done> Writer::run_one(Ticket& ticket, bool alone) {
    // A failure of the only job takes the whole transaction back. A savepoint would also make each of
    // its statements walk the savepoint's journal: the time of a large job would grow with its square.
    if (!alone) {
        if (auto saved = plain(*connection_, kSave); !saved) return saved;
    }
    if (ticket.reads) {
        if (auto set = plain(*connection_, kQueryOnly); !set) return set;
    }
    auto result = run_job(ticket.job, *work_);
    if (connection_->in_autocommit()) return result;
    if (ticket.reads) {
        if (auto set = plain(*connection_, kQueryAlso); !set) return set;
    }
    if (alone) return result;
    if (!result) {
        if (auto undone = plain(*connection_, kUndo); !undone) return undone;
    }
    if (auto kept = plain(*connection_, kKeep); !kept) return kept;
    return result;
}

void Writer::poison(const Error& error) {
    poisoned_ = true;
    metrics_.count("depositd_db_failed_commits_total", {});
    log_.error("the store stopped: a write failed", {{"reason", error.message}});
}

Readers::Readers(std::vector<std::unique_ptr<Connection>> connections)
    : connections_{std::move(connections)} {
    threads_.reserve(connections_.size());
    for (auto& connection : connections_) {
        threads_.emplace_back([this, &connection = *connection] { run(connection); });
    }
}

Readers::~Readers() { stop(); }

void Readers::stop() {
    queue_.stop();
    for (std::thread& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

void Readers::run(Connection& connection) {
    const auto work = make_unit_of_work(connection);
    for (;;) {
        auto taken = queue_.take(1);
        if (taken.empty()) return;
        Ticket& ticket = taken.front();
        auto result = plain(connection, kBeginRead);
        if (result) {
            result = run_job(ticket.job, *work);
            if (!connection.in_autocommit()) {
                if (auto ended = plain(connection, kEndRead); !ended && result) {
                    result = ended.error();
                }
            }
        }
        ticket.job = nullptr;
        ticket.waiter->complete(std::move(result));
    }
}

}  // namespace db::sqlite
