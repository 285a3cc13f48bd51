#include "chains/ports/chain_info.hpp"

#include "core/check.hpp"

namespace chains {

const CreditTier& ChainInfo::tier_for(const TokenInfo& token, const core::Units& units) const {
    CHECK(!credit.empty(), "a chain has at least one credit tier");
    CHECK(token.tier_weight > 0, "a token weighs something");
    for (const CreditTier& tier : credit) {
        if (!tier.whole_tokens_max) return tier;
        auto bound = core::Units{*tier.whole_tokens_max};
        for (unsigned i = 0; i < token.decimals; ++i) {
            auto scaled = bound.times(10);
            if (!scaled) return tier;  // the bound is beyond any amount there can be
            bound = *scaled;
        }
        const auto weighed = bound.mul_ratio_floor(1, token.tier_weight);
        if (weighed && units <= *weighed) return tier;
    }
    return credit.back();
}

}  // namespace chains
