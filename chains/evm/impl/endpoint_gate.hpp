#pragma once

#include "chains/evm/impl/rpc_decode.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "net/endpoint_pool.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace chains::evm::impl {

//! The provider wants a smaller range.
inline bool is_split(const net::RpcReply& reply) {
    return !reply.ok() && reply.code() == core::Errc::kSplit;
}

//! The pool behind a check of who answers: no reply passes from an endpoint whose chain id was not
//! seen to be right within the last 15 seconds, or whose block 0 is not the one that most endpoints
//! have. One that serves another chain (a wrong URL, a node re-deployed elsewhere) is quarantined,
//! and the call goes to the next [F26].
class EndpointGate {
  public:
    EndpointGate(net::EndpointPool& pool, std::uint64_t chain_number, core::Clock& clock,
                 core::Log& log)
        : pool_{pool}, chain_number_{chain_number}, clock_{clock}, log_{log} {}

    core::Task<core::Expected<net::RpcReply>> call(net::RpcCall call,
                                                   net::CallOptions options = {});
    core::Task<core::Expected<std::vector<net::RpcReply>>> call_batch(
        std::vector<net::RpcCall> calls, net::CallOptions options = {});
    //! As the pool's, among endpoints of the right chain only.
    core::Task<core::Expected<net::QuorumReply>> agree(net::RpcCall call, std::size_t quorum,
                                                       net::Normaliser normaliser,
                                                       net::CallOptions options = {});

    //! What this endpoint said is no answer: it is doubted, and `error` comes back with its name.
    core::Error blame(std::size_t endpoint, core::Error error);
    //! Rises with each blame: whoever failed meanwhile may try again, others are asked first now.
    std::uint64_t blames() const { return blames_; }

    //! What an eth_chainId reply that came along with others says about its endpoint.
    core::Expected<core::Done> judge_chain_id(const net::RpcReply& reply);

    net::EndpointPool& pool() const { return pool_; }
    const std::string& name_of(const net::RpcReply& reply) const {
        return pool_.name(reply.endpoint);
    }

  private:
    //! kWrongChain after the endpoint was quarantined.
    core::Task<core::Expected<core::Done>> verify(std::size_t endpoint);
    core::Task<core::Expected<core::Done>> verify_all(std::vector<std::size_t> endpoints);
    core::Task<core::Expected<core::Done>> verify_genesis(std::size_t endpoint);

    net::EndpointPool& pool_;
    std::uint64_t chain_number_;
    core::Clock& clock_;
    core::Log& log_;
    std::map<std::size_t, core::Tick> seen_right_;
    std::map<std::size_t, core::Tick> genesis_checked_;
    std::string genesis_;  //!< hash of block 0; empty while nobody agreed on one
    std::uint64_t blames_ = 0;
};

}  // namespace chains::evm::impl
