#include "chains/evm/abi.hpp"
#include "chains/evm/impl/evm_sender.hpp"
#include "chains/evm/impl/revert_text.hpp"

namespace chains::evm::impl {
namespace {

Simulation would_fail(std::string reason) { return {false, std::move(reason), 0}; }

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
    const auto head_json = (*replies)[0].result();
    if (!head_json) co_return head_json.error();
    const auto head = decoder_.quantity(*head_json);
    if (!head) co_return head.error();
    if (*head < core::Units{at_least_height}) {
        co_return core::Error{core::Errc::kNotReady, gate_.pool().name(endpoint) + " is at block " +
                                                         head->decimal() + ", below " +
                                                         std::to_string(at_least_height)};
    }
    co_return judge(order, (*replies)[1], (*replies)[2], needs_code ? &(*replies)[3] : nullptr);
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
    const auto gas = units->to_u64();
    if (!gas || *gas == 0 || *gas > options_.gas_limit_max) {
        return would_fail("it would take " + units->decimal() + " gas");
    }
    // State moves between now and inclusion: a quarter more, cut at the limit.
    const std::uint64_t roomy = *gas + *gas / 4 + 1;
    return Simulation{true, {}, std::min(roomy, options_.gas_limit_max)};
}

}  // namespace chains::evm::impl
