#include "chains/evm/abi.hpp"
#include "chains/evm/impl/evm_sender.hpp"
#include "chains/evm/impl/revert_text.hpp"
#include "core/check.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace chains::evm::impl {
namespace {

Simulation would_fail(std::string reason) { return {false, std::move(reason), 0, {}}; }

//! Is this error the answer to "would it succeed?", and not one about the node or the request?
bool is_verdict(const net::RpcReply& reply) {
    return !reply.ok() && reply.code() == core::Errc::kReverted;
}

//! Why there is no verdict. "Insufficient funds" and the like are said before anything is run, also
//! by a node that is behind: kNotReady, so that nobody takes it for the chain's word.
core::Expected<std::string_view> ran(const net::RpcReply& reply) {
    const auto json = reply.result();
    if (json || json.error().code != core::Errc::kRefused) return json;
    return core::Error{core::Errc::kNotReady, "not simulated: " + json.error().message};
}

bool moves_token(CallKind kind) {
    return kind == CallKind::kTokenTransfer || kind == CallKind::kApprove;
}

//! A node that traces coin tells the order's own value first of all; of others nothing is known.
bool tells_coin(const SimulatedCall& call, const TxOrder& order) {
    if (!order.asset.is_native() || order.units.is_zero()) return true;
    const core::Address coin = coin_moves();
    return std::any_of(call.transfers.begin(), call.transfers.end(), [&](const TransferLog& log) {
        return log.contract == coin && log.from == order.sender && log.to == order.recipient &&
               log.units == order.units;
    });
}

//! What endpoints must share: gas and the words of a refusal may differ.
std::string effects_text(const Simulation& answer) {
    if (!answer.would_succeed) return "refused";
    std::vector<std::string> moves;
    for (const TokenMove& move : answer.moves) {
        moves.push_back(move.units.decimal() + " of " + move.asset.text() + " to " +
                        (move.comes_in ? "the sender" : move.to.hex0x()));
    }
    std::sort(moves.begin(), moves.end());
    std::string text = "good";
    for (const std::string& move : moves) text += ", " + move;
    return text;
}

}  // namespace

core::Task<core::Expected<Simulation>> EvmSender::simulate(TxOrder order,
                                                           std::uint64_t at_least_height) {
    std::optional<Simulation> refusal;
    std::optional<Simulation> success;
    std::optional<std::size_t> refused_by;
    core::Error last{core::Errc::kUnreachable, info_.name + ": no endpoint is usable"};
    for (const std::size_t endpoint : endpoints()) {
        auto answer = co_await simulate_at(endpoint, order, at_least_height);
        if (!answer) {
            last = answer.error();
            // Another node would say the same about the order itself.
            if (last.code == core::Errc::kInvalid) co_return last;
            continue;
        }
        if (answer->would_succeed) {
            if (success && refused_by) {
                gate_.pool().doubt(*refused_by, "outvoted", "eth_call: " + refusal->reason);
            }
            if (success || !refusal) co_return *answer;
            success = std::move(*answer);
            continue;
        }
        if (refusal || gate_.pool().size() == 1) co_return *answer;
        refusal = std::move(*answer);
        refused_by = endpoint;
    }
    if (!refusal) co_return last;
    if (success) {
        co_return core::Error{core::Errc::kNoQuorum,
                              "endpoints disagree about a simulation: " + refusal->reason};
    }
    co_return core::Error{core::Errc::kNoQuorum,
                          "one endpoint alone refuses a simulation: " + refusal->reason};
}

// Money follows from what it says: a yes takes as many as a no.
core::Task<core::Expected<Simulation>> EvmSender::rehearse(std::vector<TxOrder> orders,
                                                           std::uint64_t at_least_height) {
    CHECK(!orders.empty(), "something is rehearsed");
    const auto statuses = gate_.pool().status();
    std::set<std::string> operators;
    for (const net::EndpointStatus& one : statuses) operators.insert(one.operator_name);
    const std::size_t needed =
        std::max<std::size_t>(quorum(), std::min<std::size_t>(operators.size(), 2));
    struct Camp {
        Simulation answer;
        std::set<std::string> operators;  //!< one vote each
    };
    std::map<std::string, Camp> camps;
    std::string seen;
    core::Error last{core::Errc::kUnreachable, info_.name + ": no endpoint is usable"};
    for (const std::size_t endpoint : endpoints()) {
        auto answer = co_await rehearse_at(endpoint, orders, at_least_height);
        if (!answer) {
            last = answer.error();
            if (last.code == core::Errc::kInvalid) co_return last;
            continue;
        }
        const std::string text = effects_text(*answer);
        seen += (seen.empty() ? "" : ", ") + gate_.pool().name(endpoint) + ": " + text;
        Camp& camp = camps[text];
        const bool is_dearer = answer->gas_limit > camp.answer.gas_limit;
        if (camp.operators.empty() || is_dearer) camp.answer = std::move(*answer);
        camp.operators.insert(statuses[endpoint].operator_name);
        if (camp.operators.size() >= needed) co_return camp.answer;
    }
    if (camps.empty()) co_return last;
    const std::string why = camps.size() > 1 ? "endpoints differ about what a call would do (" + seen
                                             : "too few endpoints say what a call would do (" + seen +
                                                   "; " + last.message;
    co_return core::Error{core::Errc::kNoQuorum, why + ")"};
}

core::Expected<core::Done> EvmSender::reaches(std::size_t endpoint, const net::RpcReply& head,
                                              std::uint64_t at_least_height) {
    const auto json = head.result();
    if (!json) return json.error();
    const auto height = decoder_.quantity(*json);
    if (!height) return height.error();
    if (*height >= core::Units{at_least_height}) return core::Done{};
    return core::Error{core::Errc::kNotReady, gate_.pool().name(endpoint) + " is at block " +
                                                  height->decimal() + ", below " +
                                                  std::to_string(at_least_height)};
}

core::Task<core::Expected<Simulation>> EvmSender::simulate_at(std::size_t endpoint, TxOrder order,
                                                              std::uint64_t at_least_height) {
    const auto parts = build_call(order);
    if (!parts) co_return parts.error();
    const CallShape shape{
        .from = order.sender, .to = parts->to, .value = parts->value, .data = parts->data};
    const bool needs_code = moves_token(order.kind) || order.kind == CallKind::kCall;
    std::vector<net::RpcCall> calls;
    calls.push_back({"eth_blockNumber", "[]"});
    calls.push_back(call_eth_call(shape, at_tag("latest")));
    calls.push_back(call_estimate_gas(shape));
    if (needs_code) calls.push_back(call_code(parts->to, at_tag("latest")));
    net::CallOptions options;
    options.endpoint = endpoint;
    const auto replies = co_await gate_.call_batch(std::move(calls), options);
    if (!replies) co_return replies.error();
    if (auto there = reaches(endpoint, (*replies)[0], at_least_height); !there) {
        co_return there.error();
    }
    co_return judge(order, (*replies)[1], (*replies)[2], needs_code ? &(*replies)[3] : nullptr);
}

core::Task<core::Expected<Simulation>> EvmSender::rehearse_at(std::size_t endpoint,
                                                              std::vector<TxOrder> orders,
                                                              std::uint64_t at_least_height) {
    std::vector<CallShape> shapes;
    for (const TxOrder& order : orders) {
        const auto parts = build_call(order);
        if (!parts) co_return parts.error();
        shapes.push_back(CallShape{order.sender, parts->to, parts->value, parts->data});
    }
    std::vector<net::RpcCall> calls;
    calls.push_back({"eth_blockNumber", "[]"});
    calls.push_back(call_simulate(shapes, orders.back().asset.is_native()));
    calls.push_back(call_code(shapes.back().to, at_tag("latest")));
    net::CallOptions options;
    options.endpoint = endpoint;
    const auto replies = co_await gate_.call_batch(std::move(calls), options);
    if (!replies) co_return replies.error();
    if (auto there = reaches(endpoint, (*replies)[0], at_least_height); !there) {
        co_return there.error();
    }
    co_return judge_run(orders, (*replies)[1], (*replies)[2]);
}

core::Expected<Simulation> EvmSender::judge(const TxOrder& order, const net::RpcReply& call,
                                            const net::RpcReply& estimate,
                                            const net::RpcReply* code) {
    if (is_verdict(call)) return would_fail(revert_text(*call.rpc_error()));
    const auto call_json = ran(call);
    if (!call_json) return call_json.error();
    const auto returned = decoder_.data(*call_json);
    if (!returned) return returned.error();
    if (code != nullptr) {
        const auto code_json = code->result();
        if (!code_json) return code_json.error();
        const auto bytes = decoder_.data(*code_json);
        if (!bytes) return bytes.error();
        // A call of an address without code succeeds and does nothing.
        if (bytes->empty()) return would_fail("there is no contract at that address");
    }
    // USDT and others return nothing; whoever returns something has to return true [F40].
    if (moves_token(order.kind) && !returned->empty()) {
        const auto good = AbiReader{*returned}.boolean(0);
        if (!good || !*good) return would_fail("the token's contract returned false");
    }
    if (is_verdict(estimate)) return would_fail(revert_text(*estimate.rpc_error()));
    const auto estimate_json = ran(estimate);
    if (!estimate_json) return estimate_json.error();
    const auto units = decoder_.quantity(*estimate_json);
    if (!units) return units.error();
    return with_gas(order.kind, *units);
}

Simulation EvmSender::with_gas(CallKind kind, const core::Units& taken) const {
    const auto gas = taken.to_u64();
    if (!gas || *gas == 0 || *gas > gas_max(kind)) {
        return would_fail("it would take " + taken.decimal() + " gas");
    }
    const std::uint64_t roomy = *gas + *gas / 4 + 1;
    if (kind == CallKind::kCall && roomy > gas_max(kind)) {
        return would_fail("it would take " + taken.decimal() + " gas, and a quarter more to be sure; " +
                          std::to_string(gas_max(kind)) + " is what it may take");
    }
    return Simulation{true, {}, std::min(roomy, gas_max(kind)), {}};
}

std::vector<TokenMove> EvmSender::moves_of(const std::vector<SimulatedCall>& calls,
                                           const core::Address& sender) const {
    const core::Address coin = coin_moves();
    std::vector<TokenMove> out;
    for (const SimulatedCall& call : calls) {
        for (const TransferLog& log : call.transfers) {
            const bool goes_out = log.from == sender;
            const bool comes_in = log.to == sender;
            if (goes_out == comes_in || log.units.is_zero()) continue;
            if (log.contract == coin) {
                // What goes out with the call is its value.
                if (comes_in) out.push_back({info_.native_asset, log.to, log.units, true});
                continue;
            }
            const TokenInfo* token = info_.token_at(log.contract);
            if (token != nullptr) out.push_back({token->asset, log.to, log.units, comes_in});
        }
    }
    return out;
}

core::Expected<Simulation> EvmSender::judge_run(const std::vector<TxOrder>& orders,
                                                const net::RpcReply& simulated,
                                                const net::RpcReply& code) {
    const auto code_json = code.result();
    if (!code_json) return code_json.error();
    const auto bytes = decoder_.data(*code_json);
    if (!bytes) return bytes.error();
    if (bytes->empty()) return would_fail("there is no contract at that address");
    const auto json = simulated.result();
    if (!json) {
        // Nodes and their providers have many words for "not offered".
        const core::Errc why = json.error().code;
        if (why == core::Errc::kRateLimited || why == core::Errc::kNotReady) return json.error();
        return core::Error{core::Errc::kUnsupported, json.error().message};
    }
    const auto calls = decoder_.simulated_calls(*json);
    if (!calls || calls->size() != orders.size()) {
        return core::Error{core::Errc::kUnsupported, "eth_simulateV1 answers in another form"};
    }
    for (std::size_t i = 0; i + 1 < calls->size(); ++i) {
        if ((*calls)[i].success) continue;
        return core::Error{core::Errc::kNotReady, "the transaction before it would fail"};
    }
    const SimulatedCall& last = calls->back();
    if (!last.success) {
        return would_fail(revert_text(net::RpcError{3, last.message, last.data_hex}));
    }
    if (!tells_coin(last, orders.back())) {
        return core::Error{core::Errc::kUnsupported, "eth_simulateV1 does not trace coin"};
    }
    Simulation out = with_gas(orders.back().kind, last.gas_used);
    out.moves = moves_of(*calls, orders.back().sender);
    return out;
}

}  // namespace chains::evm::impl
