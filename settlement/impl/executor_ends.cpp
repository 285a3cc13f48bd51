#include "settlement/executor.hpp"

#include "core/check.hpp"
#include "settlement/impl/grants.hpp"
#include "settlement/impl/payout_checks.hpp"
#include "settlement/payout_rules.hpp"

// Payouts that wait, are impossible, or are held; and how an operator lets them go on.

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;
using core::Task;

bool has_failed(const db::Payout& payout) {
    return db::is_terminal(payout.status) && payout.status != db::PayoutStatus::kFinalOk;
}

//! kRefused, and why, when it has not.
Expected<Done> still_has_its_money(db::UnitOfWork& work, const db::Payout& payout) {
    auto has = has_its_money(work, payout);
    if (!has && has.error().code == Errc::kNotReady) return Error{Errc::kRefused, has.error().message};
    return has;
}

//! Another refund for one that failed. kRefused where the first may have paid, or may yet.
Expected<core::PayoutId> refund_again(const Context& context, db::UnitOfWork& work,
                                      const db::Payout& payout) {
    if (auto has = still_has_its_money(work, payout); !has) return has.error();
    auto done = SessionEvents{context}.apply(work, *payout.session, session::Resumed{},
                                             {"an operator let the refund be tried again", {}, {}});
    if (!done) return done.error();
    auto newest = work.payouts().newest_of_session(*payout.session, 1);
    if (!newest) return newest.error();
    CHECK(!newest->empty() && newest->front().payout.leg == db::Leg::kRefund, "a refund was planned");
    return newest->front().payout.id;
}

//! Its delivery and its refunds have all ended then.
Expected<bool> is_held_for_a_refund(db::UnitOfWork& work, const core::SessionId& id) {
    auto row = work.sessions().load(id);
    if (!row) return row.error();
    return *row && (*row)->session.state == session::State::kHeld &&
           (*row)->session.reason == session::Reason::kRefundImpossible;
}

}  // namespace

Task<Expected<Done>> Executor::wait_for(db::PayoutFull full, std::string why) {
    if (full.payout.waiting_for == why) co_return Done{};
    const core::PayoutId id = full.payout.id;
    const core::Instant now = context_.clock.now();
    // A price in it changes at every look: that is kept and shown, but is no news for the log.
    if (kind_of_wait(full.payout.waiting_for) != kind_of_wait(why)) {
        context_.log.info("payout waits", {{"payout", id.value},
                                           {"leg", to_string(full.payout.leg)},
                                           {"for", why}});
    }
    auto job = context_.database.write<Done>(
        [id, now, why](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            db::Payout payout = (*loaded)->payout;
            if (db::is_terminal(payout.status) || payout.waiting_for == why) return Done{};
            payout.waiting_for = why;
            payout.updated_at = now;
            return work.payouts().save(payout);
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::impossible(db::PayoutFull full, std::string why) {
    if (full.payout.leg != db::Leg::kDelivery) {
        co_return co_await hold(std::move(full), "the chain refuses the transfer: " + why);
    }
    const core::Instant now = context_.clock.now();
    const core::PayoutId id = full.payout.id;
    auto job = context_.database.write<Done>(
        [this, id, now, why](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            const db::PayoutFull& current = **loaded;
            if (db::is_terminal(current.payout.status)) return Done{};
            // Dead needs proof. Here it is: every step that was ever signed has ended.
            if (current_step(current) != nullptr) {
                return Error{Errc::kConflict, "a step is alive"};
            }
            db::Payout payout = current.payout;
            payout.status = db::PayoutStatus::kDead;
            payout.reason =
                "never sent: the chain refuses the " + what_is_refused(payout) + ": " + why;
            payout.waiting_for.clear();
            payout.updated_at = now;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            CHECK(payout.session.has_value(), "a delivery belongs to a session");
            return events_.apply(work, *payout.session, session::DeliveryFailed{why},
                                 {"delivery impossible: " + why, {}, {}});
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::hold(db::PayoutFull full, std::string why) {
    const core::Instant now = context_.clock.now();
    const core::PayoutId id = full.payout.id;
    context_.log.error("payout held, an operator has to look",
                       {{"payout", id.value}, {"leg", to_string(full.payout.leg)}, {"reason", why}});
    // What an operator lets go on later is still not the call.
    const std::string prefix{is_given_up(full.payout) ? kNeverCalled : ""};
    auto job = context_.database.write<Done>(
        [this, id, now, why, prefix](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            db::Payout payout = (*loaded)->payout;
            if (db::is_terminal(payout.status) || payout.status == db::PayoutStatus::kHeld) {
                return Done{};
            }
            payout.held_from = payout.status;
            payout.status = db::PayoutStatus::kHeld;
            payout.reason = prefix + why;
            payout.waiting_for = "an operator: " + why;
            payout.updated_at = now;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            const bool session_waits =
                payout.leg == db::Leg::kDelivery || payout.leg == db::Leg::kRefund;
            if (!payout.session) return Done{};
            if (!session_waits) return events_.tell(work, *payout.session, {{"payout.held", {}}});
            return events_.apply(work, *payout.session, session::PayoutHeld{why},
                                 {"payout held: " + why, {}, {}});
        });
    co_return co_await std::move(job);
}

Task<Expected<core::PayoutId>> resume_payout(const Context& context, core::PayoutId id) {
    const core::Instant now = context.clock.now();
    auto job = context.database.write<core::PayoutId>(
        [&context, id, now](db::UnitOfWork& work) -> Expected<core::PayoutId> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            if (!*loaded) {
                return Error{Errc::kNotFound, "there is no payout " + std::to_string(id.value)};
            }
            db::Payout payout = (*loaded)->payout;
            if (has_failed(payout) && payout.leg == db::Leg::kRefund && payout.session) {
                auto waits = is_held_for_a_refund(work, *payout.session);
                if (!waits) return waits.error();
                if (*waits) return refund_again(context, work, payout);
            }
            if (payout.status != db::PayoutStatus::kHeld) {
                return Error{Errc::kRefused, "payout " + std::to_string(id.value) + " is " +
                                                 std::string{to_string(payout.status)} + ", not held"};
            }
            if (payout.recipient.empty()) {
                auto grants = grants_of(work, payout);
                if (!grants) return grants.error();
                // What pays nobody needs none: the allowance ends first, and what was taken of it is told.
                const bool has_to_end = grants->open.has_value() || !grants->not_filed.empty() ||
                                        !grants->missing.is_zero();
                if (!is_leftover(payout) || !has_to_end) {
                    return Error{Errc::kRefused, "the payout has no recipient"};
                }
            }
            // A call and what it left have their own rules: what stands of an allowance has to end first.
            if (!is_call(payout) && !is_leftover(payout)) {
                if (auto has = still_has_its_money(work, payout); !has) return has.error();
            }
            payout.status = payout.held_from;
            if (!is_given_up(payout)) payout.reason.clear();
            payout.held_from = db::PayoutStatus::kHeld;
            payout.waiting_for = "its turn";
            payout.updated_at = now;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            const bool session_waits =
                payout.leg == db::Leg::kDelivery || payout.leg == db::Leg::kRefund;
            if (!payout.session || !session_waits) return id;
            auto row = work.sessions().load(*payout.session);
            if (!row) return row.error();
            if (!*row || (*row)->session.state != session::State::kHeld) return id;
            auto done = SessionEvents{context}.apply(work, *payout.session, session::Resumed{},
                                                     {"an operator let the payout go on", {}, {}});
            if (!done) return done.error();
            return id;
        });
    co_return co_await std::move(job);
}

}  // namespace settlement
