#include "session/transition.hpp"

#include <algorithm>

#include "core/check.hpp"

namespace session {
namespace {

using core::DepositId;
using core::Errc;
using core::Error;
using core::Expected;
using core::Units;

constexpr char kUnderpaidText[] = "less than asked came before the deadline";

//! Builds the next session and its effects in one pass over an event.
class Stepper {
  public:
    explicit Stepper(const Session& before) : s_{before}, before_{before.state} {}

    Expected<Step> on(const MethodSet&) {
        if (!is_waiting(s_.state)) return refused("a payment method can no longer be set");
        // A method may be replaced; progress of a wallet flow starts again with it.
        enter_waiting(State::kSourceSet);
        return done();
    }
    Expected<Step> on(const Quoted&) {
        if (!one_of(State::kSourceSet, State::kQuoted, State::kSigning)) {
            return refused("a quote needs a source");
        }
        enter_waiting(State::kQuoted);
        return done();
    }
    Expected<Step> on(const SigningPrepared&) {
        if (!one_of(State::kQuoted, State::kSigning)) return refused("signing needs a quote");
        enter_waiting(State::kSigning);
        return done();
    }
    Expected<Step> on(const Submitted&) {
        if (!one_of(State::kSigning)) return refused("there is nothing signed to submit");
        enter_waiting(State::kSubmitted);
        return done();
    }
    Expected<Step> on(const Cancelled&) {
        // Only before anybody may have paid: cancelling must never turn a deposit into a stray.
        if (!one_of(State::kCreated)) return refused("the session can no longer be cancelled");
        s_.state = State::kCancelled;
        return done();
    }
    Expected<Step> on(const SourceFailed& event) {
        if (!one_of(State::kSubmitted)) return refused("no submitted transaction to fail");
        if (!money_in_time().empty()) return done();
        s_.state = State::kSourceFailed;
        s_.reason_text = event.reason;
        return done();
    }

    Expected<Step> on(const DepositsDetected& event) {
        for (const DepositItem& item : event.deposits) {
            if (!counts(item)) continue;
            Tally& tally = tally_of(item.asset);
            if (!add(tally.detected, item.units)) return done();
        }
        if (is_waiting(s_.state) && enough_asset(/*confirmed_only=*/false)) {
            s_.state = State::kDetected;
        }
        return done();
    }

    Expected<Step> on(const DepositsConfirmed& event) {
        std::vector<DepositId> strays;
        for (const DepositItem& item : event.deposits) {
            if (!counts(item)) {
                strays.push_back(item.id);
                continue;
            }
            Tally& tally = tally_of(item.asset);
            auto rest = tally.detected.minus(item.units);
            if (!rest) return refused("a deposit is confirmed that was not counted as detected");
            tally.detected = *rest;
            if (!add(tally.confirmed, item.units)) return done();
        }
        if (!strays.empty()) effect(ReturnStrays{std::move(strays)});
        if (is_waiting(s_.state) && enough_asset(/*confirmed_only=*/false)) {
            s_.state = State::kDetected;
        }
        if (s_.state == State::kDetected) {
            if (const Tally* tally = enough_asset(/*confirmed_only=*/true)) deliver(*tally);
        }
        return done();
    }

    Expected<Step> on(const DepositsOrphaned& event) {
        bool reverted = false;
        for (const auto& [item, was_confirmed] : event.deposits) {
            // What was ours for good is booked and may be claimed: it stays counted. Payouts halt, and
            // none goes out while a deposit it stands on is not on the chain.
            if (was_confirmed) {
                effect(ReportViolation{"a deposit left the chain after its credit policy was met"});
                continue;
            }
            if (!counts(item)) continue;
            Tally& tally = tally_of(item.asset);
            auto rest = tally.detected.minus(item.units);
            if (!rest) return refused("a deposit is taken back that was not counted");
            tally.detected = *rest;
            reverted = true;
        }
        if (!reverted) return done();
        effect(Notify{"session.deposit_reverted"});
        if (s_.state == State::kDetected && !enough_asset(/*confirmed_only=*/false)) {
            s_.state = s_.waiting_state;
        }
        return done();
    }

    Expected<Step> on(const DeadlinePassed&) {
        if (!is_waiting(s_.state)) return done();
        const auto money = money_in_time();
        if (money.empty()) {
            s_.state = State::kExpired;
            return done();
        }
        // Money is there but not ours for good yet: the deadline fires again once it is.
        const bool pending = std::any_of(money.begin(), money.end(), [](const Tally* tally) {
            return !tally->detected.is_zero();
        });
        if (pending) return done();
        const Tally funding = *money.front();
        s_.funding = Funding{funding.asset, funding.confirmed, Units{}, Units{}};
        refund(Reason::kUnderpaidAtDeadline, kUnderpaidText);
        return done();
    }

    Expected<Step> on(const DeliveryFinal&) {
        if (!paying(State::kDelivering)) return impossible("delivery_final");
        s_.state = State::kDelivered;
        s_.held_from.reset();
        s_.reason = Reason::kNone;
        s_.reason_text.clear();
        if (!s_.funding->excess.is_zero()) {
            effect(PlanExcess{s_.funding->asset, s_.funding->excess});
        }
        return done();
    }
    Expected<Step> on(const DeliveryFailed& event) {
        if (!paying(State::kDelivering)) return impossible("delivery_failed");
        s_.held_from.reset();
        refund(Reason::kDeliveryImpossible, event.reason);
        return done();
    }
    Expected<Step> on(const RefundFinal&) {
        if (!paying(State::kRefunding)) return impossible("refund_final");
        s_.state = State::kRefunded;
        if (!one_of_reasons_to_refund()) tell_why_refunded();
        s_.held_from.reset();
        return done();
    }
    Expected<Step> on(const RefundFailed& event) {
        if (!paying(State::kRefunding)) return impossible("refund_failed");
        hold(State::kRefunding, Reason::kRefundImpossible, event.reason);
        return done();
    }
    Expected<Step> on(const PayoutHeld& event) {
        if (s_.state == State::kHeld) return done();
        if (!one_of(State::kDelivering, State::kRefunding)) return impossible("payout_held");
        hold(s_.state, Reason::kPayoutHeld, event.reason);
        return done();
    }
    Expected<Step> on(const Resumed&) {
        if (s_.state != State::kHeld) return refused("only a held session can be resumed");
        CHECK(s_.held_from.has_value(), "a held session knows where it was stopped");
        if (!s_.funding) return refused("the session has no amount that could be paid");
        const State back = *s_.held_from;
        if (back == State::kRefunding && !s_.refund_address) {
            return refused("the session has no refund address");
        }
        s_.state = back;
        s_.held_from.reset();
        if (s_.reason == Reason::kNoRefundAddress || s_.reason == Reason::kRefundImpossible) {
            effect(PlanRefund{s_.funding->asset, s_.funding->received});
        }
        s_.reason = Reason::kNone;
        s_.reason_text.clear();
        if (back == State::kRefunding) tell_why_refunded();
        return done();
    }

  private:
    template <class... States>
    bool one_of(States... states) const {
        return ((s_.state == states) || ...);
    }
    //! Is a payout of this leg alive: in its state, or held from it?
    bool paying(State leg) const {
        return s_.state == leg || (s_.state == State::kHeld && s_.held_from == leg);
    }
    //! Does the deposit fund this session, rather than being a stray?
    bool counts(const DepositItem& item) const {
        return item.can_fund && item.mined_at <= s_.expires_at &&
               (is_waiting(s_.state) || s_.state == State::kDetected);
    }
    Tally& tally_of(const core::AssetId& asset) {
        for (Tally& tally : s_.tallies) {
            if (tally.asset == asset) return tally;
        }
        return s_.tallies.emplace_back(Tally{asset, {}, {}});
    }
    //! False, and the session is held, when the sum leaves 256 bits.
    bool add(Units& sum, const Units& units) {
        auto total = sum.plus(units);
        if (total) {
            sum = *total;
            return true;
        }
        hold(State::kDelivering, Reason::kOutOfRange, "the deposits add up to more than 256 bits");
        return false;
    }
    const Tally* enough_asset(bool confirmed_only) const {
        const Units wanted = enough(s_.destination, s_.policy);
        for (const Tally& tally : s_.tallies) {
            Units have = tally.confirmed;
            if (!confirmed_only) {
                const auto both = have.plus(tally.detected);
                // Beyond 256 bits together: either part alone is enough for anything that is asked.
                have = both ? *both : std::max(have, tally.detected);
            }
            if (!have.is_zero() && have >= wanted) return &tally;
        }
        return nullptr;
    }
    std::vector<const Tally*> money_in_time() const {
        std::vector<const Tally*> out;
        for (const Tally& tally : s_.tallies) {
            if (!tally.detected.is_zero() || !tally.confirmed.is_zero()) out.push_back(&tally);
        }
        return out;
    }
    void enter_waiting(State state) {
        s_.state = state;
        s_.waiting_state = state;
    }
    void deliver(const Tally& tally) {
        Units excess;
        const auto& asked = s_.destination.units;
        if (asked && s_.policy.overpaid == Overpaid::kRefundExcess && tally.asset == s_.destination.asset &&
            tally.confirmed > *asked) {
            const Units over = tally.confirmed.minus(*asked).value();
            // Within the tolerance it is delivered: sending back a few cents costs more than they are.
            const Units tolerated = asked->mul_ratio_floor(s_.policy.tolerance_bps, 10'000).value();
            if (over > tolerated) excess = over;
        }
        const Units to_deliver = tally.confirmed.minus(excess).value();
        s_.funding = Funding{tally.asset, tally.confirmed, to_deliver, excess};
        s_.state = State::kDelivering;
        effect(PlanDelivery{tally.asset, to_deliver});
    }
    void refund(Reason reason, const std::string& text) {
        if (!s_.refund_address) {
            hold(State::kRefunding, Reason::kNoRefundAddress, text + "; and there is no refund address");
            return;
        }
        s_.state = State::kRefunding;
        s_.reason = reason;
        s_.reason_text = text;
        effect(PlanRefund{s_.funding->asset, s_.funding->received});
    }
    bool one_of_reasons_to_refund() const {
        return s_.reason == Reason::kUnderpaidAtDeadline || s_.reason == Reason::kDeliveryImpossible;
    }
    //! A hold has taken the place of the reason, and is over.
    void tell_why_refunded() {
        CHECK(s_.funding.has_value(), "a refund is of something");
        const bool is_underpaid = s_.funding->to_deliver.is_zero();
        s_.reason = is_underpaid ? Reason::kUnderpaidAtDeadline : Reason::kDeliveryImpossible;
        s_.reason_text = is_underpaid ? kUnderpaidText : "the delivery was not possible";
    }
    void hold(State from, Reason reason, std::string text) {
        s_.state = State::kHeld;
        s_.held_from = from;
        s_.reason = reason;
        s_.reason_text = std::move(text);
    }
    void effect(Effect effect) { effects_.push_back(std::move(effect)); }

    Expected<Step> done() {
        if (s_.state != before_) notify();
        return Step{std::move(s_), std::move(effects_)};
    }
    void notify() {
        const bool was_processing = !is_waiting(before_);
        switch (s_.state) {
            case State::kDetected:
            case State::kDelivering:
            case State::kRefunding:
            case State::kHeld:
                if (!was_processing) effect(Notify{"session.processing"});
                if (s_.state == State::kHeld) effect(Notify{"session.held"});
                break;
            case State::kDelivered: effect(Notify{"session.succeeded"}); break;
            case State::kRefunded: effect(Notify{"session.bounced"}); break;
            case State::kExpired: effect(Notify{"session.expired"}); break;
            case State::kCancelled: effect(Notify{"session.cancelled"}); break;
            case State::kSourceFailed: effect(Notify{"session.source_failed"}); break;
            case State::kCreated:
            case State::kSourceSet:
            case State::kQuoted:
            case State::kSigning:
            case State::kSubmitted: break;
        }
    }
    static Error refused(std::string text) { return Error{Errc::kRefused, std::move(text)}; }
    Error impossible(std::string_view event) const {
        return Error{Errc::kRefused, std::string{event} + " cannot happen while " +
                                         std::string{to_string(s_.state)}};
    }

    Session s_;
    State before_;
    std::vector<Effect> effects_;
};

}  // namespace

Units enough(const Destination& destination, const Policy& policy) {
    if (!destination.units || policy.underpaid == Underpaid::kAccept) return Units{};
    const std::uint32_t kept_bps = policy.tolerance_bps >= 10'000 ? 0 : 10'000 - policy.tolerance_bps;
    return destination.units->mul_ratio_ceil(kept_bps, 10'000).value();
}

Expected<Step> transition(const Session& session, const Event& event) {
    return std::visit([&](const auto& e) { return Stepper{session}.on(e); }, event);
}

}  // namespace session
