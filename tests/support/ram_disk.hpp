#pragma once

#include "core/rng.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace support {

//! What writes and syncs of a failing disk do. kTorn writes the first half and says it failed; a sync that
//! failed may have lost what it should have made safe, though reads still show it.
enum class DiskFailure { kFull, kWriteError, kTorn, kSyncError };

struct DiskEvent {
    enum class Kind { kWrite, kTruncate, kSync, kDelete };
    Kind kind;
    std::string_view file;  //!< empty: a temporary one
    std::uint64_t number;   //!< from 1, over the life of the disk
    std::size_t bytes;
};

//! A disk in memory with one folder, for SQLite: a VFS of its own. It outlives the processes that use it,
//! and replays: what SQLite asks it for besides files (randomness, time) comes from the seed. For one
//! thread. While its files are written SQLite's own generator, which the whole program shares, is seeded
//! from it, so that the bytes in the files depend on nothing else.
class Disk {
  public:
    explicit Disk(std::uint64_t seed);
    //! No file may be open.
    ~Disk();
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    //! The VFS's name, unique in the program.
    const std::string& vfs() const;

    //! Fails from the nth event on, counted from now and from 1, until heal(). For kSyncError the syncs
    //! count, for the others writes and truncations.
    void fail_from(std::uint64_t nth, DiskFailure how);
    void heal();
    //! Told before each write, truncation, sync and deletion; it may call die().
    void on_event(std::function<void(const DiskEvent&)> hook);

    //! The process is dead from here on: whatever it still tries changes nothing and fails.
    void die();
    //! Another process may use the disk; the locks and the shared memory of the one before are gone.
    void restart();
    //! die(), and of what was not synced each write is kept, dropped or torn between two sectors of 512
    //! bytes; a file may be without its name, or have it again, until its folder was synced.
    void lose_power(core::Rng& rng);

    std::uint64_t events() const;
    std::uint64_t writes() const;  //!< and truncations
    std::uint64_t syncs() const;
    std::uint64_t bytes() const;
    //! How often files may have been left otherwise than their process meant: power was lost; writes
    //! began to be torn or syncs to fail; and that was over.
    std::uint64_t harm() const;
    //! Of the names and contents of all files.
    std::uint64_t digest() const;

    struct Impl;

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace support
