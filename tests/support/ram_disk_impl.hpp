#pragma once

#include "tests/support/ram_disk.hpp"
#include "tests/support/ram_file.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <sqlite3.h>

namespace support {

//! What SQLite holds of an open file.
struct OpenFile;

//! A file and whoever has it open. Without a name when it is temporary or was deleted.
struct Node {
    RamFile file;
    std::vector<OpenFile*> open;
    std::shared_ptr<SharedMemory> memory{std::make_shared<SharedMemory>()};
    bool syncs_folder = false;  //!< with its first sync, as SQLite does for logs
    bool named = false;         //!< its name would survive the loss of power
};

struct OpenFile {
    Disk::Impl& disk;
    std::shared_ptr<Node> node;
    std::string name;
    std::uint64_t life = 0;
    bool read_only = false;
    bool temporary = false;
    bool delete_at_close = false;
    int level = SQLITE_LOCK_NONE;
    std::shared_ptr<SharedMemory> memory{};
    unsigned shared = 0;
    unsigned exclusive = 0;
};

//! How a change of a file ends.
enum class Fate { kDone, kFull, kHalf, kRefused, kDead };

struct Disk::Impl {
  public:
    struct Counts {
        std::uint64_t events = 0;
        std::uint64_t writes = 0;
        std::uint64_t syncs = 0;
        std::uint64_t bytes = 0;
        std::uint64_t harm = 0;
    };

    Impl(std::uint64_t seed, std::string name);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    const std::string& name() const { return name_; }
    const Counts& counts() const { return counts_; }
    void fail_from(std::uint64_t nth, DiskFailure how) {
        fail_in_ = nth;
        how_ = how;
        // What came after the first time, too.
        if (std::exchange(counted_, false)) ++counts_.harm;
    }
    void hook(std::function<void(const DiskEvent&)> hook) { hook_ = std::move(hook); }
    void die();
    void revive() { dead_ = false; }
    void lose_power(core::Rng& rng);
    std::uint64_t digest() const;

    // What the VFS does. None of it while dead.
    bool dead() const { return dead_; }
    std::unique_ptr<OpenFile> open(const char* name, int flags);
    void close(OpenFile& file);
    int remove(const std::string& name, bool and_sync);
    bool has(const std::string& name) const { return nodes_.contains(name); }
    int write(OpenFile& file, std::uint64_t at, std::span<const std::uint8_t> data);
    int truncate(OpenFile& file, std::uint64_t size);
    int sync(OpenFile& file);
    bool alive(const OpenFile& file) const { return !dead_ && file.life == life_; }
    //! The next number of the seed's.
    std::uint64_t draw();
    //! What SQLite draws next depends on this disk alone.
    void seed_sqlite();

  private:
    Fate before(DiskEvent::Kind kind, const OpenFile& file, std::size_t size);
    void tell(DiskEvent::Kind kind, const std::string& file, std::size_t size);
    void count_harm() { counts_.harm += std::exchange(counted_, true) ? 0 : 1; }
    void sync_folder();

    const std::uint64_t seed_;
    const std::string name_;
    sqlite3_vfs vfs_{};
    std::uint64_t draws_ = 0;
    std::map<std::string, std::shared_ptr<Node>> nodes_;
    //! Deleted, but back after a loss of power until the folder is synced.
    std::map<std::string, std::shared_ptr<Node>> gone_;
    std::function<void(const DiskEvent&)> hook_;
    Counts counts_;
    std::uint64_t fail_in_ = 0;
    DiskFailure how_ = DiskFailure::kFull;
    bool counted_ = false;  //!< among the harms
    bool dead_ = false;
    std::uint64_t life_ = 1;
    int open_files_ = 0;
};

//! How SQLite calls it.
sqlite3_vfs ram_disk_calls(Disk::Impl& disk);

}  // namespace support
