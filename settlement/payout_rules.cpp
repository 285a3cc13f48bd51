#include "settlement/payout_rules.hpp"

#include <algorithm>
#include <cstddef>

namespace settlement {

const db::PayoutStep* current_step(const db::PayoutFull& full) {
    for (auto step = full.steps.rbegin(); step != full.steps.rend(); ++step) {
        if (!db::is_terminal(step->status)) return &*step;
    }
    return nullptr;
}

const db::Attempt* newest_attempt(const db::PayoutFull& full, core::StepId step) {
    for (auto attempt = full.attempts.rbegin(); attempt != full.attempts.rend(); ++attempt) {
        if (attempt->step == step && attempt->status != db::AttemptStatus::kDead) return &*attempt;
    }
    return nullptr;
}

bool does_what_it_should(const db::OwnTx& tx, const db::PayoutStep& step) {
    if (!tx.success || tx.sender != step.sender) return false;
    switch (step.kind) {
        case db::StepKind::kTopUp: return tx.to == step.recipient && tx.native_value == step.units;
        case db::StepKind::kTransfer:
            if (step.asset.is_native()) {
                return tx.to == step.recipient && tx.native_value == step.units;
            }
            return std::any_of(tx.transfers.begin(), tx.transfers.end(),
                               [&](const db::OwnTxTransfer& transfer) {
                                   return transfer.asset == step.asset &&
                                          transfer.from == step.sender &&
                                          transfer.to == step.recipient &&
                                          transfer.units == step.units;
                               });
        case db::StepKind::kApprove:
        case db::StepKind::kCall:
        case db::StepKind::kCancel: return true;
    }
    return false;
}

chains::TxOrder order_of(const db::PayoutStep& step, const core::Bytes& calldata) {
    chains::TxOrder order;
    order.asset = step.asset;
    order.sender = step.sender;
    order.recipient = step.recipient;
    order.units = step.units;
    switch (step.kind) {
        case db::StepKind::kTopUp: order.kind = chains::CallKind::kNativeTransfer; break;
        case db::StepKind::kTransfer:
            order.kind = step.asset.is_native() ? chains::CallKind::kNativeTransfer
                                                : chains::CallKind::kTokenTransfer;
            break;
        case db::StepKind::kApprove: order.kind = chains::CallKind::kApprove; break;
        case db::StepKind::kCall:
            order.kind = chains::CallKind::kCall;
            order.data = calldata;
            break;
        case db::StepKind::kCancel: order.kind = chains::CallKind::kNoop; break;
    }
    return order;
}

chains::TxOrder final_order(const db::Payout& payout) {
    chains::TxOrder order;
    order.kind = payout.asset.is_native() ? chains::CallKind::kNativeTransfer
                                          : chains::CallKind::kTokenTransfer;
    order.asset = payout.asset;
    order.sender = payout.sender;
    order.recipient = payout.recipient;
    order.units = payout.units;
    return order;
}

std::string kind_of_wait(std::string_view why) {
    constexpr std::string_view kDigits = "0123456789";
    constexpr std::string_view kNumber = "0123456789.";
    constexpr std::string_view kHexDigits = "0123456789abcdefABCDEF";
    std::string out;
    while (!why.empty()) {
        const std::size_t from = std::min(why.find_first_of(kDigits), why.size());
        out += why.substr(0, from);
        why.remove_prefix(from);
        if (why.empty()) break;
        out += '#';
        const bool hex = why.starts_with("0x");
        if (hex) why.remove_prefix(2);
        why.remove_prefix(std::min(why.find_first_not_of(hex ? kHexDigits : kNumber), why.size()));
    }
    return out;
}

std::optional<session::Event> end_event(db::Leg leg, bool ok, const std::string& why) {
    if (leg == db::Leg::kDelivery) {
        if (ok) return session::DeliveryFinal{};
        return session::DeliveryFailed{why};
    }
    if (leg == db::Leg::kRefund) {
        if (ok) return session::RefundFinal{};
        return session::RefundFailed{why};
    }
    return std::nullopt;
}

}  // namespace settlement
