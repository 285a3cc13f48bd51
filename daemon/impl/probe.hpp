#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"
#include "core/time.hpp"
#include "net/endpoint_pool.hpp"

// Questions about nodes that no other room asks, each of one endpoint.
namespace depositd {

struct EndpointFacts {
    std::uint64_t chain_number = 0;
    std::uint64_t latest = 0;
    core::Instant latest_mined_at;
    std::optional<std::uint64_t> finalized;  //!< none: no such tag there
};
core::Task<core::Expected<EndpointFacts>> probe_endpoint(net::EndpointPool& pool,
                                                         std::size_t endpoint);

//! Also of an endpoint that is quarantined.
core::Task<core::Expected<std::uint64_t>> probe_chain_number(net::EndpointPool& pool,
                                                             std::size_t endpoint);

//! Can this endpoint rehearse a call (eth_simulateV1)? kUnsupported when not.
core::Task<core::Expected<core::Done>> probe_rehearsal(net::EndpointPool& pool,
                                                       std::size_t endpoint);

struct TokenFactsOnChain {
    unsigned decimals = 0;
    std::string symbol;
};
//! kNotFound when no contract is there.
core::Task<core::Expected<TokenFactsOnChain>> probe_token(net::EndpointPool& pool,
                                                          core::Address contract);

}  // namespace depositd
