#pragma once

#include <cstddef>
#include <string>

#include "core/expected.hpp"
#include "core/task.hpp"
#include "settlement/context.hpp"
#include "settlement/session_events.hpp"

namespace settlement {

//! Reads facts in order and turns them into session steps, postings and payout states. Facts, steps
//! and its own cursor are one unit of work, so a fact is applied exactly once; and what was counted is
//! remembered under the deposit's key, so that a fact that comes twice changes nothing. A fact that can
//! never be applied halts its chain and is set aside; it does not stop the others.
class Driver {
  public:
    explicit Driver(const Context& context) : context_{context}, events_{context} {}

    //! Until cancelled.
    core::Task<void> run();
    //! One batch; the number of facts applied.
    core::Task<core::Expected<std::size_t>> drive_once();

  private:
    core::Task<core::Expected<std::size_t>> apply_some(std::size_t most);
    core::Task<core::Expected<std::size_t>> set_aside(std::string why);
    core::Expected<core::Done> apply(db::UnitOfWork& work, const db::Fact& fact) const;
    core::Expected<core::Done> deposits_detected(db::UnitOfWork& work, const db::Fact& fact) const;
    core::Expected<core::Done> deposits_confirmed(db::UnitOfWork& work, const db::Fact& fact) const;
    core::Expected<core::Done> book_deposits(db::UnitOfWork& work,
                                             const std::vector<db::Deposit>& deposits,
                                             const std::optional<core::SessionId>& id) const;
    core::Expected<core::Done> deposits_orphaned(db::UnitOfWork& work, const db::Fact& fact) const;
    core::Expected<core::Done> own_tx_moved(db::UnitOfWork& work, const db::Fact& fact) const;
    core::Expected<core::Done> own_tx_final(db::UnitOfWork& work, const db::Fact& fact) const;
    core::Expected<core::Done> attempt_final(db::UnitOfWork& work, const db::OwnTx& tx,
                                             const db::Payouts::AttemptPlace& place) const;
    core::Expected<core::Done> final_again(db::UnitOfWork& work, const db::OwnTx& tx,
                                           const db::PayoutStep& step, bool ok) const;
    core::Expected<core::Done> foreign_instead(db::UnitOfWork& work, const db::OwnTx& tx,
                                               const db::PayoutStep& step) const;
    core::Expected<core::Done> go_on(db::UnitOfWork& work, db::Payout payout,
                                     const std::string& waiting_for) const;
    core::Expected<core::Done> foreign_final(db::UnitOfWork& work, const db::OwnTx& tx) const;
    core::Expected<core::Done> payout_final(db::UnitOfWork& work, db::Payout payout,
                                            const db::PayoutStep& step, bool ok,
                                            const db::OwnTx& tx, const std::string& why) const;
    core::Expected<core::Done> balance_missing(db::UnitOfWork& work, const db::Fact& fact) const;

    const Context& context_;
    SessionEvents events_;
    bool may_be_more_ = false;  //!< facts behind the last batch, by what came of it
};

}  // namespace settlement
