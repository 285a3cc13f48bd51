#include "tests/simulation/customers.hpp"

#include <utility>

#include <nlohmann/json.hpp>

namespace simulation {
namespace {

using nlohmann::json;

constexpr core::Millis kMinute{60'000};
constexpr core::Millis kRetry{7'000};
//! A day and more: a disk can be full for an hour.
constexpr unsigned kTriesMax = 20'000;

std::string asset_address(const Chain& chain, Asset asset) {
    if (asset == kNative) return "0x0000000000000000000000000000000000000000";
    return chain.contracts().token(asset).contract.hex0x();
}

}  // namespace

Customers::Customers(World& world, Auditor& auditor, unsigned orders_per_day)
    : world_{world},
      auditor_{auditor},
      rng_{world.seed().fork("customers")},
      pause_{24 * 60 * kMinute.count() / std::max(orders_per_day, 1U)} {
    terms_.push_back({"wait", {}, 100, false, false});
    terms_.push_back({"accept", {}, 0, true, false});
    terms_.push_back({"excess", {}, 250, false, true});
}

void Customers::open() {
    is_open_ = true;
    world_.on_serving([this] { open_accounts(); });
    world_.agenda().after(core::Millis{30'000}, [this] { next_order(); });
}

void Customers::open_accounts() {
    unsigned number = 0;
    for (Terms& terms : terms_) {
        ++number;
        if (!terms.key.empty()) continue;
        db::Environment row;
        row.id = core::EnvironmentId{"4c1f0c3e-0000-4000-8000-00000000000" + std::to_string(number)};
        row.name = terms.name;
        row.policy.tolerance_bps = terms.tolerance_bps;
        row.policy.underpaid = terms.accepts_underpaid ? session::Underpaid::kAccept
                                                       : session::Underpaid::kWait;
        row.policy.overpaid = terms.refunds_excess ? session::Overpaid::kRefundExcess
                                                   : session::Overpaid::kDeliverAll;
        row.created_at = world_.now();
        world_.process()->open_account(std::move(row),
                                       [&terms](std::string key) { terms.key = std::move(key); });
    }
}

core::Address Customers::fresh_address() {
    core::Bytes bytes(20);
    rng_.fill(bytes);
    return *core::Address::from_bytes(bytes);
}

core::Units Customers::amount(Asset asset) {
    const std::uint64_t cents = rng_.between(200'000, 9'000'000);
    const std::uint64_t unit = asset == kNative ? 10'000'000'000'000U : 10'000U;
    const std::uint64_t rest = rng_.chance(500) ? rng_.below(unit) : 0;
    return core::Units{core::Units::Raw{cents} * unit + rest};
}

void Customers::next_order() {
    if (!is_open_) return;
    world_.agenda().after(core::Millis{static_cast<std::int64_t>(rng_.between(
                              1, static_cast<std::uint64_t>(2 * pause_.count())))},
                          [this] { next_order(); });
    Order& order = orders_.emplace_back();
    order.number = orders_.size() - 1;
    order.terms = &terms_[rng_.below(terms_.size())];
    order.chain = rng_.below(world_.places().size());
    order.asset = static_cast<Asset>(rng_.below(kListedTokens + 1));
    if (rng_.chance(900)) order.units = amount(order.asset);
    order.destination = fresh_address();
    if (rng_.chance(960)) order.refund = fresh_address();
    plans_[order.number] = plan(order);
    auditor_.promised(order);
    create(order, 1);
}

Customers::Plan Customers::plan(const Order& order) {
    const core::Units full = order.units.is_zero() ? amount(order.asset) : order.units;
    const auto part = [&full](std::uint64_t numerator, std::uint64_t denominator) {
        return *full.mul_ratio_floor(numerator, denominator);
    };
    const auto soon = [this] { return rng_.millis(20'000, 25 * kMinute.count()); };
    const auto late = [this] { return rng_.millis(61 * kMinute.count(), 200 * kMinute.count()); };
    const core::Millis first = soon();
    const core::Millis second = soon();
    const core::Millis overdue = late();
    const core::Millis last_minute =
        rng_.millis(58 * kMinute.count(), 60 * kMinute.count() + 30'000);
    const core::Millis at_once = rng_.millis(1, 3'000);
    const core::Units least = *full.mul_ratio_ceil(10'000 - order.terms->tolerance_bps, 10'000);
    const core::Units too_little = *least.minus(core::Units{1});
    const core::Units tolerated = *full.mul_ratio_floor(order.terms->tolerance_bps, 10'000);
    const auto other = static_cast<Asset>((order.asset + 1) % (kListedTokens + 1));
    const core::Units of_other = amount(other);
    switch (rng_.below(24)) {
        case 0: return {{{first, order.asset, part(2, 5)}, {second, order.asset, part(3, 5)}}, "in two parts"};
        case 1: return {{{first, order.asset, part(13, 10)}}, "too much"};
        case 2: return {{{first, order.asset, part(7, 10)}}, "too little"};
        case 3: return {{{overdue, order.asset, full}}, "too late"};
        case 4: return {{{first, order.asset, full}, {second, order.asset, full}}, "twice"};
        case 5: return {{}, "never"};
        case 6: return {{{first, order.asset, part(7, 10)}, {overdue, order.asset, part(3, 10)}}, "the rest too late"};
        case 7: return {{{first, other, of_other}}, "in the wrong token"};
        case 8: return {{{first, order.asset, full}, {overdue, order.asset, full}}, "again when all is over"};
        case 9: return {{{last_minute, order.asset, full}}, "in the last minute"};
        case 10: return {{{last_minute, order.asset, part(7, 10)}}, "too little and nearly too late"};
        case 11: return {{{at_once, order.asset, full}}, "at once"};
        case 12: return {{{first, order.asset, least}}, "the least that is enough"};
        case 13: return {{{first, order.asset, too_little}}, "one unit less than enough"};
        case 14: return {{{first, order.asset, *full.plus(tolerated)}}, "a little too much"};
        case 15: return {{{first, order.asset, full, true}}, "in vain"};
        case 16: return {{{first, kWorthless, of_other}}, "in worthless tokens"};
        case 17: return {{{first, kNative, of_other, true}, {second, order.asset, full}}, "twice, once in vain"};
        case 18: return {{{first, order.asset, full, false, true}}, "by a contract"};
        case 19: return {{{first, order.asset, full}, {second, kNative, of_other, false, true}}, "twice, once by a contract"};
        default: return {{{first, order.asset, full}}, "as asked"};
    }
}

void Customers::create(Order& order, unsigned attempt) {
    if (attempt > kTriesMax) return;
    const auto again = [this, &order, attempt] {
        world_.agenda().after(kRetry, [this, &order, attempt] { create(order, attempt + 1); });
    };
    if (!order.terms->is_listening) return again();
    ask(world_, creation_of(order),
        [this, &order, again](int status, const json& answer) {
            if (status / 100 != 2) return again();
            const json& session = answer["session"];
            order.session = session["sessionId"];
            order.secret = session["clientSecret"];
            order.expires_at =
                core::Instant::from_unix_seconds(session["expiresAt"].get<std::int64_t>());
            auditor_.heard(order, session);
            choose_method(order, 1);
            if (!rng_.chance(200)) return;
            const core::Millis wait = rng_.millis(100, 90'000);
            world_.agenda().after(wait, [this, &order] { create_again(order); });
        });
}

void Customers::create_again(Order& order) {
    ask(world_, creation_of(order), [this, &order](int status, const json& answer) {
        if (status / 100 == 2) auditor_.heard(order, answer["session"]);
    });
}

Question Customers::creation_of(const Order& order) const {
    const Place& place = world_.places()[order.chain];
    json body{{"destination",
               {{"type", "evm"},
                {"address", order.destination.hex0x()},
                {"chainId", place.chain->options().number},
                {"tokenAddress", asset_address(*place.chain, order.asset)}}},
              {"display", {{"title", "Order"}, {"verb", "Pay"}}},
              {"metadata", {{"order", std::to_string(order.number)}}}};
    if (!order.units.is_zero()) {
        body["destination"]["amountUnits"] =
            order.units.token_decimal(decimals_of(*place.chain, order.asset));
    }
    if (order.refund) body["refundAddress"] = order.refund->hex0x();
    return {"POST", "/v1/sessions", body.dump(), order.terms->key,
            "order-" + std::to_string(order.number)};
}

void Customers::choose_method(Order& order, unsigned attempt) {
    if (attempt > kTriesMax) return;
    const json body{{"clientSecret", order.secret},
                    {"locale", "en"},
                    {"paymentMethod", {{"type", "evm"}}}};
    ask(world_, {"POST", "/v1/sessions/" + order.session + "/paymentMethods", body.dump()},
        [this, &order, attempt](int status, const json& answer) {
            if (status / 100 != 2) {
                if (status / 100 == 4 && status != 429) return;  // too late for a method
                if (status / 100 == 5) ++order.addresses_refused;
                world_.agenda().after(
                    kRetry, [this, &order, attempt] { choose_method(order, attempt + 1); });
                return;
            }
            const json& session = answer["session"];
            const auto receiver = core::Address::from_hex(
                session["paymentMethod"]["receiverAddress"].get<std::string>());
            CHECK(receiver.has_value(), "the API tells addresses");
            order.receiver = *receiver;
            auditor_.heard(order, session);
            auditor_.issued(order);
            if (world_.trace().is_heard()) {
                world_.trace().listener()(world_.now(), "customer", "order " + std::to_string(order.number) +
                                                    ", session " + order.session +
                                                    ", is to be paid to " + order.receiver.hex0x());
            }
            pay(order);
            read_now_and_then(order);
        });
}

void Customers::pay(Order& order) {
    for (const Instalment& payment : plans_[order.number].payments) {
        world_.agenda().after(payment.after, [this, &order, payment] {
            Chain& chain = *world_.places()[order.chain].chain;
            chain.pay({.asset = payment.asset,
                       .from = World::payer(),
                       .to = order.receiver,
                       .units = payment.units,
                       .fails = payment.fails,
                       .by_contract = payment.by_contract});
            if (world_.trace().is_heard()) {
                world_.trace().listener()(world_.now(), "customer", "order " + std::to_string(order.number) + " pays " +
                                                    payment.units.decimal() + " of asset " +
                                                    std::to_string(payment.asset) + ": " +
                                                    plans_[order.number].name);
            }
            if (rng_.chance(300)) {
                world_.agenda().after(core::Millis{15'000}, [this, &order] { nudge(order); });
            }
        });
    }
}

void Customers::nudge(Order& order) {
    const json body{{"clientSecret", order.secret}, {"txHash", "0x00"}};
    ask(world_, {"PUT", "/v1/sessions/" + order.session + "/check", body.dump()},
        [this, &order](int status, const json& answer) {
            if (status / 100 == 2) auditor_.heard(order, answer["session"]);
        });
}

void Customers::read(Order& order, std::function<void()> then) {
    if (order.session.empty()) return;
    ask(world_, {"GET", "/v1/sessions/" + order.session, {}, order.terms->key},
        [this, &order, then = std::move(then)](int status, const json& answer) {
            if (status == 200) auditor_.heard(order, answer["session"]);
            if (then) then();
        });
}

void Customers::read_now_and_then(Order& order) {
    const core::Millis wait = rng_.millis(3 * kMinute.count(), 25 * kMinute.count());
    world_.agenda().after(wait, [this, &order] {
        const bool was_final = order.is_final();
        read(order);
        // Once in a while also what is over: it must stay so.
        if (!was_final || rng_.chance(300)) read_now_and_then(order);
    });
}

void Customers::ask_about_all() {
    for (Order& order : orders_) read(order);
}

}  // namespace simulation
