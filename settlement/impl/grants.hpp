#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/units.hpp"
#include "db/database.hpp"

namespace settlement {

//! Tokens of this address that a contract was allowed to take and that no call of ours is known to have
//! given it. It may have taken them in a transaction of its own, which is not read: when they are
//! missing, that says nothing about the chain or the books. Nothing any more once the end of the
//! allowance is filed.
core::Expected<core::Units> granted_and_not_taken(db::UnitOfWork& work, const core::ChainId& chain,
                                                  const core::Address& owner,
                                                  const core::AssetId& asset);

//! Where the allowances of a session stand.
struct Grants {
    std::optional<db::PayoutStep> open;     //!< may still be used
    std::vector<db::PayoutStep> not_filed;  //!< taken back for good, and what came of it not looked at yet
    core::Units missing;                    //!< what was taken by no call of ours, by what is filed
    bool halted = false;                    //!< payouts on the chain are
};
core::Expected<Grants> grants_of(db::UnitOfWork& work, const core::SessionId& session,
                                 const core::ChainId& chain);

//! A block at which the end of an allowance can be looked at, and what the owner must hold there by all
//! that is known.
struct Look {
    core::BlockRef at;
    core::Units known;
};
//! The block that ended it, which is final, and then our last one: nodes without an archive may have
//! forgotten the first, and of what an allowance that ended before both could do, both tell the same. Empty
//! while its end is not final.
core::Expected<std::vector<Look>> looks_at(db::UnitOfWork& work, const db::PayoutStep& grant,
                                           const core::SessionId& session);

}  // namespace settlement
