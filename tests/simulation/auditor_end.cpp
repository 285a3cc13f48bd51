#include "tests/simulation/auditor.hpp"
#include "tests/simulation/told.hpp"

#include <nlohmann/json.hpp>

// Has everything come to rest as it should?
namespace simulation {
namespace {

using nlohmann::json;

//! A quarter of an hour of asking.
constexpr unsigned kRefusedMax = 128;

}  // namespace

std::vector<std::string> Auditor::complaints() {
    complaints_.clear();
    for (auto& [number, account] : orders_) {
        const Order& order = *account.order;
        if (order.session.empty()) {
            complain("I19", order, "could never be opened");
        } else {
            judge_one(account, json::parse(order.last_view));
            if (order.receiver.empty() && order.addresses_refused > kRefusedMax) {
                complain("I19", order, "never got an address to pay to");
            }
        }
    }
    if (!has_honest_majority_) return complaints_;
    complain_of_what_waits();
    complain_of_gas_money();
    for (const std::size_t place : broken_) {
        if (halted_.contains(place)) continue;
        complaints_.push_back("I12: what was final left the chain, and payouts were not halted");
    }
    return complaints_;
}

std::uint64_t Auditor::deliveries() const {
    std::uint64_t sum = 0;
    for (const auto& [number, account] : orders_) sum += account.delivery_count;
    return sum;
}

std::uint64_t Auditor::returns() const {
    std::uint64_t sum = 0;
    for (const auto& [number, account] : orders_) sum += account.return_count;
    return sum;
}

void Auditor::complain_of_what_waits() {
    for (const Place& place : world_.places()) {
        for (const core::TxId& id : place.chain->waiting()) {
            const Tx& tx = place.chain->tx(*place.chain->find_tx(id));
            if (tx.synthetic) continue;
            complaints_.push_back("I13: a transaction waits for ever: " + id.hex0x() + ", nonce " +
                                  std::to_string(tx.nonce) + " of " + tx.from.hex0x());
        }
    }
}

//! What addresses of sessions got for gas, together, against what their own transactions may cost: a good half
//! more is usual, and a price that a node invents can be paid a few times, up to the cap.
void Auditor::complain_of_gas_money() {
    const core::Units inventions{500'000'000'000'000'000U};
    core::Units given;
    core::Units needed;
    for (const auto& [number, account] : orders_) {
        given = *given.plus(account.gas);
        if (account.order->receiver.empty()) continue;
        const Chain& chain = *world_.places()[account.order->chain].chain;
        for (const SentTx& sent : chain.sent_by(account.order->receiver)) {
            const Tx& tx = chain.tx(*chain.find_tx(sent.id));
            needed = *needed.plus(core::Units{U256{tx.gas_limit} * tx.fee_max});
        }
    }
    if (given <= *needed.plus(*needed.plus(inventions))) return;
    complaints_.push_back("I14: " + given.decimal() + " wei were given for gas, where " + needed.decimal() +
                          " could be needed");
}

void Auditor::judge() {
    for (const std::string& complaint : complaints()) record(complaint);
}

void Auditor::judge_one(Account& account, const json& session) {
    judge_outcome(account, session);
    judge_deposits(account, session);
}

//! Is it the end that the agreed terms give, by the money that came in time?
void Auditor::judge_outcome(Account& account, const json& session) {
    const Order& order = *account.order;
    const std::string reason = session.at("statusReason").at("code");
    const Chain& chain = *world_.places()[order.chain].chain;
    core::Units in_time;
    // A payment that failed until a reorganisation let it through may be seen when the session has ended.
    core::Units all_along;
    for (const Deposit& deposit : account.deposits) {
        if (deposit.asset != order.asset || deposit.mined_at > order.expires_at) continue;
        in_time = *in_time.plus(deposit.units);
        if (chain.tx(*chain.find_tx(deposit.tx)).was_in_vain) continue;
        all_along = *all_along.plus(deposit.units);
    }
    const auto is_enough = [&order](const core::Units& units) {
        if (units.is_zero()) return false;
        if (order.terms->accepts_underpaid || order.units.is_zero()) return true;
        return units >= *order.units.mul_ratio_ceil(10'000 - order.terms->tolerance_bps, 10'000);
    };
    const core::Units delivered = sum_of(account.delivered, order.asset);
    const std::string told = order.status + " (" + reason + ")";
    if (order.status == "succeeded") {
        if (account.delivery_count != 1) complain("I7", order, "succeeded, but nothing arrived");
        if (!is_enough(in_time)) {
            complain("I3", order, "succeeded with " + in_time.decimal() + " in time");
        }
        if (delivered > in_time) {
            complain("I18", order, "delivered " + delivered.decimal() + " of " + in_time.decimal());
        }
        const core::Units tolerated =
            *order.units.mul_ratio_floor(order.terms->tolerance_bps, 10'000);
        if (order.terms->refunds_excess && !order.units.is_zero() &&
            delivered > *order.units.plus(tolerated)) {
            complain("I18", order, "delivered more than asked: " + delivered.decimal());
        }
        if (!order.units.is_zero() && !order.terms->accepts_underpaid &&
            delivered < *order.units.mul_ratio_floor(10'000 - order.terms->tolerance_bps, 10'000)) {
            complain("I18", order, "delivered less than agreed: " + delivered.decimal());
        }
        return;
    }
    if (account.delivery_count != 0) complain("I7", order, told + ", but it was delivered");
    if (order.status == "bounced" || order.status == "expired") {
        const bool had_to = order.was_refused && reason == "delivery_impossible";
        if (is_enough(all_along) && !had_to) {
            complain("I19", order, told + ", but " + all_along.decimal() + " came in time");
        }
        if (order.status == "expired" && !all_along.is_zero()) {
            complain("I19", order, told + ", but " + all_along.decimal() + " came in time");
        }
        return;
    }
    const bool is_held = reason == "no_refund_address" || reason == "refund_impossible" ||
                         reason == "payout_held" || reason == "delivery_impossible";
    if (!is_held || order.refund) {
        complain("I19", order, "did not end: " + told);
    }
}

//! Is every unit that came told of, and gone where its use says?
void Auditor::judge_deposits(Account& account, const json& session) {
    const Order& order = *account.order;
    const Chain& chain = *world_.places()[order.chain].chain;
    std::map<core::TxId, core::Units> told;
    Sums used;
    Sums booked;
    Sums kept;
    Sums sums;
    for (const json& deposit : session.at("deposits")) {
        if (deposit["status"] == "orphaned") continue;
        const core::Units units = units_of(deposit["baseUnits"]);
        const core::Address token = address_of(deposit["tokenAddress"]);
        const Asset asset = token.is_zero() ? kNative : chain.contracts().asset_at(token);
        add(sums, asset, units);
        // Coin whose transaction no node told shows in a balance, and is told without one.
        if (deposit.contains("txHash")) told[tx_of(deposit["txHash"])] = units;
        if (deposit["use"] == "delivery") add(used, asset, units);
        if (deposit["use"] == "booked") add(booked, asset, units);
        if (deposit["use"] == "held" && !order.refund) add(kept, asset, units);
    }
    for (const Deposit& deposit : account.deposits) {
        const auto found = told.find(deposit.tx);
        if (found == told.end()) {
            if (sum_of(sums, deposit.asset) == sum_of(account.in, deposit.asset)) continue;
            complain("I3", order, "a deposit is missing: " + deposit.tx.hex0x());
        } else if (found->second != deposit.units) {
            complain("I18", order, "a deposit of " + deposit.units.decimal() + " is told as " +
                                        found->second.decimal());
        }
    }
    for (const auto& [asset, sum] : sums) {
        if (sum <= sum_of(account.in, asset)) continue;
        complain("I3", order, "more is told than came: " + sum.decimal());
    }
    for (const auto& [asset, sum] : booked) {
        const auto one = core::Units::from_token_decimal("1", decimals_of(chain, asset));
        if (sum < *one) add(kept, asset, sum);
    }
    if (!order.is_final()) return;
    if (order.status == "succeeded") judge_delivered(account, sum_of(used, order.asset));
    for (const auto& [asset, came] : account.in) {
        const core::Units went = *sum_of(account.delivered, asset).plus(sum_of(account.returned, asset));
        const core::Units left = *went.plus(sum_of(kept, asset));
        if (left == came) continue;
        // Nobody to return it to: the payout of what is over is held.
        const bool is_over = order.status == "succeeded" && order.terms->refunds_excess;
        if (!order.refund && is_over && left < came) continue;
        complain("I18", order, "of " + came.decimal() + " of asset " + std::to_string(asset) + " " +
                                    sum_of(account.delivered, asset).decimal() + " was delivered, " +
                                    sum_of(account.returned, asset).decimal() + " returned, " +
                                    sum_of(kept, asset).decimal() + " kept");
    }
}

//! All that was used for it, but for what the terms send back.
void Auditor::judge_delivered(const Account& account, const core::Units& used) {
    const Order& order = *account.order;
    core::Units due = used;
    if (order.terms->refunds_excess && !order.units.is_zero()) {
        const core::Units tolerated = *order.units.mul_ratio_floor(order.terms->tolerance_bps, 10'000);
        if (used > *order.units.plus(tolerated)) due = order.units;
    }
    const core::Units delivered = sum_of(account.delivered, order.asset);
    if (delivered == due) return;
    complain("I18", order, "delivered " + delivered.decimal() + ", and " + due.decimal() + " was due");
}

}  // namespace simulation
