#include "tests/simulation/auditor.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "chains/crypto/keccak.hpp"
#include "chains/evm/transaction.hpp"
#include "tests/simulation/told.hpp"

namespace simulation {
namespace {

using nlohmann::json;

constexpr std::size_t kViolationsMax = 50;
//! What was signed before a halt may reach the first node so long after it.
constexpr core::Millis kHaltGrace{5 * 60'000};
const core::Units kFeeCap{500'000'000'000U};

bool is_ten_percent_more(std::uint64_t now, std::uint64_t before) {
    return U256{now} * 100 >= U256{before} * 110;
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
    record(text + ": " + what);
}

void Auditor::record(std::string violation) {
    world_.trace().tell("VIOLATION", violation);
    if (violations_.size() < kViolationsMax) violations_.push_back(std::move(violation));
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
    check_agreed(order, session);
    check_delivery_told(order, session);
    check_deposits_told(order, session);
}

//! Where to pay, what, until when and for whom stays as it was agreed.
void Auditor::check_agreed(const Order& order, const json& session) {
    const json& destination = session.at("destination");
    if (address_of(destination.at("address")) != order.destination) {
        violated("I7", &order, "another destination is told: " + destination.dump());
    }
    const Chain& chain = *world_.places()[order.chain].chain;
    const bool has_amount = destination.contains("amountUnits");
    const auto asked = core::Units::from_token_decimal(destination.value("amountUnits", "0"),
                                                       decimals_of(chain, order.asset));
    if (has_amount == order.units.is_zero() || !asked || *asked != order.units) {
        violated("I7", &order, "another amount is told: " + destination.dump());
    }
    if (!order.session.empty() && session.at("expiresAt") != order.expires_at.unix_seconds()) {
        violated("I7", &order, "another deadline is told: " + session.at("expiresAt").dump());
    }
    const json& method = session.at("paymentMethod");
    if (order.receiver.empty() || !method.is_object() || !method.contains("receiverAddress")) return;
    if (address_of(method["receiverAddress"]) != order.receiver) {
        violated("I3", &order, "another address to pay to is told: " + method.dump());
    }
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
    const core::Address to =
        status == "succeeded" ? order.destination : order.refund.value_or(core::Address{});
    check_amount_told(order, to, tx, where->height, delivery);
}

//! What the end is said to have brought must be what the transaction brought, to where the end says.
void Auditor::check_amount_told(const Order& order, const core::Address& to, const core::TxId& tx,
                                std::uint64_t height, const json& delivery) {
    const Chain& chain = *world_.places()[order.chain].chain;
    const std::string text = delivery.value("receivedUnits", "nothing");
    const auto told = core::Units::from_token_decimal(text, decimals_of(chain, order.asset));
    for (const Moved& move : chain.moves_at(height)) {
        if (move.tx != tx || !move.success || move.asset != order.asset || move.to != to) continue;
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
        const core::Address token = address_of(deposit["tokenAddress"]);
        const Asset asset = token.is_zero() ? kNative : chain.contracts().asset_at(token);
        const auto units = core::Units::from_token_decimal(deposit["units"].get<std::string>(),
                                                           decimals_of(chain, asset));
        if (!units || *units != units_of(deposit["baseUnits"])) {
            violated("I18", &order, "an amount is told in two ways: " + deposit.dump());
        }
        if (deposit["status"] == "confirmed") overheard_confirmed(order, deposit);
    }
}

void Auditor::overheard_confirmed(const Order& order, const json& deposit) {
    if (!deposit.contains("txHash")) return;
    const Chain& chain = *world_.places()[order.chain].chain;
    const core::TxId tx = tx_of(deposit["txHash"]);
    const auto where = chain.where(tx);
    if (!where || where->height > chain.finalized_height()) {
        violated("I3", &order, "credited what is not final: " + tx.hex0x());
        return;
    }
    const core::Address token = address_of(deposit["tokenAddress"]);
    const Asset asset = token.is_zero() ? kNative : chain.contracts().asset_at(token);
    const core::Units units = units_of(deposit["baseUnits"]);
    for (const Moved& move : chain.moves_at(where->height)) {
        const bool is_there = move.tx == tx && move.success && move.to == order.receiver;
        if (is_there && move.asset == asset && move.units == units) return;
    }
    violated("I18", &order, "credited what did not come so: " + deposit.dump());
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
        if (!index) {
            check_refused(place, *hash, *raw);
            continue;
        }
        const Tx& tx = chain.tx(*index);
        const std::string value_and_data = core::Units{tx.value}.decimal() + "/" + core::to_hex(tx.data);
        check_identity(place, tx.from, tx.nonce, {tx.to, value_and_data});
        if (core::Units{tx.fee_max} > kFeeCap) {
            violated("I14", nullptr, "a fee of " + std::to_string(tx.fee_max) + " wei per gas");
        }
        check_bid(place, tx);
        check_only_one_lives(place, tx, tx.to.hex0x() + "/" + value_and_data);
    }
}

//! What no node took is out all the same, and somebody may have kept it.
void Auditor::check_refused(std::size_t place, const core::TxId& id, core::ByteView raw) {
    if (!refused_.insert(id).second) return;
    const auto signed_tx = chains::evm::decode_raw(raw);
    if (!signed_tx) {
        violated("I10", nullptr, "what was sent is no transaction: " + id.hex0x());
        return;
    }
    const auto* tx = std::get_if<chains::evm::DynamicFeeTransaction>(&signed_tx->tx);
    CHECK(tx != nullptr, "these chains have a base fee");
    check_identity(place, signed_tx->sender, tx->nonce,
                   {tx->to.value_or(core::Address{}), tx->value.decimal() + "/" + core::to_hex(tx->data)});
    if (tx->max_fee_per_gas > kFeeCap) {
        violated("I14", nullptr, "a fee of " + tx->max_fee_per_gas.decimal() + " wei per gas");
    }
}

void Auditor::check_identity(std::size_t place, const core::Address& from, std::uint64_t nonce,
                             Content content) {
    const auto [known, is_new] = identities_.emplace(std::tuple{place, from, nonce}, content);
    const auto halt = halted_since_.find(place);
    const bool is_halted = halt != halted_since_.end() && world_.now() - halt->second > kHaltGrace;
    if (is_new && is_halted && from != gas_station_) {
        violated("I12", nullptr, from.hex0x() + " pays out while payouts are halted");
    }
    if (is_new || known->second == content) return;
    violated("I10", nullptr, from.hex0x() + " signed two things with nonce " + std::to_string(nonce));
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

//! What a receiver pays out may get another nonce only when the old one is used up for good. Judged when it
//! gets one: a stray and a refund may be the same, and when finality breaks neither is used up any more.
void Auditor::check_only_one_lives(std::size_t place, const Tx& tx, const std::string& what) {
    if (tx.from == gas_station_) return;  // two payouts of one receiver may need the same gas money
    const Chain& chain = *world_.places()[place].chain;
    const auto used = static_cast<std::uint64_t>(
        chain.state(StateKey::nonce(tx.from), chain.canonical(chain.finalized_height())));
    std::set<std::uint64_t>& nonces = signed_[{place, tx.from, what}];
    if (!nonces.insert(tx.nonce).second) return;
    for (const std::uint64_t nonce : nonces) {
        if (nonce == tx.nonce || nonce < used) continue;
        violated("I11", nullptr, tx.from.hex0x() + " signed the same with nonces " +
                                     std::to_string(nonce) + " and " + std::to_string(tx.nonce));
    }
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
    if (move.from == gas_station_) check_gas_money(move);
    if (to == roles_.end()) return;
    Account& account = orders_.at(to->second.order);
    const Order& order = *account.order;
    if (order.chain != place) {
        violated("I18", &order, "money moved on another chain");
        return;
    }
    switch (to->second.part) {
        case Part::kReceiver:
            if (move.from == gas_station_) return;
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

//! The gas station pays for what addresses of sessions send, and fills its own gaps.
void Auditor::check_gas_money(const Moved& move) {
    if (move.to == gas_station_) return;
    const auto role = roles_.find(move.to);
    if (role == roles_.end() || role->second.part != Part::kReceiver) {
        violated("I2", nullptr, "gas money went to a stranger: " + move.to.hex0x());
        return;
    }
    Account& account = orders_.at(role->second.order);
    account.gas = *account.gas.plus(move.units);
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

void Auditor::heard_line(std::string_view line) {
    if (!line.starts_with("chain halted ") && !line.starts_with("payouts are halted ")) return;
    constexpr std::string_view kChain = " chain=";
    const std::size_t at = line.find(kChain);
    CHECK(at != std::string_view::npos, "a halt is told with its chain");
    const std::size_t begin = at + kChain.size();
    const std::string chain{line.substr(begin, line.find(' ', begin) - begin)};
    halted_since_.emplace(place_of(world_, chain), world_.now());
}

void Auditor::acknowledges(const std::string& chain) { halted_since_.erase(place_of(world_, chain)); }

}  // namespace simulation
