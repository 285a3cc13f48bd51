#include "watchers/impl/native_sums.hpp"

#include <utility>

namespace watchers {

core::Expected<std::vector<std::optional<core::Units>>> NativeSums::of(
    db::UnitOfWork& work, const core::ChainId& chain, const core::AssetId& native,
    const std::vector<core::Address>& addresses) {
    const auto changes = work.deposits().native_changes(chain);
    if (!changes) return changes.error();
    if (*changes != changes_) sums_.clear();
    changes_ = *changes;
    std::vector<core::Address> unknown;
    for (const core::Address& address : addresses) {
        if (!sums_.contains(address)) unknown.push_back(address);
    }
    auto fresh = work.deposits().native_expected(chain, native, unknown);
    if (!fresh) return fresh.error();
    for (std::size_t i = 0; i < unknown.size(); ++i) {
        sums_.emplace(unknown[i], std::move((*fresh)[i]));
    }
    std::vector<std::optional<core::Units>> out;
    out.reserve(addresses.size());
    for (const core::Address& address : addresses) out.push_back(sums_.at(address));
    return out;
}

}  // namespace watchers
