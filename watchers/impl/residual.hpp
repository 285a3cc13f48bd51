#pragma once

#include "chains/ports/chain_info.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/units.hpp"
#include "db/database.hpp"
#include "watchers/impl/native_turns.hpp"
#include "watchers/impl/record.hpp"

#include <cstddef>
#include <map>
#include <vector>

// Native coin that came by a contract's call shows in no transaction's value and in no log: it is
// the difference between the balance and every known in and out.
namespace watchers {

//! A part of what is over.
struct Residual {
    core::Units units;
    core::BlockRef seen;  //!< known to be there after this block
    core::Instant since;  //!< of the first block that it may have come with
};

//! Balances at exactly the last block of a batch, where they are not what the rows say.
struct Balances {
    std::vector<core::Address> addresses;
    std::vector<core::Units> units;  //!< as many
    //! What is over, in the order it came; not what endpoints did not agree on.
    std::map<core::Address, std::vector<Residual>> over;
    bool complete = false;  //!< everything that is over and waited for stands in `over`
    NativeLooked looked;
};

//! Less native coin at an address than known ins and outs explain.
struct Shortfall {
    core::Units units;
    //! Deposits and transactions of the address that are not final: settlement excuses by them.
    std::size_t excuses = 0;
};
//! By address. Told once per amount, and again when an excuse less is left: it is no more excused then.
using Missing = std::map<core::Address, Shortfall>;

bool is_news(const Missing& told, const core::Address& address, const Shortfall& shortfall);

//! Books what is over as deposits, reports what is missing. After the block's own rows were
//! recorded.
core::Expected<core::Done> record_residuals(db::UnitOfWork& work, const chains::ChainInfo& info,
                                            const Balances& balances, const core::BlockRef& at,
                                            const Missing& told, core::Instant now, Tally& tally,
                                            Missing& missing);

}  // namespace watchers
