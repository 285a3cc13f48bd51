#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "session/types.hpp"
#include "settlement/context.hpp"

namespace settlement {

//! What goes into the session's row and journal beside the state.
struct EventContext {
    std::string detail;                        //!< for people
    std::optional<core::TxId> outcome_tx;      //!< of a final delivery or refund
    std::optional<core::Units> outcome_units;  //!< what arrived
    core::ChainId chain = {};                  //!< where the event happened, when on a chain
};

//! Applies events to sessions: the new state, its journal row, and every effect (payouts, claims,
//! postings) become rows of the caller's unit of work. Nothing is sent here.
class SessionEvents {
  public:
    explicit SessionEvents(const Context& context) : context_{context} {}

    //! kNotFound for an unknown session; kRefused when the state does not allow the event; kConflict
    //! when the row changed meanwhile (the caller's job is run again).
    core::Expected<core::Done> apply(db::UnitOfWork& work, const core::SessionId& id,
                                     const session::Event& event, EventContext about) const;

    //! Books confirmed deposits as strays of their receiver and plans their way back.
    core::Expected<core::Done> return_strays(db::UnitOfWork& work, const db::SessionRow& row,
                                             std::vector<db::Deposit> strays) const;

    //! Plans the way back of what a call that was delivered did not take. Without a refund address too:
    //! its first step takes the allowance back, and only then it is held.
    core::Expected<core::Done> plan_leftover(db::UnitOfWork& work, const db::Payout& delivery,
                                             const core::Units& units) const;
    //! Ends a leftover of which the contract took `missing` by itself, and plans what is left of it.
    core::Expected<core::Done> plan_rest(db::UnitOfWork& work, db::Payout leftover,
                                         const core::Units& missing) const;

    //! Writes down what the session's owner should hear of.
    core::Expected<core::Done> tell(db::UnitOfWork& work, const core::SessionId& id,
                                    const std::vector<News>& news) const;

  private:
    core::Expected<core::Done> carry_out(db::UnitOfWork& work, const db::SessionRow& row,
                                         const session::Effect& effect,
                                         const EventContext& about) const;
    core::Expected<core::Done> plan(db::UnitOfWork& work, const db::SessionRow& row, db::Leg leg,
                                    const core::AssetId& asset, const core::Units& units) const;

    const Context& context_;
};

}  // namespace settlement
