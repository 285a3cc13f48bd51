#include "core/crash_point.hpp"
#include "settlement/payout_rules.hpp"
#include "settlement/session_events.hpp"

// What a contract that was called left behind: of its allowance, and of the money.
namespace settlement {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;

Expected<Done> SessionEvents::plan_leftover(db::UnitOfWork& work, const db::Payout& delivery,
                                            const core::Units& units) const {
    if (!delivery.session) return Error{Errc::kRefused, "a delivery belongs to a session"};
    auto row = work.sessions().load(*delivery.session);
    if (!row) return row.error();
    if (!*row) return Error{Errc::kNotFound, "no session " + delivery.session->text()};
    const session::Session& session = (**row).session;
    const core::Instant now = context_.clock.now();

    db::JournalEntry note;
    note.session = session.id;
    note.version = (**row).version;
    note.from = note.to = session.state;
    note.event = "leftover";
    note.at = now;
    const chains::ChainInfo* chain = context_.chain(delivery.asset.chain());
    const chains::TokenInfo* token = chain == nullptr ? nullptr : chain->token(delivery.asset);
    const bool is_kept = token != nullptr && !units.is_zero() && units < token->stray_min;

    db::Payout payout;
    payout.session = delivery.session;
    payout.environment = delivery.environment;
    payout.leg = db::Leg::kExcess;
    payout.asset = delivery.asset;
    payout.receiver = delivery.receiver;
    payout.sender = delivery.sender;
    payout.recipient = session.refund_address.value_or(core::Address{});
    // Also without anything to return: that the call took of its allowance, and not beside it, is not known.
    payout.units = is_kept ? core::Units{} : units;
    payout.claims_key = leftover_key(delivery);
    payout.created_at = payout.updated_at = now;
    CRASH_POINT("plan_before");
    if (auto planned = work.payouts().plan(payout); !planned) return planned.error();
    CRASH_POINT("plan_after");

    context_.metrics.count("depositd_payouts_planned_total",
                           {{"chain", payout.asset.chain().text()},
                            {"leg", std::string{to_string(payout.leg)}}});
    if (units.is_zero()) return Done{};
    note.detail = units.decimal() + " of " + delivery.asset.text() +
                  " was not taken by the contract; its allowance is taken back, and the rest " +
                  (is_kept ? "kept on the books: below the smallest amount that is returned"
                           : "goes to the refund address");
    if (is_kept) {
        context_.metrics.count("depositd_leftovers_kept_total", {{"chain", delivery.asset.chain().text()}});
    }
    return work.sessions().note(note);
}

Expected<Done> SessionEvents::plan_rest(db::UnitOfWork& work, db::Payout leftover,
                                        const core::Units& missing) const {
    if (!leftover.session) return Error{Errc::kRefused, "a leftover belongs to a session"};
    auto row = work.sessions().load(*leftover.session);
    if (!row) return row.error();
    if (!*row) return Error{Errc::kNotFound, "no session " + leftover.session->text()};
    const core::Instant now = context_.clock.now();
    core::Units left;
    if (missing < leftover.units) left = *leftover.units.minus(missing);

    db::Payout rest = leftover;
    rest.id = {};
    rest.version = 1;
    rest.units = left;
    rest.claims_key = "rest of " + leftover.claims_key;
    rest.status = rest.held_from = db::PayoutStatus::kPlanned;
    rest.reason.clear();
    rest.waiting_for.clear();
    rest.created_at = rest.updated_at = now;

    leftover.status = db::PayoutStatus::kDead;
    leftover.reason = missing.decimal() + " of " + leftover.asset.text() +
                      " was taken by the contract, and not by our call of it; an operator let the rest go, " +
                      left.decimal();
    leftover.waiting_for.clear();
    leftover.updated_at = now;
    if (auto saved = work.payouts().save(leftover); !saved) return saved.error();
    db::JournalEntry note;
    note.session = *leftover.session;
    note.version = (**row).version;
    note.from = note.to = (**row).session.state;
    note.event = "leftover";
    note.detail = leftover.reason;
    note.at = now;
    if (auto noted = work.sessions().note(note); !noted || left.is_zero()) return noted;
    auto planned = work.payouts().plan(rest);
    if (!planned) return planned.error();
    context_.metrics.count("depositd_payouts_planned_total",
                           {{"chain", rest.asset.chain().text()},
                            {"leg", std::string{to_string(rest.leg)}}});
    return Done{};
}

}  // namespace settlement
