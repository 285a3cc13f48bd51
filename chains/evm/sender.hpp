#pragma once

#include "chains/ports/sender.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "net/endpoint_pool.hpp"

#include <memory>
#include <optional>

namespace chains::evm {

struct SenderOptions {
    //! Never offer more wei per gas than this.
    core::Units max_fee_cap{1'000'000'000'000ULL};  // 1,000 gwei
    //! No transaction of ours needs more; a simulation that does is refused.
    std::uint64_t gas_limit_max = 10'000'000;
    //! The same for a call whose contract and data a session names: the operator pays for what it burns.
    std::uint64_t call_gas_max = 1'000'000;
    //! Endpoints that must agree on a final nonce. None: what the chain's `payout_final` says.
    //! Setting it to one is the operator's explicit word for a mainnet with a single endpoint.
    std::optional<unsigned> quorum;
};

//! Sends on an EVM chain through the pool. All arguments must outlive the sender; `chain.id` must
//! be "eip155:N" (CHECKed). On the pool's thread. ready_to_pay(): kNoQuorum while too few endpoints
//! are usable, kHalted for a mainnet quorum of one that nobody set, kUnsupported where fees are
//! paid in a token (Tempo).
std::unique_ptr<TxSender> make_sender(ChainInfo chain, net::EndpointPool& pool, core::Clock& clock,
                                      core::Log& log, core::Metrics& metrics,
                                      SenderOptions options = {});

}  // namespace chains::evm
