#include "tests/support/ram_file.hpp"

#include <algorithm>

namespace support {

namespace {

constexpr std::uint64_t kSector = 512;

//! A boundary between two sectors inside [from, to), or none.
std::uint64_t cut_between(std::uint64_t from, std::uint64_t to, std::uint64_t random) {
    const std::uint64_t first = from / kSector + 1;
    const std::uint64_t last = (to - 1) / kSector;
    return first > last ? 0 : (first + random % (last - first + 1)) * kSector;
}

std::ptrdiff_t offset(std::uint64_t at) { return static_cast<std::ptrdiff_t>(at); }

}  // namespace

void RamFile::put(std::uint64_t at, std::span<const std::uint8_t> data) {
    if (content_.size() < at + data.size()) content_.resize(at + data.size());
    std::copy(data.begin(), data.end(), content_.begin() + offset(at));
}

void RamFile::write(std::uint64_t at, std::span<const std::uint8_t> data) {
    Change change;
    change.at = at;
    change.size = data.size();
    change.old_size = content_.size();
    if (at < content_.size()) {
        const auto end = std::min<std::uint64_t>(content_.size(), at + data.size());
        change.other.assign(content_.begin() + offset(at), content_.begin() + offset(end));
    }
    put(at, data);
    changes_.push_back(std::move(change));
}

void RamFile::truncate(std::uint64_t size) {
    Change change;
    change.truncates = true;
    change.at = size;
    change.old_size = content_.size();
    if (size < content_.size()) {
        change.other.assign(content_.begin() + offset(size), content_.end());
    }
    content_.resize(size);
    changes_.push_back(std::move(change));
}

void RamFile::sync() {
    if (!doubtful_) {
        changes_.clear();
        return;
    }
    for (Change& change : changes_) {
        if (change.safety == Safety::kOpen) change.safety = Safety::kSafe;
    }
}

void RamFile::sync_failed() {
    for (Change& change : changes_) {
        if (change.safety != Safety::kOpen) continue;
        change.safety = Safety::kDoubtful;
        doubtful_ = true;
    }
}

void RamFile::take_back(Change& change) {
    if (change.truncates) {
        content_.resize(change.old_size);
        if (!change.other.empty()) put(change.at, change.other);
        return;
    }
    const auto begin = content_.begin() + offset(change.at);
    Content after{begin, begin + offset(change.size)};
    put(change.at, change.other);
    content_.resize(change.old_size);
    change.other = std::move(after);
}

void RamFile::make_again(const Change& change, core::Rng& rng) {
    const std::uint64_t fate = change.safety == Safety::kSafe ? 0 : rng.next_u64();
    if (change.truncates) {
        if (fate % 2 == 0) content_.resize(change.at);
        return;
    }
    const std::span<const std::uint8_t> data{change.other};
    if (fate % 3 == 1) return;
    const std::uint64_t cut =
        fate % 3 == 0 ? 0 : cut_between(change.at, change.at + change.size, fate >> 8U);
    if (cut == 0) {
        put(change.at, data);
    } else if ((fate & 0x80U) == 0) {
        put(change.at, data.first(cut - change.at));
    } else {
        put(cut, data.subspan(cut - change.at));
    }
}

void RamFile::lose_power(core::Rng& rng) {
    std::for_each(changes_.rbegin(), changes_.rend(), [this](Change& c) { take_back(c); });
    for (const Change& change : changes_) make_again(change, rng);
    changes_.clear();
    doubtful_ = false;
}

}  // namespace support
