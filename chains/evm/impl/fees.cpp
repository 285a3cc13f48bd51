#include "chains/evm/impl/fees.hpp"

#include <algorithm>

namespace chains::evm::impl {
namespace {

core::Error above_cap(const core::Units& wanted, const core::Units& cap) {
    return {core::Errc::kHalted, "the price of gas, " + wanted.decimal() +
                                     " wei, is above the operator's cap of " + cap.decimal()};
}

//! Blocks without transactions report a tip of zero; they say nothing.
std::optional<core::Units> median_tip(const FeeHistory& history) {
    std::vector<core::Units> tips;
    std::copy_if(history.rewards.begin(), history.rewards.end(), std::back_inserter(tips),
                 [](const core::Units& tip) { return !tip.is_zero(); });
    if (tips.empty()) return std::nullopt;
    const auto middle = tips.begin() + static_cast<std::ptrdiff_t>(tips.size() / 2);
    std::nth_element(tips.begin(), middle, tips.end());
    return *middle;
}

core::Units tip_of(const FeeFacts& facts, const core::Units& base) {
    if (const auto median = median_tip(*facts.history)) return *median;
    if (facts.tip && !facts.tip->is_zero()) return *facts.tip;
    if (facts.gas_price && *facts.gas_price > base) return *facts.gas_price->minus(base);
    return core::Units{1};
}

core::Expected<core::Units> raised(const core::Units& old_price, const core::Units& suggested) {
    const auto ten_percent = old_price.mul_ratio_ceil(110, 100);
    if (!ten_percent) return ten_percent.error();
    const auto one_more = old_price.plus(core::Units{1});
    if (!one_more) return one_more.error();
    return std::max({*ten_percent, *one_more, suggested});
}

}  // namespace

core::Expected<GasPrice> price_from(const FeeFacts& facts, const core::Units& cap) {
    if (!facts.history || facts.history->base_fees.empty()) {
        if (!facts.gas_price) return core::Error{core::Errc::kNotReady, "no price of gas"};
        if (*facts.gas_price > cap) return above_cap(*facts.gas_price, cap);
        return GasPrice{*facts.gas_price, *facts.gas_price, true};
    }
    const core::Units& base = facts.history->base_fees.back();
    const core::Units tip = tip_of(facts, base);
    const auto next_block = base.plus(tip);
    if (!next_block) return next_block.error();
    if (*next_block > cap) return above_cap(*next_block, cap);
    const auto roomy = next_block->plus(base);
    if (!roomy) return roomy.error();
    return GasPrice{std::min(*roomy, cap), tip, false};
}

core::Expected<GasPrice> bumped(const GasPrice& price, const GasPrice& suggested,
                                const core::Units& cap) {
    auto max_fee = raised(price.max_fee, suggested.max_fee);
    if (!max_fee) return max_fee.error();
    auto tip = raised(price.max_priority_fee, suggested.max_priority_fee);
    if (!tip) return tip.error();
    if (*tip > *max_fee) max_fee = *tip;
    if (*max_fee <= cap) return GasPrice{*max_fee, *tip, price.legacy};
    // What is needed to replace may fit where what is suggested does not.
    const auto least = raised(price.max_fee, {});
    if (!least) return least.error();
    if (*least > cap || *tip > cap) return above_cap(*least, cap);
    return GasPrice{cap, *tip, price.legacy};
}

}  // namespace chains::evm::impl
