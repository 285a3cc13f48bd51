#include <catch2/catch.hpp>

#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <SQLiteCpp/SQLiteCpp.h>

#include "db/sqlite/migrate.hpp"
#include "db/sqlite/worker.hpp"
#include "tests/support/still_clock.hpp"
#include "tests/unit/db/bench.hpp"

namespace asio = boost::asio;
using core::Done;
using core::Errc;
using core::Error;
using core::Expected;
using db::UnitOfWork;
using namespace support;

namespace {

Bench::Job insert_session(char id) {
    return [id](UnitOfWork& work) { return work.sessions().insert(session_row(id), "", ""); };
}

bool has_session(Bench& bench, char id) {
    bool found = false;
    auto read = bench.read([&](UnitOfWork& work) -> Expected<Done> {
        found = work.sessions().load(core::SessionId{std::string(32, id)}).value().has_value();
        return Done{};
    });
    REQUIRE(read.has_value());
    return found;
}

Error open_error(const db::DatabaseOptions& options) {
    NullLog log;
    NullMetrics metrics;
    StillClock clock;
    auto opened = db::open_database(options, clock, log, metrics);
    REQUIRE(!opened);
    return opened.error();
}

struct FutureWaiter final : db::sqlite::Waiter {
    asio::any_io_executor executor() const override { return {}; }
    explicit FutureWaiter(std::promise<Expected<Done>>& where) : promise{where} {}
    void complete(Expected<Done> result) override { promise.set_value(std::move(result)); }
    std::promise<Expected<Done>>& promise;
};

Expected<Done> push(db::sqlite::Writer& writer, Bench::Job job) {
    std::promise<Expected<Done>> promise;
    db::sqlite::Ticket ticket{std::move(job), false, std::make_unique<FutureWaiter>(promise)};
    REQUIRE(writer.push(ticket));
    return promise.get_future().get();
}

}  // namespace

TEST_CASE("database: jobs that wait together, one fails -> it leaves no trace, its neighbours stay") {
    Scratch scratch;
    for (const std::string& path : {std::string{":memory:"}, scratch.file()}) {
        Bench bench{path};
        std::vector<Bench::Job> jobs;
        for (char id = 'a'; id <= 'z'; ++id) {
            jobs.push_back([id](UnitOfWork& work) -> Expected<Done> {
                auto inserted = work.sessions().insert(session_row(id), "", "");
                if (inserted && id % 2 == 0) return Error{Errc::kRefused, "changed its mind"};
                return inserted;
            });
        }
        auto results = bench.write_all(std::move(jobs));
        for (char id = 'a'; id <= 'z'; ++id) {
            const auto& result = results[static_cast<std::size_t>(id - 'a')];
            CHECK(result.has_value() == (id % 2 != 0));
            CHECK(has_session(bench, id) == (id % 2 != 0));
        }
    }
}

TEST_CASE("database: a job that throws -> error to its caller, nothing stays, the store lives") {
    Bench bench;
    auto thrown = bench.write([](UnitOfWork& work) -> Expected<Done> {
        (void)work.sessions().insert(session_row('a'), "", "").has_value();
        throw std::runtime_error{"oh"};
    });
    REQUIRE(!thrown);
    CHECK(thrown.error().code == Errc::kStorage);
    CHECK(!has_session(bench, 'a'));
    CHECK(bench.write(insert_session('b')).has_value());
}

TEST_CASE("database: a write in a read view -> refused as storage, in memory and in a file") {
    Scratch scratch;
    for (const std::string& path : {std::string{":memory:"}, scratch.file()}) {
        Bench bench{path};
        auto written = bench.read(insert_session('a'));
        REQUIRE(!written);
        CHECK(written.error().code == Errc::kStorage);
        CHECK(bench.write(insert_session('a')).has_value());
    }
}

TEST_CASE("database: opened again -> what was committed is there, migrations run once") {
    Scratch scratch;
    {
        Bench bench{scratch.file()};
        bench.done(insert_session('a'));
        bench.database->close();
        auto late = bench.write(insert_session('b'));
        REQUIRE(!late);
        CHECK(late.error().code == Errc::kCancelled);
    }
    Bench again{scratch.file()};
    CHECK(has_session(again, 'a'));
}

TEST_CASE("database: file and log copied under a living process -> the copy holds every commit [F82]",
          "[F82]") {
    Scratch scratch;
    Bench bench{scratch.file("live.db")};
    for (char id = 'a'; id <= 'e'; ++id) bench.done(insert_session(id));
    // What a crash leaves: the main file and the log, never folded.
    std::filesystem::copy_file(scratch.file("live.db"), scratch.file("copy.db"));
    std::filesystem::copy_file(scratch.file("live.db-wal"), scratch.file("copy.db-wal"));
    Bench copy{scratch.file("copy.db")};
    for (char id = 'a'; id <= 'e'; ++id) CHECK(has_session(copy, id));
}

TEST_CASE("database: a second one that serves -> refused, names the process; a command may open [F83]",
          "[F83]") {
    Scratch scratch;
    Bench serving{scratch.file(), true};
    const Error refused = open_error({scratch.file(), 1, true, true});
    CHECK(refused.code == Errc::kHalted);
    CHECK(refused.message.find(std::to_string(::getpid())) != std::string::npos);
    {
        Bench command{scratch.file(), false};
        command.done(insert_session('a'));
    }
    // Closing the command's connections must not have loosened anything.
    CHECK(open_error({scratch.file(), 1, true, true}).code == Errc::kHalted);
    CHECK(has_session(serving, 'a'));
    serving.database->close();
    Bench next{scratch.file(), true};
    CHECK(has_session(next, 'a'));
}

TEST_CASE("database: a file that is not ours, newer or damaged -> refused with what to do") {
    Scratch scratch;
    { SQLite::Database{scratch.file("other.db"), 6}.exec("CREATE TABLE t (x)"); }
    CHECK(open_error({scratch.file("other.db"), 1, true, true}).message.find("another program") !=
          std::string::npos);

    { Bench bench{scratch.file("newer.db")}; }
    { SQLite::Database{scratch.file("newer.db"), 2}.exec("PRAGMA user_version = 999"); }
    CHECK(open_error({scratch.file("newer.db"), 1, true, true}).message.find("newer") !=
          std::string::npos);

    CHECK(open_error({scratch.file("fresh.db"), 1, true, false}).message.find("schema 0") !=
          std::string::npos);

    {
        const std::string garbage(8192, 'x');
        FILE* file = std::fopen(scratch.file("bad.db").c_str(), "wb");
        REQUIRE(file != nullptr);
        std::fwrite(garbage.data(), 1, garbage.size(), file);
        std::fclose(file);
    }
    CHECK(open_error({scratch.file("bad.db"), 1, true, true}).code == Errc::kStorage);
}

TEST_CASE("migrate: a step that fails half way -> the file stays at the step before") {
    Scratch scratch;
    auto opened = db::sqlite::Connection::open(scratch.file(), db::sqlite::Access::kReadWrite);
    REQUIRE(opened.has_value());
    auto& connection = **opened;
    const db::sqlite::Migration good{"0001_a", "CREATE TABLE a (x INTEGER) STRICT;"};
    const db::sqlite::Migration bad{"0002_b", "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO c;"};
    const db::sqlite::Migration mended{"0002_b", "CREATE TABLE b (x INTEGER) STRICT;"};
    const std::vector broken{good, bad};
    auto failed = db::sqlite::migrate(connection, "f", true, broken);
    REQUIRE(!failed);
    CHECK(failed.error().message.find("0002_b") != std::string::npos);
    const std::vector whole{good, mended};
    CHECK(db::sqlite::migrate(connection, "f", true, whole).has_value());
    CHECK(db::sqlite::migrate(connection, "f", true, whole).has_value());
    CHECK(connection.exec("SELECT a.x FROM a, b").has_value());
}

TEST_CASE("database: the disk is full -> that write and all later ones fail, what was said stays [F89]",
          "[F89]") {
    Scratch scratch;
    { Bench bench{scratch.file()}; }
    {
        // max_page_count belongs to a connection: the writer is driven directly.
        NullMetrics metrics;
        RecordingLog log;
        int told = 0;
        auto opened = db::sqlite::Connection::open(scratch.file(), db::sqlite::Access::kReadWrite);
        REQUIRE(opened.has_value());
        REQUIRE((*opened)->exec("PRAGMA max_page_count = 1").has_value());
        db::sqlite::Writer writer{std::make_unique<db::sqlite::WriteJobs>(
            std::move(*opened), [&](db::sqlite::Touched) { ++told; }, log, metrics, true)};
        auto huge = push(writer, [](UnitOfWork& work) -> Expected<Done> {
            auto row = session_row('a');
            row.display_json = std::string(4'000'000, 'x');
            return work.sessions().insert(row, "", "");
        });
        REQUIRE(!huge);
        CHECK(huge.error().code == Errc::kStorage);
        auto small = push(writer, insert_session('b'));
        REQUIRE(!small);
        CHECK(small.error().code == Errc::kStorage);
        CHECK(log.lines().size() == 1);
        writer.stop();
        CHECK(told == 1);  // of the failure
    }
    Bench again{scratch.file()};
    CHECK(!has_session(again, 'a'));
    CHECK(again.write(insert_session('b')).has_value());
}

namespace {

core::Task<std::uint64_t> wait_for(db::Database& database, std::uint64_t seen, int ms) {
    co_return co_await database.changes().wait(seen, core::Millis{ms});
}

core::Task<void> note_revision(db::Database& database, std::uint64_t seen, std::uint64_t& got) {
    got = co_await wait_for(database, seen, 60'000);
}

}  // namespace

TEST_CASE("change signal: a commit -> every waiter wakes; a failed job or a look wakes nobody") {
    Bench bench;
    auto& changes = bench.database->changes();
    const auto before = changes.revision();
    CHECK(!bench.write([](UnitOfWork&) -> Expected<Done> { return core::invalid("no"); }));
    CHECK(bench.write([](UnitOfWork&) -> Expected<Done> { return Done{}; }).has_value());
    CHECK(changes.revision() == before);

    auto& loop = bench.loop();
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    asio::co_spawn(loop, note_revision(*bench.database, before, first), asio::detached);
    asio::co_spawn(loop, note_revision(*bench.database, before, second), asio::detached);
    loop.restart();
    loop.poll();
    CHECK(bench.clock.sleepers() == 2);
    bench.done(insert_session('a'));
    CHECK(first == changes.revision());
    CHECK(second == first);
    CHECK(first > before);
    CHECK(bench.clock.sleepers() == 0);

    auto timed = asio::co_spawn(loop, wait_for(*bench.database, first, 1), asio::use_future);
    auto passed = asio::co_spawn(loop, wait_for(*bench.database, before, 60'000), asio::use_future);
    loop.restart();
    loop.poll();
    CHECK(passed.wait_for(std::chrono::seconds{0}) == std::future_status::ready);
    CHECK(timed.wait_for(std::chrono::seconds{0}) == std::future_status::timeout);
    bench.clock.advance(core::Millis{1});
    loop.run();
    CHECK(timed.get() == first);
    CHECK(passed.get() == first);
}

namespace {

core::Task<void> write_many(db::Database& database, int count, std::atomic<int>& wrong) {
    const auto me = std::this_thread::get_id();
    for (int i = 0; i < count; ++i) {
        db::Database::Job job = [](UnitOfWork& work) -> Expected<Done> {
            db::Fact fact;
            fact.chain = kChain;
            auto seq = work.facts().append(fact);
            if (!seq) return seq.error();
            return Done{};
        };
        auto written = co_await database.run_write(std::move(job));
        db::Database::Job look = [](UnitOfWork& work) -> Expected<Done> {
            auto newest = work.facts().newest();
            if (!newest) return newest.error();
            return newest->value > 0 ? Expected<Done>{Done{}} : core::invalid("not seen");
        };
        auto read = co_await database.run_read(std::move(look));
        if (!written || !read || std::this_thread::get_id() != me) ++wrong;
    }
}

}  // namespace

TEST_CASE("database: loops on several threads at once -> each resumes on its own, nothing is lost") {
    Scratch scratch;
    std::vector<asio::io_context> loops(4);
    Bench bench{scratch.file()};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (auto& loop : loops) {
        threads.emplace_back([&] {
            for (int c = 0; c < 8; ++c) {
                asio::co_spawn(loop, write_many(*bench.database, 10, wrong), asio::detached);
            }
            loop.run();
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        CHECK(work.facts().newest().value().value == 320);
        return Done{};
    });
}
