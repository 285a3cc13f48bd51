#pragma once

#include "chains/ports/chain_info.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/units.hpp"
#include "db/database.hpp"
#include "watchers/impl/record.hpp"

#include <map>
#include <vector>

// Native coin that came by a contract's call shows in no transaction's value and in no log: it is
// the difference between the balance and every known in and out.
namespace watchers {

//! Balances at exactly the last block of a batch.
struct Balances {
    std::vector<core::Address> addresses;
    std::vector<core::Units> units;  //!< as many
};

//! Less native coin than known ins and outs explain, by address. Told once per address and amount.
using Missing = std::map<core::Address, core::Units>;

//! Books what is over as a deposit, reports what is missing. After the block's own rows were
//! recorded.
core::Expected<core::Done> record_residuals(db::UnitOfWork& work, const chains::ChainInfo& info,
                                            const Balances& balances, const core::BlockRef& at,
                                            const Missing& told, core::Instant now, Tally& tally,
                                            Missing& missing);

}  // namespace watchers
