#include <catch2/catch.hpp>

#include <sqlite3.h>

#include <cstring>
#include <map>
#include <vector>

#include "tests/support/still_clock.hpp"
#include "tests/unit/db/bench.hpp"

// SQLite over a disk that fails at a chosen write: every index of a small life, every way to fail.

using core::Done;
using core::Expected;
using db::UnitOfWork;
using namespace support;

namespace {

enum class Failure { kFull, kWrite, kTorn, kSync };

//! What the disk does, for all files of this process.
struct Disk {
    Failure how = Failure::kFull;
    int fail_at = 0;  //!< from 1; 0 never
    int events = 0;
    bool failing() { return ++events >= fail_at && fail_at > 0; }
};

Disk g_disk;

//! A file of the real VFS behind our own methods.
struct File {
    sqlite3_file base;
    sqlite3_io_methods own;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& as_file(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
sqlite3_vfs& real_vfs() { return *sqlite3_vfs_find("unix"); }

int write_file(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    sqlite3_file* real = as_file(file).real();
    if (g_disk.how != Failure::kSync && g_disk.failing()) {
        if (g_disk.how == Failure::kFull) return SQLITE_FULL;
        if (g_disk.how == Failure::kTorn) (void)real->pMethods->xWrite(real, data, size / 2, at);
        return SQLITE_IOERR_WRITE;
    }
    return real->pMethods->xWrite(real, data, size, at);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    sqlite3_file* real = as_file(file).real();
    if (g_disk.how != Failure::kSync && g_disk.failing()) return SQLITE_IOERR_TRUNCATE;
    return real->pMethods->xTruncate(real, size);
}
int sync_file(sqlite3_file* file, int flags) {
    sqlite3_file* real = as_file(file).real();
    if (g_disk.how == Failure::kSync && g_disk.failing()) return SQLITE_IOERR_FSYNC;
    return real->pMethods->xSync(real, flags);
}
int close_file(sqlite3_file* file) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xClose(real);
}
int read_file(sqlite3_file* file, void* data, int size, sqlite3_int64 at) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xRead(real, data, size, at);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xFileSize(real, size);
}
int lock_file(sqlite3_file* file, int level) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xLock(real, level);
}
int unlock_file(sqlite3_file* file, int level) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xUnlock(real, level);
}
int check_lock(sqlite3_file* file, int* out) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xCheckReservedLock(real, out);
}
int control(sqlite3_file* file, int op, void* argument) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xFileControl(real, op, argument);
}
int sector(sqlite3_file* file) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xSectorSize(real);
}
int traits(sqlite3_file* file) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xDeviceCharacteristics(real);
}
int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xShmMap(real, page, size, extend, out);
}
int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xShmLock(real, offset, count, flags);
}
void shm_barrier(sqlite3_file* file) {
    sqlite3_file* real = as_file(file).real();
    real->pMethods->xShmBarrier(real);
}
int shm_unmap(sqlite3_file* file, int remove) {
    sqlite3_file* real = as_file(file).real();
    return real->pMethods->xShmUnmap(real, remove);
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    File& ours = as_file(file);
    std::memset(file, 0, sizeof(File) + static_cast<std::size_t>(real_vfs().szOsFile));
    const int opened = real_vfs().xOpen(&real_vfs(), name, ours.real(), flags, out_flags);
    if (ours.real()->pMethods == nullptr) return opened;
    ours.own = {2,         close_file, read_file, write_file, truncate_file, sync_file,
                file_size, lock_file,  unlock_file, check_lock, control,     sector,
                traits,    shm_map,    shm_lock,  shm_barrier, shm_unmap,    nullptr,
                nullptr};
    ours.base.pMethods = &ours.own;
    return opened;
}

//! The faulty disk is SQLite's default for the life of this object.
class FaultyDisk {
  public:
    FaultyDisk() {
        vfs_ = real_vfs();
        vfs_.zName = "faulty";
        vfs_.pNext = nullptr;
        vfs_.szOsFile += static_cast<int>(sizeof(File));
        vfs_.xOpen = open_file;
        g_disk = {};
        REQUIRE(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
    }
    ~FaultyDisk() {
        sqlite3_vfs_unregister(&vfs_);
        g_disk = {};
    }
    FaultyDisk(const FaultyDisk&) = delete;
    FaultyDisk& operator=(const FaultyDisk&) = delete;

  private:
    sqlite3_vfs vfs_{};
};

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

//! Six jobs on a sound copy whose disk fails from event `at` on (0: never); which were said to be done.
std::map<char, bool> live(const Scratch& scratch, const std::string& path, Failure how, int at) {
    std::filesystem::copy_file(scratch.file("fresh.db"), path);
    g_disk = {};
    std::map<char, bool> said;
    Bench bench{path};
    g_disk = {how, at, 0};
    for (char id = 'a'; id <= 'f'; ++id) {
        said[id] = bench.write(insert_pair(id)).has_value();
        CHECK(said[id] == !bench.database->failed());
    }
    return said;
}

}  // namespace

TEST_CASE("database: the disk fails at every write of a life, in every way -> all or nothing of each job, "
          "what was said stays [F89]",
          "[F89]") {
    const FaultyDisk disk;
    for (const Failure how : {Failure::kFull, Failure::kWrite, Failure::kTorn, Failure::kSync}) {
        Scratch scratch;
        { const Bench fresh{scratch.file("fresh.db")}; }
        (void)live(scratch, scratch.file("count.db"), how, 0);
        const int events = g_disk.events;
        REQUIRE(events > (how == Failure::kSync ? 5 : 20));
        int struck = 0;
        for (int at = 1; at <= events; ++at) {
            const std::string path = scratch.file(std::to_string(at) + ".db");
            auto said = live(scratch, path, how, at);
            if (!said['f']) ++struck;
            g_disk = {};
            Bench again{path, true};
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
    const FaultyDisk disk;
    Scratch scratch;
    { const Bench fresh{scratch.file()}; }
    NullLog log;
    NullMetrics metrics;
    StillClock clock;
    g_disk = {Failure::kFull, 1, 0};
    auto refused = db::open_database({scratch.file(), 1, true, true}, clock, log, metrics);
    REQUIRE(!refused);
    CHECK(refused.error().message.find("make room") != std::string::npos);
    g_disk = {};
    Bench again{scratch.file(), true};
    CHECK(again.write(insert_pair('a')).has_value());
}
