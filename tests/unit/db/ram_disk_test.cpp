#include <catch2/catch.hpp>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <set>

#include "tests/support/ram_disk.hpp"
#include "tests/support/ram_file.hpp"
#include "tests/unit/db/bench.hpp"

// The simulated disk: what survives on it, and that a run on it can be repeated.

using core::Done;
using core::Expected;
using db::UnitOfWork;
using namespace support;

namespace {

struct SeededRng final : core::Rng {
    explicit SeededRng(std::uint64_t seed) : state{seed} {}
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            byte = static_cast<std::uint8_t>(state >> 56U);
        }
    }
    std::uint64_t state;
};

RamFile::Content filled(std::size_t size, std::uint8_t with) { return RamFile::Content(size, with); }

std::unique_ptr<SQLite::Database> open_raw(const Disk& disk, const std::string& synchronous) {
    auto database = std::make_unique<SQLite::Database>(
        "raw.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 0, disk.vfs().c_str());
    database->exec("PRAGMA journal_mode = WAL");
    database->exec("PRAGMA synchronous = " + synchronous);
    // Small enough to be folded a few times.
    database->exec("PRAGMA wal_autocheckpoint = 8");
    database->exec("CREATE TABLE IF NOT EXISTS t (number INTEGER PRIMARY KEY, text TEXT)");
    return database;
}

//! Commits numbers until the disk refuses or twelve are in; the last that was said to be in.
int live(const Disk& disk, const std::string& synchronous) {
    int said = 0;
    try {
        const auto database = open_raw(disk, synchronous);
        for (int number = 1; number <= 12; ++number) {
            database->exec("INSERT INTO t VALUES (" + std::to_string(number) + ", '" +
                           std::string(3'000, 'x') + "')");
            said = number;
        }
    } catch (const SQLite::Exception&) {
    }
    return said;
}

//! The last number in the file; -1 when it is damaged or there is a hole before it.
int found(const Disk& disk) {
    try {
        const auto database = open_raw(disk, "FULL");
        if (database->execAndGet("PRAGMA integrity_check").getString() != "ok") return -1;
        const int last = database->execAndGet("SELECT coalesce(max(number), 0) FROM t").getInt();
        const int count = database->execAndGet("SELECT count(*) FROM t").getInt();
        return count == last ? last : -1;
    } catch (const SQLite::Exception&) {
        return -1;
    }
}

struct Toll {
    int lives = 0;
    int unsaid = 0;  //!< ended with more than was said
    int lost = 0;
};

//! Power is lost at every event of a life, several times with different luck.
Toll lose_power_everywhere(const std::string& synchronous) {
    Toll toll;
    bool died = true;
    for (std::uint64_t at = 1; died; ++at) {
        for (std::uint64_t luck = 1; luck <= 8; ++luck) {
            died = false;
            Disk disk{luck};
            disk.on_event([&](const DiskEvent& event) {
                if (event.number != at) return;
                died = true;
                disk.die();
            });
            const int said = live(disk, synchronous);
            SeededRng rng{luck * 1'000 + at};
            disk.lose_power(rng);
            disk.restart();
            const int left = found(disk);
            ++toll.lives;
            if (left > said) ++toll.unsaid;
            if (left < said) ++toll.lost;
        }
    }
    return toll;
}

}  // namespace

TEST_CASE("ram file: power is lost -> synced bytes stay, each other sector is old or new, every outcome "
          "occurs") {
    std::set<std::string> ends;
    for (std::uint64_t luck = 1; luck <= 200; ++luck) {
        RamFile file;
        file.write(0, filled(2'048, 'a'));
        file.sync();
        file.write(700, filled(1'000, 'b'));
        file.write(2'048, filled(512, 'c'));
        SeededRng rng{luck};
        file.lose_power(rng);
        const std::string now{file.content().begin(), file.content().end()};
        REQUIRE(now.size() >= 2'048);
        CHECK(now.substr(0, 700) == std::string(700, 'a'));
        CHECK(now.substr(1'700, 348) == std::string(348, 'a'));
        std::string end;
        for (const std::size_t at : {700U, 1'023U, 1'024U, 1'535U, 1'536U, 1'699U}) end += now[at];
        CHECK(end[1] == end[0]);
        CHECK(end[3] == end[2]);
        CHECK(end[5] == end[4]);
        ends.insert(end + (now.size() > 2'048 ? "+" : "-"));
    }
    // Neither, both whole; the front or the back of the first; the second or not.
    for (const char* end : {"aaaaaa-", "bbbbbb+", "bbaaaa-", "bbbbaa+", "aaaabb-", "aabbbb+"}) {
        CHECK(ends.contains(end));
    }
}

TEST_CASE("ram file: a sync failed -> what it was for stays doubtful, unless it is written again") {
    int lost = 0;
    for (std::uint64_t luck = 1; luck <= 50; ++luck) {
        RamFile file;
        file.write(0, filled(512, 'a'));
        file.write(512, filled(512, 'a'));
        file.sync_failed();
        file.write(512, filled(512, 'b'));
        file.sync();
        SeededRng rng{luck};
        file.lose_power(rng);
        REQUIRE(file.content().size() == 1'024);
        CHECK(file.content()[512] == 'b');
        if (file.content()[0] != 'a') ++lost;
    }
    CHECK(lost > 5);
}

TEST_CASE("ram disk: power is lost at every event of a life, log and full sync -> what was said is there "
          "[F82]",
          "[F82]") {
    const Toll toll = lose_power_everywhere("FULL");
    CHECK(toll.lost == 0);
    CHECK(toll.unsaid > 0);
    CHECK(toll.lives > 400);
}

TEST_CASE("ram disk: the same without syncs -> something is lost, so the disk does bite") {
    CHECK(lose_power_everywhere("OFF").lost > 20);
}

TEST_CASE("ram disk: the process dies -> nothing it still does changes a byte, another finds all") {
    Disk disk{1};
    auto first = open_raw(disk, "FULL");
    first->exec("INSERT INTO t VALUES (1, 'one')");
    const auto content = disk.digest();
    disk.die();
    CHECK_THROWS(first->exec("INSERT INTO t VALUES (2, 'two')"));
    CHECK_THROWS(first->execAndGet("SELECT count(*) FROM t"));
    CHECK_THROWS(open_raw(disk, "FULL"));
    disk.restart();
    // Also when the next one lives already.
    CHECK_THROWS(first->exec("INSERT INTO t VALUES (3, 'three')"));
    CHECK(disk.digest() == content);
    CHECK(found(disk) == 1);
    const auto folded = disk.digest();
    first.reset();
    CHECK(disk.digest() == folded);
}

TEST_CASE("ram disk: two processes' connections -> one writes at a time, a reader keeps its view") {
    Disk disk{1};
    const auto one = open_raw(disk, "FULL");
    const auto other = open_raw(disk, "FULL");
    one->exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (1, 'one')");
    CHECK_THROWS(other->exec("BEGIN IMMEDIATE"));
    CHECK(other->execAndGet("SELECT count(*) FROM t").getInt() == 0);
    other->exec("BEGIN");
    CHECK(other->execAndGet("SELECT count(*) FROM t").getInt() == 0);
    one->exec("COMMIT");
    CHECK(other->execAndGet("SELECT count(*) FROM t").getInt() == 0);
    other->exec("COMMIT");
    CHECK(other->execAndGet("SELECT count(*) FROM t").getInt() == 1);
}

namespace {

//! What the disk held before each event of a life; `beside` runs at each.
std::vector<std::uint64_t> trace(Disk& disk, const std::function<void()>& beside = [] {}) {
    std::vector<std::uint64_t> out;
    disk.on_event([&](const DiskEvent&) {
        out.push_back(disk.digest());
        beside();
    });
    (void)live(disk, "FULL");
    disk.on_event({});
    return out;
}

}  // namespace

TEST_CASE("ram disk: the same life on the same seed -> the same bytes, whatever else the program does") {
    Disk first{7};
    Disk again{7};
    Disk other{8};
    const auto life = trace(first);
    CHECK(life.size() > 50);
    const auto busy = open_raw(other, "FULL");
    const auto write = [&] { busy->exec("INSERT INTO t (text) VALUES (random())"); };
    CHECK(trace(again, write) == life);
    CHECK(again.bytes() == first.bytes());

    Disk different{9};
    const auto other_life = trace(different);
    CHECK(other_life.size() == life.size());
    CHECK(other_life != life);
}

TEST_CASE("database on a ram disk: killed at every event with power lost -> every commit it told of is "
          "there, no half job [F82]",
          "[F82]") {
    bool died = true;
    int lives = 0;
    for (std::uint64_t at = 1; died; ++at) {
        died = false;
        Disk disk{at};
        db::DatabaseOptions options;
        options.path = "depositd.db";
        options.vfs = disk.vfs();
        options.threads = false;
        { const Bench fresh{options}; }
        const auto start = disk.events();
        disk.on_event([&](const DiskEvent& event) {
            if (event.number != start + at) return;
            died = true;
            disk.die();
        });
        std::string said;
        try {
            Bench bench{options};
            for (char id = 'a'; id <= 'c'; ++id) {
                const auto pair = [id](UnitOfWork& work) -> Expected<Done> {
                    auto row = session_row(id);
                    row.display_json = std::string(6'000, 'x');
                    if (auto one = work.sessions().insert(row, "", ""); !one) return one.error();
                    return work.sessions().insert(session_row(static_cast<char>(id - 32)), "", "");
                };
                if (bench.write(pair)) said += id;
            }
            bench.database->close();
        } catch (const std::runtime_error&) {
            // It died while it opened.
        }
        disk.on_event({});
        SeededRng rng{at};
        disk.lose_power(rng);
        disk.restart();
        Bench again{options};
        for (char id = 'a'; id <= 'c'; ++id) {
            INFO("event " << at << ", job " << id);
            bool one = false;
            bool two = false;
            again.done([&](UnitOfWork& work) -> Expected<Done> {
                one = work.sessions().load(core::SessionId{std::string(32, id)}).value().has_value();
                two = work.sessions()
                          .load(core::SessionId{std::string(32, static_cast<char>(id - 32))})
                          .value()
                          .has_value();
                return Done{};
            });
            CHECK(one == two);
            CHECK((one || said.find(id) == std::string::npos));
        }
        ++lives;
    }
    CHECK(lives > 30);
}
