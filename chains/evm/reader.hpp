#pragma once

#include "chains/ports/reader.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "net/endpoint_pool.hpp"

#include <memory>

namespace chains::evm {

//! Reads an EVM chain through the pool. All arguments must outlive the reader; `chain.id` must be
//! "eip155:N" (CHECKed). On the pool's thread.
//!
//! A header is hashed: where it does not give its own hash on a chain known to hash like Ethereum
//! (Ethereum, Optimism, Base, local ones), the endpoint is quarantined and the answer kMalformed;
//! elsewhere such a header proves nothing. An answer that is unusable or contradicts the header makes
//! its endpoint doubted, and the next one is asked. With several endpoints heads and finality are
//! compared among them. What makes a block believed (BlockScan::evidence):
//!   kBloomExcludes   the hashed header's bloom filter has no listed contract together with the
//!                    Transfer topic
//!   kReceipts        every receipt was read, and the root of their trie is in the hashed header.
//!                    At the head for each block that its filter does not excuse
//!                    (ChainInfo::prove_receipts), in ranges when something pays us or logs seem
//!                    to be missing
//!   kSecondEndpoint  receipts can't prove it, two distinct endpoints gave the same logs
//!   kLogsAgree       the weak one: nobody else to ask, or a range below finality; the logs fit
//!                    the filter, and what the filter can't show may be missing
//! What a transaction pays in coin no receipt proves: with several endpoints, two have to tell the
//! block's payments to us alike.
std::unique_ptr<ChainReader> make_reader(ChainInfo chain, net::EndpointPool& pool,
                                         core::Clock& clock, core::Log& log,
                                         core::Metrics& metrics);

}  // namespace chains::evm
