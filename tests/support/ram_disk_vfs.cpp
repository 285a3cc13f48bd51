#include "tests/support/ram_disk_impl.hpp"

#include <algorithm>
#include <cstring>

// The calls of SQLite: sqlite.org/c3ref/io_methods.html and sqlite.org/c3ref/vfs.html.

namespace support {

namespace {

// What the unix VFS says of itself.
constexpr int kSectorBytes = 4096;
constexpr int kTraits = SQLITE_IOCAP_POWERSAFE_OVERWRITE;
// 2023-11-14 22:13:20 UTC as a Julian day.
constexpr double kToday = 2460263.425925926;

struct Slot {
    sqlite3_file base;
    OpenFile* file;
};

OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<Slot*>(file)->file; }
Disk::Impl& disk_of(sqlite3_vfs* vfs) { return *static_cast<Disk::Impl*>(vfs->pAppData); }

int close_file(sqlite3_file* file) {
    const std::unique_ptr<OpenFile> open{&of(file)};
    open->disk.close(*open);
    return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
    const OpenFile& open = of(file);
    if (!open.disk.alive(open)) return SQLITE_IOERR_READ;
    const auto& content = open.node->file.content();
    const auto from = std::min(static_cast<std::size_t>(at), content.size());
    const auto wanted = static_cast<std::size_t>(size);
    const auto got = std::min(wanted, content.size() - from);
    auto* bytes = static_cast<std::uint8_t*>(out);
    if (got > 0) std::memcpy(bytes, content.data() + from, got);
    if (got == wanted) return SQLITE_OK;
    std::memset(bytes + got, 0, wanted - got);
    return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    OpenFile& open = of(file);
    if (open.read_only) return SQLITE_READONLY;
    return open.disk.write(
        open, static_cast<std::uint64_t>(at),
        {static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)});
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
    OpenFile& open = of(file);
    if (open.read_only) return SQLITE_READONLY;
    return open.disk.truncate(open, static_cast<std::uint64_t>(size));
}

int sync_file(sqlite3_file* file, int) { return of(file).disk.sync(of(file)); }

int file_size(sqlite3_file* file, sqlite3_int64* size) {
    const OpenFile& open = of(file);
    if (!open.disk.alive(open)) return SQLITE_IOERR_FSTAT;
    *size = static_cast<sqlite3_int64>(open.node->file.content().size());
    return SQLITE_OK;
}

bool others_hold(const OpenFile& mine, int level) {
    return std::any_of(mine.node->open.begin(), mine.node->open.end(), [&](const OpenFile* other) {
        return other != &mine && other->level >= level;
    });
}

int lock_file(sqlite3_file* file, int level) {
    OpenFile& open = of(file);
    if (!open.disk.alive(open)) return SQLITE_IOERR_LOCK;
    if (open.level >= level) return SQLITE_OK;
    const bool shared = level == SQLITE_LOCK_SHARED;
    if (others_hold(open, shared ? SQLITE_LOCK_PENDING : SQLITE_LOCK_RESERVED)) return SQLITE_BUSY;
    if (level == SQLITE_LOCK_EXCLUSIVE && others_hold(open, SQLITE_LOCK_SHARED)) {
        open.level = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
    }
    open.level = level;
    if (!shared) open.disk.seed_sqlite();
    return SQLITE_OK;
}

int unlock_file(sqlite3_file* file, int level) {
    OpenFile& open = of(file);
    if (!open.disk.alive(open)) return SQLITE_IOERR_UNLOCK;
    open.level = std::min(open.level, level);
    return SQLITE_OK;
}

int check_lock(sqlite3_file* file, int* held) {
    const OpenFile& open = of(file);
    if (!open.disk.alive(open)) return SQLITE_IOERR_CHECKRESERVEDLOCK;
    *held = open.level >= SQLITE_LOCK_RESERVED || others_hold(open, SQLITE_LOCK_RESERVED) ? 1 : 0;
    return SQLITE_OK;
}

int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector(sqlite3_file*) { return kSectorBytes; }
int traits(sqlite3_file*) { return kTraits; }

int map_memory(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    OpenFile& open = of(file);
    *out = nullptr;
    if (!open.disk.alive(open)) return SQLITE_IOERR_SHMMAP;
    if (!open.memory) open.memory = open.node->memory;
    auto& pages = open.memory->pages;
    const auto wanted = static_cast<std::size_t>(page) + 1;
    while (extend != 0 && pages.size() < wanted) {
        pages.push_back(std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(size)));
    }
    if (pages.size() >= wanted) *out = pages[wanted - 1].get();
    return SQLITE_OK;
}

void unlock_memory(OpenFile& open, unsigned mask) {
    for (std::size_t i = 0; i < SharedMemory::kLocks; ++i) {
        const unsigned bit = 1U << i;
        if ((mask & open.shared & bit) != 0) --open.memory->shared[i];
        if ((mask & open.exclusive & bit) != 0) open.memory->exclusive[i] = false;
    }
    open.shared &= ~mask;
    open.exclusive &= ~mask;
}

int lock_memory(sqlite3_file* file, int first, int count, int flags) {
    OpenFile& open = of(file);
    if (!open.disk.alive(open) || !open.memory) return SQLITE_IOERR_SHMLOCK;
    const unsigned mask = ((1U << static_cast<unsigned>(count)) - 1U)
                          << static_cast<unsigned>(first);
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        unlock_memory(open, mask);
        return SQLITE_OK;
    }
    SharedMemory& memory = *open.memory;
    const bool shared = (flags & SQLITE_SHM_SHARED) != 0;
    for (std::size_t i = 0; i < SharedMemory::kLocks; ++i) {
        const unsigned bit = 1U << i;
        if ((mask & bit) == 0 || (open.exclusive & bit) != 0) continue;
        const int mine = (open.shared & bit) != 0 ? 1 : 0;
        if (memory.exclusive[i] || (!shared && memory.shared[i] > mine)) return SQLITE_BUSY;
    }
    for (std::size_t i = 0; i < SharedMemory::kLocks; ++i) {
        const unsigned bit = 1U << i;
        if ((mask & bit) == 0) continue;
        if (!shared) {
            memory.exclusive[i] = true;
            open.exclusive |= bit;
        } else if ((open.shared & bit) == 0) {
            ++memory.shared[i];
            open.shared |= bit;
        }
    }
    // Writing begins: the log's salts are drawn under the first lock.
    if (!shared && first == 0) open.disk.seed_sqlite();
    return SQLITE_OK;
}

void barrier(sqlite3_file*) {}

int unmap_memory(sqlite3_file* file, int) {
    OpenFile& open = of(file);
    if (!open.memory) return SQLITE_OK;
    unlock_memory(open, ~0U);
    open.memory.reset();
    const auto& all = open.node->open;
    // The last one takes it along: whoever comes next reads the log itself.
    if (std::none_of(all.begin(), all.end(), [](const OpenFile* o) { return o->memory != nullptr; })) {
        open.node->memory = std::make_shared<SharedMemory>();
    }
    return SQLITE_OK;
}

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    file->pMethods = nullptr;
    if (disk_of(vfs).dead()) return SQLITE_IOERR;
    auto open = disk_of(vfs).open(name, flags);
    if (!open) return SQLITE_CANTOPEN;
    static constexpr sqlite3_io_methods kCalls{
        2,         close_file, read_file,   write_file,  truncate_file, sync_file, file_size,
        lock_file, unlock_file, check_lock, control,     sector,        traits,    map_memory,
        lock_memory, barrier,  unmap_memory, nullptr,    nullptr};
    file->pMethods = &kCalls;
    reinterpret_cast<Slot*>(file)->file = open.release();
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int and_sync) {
    return disk_of(vfs).remove(name, and_sync != 0);
}

int has_file(sqlite3_vfs* vfs, const char* name, int, int* out) {
    *out = disk_of(vfs).has(name) ? 1 : 0;
    return disk_of(vfs).dead() ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

int full_name(sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}

int random_bytes(sqlite3_vfs* vfs, int size, char* out) {
    for (int i = 0; i < size; ++i) out[i] = static_cast<char>(disk_of(vfs).draw());
    return size;
}

int sleep(sqlite3_vfs*, int micros) { return micros; }

int today(sqlite3_vfs*, double* out) {
    *out = kToday;
    return SQLITE_OK;
}

}  // namespace

sqlite3_vfs ram_disk_calls(Disk::Impl& disk) {
    sqlite3_vfs vfs{};
    vfs.iVersion = 1;
    vfs.szOsFile = static_cast<int>(sizeof(Slot));
    vfs.mxPathname = 512;
    vfs.zName = disk.name().c_str();
    vfs.pAppData = &disk;
    vfs.xOpen = open_file;
    vfs.xDelete = delete_file;
    vfs.xAccess = has_file;
    vfs.xFullPathname = full_name;
    vfs.xRandomness = random_bytes;
    vfs.xSleep = sleep;
    vfs.xCurrentTime = today;
    return vfs;
}

}  // namespace support
