#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"
#include "core/units.hpp"
#include "db/database.hpp"

namespace settlement {

//! What an address holds of an asset at exactly this block, as the chain says.
using BalanceAt = std::function<core::Task<core::Expected<core::Units>>(
    core::AssetId asset, core::Address owner, core::BlockRef at)>;

struct ReconcileLine {
    core::Address owner;
    core::AssetId asset;
    core::Units booked;    //!< ledger
    core::Units expected;  //!< ledger, plus what is on the chain and not final or credited yet
    core::Units in;        //!< what makes up `expected`: kept apart, because it has no sign
    core::Units out;
    //! Of what is missing so much proves nothing yet: what came in blocks that are not final, and what
    //! our own unseen transactions may have taken. A false block differs by no more. Nor does what a
    //! contract that we allowed to take tokens may have taken by itself.
    core::Units uncertain;
    std::optional<core::Error> not_told;  //!< why the chain could not be asked; then nothing below holds
    core::Units on_chain;
    core::Units missing;  //!< on the books and not on the chain
    core::Units surplus;  //!< on the chain and not on the books
    bool equal = false;
};

//! ReconcileLine::uncertain of native coin, and what our own transactions took by one endpoint's word.
core::Expected<core::Units> uncertain_native(db::UnitOfWork& work, const core::ChainId& chain,
                                             const core::AssetId& native, const core::Address& owner);

//! Is more missing than what is not certain yet?
inline bool is_missing(const ReconcileLine& line) { return line.missing > line.uncertain; }

//! Sets what the chain says, and what follows from it.
core::Expected<core::Done> hold_against(ReconcileLine& line, const core::Units& on_chain);

struct ReconcileReport {
    core::BlockRef at;  //!< our own last block: ledger and chain are compared here
    std::vector<ReconcileLine> lines;
    std::size_t differences = 0;
    std::size_t not_told = 0;  //!< lines of which neither agreement nor difference is known
    core::Address last;  //!< where the next part begins; empty when everything was looked at
};

struct ReconcileRequest {
    core::ChainId chain;
    core::AssetId native;
    std::vector<core::AssetId> assets;            //!< all of the chain's allow-list
    std::vector<core::Address> operator_addresses;
    //! Also ask for receivers on whose books nothing stands: finds money that was never seen.
    bool every_receiver = false;
    //! Zero: all. Otherwise the balances of so many addresses above `after`, beside those of the
    //! operator's addresses; and the books' own sum is left to those who look at everything.
    std::size_t part = 0;
    core::Address after;
};

//! Compares the books with the chain at one block. Reads only. A balance that nobody can be asked
//! (a token no longer listed, a contract that does not answer), or that endpoints differ about, spoils
//! only its own line. kNotReady while settlement has facts to apply (ask again), kStorage when the ledger does not add up in itself.
core::Task<core::Expected<ReconcileReport>> reconcile(db::Database& database,
                                                      ReconcileRequest request,
                                                      BalanceAt balance_at);

}  // namespace settlement
