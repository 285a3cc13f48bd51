#include "watchers/impl/native_turns.hpp"

#include <algorithm>

namespace watchers {

std::optional<core::ReceiverId> NativeTurns::due(core::Tick now) const {
    if (last_turn_ && now - *last_turn_ < kBetween) return std::nullopt;
    return after_;
}

void NativeTurns::committed(const NativeLooked& look) {
    for (const core::Address& address : look.explained) {
        known_.insert_or_assign(address, Known{{look.block.height, look.block.mined_at}, round_});
    }
    for (const core::Address& address : look.unexplained) {
        const auto known = known_.find(address);
        if (known != known_.end()) known->second.round = round_;
    }
    if (!look.turn) return;
    last_turn_ = look.turn->at;
    if (!look.turn->next_after) return;
    after_ = *look.turn->next_after;
    if (!look.turn->last_part) return;
    // Who was not looked at in a whole round has left it for good.
    ++round_;
    std::erase_if(known_, [this](const auto& one) { return one.second.round + 1 < round_; });
}

void NativeTurns::back_to(const core::BlockRef& ancestor) {
    for (auto& [address, known] : known_) {
        if (known.last.height <= ancestor.height) continue;
        known.last.height = ancestor.height;
        known.last.mined_at = std::min(known.last.mined_at, ancestor.mined_at);
    }
}

std::optional<LastExplained> NativeTurns::last_explained(const core::Address& address) const {
    const auto known = known_.find(address);
    if (known == known_.end()) return std::nullopt;
    return known->second.last;
}

}  // namespace watchers
