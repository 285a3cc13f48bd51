#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "chains/ports/agreed_balance.hpp"
#include "settlement/context.hpp"
#include "settlement/reconcile.hpp"

namespace settlement {

//! The same, by the word of as many endpoints as the verdict on a payout needs.
using AgreedBalanceAt = std::function<core::Task<core::Expected<chains::AgreedBalance>>(
    core::AssetId asset, core::Address owner, core::BlockRef at)>;

//! Compares the books of one chain with the chain now and then, a part of the addresses at a time, and
//! halts payouts when money is missing there.
//!
//! More than the books say halts nothing: anybody can send coin unseen, and what is not on the books is
//! never paid out. It is logged and counted. Less halts when it is found at two looks in a row, whatever
//! the amounts, and a quorum of the endpoints says so too: one node's word is no finding. What an
//! operator acknowledged does not halt again, not after a restart either, until the place was seen whole.
class Reconciler {
  public:
    struct Chain {
        ReconcileRequest request;
        BalanceAt balance_at;
        AgreedBalanceAt agreed_balance_at;
    };

    Reconciler(const Context& context, Chain chain, core::Millis every)
        : context_{context}, chain_{std::move(chain)}, every_{every} {}

    //! Until cancelled.
    core::Task<void> run();
    //! One look at the next part, or a second one at the same; the number of differences. Errors as
    //! reconcile().
    core::Task<core::Expected<std::size_t>> look();

  private:
    using Place = std::pair<core::Address, core::AssetId>;
    using Lines = std::vector<ReconcileLine>;
    struct Standing {
        std::vector<std::string> open;  //!< why the chain is halted
        std::vector<std::string> acknowledged;
    };

    core::Task<core::Expected<Standing>> standing();
    core::Task<core::Expected<core::Done>> judge(Lines missing, core::BlockRef at,
                                                 Standing standing);
    core::Task<core::Expected<core::Done>> lapse(Lines whole, core::BlockRef at, Standing standing);
    core::Task<core::Expected<core::Done>> halt(std::string reason);
    core::Task<std::optional<ReconcileLine>> by_quorum(ReconcileLine line, core::BlockRef at);
    core::Task<void> rest(core::Millis duration);
    void tell_once(const std::string& message, const std::string& what, const std::string& why = {});
    void tell(const ReconcileLine& line);
    void tell_failure(const core::Error& error);
    void tell_age();
    std::string chain_text() const { return chain_.request.chain.text(); }

    const Context& context_;
    Chain chain_;
    core::Millis every_;
    std::set<Place> suspected_;   //!< money was missing there when it was last looked at
    core::Address part_after_;    //!< where the part begins
    bool is_second_look_ = false;
    std::optional<core::Tick> round_ended_;  //!< or began, for the first
    std::set<std::string> told_;  //!< so that the journal hears of each but once
};

}  // namespace settlement
