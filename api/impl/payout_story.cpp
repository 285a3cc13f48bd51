#include "api/impl/payout_story.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace api::impl {

bool moves_customers_money(db::Leg leg) {
    return leg == db::Leg::kDelivery || leg == db::Leg::kRefund || leg == db::Leg::kExcess ||
           leg == db::Leg::kStray;
}

bool carries_money(const db::PayoutFull& full, const db::Attempt& attempt) {
    return std::any_of(full.steps.begin(), full.steps.end(), [&](const db::PayoutStep& step) {
        return step.id == attempt.step &&
               (step.kind == db::StepKind::kTransfer || step.kind == db::StepKind::kCall);
    });
}

const db::Attempt* told_attempt(const db::PayoutFull& full) {
    const db::Attempt* told = nullptr;
    bool told_is_mined = false;
    for (const db::Attempt& attempt : full.attempts) {
        if (!attempt.sent_at || !carries_money(full, attempt)) continue;
        if (attempt.status == db::AttemptStatus::kDead) continue;
        const bool mined = attempt.status == db::AttemptStatus::kMined ||
                           attempt.status == db::AttemptStatus::kFinalOk ||
                           attempt.status == db::AttemptStatus::kFinalFailed;
        if (mined || !told_is_mined) told = &attempt;
        told_is_mined = told_is_mined || mined;
    }
    return told;
}

std::string waits_for(const db::Payout& payout) {
    if (db::is_terminal(payout.status)) return {};
    if (!payout.waiting_for.empty()) return for_people(payout.waiting_for);
    if (payout.status == db::PayoutStatus::kHeld)
        return for_people("an operator: " + payout.reason);
    return "its turn";
}

std::string for_people(const std::string& text) {
    constexpr std::size_t kMost = 500;
    using nlohmann::json;
    const std::string whole =
        json(text.substr(0, kMost)).dump(-1, ' ', false, json::error_handler_t::replace);
    return json::parse(whole).get<std::string>();
}

}  // namespace api::impl
