#include "settlement/payout_rules.hpp"

#include <algorithm>
#include <cstddef>

namespace settlement {
namespace {

constexpr std::string_view kLeftover = "left by call/";

CallEffect effect_of(const CallVerdict& sums, const core::Units& units, bool is_beyond,
                     bool took_other) {
    if (took_other) return CallEffect::kTookOther;
    if (is_beyond || sums.taken > units) return CallEffect::kTookTooMuch;
    if (sums.taken.is_zero()) return CallEffect::kTookNothing;
    if (!sums.back.is_zero()) return CallEffect::kGaveBack;
    return sums.taken == units ? CallEffect::kTookAll : CallEffect::kTookPart;
}

}  // namespace

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
        case db::StepKind::kCall:
            return tx.to == step.recipient &&
                   tx.native_value == (step.asset.is_native() ? step.units : core::Units{}) &&
                   judge_call(tx, step).effect != CallEffect::kTookNothing;
        case db::StepKind::kApprove:
        case db::StepKind::kCancel: return true;
    }
    return false;
}

std::vector<chains::TokenMove> moves_of(const db::OwnTx& tx) {
    std::vector<chains::TokenMove> moves;
    for (const db::OwnTxTransfer& transfer : tx.transfers) {
        const bool goes_out = transfer.from == tx.sender;
        const bool comes_in = transfer.to == tx.sender;
        if (!tx.success || goes_out == comes_in) continue;
        moves.push_back({transfer.asset, transfer.to, transfer.units, comes_in});
    }
    return moves;
}

CallVerdict judge_call(const core::AssetId& asset, const core::Units& units,
                       const std::vector<chains::TokenMove>& moves) {
    CallVerdict out;
    bool is_beyond = false;
    std::string other;
    for (const chains::TokenMove& move : moves) {
        // Another token that comes in is a deposit and changes nothing about what was taken.
        if (move.asset != asset && move.comes_in) continue;
        if (move.asset != asset) {
            other += ", and " + move.units.decimal() + " of " + move.asset.text();
            continue;
        }
        core::Units& total = move.comes_in ? out.back : out.taken;
        const auto sum = total.plus(move.units);
        is_beyond = is_beyond || !sum;
        if (sum) total = *sum;
    }
    if (asset.is_native()) out.taken = units;
    out.effect = effect_of(out, units, is_beyond, !other.empty());
    out.text = "took " + (is_beyond ? "any amount" : out.taken.decimal()) + " of " +
               units.decimal() + other;
    if (out.effect == CallEffect::kGaveBack) {
        const auto kept = out.taken.minus(out.back);
        out.text += " and gave " + out.back.decimal() + " back: " +
                    (kept ? kept->decimal() : std::string{"nothing"}) + " in the end";
    }
    return out;
}

CallVerdict judge_call(const db::OwnTx& tx, const db::PayoutStep& step) {
    return judge_call(step.asset, step.units, moves_of(tx));
}

StepEnd end_of(const db::PayoutFull& full, const db::PayoutStep& step, bool ok) {
    switch (step.kind) {
        case db::StepKind::kTransfer: return ok ? StepEnd::kDone : StepEnd::kFailed;
        case db::StepKind::kCall:
            if (ok) return StepEnd::kDone;
            // Before the money can go back, its allowance has to be taken back, and that proven.
            return has_granted(full) ? StepEnd::kGoesOn : StepEnd::kFailed;
        case db::StepKind::kApprove:
        case db::StepKind::kTopUp:
        case db::StepKind::kCancel: break;
    }
    return StepEnd::kGoesOn;
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
    if (is_call(payout)) {
        order.kind = chains::CallKind::kCall;
        order.data = payout.calldata;
    }
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

bool is_call(const db::Payout& payout) {
    return payout.leg == db::Leg::kDelivery && !payout.calldata.empty();
}

db::PayoutStep step_from_receiver(const db::PayoutFull& full, db::StepKind kind,
                                  const core::Units& units) {
    db::PayoutStep step;
    step.payout = full.payout.id;
    step.ordinal = static_cast<std::uint32_t>(full.steps.size());
    step.kind = kind;
    step.key_role = static_cast<int>(chains::KeyRole::kReceiver);
    step.sender = full.payout.sender;
    step.recipient = full.payout.recipient;
    step.asset = full.payout.asset;
    step.units = units;
    return step;
}

std::optional<db::PayoutStep> open_grant(const std::vector<db::PayoutFull>& payouts) {
    std::optional<db::PayoutStep> last;
    for (const db::PayoutFull& full : payouts) {
        for (const db::PayoutStep& step : full.steps) {
            if (step.kind != db::StepKind::kApprove) continue;
            if (step.status != db::PayoutStatus::kFinalOk) continue;
            if (!last || step.id > last->id) last = step;
        }
    }
    if (last && last->units.is_zero()) last.reset();
    return last;
}

std::optional<db::PayoutStep> open_grant(const db::PayoutFull& full) {
    return open_grant(std::vector<db::PayoutFull>{full});
}

bool has_granted(const db::PayoutFull& full) {
    return std::any_of(full.steps.begin(), full.steps.end(), is_grant);
}

bool may_be_filled(const db::PayoutFull& full, const db::PayoutStep& step) {
    const bool is_of_call = step.kind == db::StepKind::kCall ||
                            (step.kind == db::StepKind::kApprove && !step.units.is_zero());
    return is_of_call && step.status == db::PayoutStatus::kReserved &&
           std::none_of(full.attempts.begin(), full.attempts.end(),
                        [&](const db::Attempt& attempt) { return attempt.step == step.id; });
}

db::PayoutStep filler_of(db::PayoutStep step) {
    step.kind = db::StepKind::kCancel;
    step.recipient = step.sender;
    step.units = core::Units{};
    return step;
}

const db::PayoutStep* ended_call(const db::PayoutFull& full) {
    for (const db::PayoutStep& step : full.steps) {
        const bool is_final = step.status == db::PayoutStatus::kFinalOk ||
                              step.status == db::PayoutStatus::kFinalFailed;
        if (step.kind == db::StepKind::kCall && is_final) return &step;
    }
    return nullptr;
}

std::string leftover_key(const db::Payout& delivery) {
    return std::string{kLeftover} + delivery.claims_key;
}

bool is_leftover(const db::Payout& payout) {
    return payout.leg == db::Leg::kExcess && payout.claims_key.starts_with(kLeftover);
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
