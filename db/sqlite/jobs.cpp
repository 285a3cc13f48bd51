#include "db/sqlite/jobs.hpp"

#include <chrono>

#include "core/crash_point.hpp"

namespace db::sqlite {
namespace {

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

WriteJobs::WriteJobs(std::unique_ptr<Connection> connection, std::function<void(const Touched&)> on_change,
                     core::Log& log, core::Metrics& metrics, bool timed)
    : connection_{std::move(connection)},
      work_{make_unit_of_work(*connection_)},
      on_change_{std::move(on_change)},
      log_{log},
      metrics_{metrics},
      timed_{timed} {}

void WriteJobs::run(std::vector<Ticket>& batch) {
    std::vector<Expected<Done>> results;
    results.reserve(batch.size());
    auto committed = transact(batch, results);
    const Touched touched = connection_->take_touched();
    if (!committed) {
        results.assign(batch.size(), committed.error());
    } else if (*committed) {
        on_change_(touched);
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i].job = nullptr;
        batch[i].waiter->complete(std::move(results[i]));
    }
}

Expected<bool> WriteJobs::transact(std::vector<Ticket>& batch,
                                   std::vector<Expected<Done>>& results) {
    if (poisoned_) {
        return Error{Errc::kStorage, "the store stopped after a failed write; restart the service"};
    }
    using Stopwatch = std::chrono::steady_clock;
    const auto began_at = timed_ ? Stopwatch::now() : Stopwatch::time_point{};
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
        const auto ended_at = timed_ ? Stopwatch::now() : Stopwatch::time_point{};
        const std::chrono::duration<double> took = ended_at - began_at;
        metrics_.observe("depositd_db_commit_seconds", {}, took.count());
        metrics_.observe("depositd_db_commit_jobs", {}, static_cast<double>(batch.size()));
    }
    return wrote;
}

Expected<Done> WriteJobs::run_one(Ticket& ticket, bool alone) {
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

void WriteJobs::poison(const Error& error) {
    poisoned_ = true;
    Touched everything;
    everything.add_all();
    on_change_(everything);
    metrics_.count("depositd_db_failed_commits_total", {});
    log_.error("the store stopped: a write failed", {{"reason", error.message}});
}

ReadJobs::ReadJobs(std::unique_ptr<Connection> connection)
    : own_{std::move(connection)}, connection_{*own_}, work_{make_unit_of_work(connection_)} {}

ReadJobs::ReadJobs(Connection& borrowed)
    : connection_{borrowed}, work_{make_unit_of_work(connection_)} {}

void ReadJobs::run(Ticket& ticket) {
    auto result = run_one(ticket.job);
    ticket.job = nullptr;
    ticket.waiter->complete(std::move(result));
}

Expected<Done> ReadJobs::run_one(const Database::Job& job) {
    if (auto begun = plain(connection_, kBeginRead); !begun) return begun;
    const std::int64_t before = connection_.changes();
    auto result = run_job(job, *work_);
    if (connection_.in_autocommit()) return result;
    const bool wrote = connection_.changes() != before;
    auto ended = plain(connection_, wrote ? kRollback : kEndRead);
    if (wrote) return Error{Errc::kStorage, "a job that only reads has written"};
    return result && !ended ? ended : result;
}

}  // namespace db::sqlite
