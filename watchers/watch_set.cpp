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

}  // namespace

bool AddressTable::contains(const core::Address& address) const {
    if (count_ == 0 || address.view().size() != key_size_) return false;
    const std::uint64_t hash = hash_of(address);
    const auto tag = static_cast<std::uint32_t>(hash);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash >> (64 - bits_);; at = (at + 1) & mask) {
        const Slot& slot = slots_[at];
        if (slot.entry == 0) return false;
        if (slot.tag == tag &&
            std::memcmp(key(slot.entry), address.view().data(), key_size_) == 0) {
            return true;
        }
    }
}

bool AddressTable::insert(const core::Address& address) {
    CHECK(address.view().size() == key_size_, "a table holds addresses of one size");
    if (contains(address)) return false;
    // Above 70 % the probes of a miss grow long.
    if (slots_.empty() || (count_ + 1) * 10 > slots_.size() * 7) grow();
    if (count_ % kKeysPerChunk == 0) {
        chunks_.push_back(std::make_unique<std::uint8_t[]>(kKeysPerChunk * key_size_));
    }
    ++count_;
    const auto entry = static_cast<std::uint32_t>(count_);
    std::memcpy(chunks_.back().get() + ((count_ - 1) % kKeysPerChunk) * key_size_,
                address.view().data(), key_size_);
    const std::uint64_t hash = hash_of(address);
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash >> (64 - bits_);
    while (slots_[at].entry != 0) at = (at + 1) & mask;
    slots_[at] = {static_cast<std::uint32_t>(hash), entry};
    return true;
}

void AddressTable::grow() {
    bits_ = bits_ == 0 ? kFirstBits : bits_ + 1;
    // The old table goes first: the keys are enough to fill the new one, and the peak stays low.
    slots_ = {};
    slots_.shrink_to_fit();
    slots_.resize(std::size_t{1} << bits_);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = 0; i < count_; ++i) {
        const auto entry = static_cast<std::uint32_t>(i + 1);
        const auto address = core::Address::from_bytes({key(entry), key_size_});
        CHECK(address.has_value());
        const std::uint64_t hash = hash_of(*address);
        std::size_t at = hash >> (64 - bits_);
        while (slots_[at].entry != 0) at = (at + 1) & mask;
        slots_[at] = {static_cast<std::uint32_t>(hash), entry};
    }
}

std::size_t AddressTable::memory_bytes() const {
    return slots_.capacity() * sizeof(Slot) + chunks_.size() * kKeysPerChunk * key_size_ +
           chunks_.capacity() * sizeof(chunks_[0]);
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
