#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/units.hpp"
#include "db/database.hpp"

namespace settlement {

//! Tokens of this address that a contract was allowed to take, until the end of the allowance is filed. It
//! may have taken them in a transaction of its own, which is not read, also beside a call that took as
//! much: when they are missing, that says nothing about the chain or the books.
core::Expected<core::Units> granted(db::UnitOfWork& work, const core::ChainId& chain,
                                    const core::Address& owner, const core::AssetId& asset);

//! Where the allowances of a session stand.
struct Grants {
    std::optional<db::PayoutStep> open;     //!< may still be used
    std::vector<db::PayoutStep> not_filed;  //!< taken back for good, and what came of it not looked at yet
    core::Units missing;                    //!< what was taken by no call of ours, by what is filed
    std::string barred;                     //!< why the payout's money may not move now; empty: it may
};
core::Expected<Grants> grants_of(db::UnitOfWork& work, const db::Payout& payout);

//! Does this step serve the end of an allowance that stands? Such a one pays nobody and waits for nothing
//! that stops payouts.
core::Expected<bool> serves_end(db::UnitOfWork& work, const db::Payout& payout,
                                const db::PayoutStep& step);

//! A block at which the end of an allowance can be looked at, and what the owner must hold there by all
//! that is known.
struct Look {
    core::BlockRef at;
    core::Units known;
};
//! The block that ended it, or may have, which is final; our last one; and one a little before that. Nodes
//! without an archive may have forgotten the first, and not all of them have our last one yet; of what an
//! allowance that ended before all of them could do, all tell the same. Empty while neither its end nor its
//! call is final.
core::Expected<std::vector<Look>> looks_at(db::UnitOfWork& work, const db::PayoutStep& grant,
                                           const core::SessionId& session);

}  // namespace settlement
