#include <catch2/catch.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "tests/support/ram_disk.hpp"
#include "tests/unit/db/bench.hpp"

// The store without threads, as the simulation uses it.

namespace asio = boost::asio;
using core::Done;
using core::Errc;
using core::Error;
using core::Expected;
using db::UnitOfWork;
using namespace support;

namespace {

db::DatabaseOptions without_threads(std::string path) {
    db::DatabaseOptions options;
    options.path = std::move(path);
    options.threads = false;
    return options;
}

Bench::Job insert_session(char id) {
    return [id](UnitOfWork& work) { return work.sessions().insert(session_row(id), "", ""); };
}

Expected<bool> load(UnitOfWork& work, char id) {
    auto row = work.sessions().load(core::SessionId{std::string(32, id)});
    if (!row) return row.error();
    return row->has_value();
}

bool has_session(Bench& bench, char id) {
    bool found = false;
    auto read = bench.read([&](UnitOfWork& work) -> Expected<Done> {
        found = load(work, id).value();
        return Done{};
    });
    REQUIRE(read.has_value());
    return found;
}

core::Task<void> write_and_note(db::Database& database, char id, std::string& order) {
    auto written = co_await database.run_write(insert_session(id));
    order += written ? id : written.error().code == Errc::kCancelled ? '-' : '!';
}

core::Task<void> read_and_note(db::Database& database, char id, std::string& order) {
    db::Database::Job job = [id](UnitOfWork& work) -> Expected<Done> {
        auto found = load(work, id);
        if (!found) return found.error();
        return *found ? Expected<Done>{Done{}} : core::invalid("not there");
    };
    auto read = co_await database.run_read(std::move(job));
    order += read ? '+' : '?';
}

core::Task<void> wait_and_note(db::Database& database, core::Millis at_most, std::uint64_t& got) {
    got = co_await database.changes().wait(database.changes().revision(), at_most);
}

}  // namespace

TEST_CASE("database without threads: jobs that wait together -> one commit, answers in their order") {
    Scratch scratch;
    for (const std::string& path : {std::string{":memory:"}, scratch.file()}) {
        Bench bench{without_threads(path)};
        const auto before = bench.database->changes().revision();
        std::string order;
        for (char id = 'a'; id <= 'e'; ++id) {
            asio::co_spawn(bench.loop(), write_and_note(*bench.database, id, order), asio::detached);
        }
        // A neighbour that fails: the same id again.
        asio::co_spawn(bench.loop(), write_and_note(*bench.database, 'c', order), asio::detached);
        asio::co_spawn(bench.loop(), write_and_note(*bench.database, 'f', order), asio::detached);
        bench.loop().restart();
        bench.loop().run();
        CHECK(order == "abcde!f");
        CHECK(bench.database->changes().revision() == before + 1);
        CHECK(has_session(bench, 'f'));
    }
}

TEST_CASE("database without threads: a job -> not run before the caller's loop turns, answer never inline") {
    Bench bench{without_threads(":memory:")};
    int step = 0;
    db::Database::Job job = [&step](UnitOfWork&) -> Expected<Done> {
        CHECK(step == 1);
        step = 2;
        return Done{};
    };
    asio::co_spawn(
        bench.loop(), bench.database->run_write(std::move(job)),
        [&step](const std::exception_ptr&, const Expected<Done>&) { step = 3; });
    bench.loop().restart();
    bench.loop().run_one();
    CHECK(step == 0);
    step = 1;
    bench.loop().run_one();
    CHECK(step == 2);
    bench.loop().run();
    CHECK(step == 3);
}

TEST_CASE("database without threads: a read beside a write -> sees what was committed before") {
    // With a connection to read on, and with the writer's alone.
    for (const unsigned readers : {1U, 0U}) {
        Scratch scratch;
        auto options = without_threads(scratch.file());
        options.readers = readers;
        Bench bench{std::move(options)};
        std::string order;
        asio::co_spawn(bench.loop(), write_and_note(*bench.database, 'a', order), asio::detached);
        asio::co_spawn(bench.loop(), read_and_note(*bench.database, 'a', order), asio::detached);
        bench.loop().restart();
        bench.loop().run();
        CHECK(order == "?a");
        CHECK(has_session(bench, 'a'));
        CHECK(bench.read(insert_session('b')).error().code == Errc::kStorage);
        CHECK(!has_session(bench, 'b'));
        bench.done(insert_session('c'));
        CHECK(has_session(bench, 'c'));
    }
}

TEST_CASE("database without threads: closed with jobs waiting -> they are done, later ones are refused") {
    Scratch scratch;
    std::string order;
    {
        Bench bench{without_threads(scratch.file())};
        asio::co_spawn(bench.loop(), write_and_note(*bench.database, 'a', order), asio::detached);
        bench.loop().restart();
        bench.loop().run_one();
        bench.database->close();
        CHECK(order.empty());
        bench.loop().run();
        CHECK(order == "a");
        CHECK(bench.write(insert_session('b')).error().code == Errc::kCancelled);
        CHECK(!std::filesystem::exists(scratch.file("test.db-wal")));
    }
    Bench again{scratch.file()};
    CHECK(has_session(again, 'a'));
}

TEST_CASE("database without threads: destroyed with jobs waiting -> nothing of them is written, the log "
          "stays as it was") {
    Scratch scratch;
    std::string order;
    {
        Bench bench{without_threads(scratch.file())};
        bench.done(insert_session('a'));
        asio::co_spawn(bench.loop(), write_and_note(*bench.database, 'b', order), asio::detached);
        bench.loop().restart();
        bench.loop().run_one();
        const auto size = std::filesystem::file_size(scratch.file());
        const auto log_size = std::filesystem::file_size(scratch.file("test.db-wal"));
        CHECK(log_size > 0);
        bench.database.reset();
        CHECK(std::filesystem::file_size(scratch.file()) == size);
        CHECK(std::filesystem::file_size(scratch.file("test.db-wal")) == log_size);
        bench.loop().run();
        CHECK(order == "-");
    }
    Bench again{scratch.file()};
    CHECK(has_session(again, 'a'));
    CHECK(!has_session(again, 'b'));
}

TEST_CASE("database without threads: its loop goes first, with jobs and waiters -> they go with it") {
    NullLog log;
    NullMetrics metrics;
    std::string order;
    std::uint64_t woken = 0;
    std::unique_ptr<db::Database> database;
    {
        asio::io_context loop;
        ManualClock clock{loop.get_executor()};
        database = std::move(db::open_database(without_threads(":memory:"), clock, log, metrics).value());
        asio::co_spawn(loop, write_and_note(*database, 'a', order), asio::detached);
        asio::co_spawn(loop, wait_and_note(*database, core::Millis{1'000}, woken), asio::detached);
        loop.run_one();
        loop.run_one();
    }
    CHECK(order.empty());
    CHECK(woken == 0);
    database.reset();
}

TEST_CASE("change signal: a clock that is turned by hand -> a commit or that time wakes, nothing else") {
    Bench bench{without_threads(":memory:")};
    std::uint64_t got = 0;
    const auto before = bench.database->changes().revision();
    const core::Millis minute{60'000};
    asio::co_spawn(bench.loop(), wait_and_note(*bench.database, minute, got), asio::detached);
    bench.loop().restart();
    bench.loop().poll();
    bench.clock.advance(minute - core::Millis{1});
    bench.loop().poll();
    CHECK(got == 0);
    bench.clock.advance(core::Millis{1});
    bench.loop().run();
    CHECK(got == before);

    asio::co_spawn(bench.loop(), wait_and_note(*bench.database, minute, got), asio::detached);
    bench.loop().restart();
    bench.loop().poll();
    bench.done(insert_session('a'));
    CHECK(got == before + 1);
    CHECK(bench.clock.sleepers() == 0);

    // The store goes while somebody waits: they still end by their time.
    got = 0;
    asio::co_spawn(bench.loop(), wait_and_note(*bench.database, minute, got), asio::detached);
    bench.loop().restart();
    bench.loop().poll();
    bench.database.reset();
    bench.clock.advance(minute);
    bench.loop().run();
    CHECK(got == before + 1);
}

namespace {

core::Task<void> note_concern(db::Database& database, std::uint64_t seen, db::Concern concern,
                              std::uint64_t& got) {
    got = co_await database.changes().wait(seen, core::Millis{60'000}, concern);
}

Expected<Done> append_fact(UnitOfWork& work) {
    db::Fact fact;
    fact.chain = kChain;
    auto seq = work.facts().append(fact);
    if (!seq) return seq.error();
    return Done{};
}

Expected<Done> cancel_session(UnitOfWork& work) {
    auto row = work.sessions().load(core::SessionId{std::string(32, 'a')}).value().value();
    db::JournalEntry entry;
    entry.session = row.session.id;
    entry.from = row.session.state;
    entry.to = session::State::kCancelled;
    entry.event = "test";
    row.session.state = entry.to;
    return work.sessions().save(row, row.version, entry);
}

}  // namespace

TEST_CASE("change signal: a commit -> wakes those whom it concerns, and no others") {
    Bench bench{without_threads(":memory:")};
    auto& loop = bench.loop();
    const auto begun = bench.database->changes().revision();
    const auto wait = [&](std::uint64_t seen, db::Concern concern, std::uint64_t& got) {
        asio::co_spawn(loop, note_concern(*bench.database, seen, concern, got), asio::detached);
        loop.restart();
        loop.poll();
    };
    const auto commit = [&](Bench::Job job) {
        bool written = false;
        asio::co_spawn(loop, bench.database->run_write(std::move(job)),
                       [&](const std::exception_ptr&, const Expected<Done>& result) {
                           written = result.has_value();
                       });
        loop.restart();
        loop.poll();
        REQUIRE(written);
    };
    std::uint64_t facts = 0;
    std::uint64_t payouts = 0;
    std::uint64_t none = 0;
    std::uint64_t sessions = 0;
    wait(begun, db::Concern::kFacts, facts);
    wait(begun, db::Concern::kPayouts, payouts);
    wait(begun, db::Concern::kSessions, sessions);
    wait(begun, db::Concern::kNone, none);

    commit(insert_session('a'));
    CHECK(bench.database->changes().revision() == begun + 1);
    CHECK(bench.clock.sleepers() == 4);
    commit(append_fact);
    CHECK(facts == begun + 2);
    CHECK(payouts == 0);
    commit([](UnitOfWork& work) { return work.blocks().halt(kChain, "test", kNow); });
    CHECK(payouts == begun + 3);
    CHECK(sessions == 0);
    CHECK(bench.clock.sleepers() == 2);
    commit(cancel_session);
    CHECK(sessions == begun + 4);
    CHECK(bench.clock.sleepers() == 1);

    // Who looked last before the newest commit of their kind does not wait; who looked after it does.
    std::uint64_t late = 0;
    wait(begun + 1, db::Concern::kFacts, late);
    CHECK(late == begun + 4);
    std::uint64_t later = 0;
    wait(begun + 2, db::Concern::kFacts, later);
    CHECK(later == 0);
    bench.clock.advance(core::Millis{60'000});
    loop.restart();
    loop.poll();
    CHECK(none == begun + 4);
    CHECK(later == begun + 4);
}

TEST_CASE("change signal: a write fails for good -> who waits for commits hears of it [F89]", "[F89]") {
    Disk disk{1};
    auto options = without_threads("test.db");
    options.vfs = disk.vfs();
    Bench bench{std::move(options)};
    std::uint64_t got = 0;
    std::string order;
    const auto before = bench.database->changes().revision();
    asio::co_spawn(bench.loop(), wait_and_note(*bench.database, core::Millis{60'000}, got),
                   asio::detached);
    bench.loop().restart();
    bench.loop().poll();
    disk.fail_from(1, DiskFailure::kFull);
    asio::co_spawn(bench.loop(), write_and_note(*bench.database, 'a', order), asio::detached);
    bench.loop().poll();
    CHECK(order == "!");
    CHECK(bench.database->failed());
    CHECK(got == before + 1);
    CHECK(bench.clock.sleepers() == 0);
    bench.clock.advance(core::Millis{60'000});
    bench.loop().poll();
}

namespace {

core::Task<void> note_session(db::Database& database, std::uint64_t seen, char id,
                              std::uint64_t& got) {
    got = co_await database.changes().wait_for_session(seen, core::Millis{60'000},
                                                       core::SessionId{std::string(32, id)});
}

}  // namespace

TEST_CASE("change signal: a session changes -> wakes who waits for it, not for another one") {
    Bench bench{without_threads(":memory:")};
    auto& loop = bench.loop();
    const auto turn = [&] {
        loop.restart();
        loop.poll();
    };
    const auto commit = [&](Bench::Job job) {
        bool written = false;
        asio::co_spawn(loop, bench.database->run_write(std::move(job)),
                       [&](const std::exception_ptr&, const Expected<Done>& result) {
                           written = result.has_value();
                       });
        turn();
        REQUIRE(written);
    };
    commit(insert_session('a'));
    commit(insert_session('b'));
    const auto begun = bench.database->changes().revision();
    std::uint64_t own = 0;
    std::uint64_t other = 0;
    asio::co_spawn(loop, note_session(*bench.database, begun, 'a', own), asio::detached);
    asio::co_spawn(loop, note_session(*bench.database, begun, 'b', other), asio::detached);
    turn();
    CHECK(bench.clock.sleepers() == 2);
    commit(cancel_session);
    CHECK(own == begun + 1);
    CHECK(other == 0);
    CHECK(bench.clock.sleepers() == 1);
    // It changed after this look, so that nobody waits.
    std::uint64_t late = 0;
    asio::co_spawn(loop, note_session(*bench.database, begun, 'a', late), asio::detached);
    turn();
    CHECK(late == begun + 1);
}

TEST_CASE("change signal: a deposit of a session is recorded -> wakes who waits for the session") {
    Bench bench{without_threads(":memory:")};
    auto& loop = bench.loop();
    const auto turn = [&] {
        loop.restart();
        loop.poll();
    };
    const auto commit = [&](Bench::Job job) {
        asio::co_spawn(loop, bench.database->run_write(std::move(job)), asio::detached);
        turn();
    };
    commit(insert_session('a'));
    commit([](UnitOfWork& work) -> Expected<Done> {
        auto issued = work.receivers().issue(core::SessionId{std::string(32, 'a')}, "eip155", kNow,
                                             derive);
        if (!issued) return issued.error();
        return Done{};
    });
    const auto waiting = [&](std::uint64_t& got) {
        const auto now = bench.database->changes().revision();
        asio::co_spawn(loop, note_session(*bench.database, now, 'a', got), asio::detached);
        turn();
        REQUIRE(got == 0);
    };
    std::uint64_t recorded = 0;
    waiting(recorded);
    commit([](UnitOfWork& work) -> Expected<Done> {
        auto done = work.deposits().record(deposit_row(1, 13, 5));
        if (!done) return done.error();
        return Done{};
    });
    CHECK(recorded != 0);
    std::uint64_t claimed = 0;
    waiting(claimed);
    commit([](UnitOfWork& work) { return work.deposits().claim({1}, db::ClaimUse::kStray); });
    CHECK(claimed != 0);
    std::uint64_t orphaned = 0;
    waiting(orphaned);
    commit([](UnitOfWork& work) -> Expected<Done> {
        auto gone = work.deposits().orphan_above(kChain, 12);
        if (!gone) return gone.error();
        return Done{};
    });
    CHECK(orphaned != 0);
}
