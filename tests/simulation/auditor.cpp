#include "tests/simulation/auditor.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "chains/crypto/keccak.hpp"

namespace simulation {
namespace {

using nlohmann::json;

constexpr std::size_t kViolationsMax = 50;
//! A quarter of an hour of asking.
constexpr unsigned kRefusedMax = 128;
constexpr std::uint64_t kFeeCapWei = 500'000'000'000;

bool is_ten_percent_more(std::uint64_t now, std::uint64_t before) {
    return U256{now} * 100 >= U256{before} * 110;
}

unsigned decimals_of(const Chain& chain, Asset asset) {
    return asset == kNative ? 18 : chain.contracts().token(asset).decimals;
}

core::Units units_of(const json& text) {
    const auto units = core::Units::from_decimal(text.get<std::string>());
    CHECK(units.has_value(), "the API tells amounts in base units");
    return *units;
}

void add(std::map<Asset, core::Units>& sums, Asset asset, const core::Units& units) {
    const auto sum = sums[asset].plus(units);
    CHECK(sum.has_value());
    sums[asset] = *sum;
}

core::Units sum_of(const std::map<Asset, core::Units>& sums, Asset asset) {
    const auto found = sums.find(asset);
    return found == sums.end() ? core::Units{} : found->second;
}

core::TxId tx_of(const json& text) {
    const auto tx = core::TxId::from_hex(text.get<std::string>());
    CHECK(tx.has_value(), "the API tells transactions in hex");
    return *tx;
}

std::size_t place_of(World& world, const std::string& chain) {
    for (std::size_t i = 0; i < world.places().size(); ++i) {
        const auto number = world.places()[i].chain->options().number;
        if (core::ChainId::eip155(number).text() == chain) return i;
    }
    core::check_failed("the operator's page names configured chains", __FILE__, __LINE__);
}

}  // namespace

Auditor::Auditor(World& world, bool has_honest_majority)
    : world_{world}, has_honest_majority_{has_honest_majority} {
    const auto station = world.signer().address_of({chains::KeyRole::kGasStation, 0});
    CHECK(station.has_value());
    gas_station_ = *station;
    for (const Place& place : world.places()) audited_.push_back(place.chain->finalized_height());
}

bool Auditor::is_held_to(std::string_view rule, const Order* order) const {
    if (rule == "I1" || rule == "I2" || rule == "I10" || rule == "I14" || rule == "I16") return true;
    if (!has_honest_majority_ && rule != "I8") return false;
    if (order == nullptr) return true;
    const auto account = orders_.find(order->number);
    return account == orders_.end() || !account->second.was_final_no_more;
}

void Auditor::violated(std::string_view rule, const Order* order, const std::string& what) {
    if (!is_held_to(rule, order)) return;
    std::string text{rule};
    if (order != nullptr) text += ", order " + std::to_string(order->number);
    text += ": " + what;
    world_.trace().tell("VIOLATION", text);
    if (violations_.size() < kViolationsMax) violations_.push_back(std::move(text));
}

void Auditor::complain(std::string_view rule, const Order& order, const std::string& what) {
    if (!is_held_to(rule, &order)) return;
    complaints_.push_back(std::string{rule} + ", order " + std::to_string(order.number) + ": " + what);
}

void Auditor::promised(const Order& order) {
    Account account;
    account.order = &order;
    orders_.emplace(order.number, std::move(account));
    roles_[order.destination] = {order.number, Part::kDestination};
    if (order.refund) roles_[*order.refund] = {order.number, Part::kRefund};
}

void Auditor::issued(const Order& order) {
    const auto [at, is_new] = roles_.emplace(order.receiver, Role{order.number, Part::kReceiver});
    if (!is_new && (at->second.order != order.number || at->second.part != Part::kReceiver)) {
        violated("I3", &order, "an address was handed out twice: " + order.receiver.hex0x());
    }
}

// ---- what is said while things go on ------------------------------------------------------------

void Auditor::heard(Order& order, const json& session) {
    const std::string status = session.at("status");
    if (session.at("sessionId") != order.session) {
        violated("I7", &order, "the answer is about another session");
        return;
    }
    if (order.is_final() && status != order.status) {
        violated("I6", &order, "was " + order.status + " and is now " + status);
    }
    order.status = status;
    order.last_view = session.dump();
    overheard(order, session);
}

void Auditor::overheard(const Order& order, const json& session) {
    check_delivery_told(order, session);
    check_deposits_told(order, session);
}

//! What is called done must be in a final block of the chain, whatever the nodes said.
void Auditor::check_delivery_told(const Order& order, const json& session) {
    const std::string status = session.at("status");
    if (status != "succeeded" && status != "bounced") return;
    const json& destination = session.at("destination");
    if (!destination.contains("delivery")) {
        violated("I7", &order, status + " without a transaction");
        return;
    }
    const json& delivery = destination["delivery"];
    const Chain& chain = *world_.places()[order.chain].chain;
    const core::TxId tx = tx_of(delivery["txHash"]);
    const auto where = chain.where(tx);
    if (!where || where->height > chain.finalized_height()) {
        violated("I3", &order, status + " by a transaction that is not final: " + tx.hex0x());
        return;
    }
    check_amount_told(order, tx, where->height, delivery);
}

//! What the end is said to have brought must be what the transaction brought.
void Auditor::check_amount_told(const Order& order, const core::TxId& tx, std::uint64_t height,
                                const json& delivery) {
    const Chain& chain = *world_.places()[order.chain].chain;
    const std::string text = delivery.value("receivedUnits", "nothing");
    const auto told = core::Units::from_token_decimal(text, decimals_of(chain, order.asset));
    for (const Moved& move : chain.moves_at(height)) {
        if (move.tx != tx || !move.success || move.asset != order.asset) continue;
        if (told && *told == move.units) return;
    }
    violated("I18", &order, "the transaction did not bring " + text + ": " + tx.hex0x());
}

void Auditor::check_deposits_told(const Order& order, const json& session) {
    const Chain& chain = *world_.places()[order.chain].chain;
    std::set<std::string> seen;
    for (const json& deposit : session.at("deposits")) {
        if (!deposit.contains("txHash")) continue;
        const std::string hash = deposit["txHash"];
        const std::string key = hash + deposit["tokenAddress"].get<std::string>() +
                                deposit["baseUnits"].get<std::string>();
        if (!seen.insert(key).second) {
            violated("I3", &order, "a deposit is listed twice: " + hash);
        }
        const auto token = core::Address::from_hex(deposit["tokenAddress"].get<std::string>());
        const Asset asset = token->is_zero() ? kNative : chain.contracts().asset_at(*token);
        const auto units = core::Units::from_token_decimal(deposit["units"].get<std::string>(),
                                                           decimals_of(chain, asset));
        if (!units || *units != units_of(deposit["baseUnits"])) {
            violated("I18", &order, "an amount is told in two ways: " + deposit.dump());
        }
        if (deposit["status"] != "confirmed") continue;
        const auto where = chain.where(tx_of(deposit["txHash"]));
        if (!where || where->height > chain.finalized_height()) {
            violated("I3", &order, "credited what is not final: " + hash);
        }
    }
}

void Auditor::sent(std::size_t place, std::string_view body) {
    const Chain& chain = *world_.places()[place].chain;
    constexpr std::string_view kMethod = "eth_sendRawTransaction";
    for (std::size_t at = body.find(kMethod); at != std::string_view::npos;
         at = body.find(kMethod, at + 1)) {
        const std::size_t begin = body.find("0x", at);
        if (begin == std::string_view::npos) return;
        const std::size_t end = body.find('"', begin);
        const auto raw = core::from_hex(body.substr(begin, end - begin));
        if (!raw) continue;
        const auto hash = core::TxId::from_bytes(chains::crypto::keccak256(*raw).view());
        const auto index = chain.find_tx(*hash);
        if (!index) continue;
        const Tx& tx = chain.tx(*index);
        Content content{tx.to, core::Units{tx.value}.decimal() + "/" + core::to_hex(tx.data)};
        const auto [known, is_new] =
            identities_.emplace(std::tuple{place, tx.from, tx.nonce}, content);
        if (!is_new && !(known->second == content)) {
            violated("I10", nullptr, tx.from.hex0x() + " signed two things with nonce " +
                                         std::to_string(tx.nonce));
        }
        if (tx.fee_max > kFeeCapWei) {
            violated("I14", nullptr, "a fee of " + std::to_string(tx.fee_max) + " wei per gas");
        }
        check_bid(place, tx);
        check_only_one_lives(place, tx, content.to.hex0x() + "/" + content.value_and_data);
    }
}

//! No node takes another bid for a nonce that is not ten percent higher in both prices.
void Auditor::check_bid(std::size_t place, const Tx& tx) {
    std::vector<Bid>& bids = bids_[{place, tx.from, tx.nonce}];
    for (const Bid& bid : bids) {
        if (bid.id == tx.id) return;
        const bool is_higher = tx.fee_max > bid.fee_max;
        const Bid low = is_higher ? bid : Bid{tx.id, tx.fee_max, tx.tip_max};
        const Bid high = is_higher ? Bid{tx.id, tx.fee_max, tx.tip_max} : bid;
        if (!is_ten_percent_more(high.fee_max, low.fee_max) ||
            !is_ten_percent_more(high.tip_max, low.tip_max)) {
            violated("I14", nullptr, "a bid that no node takes: " + std::to_string(high.fee_max) +
                                         " after " + std::to_string(low.fee_max) + " wei per gas");
        }
    }
    bids.push_back({tx.id, tx.fee_max, tx.tip_max});
}

//! What a receiver pays out may get another nonce only when the old one is used up for good.
void Auditor::check_only_one_lives(std::size_t place, const Tx& tx, const std::string& what) {
    if (tx.from == gas_station_) return;  // two payouts of one receiver may need the same gas money
    const Chain& chain = *world_.places()[place].chain;
    const auto used = static_cast<std::uint64_t>(
        chain.state(StateKey::nonce(tx.from), chain.canonical(chain.finalized_height())));
    std::set<std::uint64_t>& nonces = signed_[{place, tx.from, what}];
    for (const std::uint64_t nonce : nonces) {
        if (nonce == tx.nonce || nonce < used) continue;
        violated("I11", nullptr, tx.from.hex0x() + " signed the same with nonces " +
                                     std::to_string(nonce) + " and " + std::to_string(tx.nonce));
    }
    nonces.insert(tx.nonce);
}

void Auditor::mined(std::size_t place) {
    const Chain& chain = *world_.places()[place].chain;
    while (audited_[place] < chain.finalized_height()) {
        ++audited_[place];
        for (const Moved& move : chain.moves_at(audited_[place])) {
            if (move.success) became_final(place, move);
        }
    }
}

void Auditor::became_final(std::size_t place, const Moved& move) {
    if (move.asset > kListedTokens) return;
    const auto from = roles_.find(move.from);
    const auto to = roles_.find(move.to);
    if (from != roles_.end() && from->second.part == Part::kReceiver) {
        paid_out(orders_.at(from->second.order), move);
    }
    if (to == roles_.end()) return;
    Account& account = orders_.at(to->second.order);
    const Order& order = *account.order;
    if (order.chain != place) {
        violated("I18", &order, "money moved on another chain");
        return;
    }
    switch (to->second.part) {
        case Part::kReceiver:
            if (move.from == gas_station_) {
                add(account.gas, move.asset, move.units);
                return;
            }
            add(account.in, move.asset, move.units);
            account.deposits.push_back({move.tx, move.asset, move.units,
                                        world_.places()[place].chain->block_at(move.height).mined_at,
                                        move.from});
            return;
        case Part::kDestination:
            add(account.delivered, move.asset, move.units);
            if (move.from != order.receiver) {
                violated("I2", &order, "somebody else's money was delivered");
            }
            if (++account.delivery_count > 1) violated("I1", &order, "delivered twice");
            return;
        case Part::kRefund:
            add(account.returned, move.asset, move.units);
            ++account.return_count;
            if (move.from != order.receiver) {
                violated("I2", &order, "somebody else's money was returned");
            }
            return;
    }
}

void Auditor::paid_out(Account& account, const Moved& move) {
    const Order& order = *account.order;
    add(account.out, move.asset, move.units);
    const bool is_ours = move.to == order.destination || (order.refund && move.to == *order.refund);
    if (!is_ours) violated("I2", &order, "money went to a stranger: " + move.to.hex0x());
}

void Auditor::finality_breaks(std::size_t place, std::uint64_t fork) {
    broken_.insert(place);
    const Chain& chain = *world_.places()[place].chain;
    const auto touch = [this](const core::Address& address) {
        const auto role = roles_.find(address);
        if (role != roles_.end()) orders_.at(role->second.order).was_final_no_more = true;
    };
    for (std::uint64_t height = fork + 1; height <= chain.finalized_height(); ++height) {
        for (const Moved& move : chain.moves_at(height)) {
            touch(move.from);
            touch(move.to);
        }
    }
}

void Auditor::finality_broke(std::size_t place) {
    for (auto& [number, account] : orders_) {
        if (account.order->chain != place) continue;
        Account fresh;
        fresh.order = account.order;
        fresh.was_final_no_more = account.was_final_no_more;
        account = std::move(fresh);
    }
    audited_[place] = 0;
    mined(place);
}

void Auditor::heard_status(const json& status) {
    for (const json& chain : status.at("chains")) {
        const std::size_t place = place_of(world_, chain.at("chain").get<std::string>());
        if (broken_.contains(place)) {
            if (!chain.at("halts").empty()) halted_.insert(place);
            continue;
        }
        for (const json& halt : chain.at("halts")) {
            violated("I5", nullptr, "payouts were halted without a cause: " +
                                        halt.at("reason").get<std::string>());
        }
    }
}

// ---- at the end ---------------------------------------------------------------------------------

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

void Auditor::judge() {
    for (const std::string& complaint : complaints()) {
        world_.trace().tell("VIOLATION", complaint);
        if (violations_.size() < kViolationsMax) violations_.push_back(complaint);
    }
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
        if (is_enough(all_along) && !order.was_refused) {
            complain("I19", order, told + ", but " + all_along.decimal() + " came in time");
        }
        if (order.status == "expired" && !all_along.is_zero()) {
            complain("I19", order, told + ", but " + all_along.decimal() + " came in time");
        }
        return;
    }
    const bool is_held = reason == "no_refund_address" || reason == "refund_impossible" ||
                         reason == "payout_held" || reason == "delivery_impossible";
    if (!is_held || (order.refund && !order.was_refused)) {
        complain("I19", order, "did not end: " + told);
    }
}

//! Is every unit that came told of, and gone where its use says?
void Auditor::judge_deposits(Account& account, const json& session) {
    const Order& order = *account.order;
    const Chain& chain = *world_.places()[order.chain].chain;
    std::map<core::TxId, core::Units> told;
    Sums kept;
    Sums sums;
    for (const json& deposit : session.at("deposits")) {
        if (deposit["status"] == "orphaned") continue;
        const core::Units units = units_of(deposit["baseUnits"]);
        const auto token = core::Address::from_hex(deposit["tokenAddress"].get<std::string>());
        const Asset asset = token->is_zero() ? kNative : chain.contracts().asset_at(*token);
        add(sums, asset, units);
        // Coin whose transaction no node told shows in a balance, and is told without one.
        if (deposit.contains("txHash")) told[tx_of(deposit["txHash"])] = units;
        if (deposit["use"] == "held" || deposit["use"] == "booked") add(kept, asset, units);
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
    if (!order.is_final()) return;
    for (const auto& [asset, came] : account.in) {
        const core::Units went = *sum_of(account.delivered, asset).plus(sum_of(account.returned, asset));
        const core::Units left = *went.plus(sum_of(kept, asset));
        if (left == came) continue;
        if (!order.refund && left < came) continue;  // nobody to return it to
        complain("I18", order, "of " + came.decimal() + " of asset " + std::to_string(asset) + " " +
                                    sum_of(account.delivered, asset).decimal() + " was delivered, " +
                                    sum_of(account.returned, asset).decimal() + " returned, " +
                                    sum_of(kept, asset).decimal() + " kept");
    }
}

}  // namespace simulation
