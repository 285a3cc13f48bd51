#pragma once

#include "chains/ports/reader.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "db/database.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace watchers {

//! Open addressing over keys of one size: one byte of the hash and a number per slot, the keys
//! themselves densely in chunks. A miss mostly touches the bytes only, which stay in the cache;
//! growing copies no key.
class AddressTable {
  public:
    explicit AddressTable(std::size_t key_size) : key_size_{key_size} {}

    //! False when it was there. At most 2^32−2 keys.
    bool insert(const core::Address& address);
    bool contains(const core::Address& address) const;
    std::size_t size() const { return count_; }
    std::size_t memory_bytes() const;

  private:
    static constexpr std::size_t kKeysPerChunk = 4096;

    const std::uint8_t* key(std::uint32_t entry) const {
        const std::size_t index = entry - 1;
        return chunks_[index / kKeysPerChunk].get() + (index % kKeysPerChunk) * key_size_;
    }
    void place(std::uint64_t hash, std::uint32_t entry);
    void grow();

    std::size_t key_size_;
    std::size_t count_ = 0;
    unsigned bits_ = 0;                   //!< the table has 2^bits slots; 0: none yet
    std::vector<std::uint8_t> tags_;      //!< 0: the slot is free
    std::vector<std::uint32_t> entries_;  //!< index + 1 of the slot's key
    std::vector<std::unique_ptr<std::uint8_t[]>> chunks_;
};

//! Every address ever issued in one family of chains, and the operator's own: what watchers look
//! for. About 30 bytes per address. All chains of a family can share one. Used by one thread: the
//! watchers' executor. Nothing is ever removed, because money can come years late.
class WatchSet final : public chains::WatchFilter {
  public:
    //! `family` is the CAIP-2 namespace, "eip155". `operators`: gas station, treasury.
    WatchSet(std::string family, std::vector<core::Address> operators);

    bool is_ours(const core::Address& address) const override {
        return address.view().size() == 20 ? short_.contains(address) : long_.contains(address);
    }

    //! Reads the receivers issued since the last call; the first call loads all of them, in pages.
    core::Task<core::Expected<core::Done>> refresh(db::Database& db);

    //! Highest receiver id that is in the set.
    core::ReceiverId revision() const { return revision_; }
    std::size_t size() const { return short_.size() + long_.size(); }
    std::size_t memory_bytes() const { return short_.memory_bytes() + long_.memory_bytes(); }
    const std::string& family() const { return family_; }
    const std::vector<core::Address>& operators() const { return operators_; }
    void insert(const core::Address& address);

  private:
    std::string family_;
    std::vector<core::Address> operators_;
    core::ReceiverId revision_;
    AddressTable short_{20};
    AddressTable long_{32};
};

}  // namespace watchers
