#include "session/types.hpp"

#include "core/check.hpp"

namespace session {

std::string_view to_string(State state) {
    switch (state) {
        case State::kCreated: return "created";
        case State::kSourceSet: return "source_set";
        case State::kQuoted: return "quoted";
        case State::kSigning: return "signing";
        case State::kSubmitted: return "submitted";
        case State::kDetected: return "detected";
        case State::kDelivering: return "delivering";
        case State::kDelivered: return "delivered";
        case State::kRefunding: return "refunding";
        case State::kRefunded: return "refunded";
        case State::kHeld: return "held";
        case State::kExpired: return "expired";
        case State::kCancelled: return "cancelled";
        case State::kSourceFailed: return "source_failed";
    }
    core::check_failed("State is known", __FILE__, __LINE__);
}

std::optional<State> state_from_number(int number) {
    for (const State state : kAllStates) {
        if (static_cast<int>(state) == number) return state;
    }
    return std::nullopt;
}

bool is_final(State state) {
    return state == State::kDelivered || state == State::kRefunded || state == State::kExpired ||
           state == State::kCancelled || state == State::kSourceFailed;
}

bool is_waiting(State state) {
    return state == State::kCreated || state == State::kSourceSet || state == State::kQuoted ||
           state == State::kSigning || state == State::kSubmitted;
}

std::string_view to_string(Reason reason) {
    switch (reason) {
        case Reason::kNone: return "none";
        case Reason::kUnderpaidAtDeadline: return "underpaid_at_deadline";
        case Reason::kDeliveryImpossible: return "delivery_impossible";
        case Reason::kNoRefundAddress: return "no_refund_address";
        case Reason::kRefundImpossible: return "refund_impossible";
        case Reason::kPayoutHeld: return "payout_held";
        case Reason::kOutOfRange: return "out_of_range";
    }
    core::check_failed("Reason is known", __FILE__, __LINE__);
}

std::string_view name_of(const Event& event) {
    struct Namer {
        std::string_view operator()(const MethodSet&) const { return "method_set"; }
        std::string_view operator()(const Quoted&) const { return "quoted"; }
        std::string_view operator()(const SigningPrepared&) const { return "signing_prepared"; }
        std::string_view operator()(const Submitted&) const { return "submitted"; }
        std::string_view operator()(const Cancelled&) const { return "cancelled"; }
        std::string_view operator()(const SourceFailed&) const { return "source_failed"; }
        std::string_view operator()(const DepositsDetected&) const { return "deposits_detected"; }
        std::string_view operator()(const DepositsConfirmed&) const { return "deposits_confirmed"; }
        std::string_view operator()(const DepositsOrphaned&) const { return "deposits_orphaned"; }
        std::string_view operator()(const DeadlinePassed&) const { return "deadline_passed"; }
        std::string_view operator()(const DeliveryFinal&) const { return "delivery_final"; }
        std::string_view operator()(const DeliveryFailed&) const { return "delivery_failed"; }
        std::string_view operator()(const RefundFinal&) const { return "refund_final"; }
        std::string_view operator()(const RefundFailed&) const { return "refund_failed"; }
        std::string_view operator()(const PayoutHeld&) const { return "payout_held"; }
        std::string_view operator()(const Resumed&) const { return "resumed"; }
    };
    return std::visit(Namer{}, event);
}

std::string_view name_of(const Effect& effect) {
    struct Namer {
        std::string_view operator()(const PlanDelivery&) const { return "plan_delivery"; }
        std::string_view operator()(const PlanRefund&) const { return "plan_refund"; }
        std::string_view operator()(const PlanExcess&) const { return "plan_excess"; }
        std::string_view operator()(const ReturnStrays&) const { return "return_strays"; }
        std::string_view operator()(const Notify&) const { return "notify"; }
        std::string_view operator()(const ReportViolation&) const { return "report_violation"; }
    };
    return std::visit(Namer{}, effect);
}

}  // namespace session
