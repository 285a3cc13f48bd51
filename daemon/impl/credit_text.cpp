#include "daemon/impl/credit_text.hpp"

#include "watchers/tier.hpp"

namespace depositd {

std::string credit_waits_for(const chains::ChainInfo& info, const db::Deposit& deposit,
                             std::uint64_t tip, std::optional<std::uint64_t> final) {
    const chains::CreditTier tier = watchers::tier_of(info, deposit);
    const std::uint64_t wanted = deposit.height + tier.depth;
    if (tip < wanted) {
        return "block " + std::to_string(wanted) + "; the chain was read up to " + std::to_string(tip);
    }
    if (tier.finalized_tag && (!final || *final < deposit.height)) {
        return "block " + std::to_string(deposit.height) + " to be final; the last that is known to be is " +
               (final ? std::to_string(*final) : std::string{"none yet"});
    }
    if (tier.endpoints > 1) return std::to_string(tier.endpoints) + " endpoints that agree on it";
    return {};
}

}  // namespace depositd
