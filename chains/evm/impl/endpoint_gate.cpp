#include "chains/evm/impl/endpoint_gate.hpp"

#include "chains/evm/impl/rpc_params.hpp"

#include <algorithm>

namespace chains::evm::impl {
namespace {

constexpr core::Millis kTrustFor{15'000};
constexpr core::Millis kVerifyTimeout{5'000};
constexpr core::Millis kGenesisFor{60'000};

bool is_wrong_chain(const core::Error& error) { return error.code == core::Errc::kWrongChain; }

}  // namespace

core::Expected<core::Done> EndpointGate::judge_chain_id(const net::RpcReply& reply) {
    const auto json = reply.result();
    if (!json) return json.error();
    const auto number = Decoder{}.quantity(*json);
    if (!number) return number.error();
    if (*number == core::Units{chain_number_}) {
        seen_right_[reply.endpoint] = clock_.tick();
        return core::Done{};
    }
    seen_right_.erase(reply.endpoint);
    pool_.quarantine(reply.endpoint, "serves chain " + number->decimal());
    log_.error("an endpoint serves another chain", {{"chain", pool_.chain().text()},
                                                    {"endpoint", pool_.name(reply.endpoint)},
                                                    {"served", number->decimal()}});
    return core::Error{core::Errc::kWrongChain,
                       pool_.name(reply.endpoint) + " serves chain " + number->decimal()};
}

core::Task<core::Expected<core::Done>> EndpointGate::verify(std::size_t endpoint) {
    const auto seen = seen_right_.find(endpoint);
    if (seen != seen_right_.end() && clock_.tick() - seen->second < kTrustFor) {
        co_return co_await verify_genesis(endpoint);
    }
    net::CallOptions options;
    options.timeout = kVerifyTimeout;
    options.endpoint = endpoint;
    const auto reply = co_await pool_.call(call_chain_id(), options);
    if (!reply) co_return reply.error();
    const auto right = judge_chain_id(*reply);
    if (!right) co_return right.error();
    co_return co_await verify_genesis(endpoint);
}

// A fork of the chain has its number as well. What block 0 is, two endpoints have to agree on;
// where nobody else has it (pruned nodes forget it), nothing is known and nothing is refused.
core::Task<core::Expected<core::Done>> EndpointGate::verify_genesis(std::size_t endpoint) {
    if (pool_.size() < 2) co_return core::Done{};
    const auto checked = genesis_checked_.find(endpoint);
    if (checked != genesis_checked_.end() && clock_.tick() - checked->second < kGenesisFor) {
        co_return core::Done{};
    }
    genesis_checked_[endpoint] = clock_.tick();
    const net::Normaliser hash_of = [](std::string_view json) -> core::Expected<std::string> {
        const auto head = Decoder{}.head(json);
        if (!head) return head.error();
        return head->ref.hash.hex0x();
    };
    net::CallOptions options;
    options.timeout = kVerifyTimeout;
    options.doubt_outvoted = false;
    if (genesis_.empty()) {
        const auto agreed = co_await pool_.agree(call_block("0x0", false), 2, hash_of, options);
        if (!agreed) co_return core::Done{};
        genesis_ = *hash_of(*agreed->reply.result());
    }
    options.endpoint = endpoint;
    const auto reply = co_await pool_.call(call_block("0x0", false), options);
    if (!reply || !reply->ok()) co_return core::Done{};
    const auto hash = hash_of(*reply->result());
    if (!hash || *hash == genesis_) co_return core::Done{};
    const std::string what = "has another genesis block, " + *hash;
    pool_.quarantine(endpoint, what);
    co_return core::Error{core::Errc::kWrongChain, pool_.name(endpoint) + " " + what};
}

core::Error EndpointGate::blame(std::size_t endpoint, core::Error error) {
    ++blames_;
    error.message = pool_.name(endpoint) + ": " + error.message;
    pool_.doubt(endpoint, "malformed", error.message);
    return error;
}

core::Task<core::Expected<core::Done>> EndpointGate::verify_all(
    std::vector<std::size_t> endpoints) {
    std::sort(endpoints.begin(), endpoints.end());
    endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
    for (const std::size_t endpoint : endpoints) {
        const auto verified = co_await verify(endpoint);
        if (!verified) co_return verified.error();
    }
    co_return core::Done{};
}

core::Task<core::Expected<net::RpcReply>> EndpointGate::call(net::RpcCall call,
                                                             net::CallOptions options) {
    std::vector<net::RpcCall> calls;
    calls.push_back(std::move(call));
    for (std::size_t turn = 0;; ++turn) {
        const auto reply = co_await pool_.call(calls.front(), options);
        if (!reply) co_return reply.error();
        const auto verified = co_await verify(reply->endpoint);
        if (verified) co_return *reply;
        if (!is_wrong_chain(verified.error()) || turn >= pool_.size()) co_return verified.error();
    }
}

core::Task<core::Expected<std::vector<net::RpcReply>>> EndpointGate::call_batch(
    std::vector<net::RpcCall> calls, net::CallOptions options) {
    for (std::size_t turn = 0;; ++turn) {
        auto replies = co_await pool_.call_batch(calls, options);
        if (!replies) co_return replies.error();
        std::vector<std::size_t> endpoints;
        for (const net::RpcReply& reply : *replies) endpoints.push_back(reply.endpoint);
        const auto verified = co_await verify_all(std::move(endpoints));
        if (verified) co_return std::move(*replies);
        if (!is_wrong_chain(verified.error()) || turn >= pool_.size()) co_return verified.error();
    }
}

core::Task<core::Expected<net::QuorumReply>> EndpointGate::agree(net::RpcCall call,
                                                                 std::size_t quorum,
                                                                 net::Normaliser normaliser,
                                                                 net::CallOptions options) {
    for (std::size_t turn = 0;; ++turn) {
        auto reply = co_await pool_.agree(call, quorum, normaliser, options);
        if (!reply) co_return reply.error();
        std::vector<std::size_t> endpoints;
        for (std::size_t i = 0; i < pool_.size(); ++i) {
            const auto& names = reply->agreed;
            if (std::find(names.begin(), names.end(), pool_.name(i)) != names.end()) {
                endpoints.push_back(i);
            }
        }
        const auto verified = co_await verify_all(std::move(endpoints));
        if (verified) co_return std::move(*reply);
        if (!is_wrong_chain(verified.error()) || turn >= pool_.size()) co_return verified.error();
    }
}

}  // namespace chains::evm::impl
