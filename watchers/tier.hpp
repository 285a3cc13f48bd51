#pragma once

#include "chains/ports/chain_info.hpp"
#include "db/types.hpp"

namespace watchers {

//! What a deposit has to meet. Nothing proves the amount of a payment in coin as a receipt proves a
//! log: told too small it would meet the tier of one endpoint, so it takes two where there are two.
chains::CreditTier tier_of(const chains::ChainInfo& info, const db::Deposit& deposit);

}  // namespace watchers
