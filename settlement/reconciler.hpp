#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "settlement/context.hpp"
#include "settlement/reconcile.hpp"

namespace settlement {

//! Compares the books of one chain with the chain now and then, a part of the addresses at a time, and
//! halts payouts when money is missing there.
//!
//! More than the books say halts nothing: anybody can send coin unseen, and what is not on the books is
//! never paid out. It is logged and counted. Less halts only when two looks in a row find the same: one
//! wrong answer of one node is no finding. What an operator acknowledged once does not halt again.
class Reconciler {
  public:
    struct Chain {
        ReconcileRequest request;
        BalanceAt balance_at;
    };

    Reconciler(const Context& context, Chain chain, core::Millis every)
        : context_{context}, chain_{std::move(chain)}, every_{every} {}

    //! Until cancelled.
    core::Task<void> run();
    //! One look at the next part; the number of differences. Errors as reconcile().
    core::Task<core::Expected<std::size_t>> look();

  private:
    using Place = std::pair<core::Address, core::AssetId>;

    core::Task<core::Expected<core::Done>> halt(std::vector<std::string> findings);
    std::string tell(const ReconcileLine& line) const;

    const Context& context_;
    Chain chain_;
    core::Millis every_;
    //! What the last look at this part found missing, and where the part begins.
    std::map<Place, core::Units> suspected_;
    core::Address part_after_;
    std::set<std::string> told_;  //!< so that the journal hears of each but once
};

}  // namespace settlement
