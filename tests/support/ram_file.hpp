#pragma once

#include "core/rng.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace support {

//! A file in memory that knows what of it would survive the loss of power.
class RamFile {
  public:
    using Content = std::vector<std::uint8_t>;

    const Content& content() const { return content_; }
    void write(std::uint64_t at, std::span<const std::uint8_t> data);
    void truncate(std::uint64_t size);
    void sync();
    //! What was written since the last sync may be lost, whatever later syncs say.
    void sync_failed();
    //! Each write that is not safe is kept, dropped or torn.
    void lose_power(core::Rng& rng);

  private:
    enum class Safety { kOpen, kDoubtful, kSafe };
    //! A change that can be taken back and made again.
    struct Change {
        bool truncates = false;
        std::uint64_t at = 0;    //!< a truncation's new size
        std::uint64_t size = 0;  //!< of the data
        std::uint64_t old_size = 0;
        Content other{};  //!< what is not in the file now: before, or after when taken back
        Safety safety = Safety::kOpen;
    };

    void put(std::uint64_t at, std::span<const std::uint8_t> data);
    void take_back(Change& change);
    void make_again(const Change& change, core::Rng& rng);

    Content content_;
    //! Since the last sync; since longer when a sync failed.
    std::vector<Change> changes_;
    bool doubtful_ = false;
};

//! What SQLite's processes share beside a file in WAL mode: memory and locks on it.
struct SharedMemory {
    static constexpr int kLocks = 8;
    std::vector<std::unique_ptr<std::uint8_t[]>> pages;
    std::array<int, kLocks> shared{};
    std::array<bool, kLocks> exclusive{};
};

}  // namespace support
