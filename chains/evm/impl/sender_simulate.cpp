#include "chains/evm/abi.hpp"
#include "chains/evm/impl/evm_sender.hpp"
#include "chains/evm/impl/revert_text.hpp"

namespace chains::evm::impl {
namespace {

Simulation would_fail(std::string reason) { return {false, std::move(reason), 0}; }

//! Is this error the answer to "would it succeed?", and not one about the node?
bool is_verdict(const net::RpcReply& reply) {
    return !reply.ok() &&
           (reply.code() == core::Errc::kReverted || reply.code() == core::Errc::kRefused);
}

bool moves_token(CallKind kind) {
    return kind == CallKind::kTokenTransfer || kind == CallKind::kApprove;
}

}  // namespace

core::Task<core::Expected<Simulation>> EvmSender::simulate(TxOrder order) {
    const auto parts = build_call(order);
    if (!parts) co_return parts.error();
    const CallShape shape{
        .from = order.sender, .to = parts->to, .value = parts->value, .data = parts->data};
    const bool needs_code = moves_token(order.kind) || order.kind == CallKind::kCall;
    std::vector<net::RpcCall> calls;
    calls.push_back(call_eth_call(shape, at_tag("latest")));
    calls.push_back(call_estimate_gas(shape));
    if (needs_code) calls.push_back(call_code(parts->to, at_tag("latest")));
    const auto replies = co_await gate_.call_batch(std::move(calls));
    if (!replies) co_return replies.error();
    co_return judge(order, (*replies)[0], (*replies)[1], needs_code ? &(*replies)[2] : nullptr);
}

core::Expected<Simulation> EvmSender::judge(const TxOrder& order, const net::RpcReply& call,
                                            const net::RpcReply& estimate,
                                            const net::RpcReply* code) {
    if (is_verdict(call)) return would_fail(revert_text(*call.rpc_error()));
    const auto call_json = call.result();
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
    const auto estimate_json = estimate.result();
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
