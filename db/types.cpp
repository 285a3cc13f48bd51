#include "db/types.hpp"

namespace db {

std::string_view to_string(DepositStatus status) {
    switch (status) {
        case DepositStatus::kDetected: return "detected";
        case DepositStatus::kConfirmed: return "confirmed";
        case DepositStatus::kOrphaned: return "orphaned";
    }
    return "unknown";
}

std::string_view to_string(FactKind kind) {
    switch (kind) {
        case FactKind::kDepositsDetected: return "deposits_detected";
        case FactKind::kDepositsConfirmed: return "deposits_confirmed";
        case FactKind::kDepositsOrphaned: return "deposits_orphaned";
        case FactKind::kOwnTxMined: return "own_tx_mined";
        case FactKind::kOwnTxFinal: return "own_tx_final";
        case FactKind::kOwnTxOrphaned: return "own_tx_orphaned";
        case FactKind::kOpeningBalance: return "opening_balance";
        case FactKind::kBalanceMissing: return "balance_missing";
    }
    return "unknown";
}

std::string_view to_string(Leg leg) {
    switch (leg) {
        case Leg::kDelivery: return "delivery";
        case Leg::kRefund: return "refund";
        case Leg::kCollect: return "collect";
        case Leg::kStray: return "stray";
        case Leg::kGas: return "gas";
        case Leg::kFund: return "fund";
        case Leg::kFill: return "fill";
        case Leg::kRebalance: return "rebalance";
        case Leg::kExcess: return "excess";
    }
    return "unknown";
}

std::string_view to_string(PayoutStatus status) {
    switch (status) {
        case PayoutStatus::kPlanned: return "planned";
        case PayoutStatus::kReserved: return "reserved";
        case PayoutStatus::kSigned: return "signed";
        case PayoutStatus::kSent: return "sent";
        case PayoutStatus::kSeen: return "seen";
        case PayoutStatus::kFinalOk: return "final_ok";
        case PayoutStatus::kFinalFailed: return "final_failed";
        case PayoutStatus::kDead: return "dead";
        case PayoutStatus::kHeld: return "held";
    }
    return "unknown";
}

std::string_view to_string(StepKind kind) {
    switch (kind) {
        case StepKind::kTopUp: return "top_up";
        case StepKind::kApprove: return "approve";
        case StepKind::kCall: return "call";
        case StepKind::kTransfer: return "transfer";
        case StepKind::kCancel: return "cancel";
    }
    return "unknown";
}

std::string_view to_string(DeliveryState state) {
    switch (state) {
        case DeliveryState::kBehind: return "behind";
        case DeliveryState::kDue: return "due";
        case DeliveryState::kDelivered: return "delivered";
        case DeliveryState::kFailed: return "failed";
    }
    return "unknown";
}

}  // namespace db
