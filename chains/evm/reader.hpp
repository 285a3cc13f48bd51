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
//! What makes an empty block believed (BlockScan::evidence):
//!   kBloomExcludes   the header's bloom filter has no listed contract together with the Transfer
//!   topic kSecondEndpoint  the filter said maybe, and two distinct endpoints gave no logs by block
//!   hash kReceipts        only one endpoint answers: every receipt of the block was read, their
//!                    transactions are the block's, one for one, and the bloom filter rebuilt from
//!                    their logs equals the header's. The receipts' trie root is not rebuilt: a
//!                    node that wants to hide a log has to find others that set exactly the same
//!                    bits.
std::unique_ptr<ChainReader> make_reader(ChainInfo chain, net::EndpointPool& pool,
                                         core::Clock& clock, core::Log& log,
                                         core::Metrics& metrics);

}  // namespace chains::evm
