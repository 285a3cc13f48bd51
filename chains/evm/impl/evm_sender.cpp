#include "chains/evm/impl/evm_sender.hpp"

#include "chains/evm/abi.hpp"
#include "chains/evm/impl/send_text.hpp"
#include "chains/evm/profiles.hpp"
#include "core/check.hpp"

#include <algorithm>

namespace chains::evm::impl {
namespace {

//! GasPriceOracle, the same on every OP-stack chain.
constexpr std::string_view kGasPriceOracle = "0x420000000000000000000000000000000000000f";

constexpr std::size_t kPricesAsked = 3;
constexpr core::Millis kPriceTimeout{4'000};
//! So many times what the others ask is not a matter of opinion.
constexpr std::uint64_t kPriceFar = 20;

template <class T>
std::optional<T> value_or_none(core::Expected<T> expected) {
    if (!expected) return std::nullopt;
    return std::move(*expected);
}

}  // namespace

EvmSender::EvmSender(ChainInfo chain, std::uint64_t number, net::EndpointPool& pool,
                     core::Clock& clock, core::Log& log, SenderOptions options)
    : info_{std::move(chain)},
      quirks_{quirks_of(number)},
      gate_{pool, number, clock, log},
      clock_{clock},
      options_{std::move(options)} {}

core::Task<core::Expected<GasPrice>> EvmSender::price_at(std::optional<std::size_t> endpoint) {
    std::vector<net::RpcCall> calls;
    calls.push_back({"eth_feeHistory", R"(["0xa","latest",[50]])"});
    calls.push_back({"eth_gasPrice", "[]"});
    calls.push_back({"eth_maxPriorityFeePerGas", "[]"});
    net::CallOptions options;
    options.endpoint = endpoint;
    if (endpoint) options.timeout = kPriceTimeout;
    const auto replies = co_await gate_.call_batch(std::move(calls), options);
    if (!replies) co_return replies.error();
    const net::RpcReply& history = (*replies)[0];
    // Only a node that lacks the method makes the chain a legacy one, not one that is busy.
    if (!history.ok() && history.code() != core::Errc::kUnsupported &&
        history.code() != core::Errc::kRefused) {
        co_return history.result().error();
    }
    FeeFacts facts;
    if (history.ok()) {
        auto decoded = decoder_.fee_history(*history.result());
        if (!decoded) co_return decoded.error();
        facts.history = std::move(*decoded);
    }
    if ((*replies)[1].ok()) {
        facts.gas_price = value_or_none(decoder_.quantity(*(*replies)[1].result()));
    }
    if ((*replies)[2].ok()) facts.tip = value_or_none(decoder_.quantity(*(*replies)[2].result()));
    co_return price_from(facts, options_.max_fee_cap);
}

// Nobody can prove a price, and one out of the air costs money or stops payouts: of three the
// middle one is taken, of two the lower.
core::Task<core::Expected<GasPrice>> EvmSender::suggest_price() {
    if (gate_.pool().size() == 1) co_return co_await price_at({});
    struct Offer {
        std::size_t endpoint;
        core::Expected<GasPrice> price;
        //! Above the cap is above any price.
        bool below(const Offer& other) const {
            if (!price || !other.price) return price.has_value() && !other.price;
            return price->max_fee < other.price->max_fee;
        }
    };
    std::vector<Offer> offers;
    core::Error last{core::Errc::kUnreachable, info_.name + ": no endpoint is usable"};
    for (const std::size_t endpoint : endpoints()) {
        auto price = co_await price_at(endpoint);
        if (price || price.error().code == core::Errc::kHalted) {
            offers.push_back({endpoint, std::move(price)});
        } else {
            last = price.error();
        }
        if (offers.size() == kPricesAsked) break;
    }
    if (offers.empty()) co_return last;
    std::sort(offers.begin(), offers.end(),
              [](const Offer& a, const Offer& b) { return a.below(b); });
    const Offer& chosen = offers[(offers.size() - 1) / 2];
    for (const Offer& offer : offers) {
        if (!chosen.price || offers.size() < kPricesAsked) break;
        const auto far = chosen.price->max_fee.times(kPriceFar);
        if (!far || (offer.price && offer.price->max_fee <= *far)) continue;
        gate_.pool().doubt(offer.endpoint, "price",
                           offer.price ? offer.price->max_fee.decimal() + " wei"
                                       : offer.price.error().message);
    }
    co_return chosen.price;
}

core::Expected<GasPrice> EvmSender::bump(const GasPrice& price, const GasPrice& suggested) const {
    return bumped(price, suggested, options_.max_fee_cap);
}

core::Task<core::Expected<core::Units>> EvmSender::l1_fee(UnsignedTx tx) {
    const auto built = build_transaction(tx);
    if (!built) co_return built.error();
    std::vector<AbiValue> arguments;
    arguments.push_back(AbiValue::bytes(signing_payload(*built)));
    const CallShape shape{.from = {},
                          .to = *core::Address::from_hex(kGasPriceOracle),
                          .value = {},
                          .data = encode_call("getL1Fee(bytes)", arguments)};
    const auto reply = co_await gate_.call(call_eth_call(shape, at_tag("latest")));
    if (!reply) co_return reply.error();
    const auto json = reply->result();
    if (!json) co_return json.error();
    const auto returned = decoder_.data(*json);
    if (!returned) co_return returned.error();
    if (returned->empty()) co_return core::Units{};  // no oracle on this chain
    const auto fee = AbiReader{*returned}.units(0);
    if (!fee) co_return fee.error();
    // It is charged at the price of the block that includes it.
    co_return fee->mul_ratio_ceil(3, 2);
}

core::Task<core::Expected<core::Units>> EvmSender::cost_max(UnsignedTx tx) {
    const auto parts = build_call(tx.order);
    if (!parts) co_return parts.error();
    const auto gas = tx.price.max_fee.times(tx.gas_limit);
    if (!gas) co_return gas.error();
    auto cost = gas->plus(parts->value);
    if (!cost || !quirks_.has_l1_fee) co_return cost;
    const auto on_l1 = co_await l1_fee(std::move(tx));
    if (!on_l1) co_return on_l1.error();
    co_return cost->plus(*on_l1);
}

std::vector<std::size_t> EvmSender::endpoints() const {
    const auto statuses = gate_.pool().status();
    std::vector<std::size_t> usable;
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        if (!statuses[i].quarantined) usable.push_back(i);
    }
    const bool any = std::any_of(statuses.begin(), statuses.end(),
                                 [](const net::EndpointStatus& one) { return one.healthy; });
    if (any) std::erase_if(usable, [&](std::size_t i) { return !statuses[i].healthy; });
    std::stable_sort(usable.begin(), usable.end(), [&](std::size_t a, std::size_t b) {
        const auto is_last = [](const net::EndpointStatus& one) {
            return one.doubted || one.consecutive_failures > 0;
        };
        if (is_last(statuses[a]) != is_last(statuses[b])) return is_last(statuses[b]);
        return statuses[a].latency_ms < statuses[b].latency_ms;
    });
    return usable;
}

SendReport EvmSender::report_of(const net::BroadcastAnswer& answer, const core::TxId& expected) {
    if (!answer.reply) {
        return {SendOutcome::kUnclear, answer.name + ": " + answer.reply.error().message};
    }
    const net::RpcReply& reply = *answer.reply;
    if (const net::RpcError* error = reply.rpc_error()) {
        SendOutcome outcome = classify_send_text(error->message);
        const bool no_method =
            reply.code() == core::Errc::kUnsupported || reply.code() == core::Errc::kUnauthorized;
        if (outcome == SendOutcome::kUnclear && no_method) outcome = SendOutcome::kRefused;
        return {outcome, answer.name + ": " + error->message};
    }
    const auto hash = decoder_.data(*reply.result());
    if (hash &&
        std::equal(hash->begin(), hash->end(), expected.view().begin(), expected.view().end())) {
        return {SendOutcome::kAccepted, answer.name + ": accepted"};
    }
    return {SendOutcome::kUnclear, answer.name + ": answered with another hash"};
}

core::Task<core::Expected<SendReport>> EvmSender::send(core::Bytes raw) {
    const core::TxId expected = tx_id_of(raw);
    net::RpcCall call{"eth_sendRawTransaction", "[\"" + core::to_hex0x(raw) + "\"]"};
    const auto answers = co_await gate_.pool().broadcast(std::move(call));
    std::vector<SendReport> reports;
    for (const net::BroadcastAnswer& answer : answers) {
        reports.push_back(report_of(answer, expected));
        const bool is_odd = answer.reply && answer.reply->ok() &&
                            reports.back().outcome == SendOutcome::kUnclear;
        if (is_odd) gate_.pool().doubt(answer.endpoint, "malformed", reports.back().text);
    }
    co_return merge_send_reports(reports);
}

core::Expected<core::Done> EvmSender::ready_to_pay() const {
    if (quirks_.fees_in_token) {
        return core::Error{core::Errc::kUnsupported,
                           info_.name + " takes its fees in a token: no payouts there"};
    }
    if (info_.is_mainnet && quorum() < 2 && !options_.quorum) {
        return core::Error{core::Errc::kHalted,
                           info_.name + ": a quorum of one must be set by the operator"};
    }
    std::size_t usable = 0;
    for (const net::EndpointStatus& status : gate_.pool().status()) {
        if (status.healthy) ++usable;
    }
    if (usable >= quorum()) return core::Done{};
    return core::Error{core::Errc::kNoQuorum, info_.name + ": " + std::to_string(usable) + " of " +
                                                  std::to_string(quorum()) +
                                                  " endpoints are usable"};
}

}  // namespace chains::evm::impl

std::unique_ptr<chains::TxSender> chains::evm::make_sender(ChainInfo chain, net::EndpointPool& pool,
                                                           core::Clock& clock, core::Log& log,
                                                           core::Metrics&, SenderOptions options) {
    const auto number = chain_number(chain.id);
    CHECK(number.has_value(), "the EVM sender is for eip155 chains");
    return std::make_unique<impl::EvmSender>(std::move(chain), *number, pool, clock, log,
                                             std::move(options));
}
