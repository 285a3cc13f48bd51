#include "watchers/watch_set.hpp"

#include "core/check.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

namespace watchers {
namespace {

constexpr std::size_t kPage = 10'000;
constexpr unsigned kFirstBits = 6;

std::uint64_t hash_of(const core::Address& address) { return std::hash<core::Address>{}(address); }

//! Of the middle bits: the place comes from the highest ones.
std::uint8_t tag_of(std::uint64_t hash) {
    const auto byte = static_cast<std::uint8_t>(hash >> 24);
    return byte == 0 ? 1 : byte;
}

}  // namespace

bool AddressTable::contains(const core::Address& address) const {
    if (count_ == 0 || address.view().size() != key_size_) return false;
    const std::uint64_t hash = hash_of(address);
    const std::uint8_t tag = tag_of(hash);
    const std::size_t mask = tags_.size() - 1;
    for (std::size_t at = hash >> (64 - bits_);; at = (at + 1) & mask) {
        if (tags_[at] == 0) return false;
        if (tags_[at] == tag &&
            std::memcmp(key(entries_[at]), address.view().data(), key_size_) == 0) {
            return true;
        }
    }
}

bool AddressTable::insert(const core::Address& address) {
    CHECK(address.view().size() == key_size_, "a table holds addresses of one size");
    if (contains(address)) return false;
    // Above 70 % the probes of a miss grow long.
    if (tags_.empty() || (count_ + 1) * 10 > tags_.size() * 7) grow();
    if (count_ % kKeysPerChunk == 0) {
        chunks_.push_back(std::make_unique<std::uint8_t[]>(kKeysPerChunk * key_size_));
    }
    std::memcpy(chunks_.back().get() + (count_ % kKeysPerChunk) * key_size_, address.view().data(),
                key_size_);
    ++count_;
    place(hash_of(address), static_cast<std::uint32_t>(count_));
    return true;
}

void AddressTable::place(std::uint64_t hash, std::uint32_t entry) {
    const std::size_t mask = tags_.size() - 1;
    std::size_t at = hash >> (64 - bits_);
    while (tags_[at] != 0) at = (at + 1) & mask;
    tags_[at] = tag_of(hash);
    entries_[at] = entry;
}

void AddressTable::grow() {
    bits_ = bits_ == 0 ? kFirstBits : bits_ + 1;
    // The old table goes first: the keys are enough to fill the new one, and the peak stays low.
    tags_.clear();
    tags_.shrink_to_fit();
    entries_.clear();
    entries_.shrink_to_fit();
    tags_.resize(std::size_t{1} << bits_);
    entries_.resize(std::size_t{1} << bits_);
    for (std::size_t i = 0; i < count_; ++i) {
        const auto entry = static_cast<std::uint32_t>(i + 1);
        const auto address = core::Address::from_bytes({key(entry), key_size_});
        CHECK(address.has_value());
        place(hash_of(*address), entry);
    }
}

std::size_t AddressTable::memory_bytes() const {
    return tags_.capacity() + entries_.capacity() * sizeof(entries_[0]) +
           chunks_.size() * kKeysPerChunk * key_size_ + chunks_.capacity() * sizeof(chunks_[0]);
}

WatchSet::WatchSet(std::string family, std::vector<core::Address> operators)
    : family_{std::move(family)}, operators_{std::move(operators)} {
    for (const core::Address& address : operators_) insert(address);
}

void WatchSet::insert(const core::Address& address) {
    if (address.view().size() == 20) {
        short_.insert(address);
    } else {
        long_.insert(address);
    }
}

core::Task<core::Expected<core::Done>> WatchSet::refresh(db::Database& db) {
    while (true) {
        const core::ReceiverId after = revision_;
        auto job = [family = family_, after](db::UnitOfWork& work) {
            return work.receivers().since(family, after, kPage);
        };
        auto page = co_await db.read<std::vector<db::Receiver>>(std::move(job));
        if (!page) co_return page.error();
        for (const db::Receiver& receiver : *page) insert(receiver.address);
        // Another chain's watcher may have read further meanwhile: never go back.
        if (!page->empty()) revision_ = std::max(revision_, page->back().id);
        if (page->size() < kPage) co_return core::Done{};
    }
}

}  // namespace watchers
