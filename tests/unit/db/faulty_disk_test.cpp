#include <catch2/catch.hpp>

#include <map>

#include "tests/support/ram_disk.hpp"
#include "tests/support/still_clock.hpp"
#include "tests/unit/db/bench.hpp"

// SQLite over a disk that fails at a chosen write: every index of a small life, every way to fail.

using core::Done;
using core::Expected;
using db::UnitOfWork;
using namespace support;

namespace {

db::DatabaseOptions on(const Disk& disk, bool exclusive = true) {
    return {"test.db", 1, exclusive, true, disk.vfs(), false};
}

//! Two rows in one job: there is both or neither.
Bench::Job insert_pair(char id) {
    return [id](UnitOfWork& work) -> Expected<Done> {
        auto row = session_row(id);
        row.display_json = std::string(6'000, 'x');
        if (auto one = work.sessions().insert(row, "", ""); !one) return one.error();
        return work.sessions().insert(session_row(static_cast<char>(id - 32)), "", "");
    };
}

bool has_session(Bench& bench, char id) {
    bool found = false;
    bench.done([&](UnitOfWork& work) -> Expected<Done> {
        found = work.sessions().load(core::SessionId{std::string(32, id)}).value().has_value();
        return Done{};
    });
    return found;
}

//! Six jobs on a sound store whose disk fails from event `at` on (0: never); which were said to be done.
std::map<char, bool> live(Disk& disk, DiskFailure how, std::uint64_t at) {
    { Bench{on(disk)}.database->close(); }
    std::map<char, bool> said;
    Bench bench{on(disk, false)};
    disk.fail_from(at, how);
    for (char id = 'a'; id <= 'f'; ++id) {
        said[id] = bench.write(insert_pair(id)).has_value();
        CHECK(said[id] == !bench.database->failed());
    }
    bench.database->close();
    return said;
}

//! Of the kind that fails so.
std::uint64_t events(const Disk& disk, DiskFailure how) {
    return how == DiskFailure::kSyncError ? disk.syncs() : disk.writes();
}

}  // namespace

TEST_CASE("database: the disk fails at every write of a life, in every way -> all or nothing of each job, "
          "what was said stays [F89]",
          "[F89]") {
    for (const DiskFailure how : {DiskFailure::kFull, DiskFailure::kWriteError, DiskFailure::kTorn,
                                  DiskFailure::kSyncError}) {
        Disk whole{1};
        { Bench{on(whole)}.database->close(); }
        const std::uint64_t opened = events(whole, how);
        (void)live(whole, how, 0);
        const std::uint64_t count = events(whole, how) - opened;
        REQUIRE(count > (how == DiskFailure::kSyncError ? 5 : 20));
        int struck = 0;
        for (std::uint64_t at = 1; at <= count; ++at) {
            Disk disk{at};
            auto said = live(disk, how, at);
            if (!said['f']) ++struck;
            disk.heal();
            Bench again{on(disk)};
            for (const auto& [id, written] : said) {
                INFO("failure " << static_cast<int>(how) << " at " << at << ", job " << id);
                const bool there = has_session(again, id);
                CHECK(there == has_session(again, static_cast<char>(id - 32)));
                CHECK((there || !written));
            }
            CHECK(again.write(insert_pair('g')).has_value());
        }
        CHECK(struck > 5);
    }
}

TEST_CASE("database: opened to serve on a full disk -> refused, says to make room [F89]", "[F89]") {
    Disk disk{1};
    { Bench{on(disk)}.database->close(); }
    NullLog log;
    NullMetrics metrics;
    StillClock clock;
    disk.fail_from(1, DiskFailure::kFull);
    auto refused = db::open_database(on(disk), clock, log, metrics);
    REQUIRE(!refused);
    CHECK(refused.error().message.find("make room") != std::string::npos);
    disk.heal();
    Bench again{on(disk)};
    CHECK(again.write(insert_pair('a')).has_value());
}
