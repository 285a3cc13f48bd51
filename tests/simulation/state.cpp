#include "tests/simulation/state.hpp"

#include "core/check.hpp"

#include <algorithm>

namespace simulation {

U256 State::get(const StateKey& key) const {
    const auto found = histories_.find(key);
    return found == histories_.end() || found->second.empty() ? U256{} : found->second.back().value;
}

U256 State::get_at(const StateKey& key, std::uint64_t height) const {
    const auto found = histories_.find(key);
    if (found == histories_.end()) return {};
    const std::vector<Version>& versions = found->second;
    const auto after = std::upper_bound(
        versions.begin(), versions.end(), height,
        [](std::uint64_t h, const Version& version) { return h < version.height; });
    return after == versions.begin() ? U256{} : std::prev(after)->value;
}

void State::set(const StateKey& key, const U256& value) {
    std::vector<Version>& versions = histories_[key];
    if (!versions.empty() && versions.back().height == height_) {
        versions.back().value = value;
        return;
    }
    versions.push_back({height_, value});
    written_.push_back(key);
}

std::vector<StateChange> State::close() {
    std::vector<StateChange> changes;
    changes.reserve(written_.size());
    for (const StateKey& key : written_) changes.push_back({key, get(key)});
    written_.clear();
    return changes;
}

void State::undo(const std::vector<StateChange>& changes) {
    for (const StateChange& change : changes) {
        const auto found = histories_.find(change.key);
        CHECK(found != histories_.end() && !found->second.empty());
        found->second.pop_back();
    }
}

}  // namespace simulation
