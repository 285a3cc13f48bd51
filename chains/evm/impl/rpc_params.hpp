#pragma once

#include "chains/evm/impl/block_draft.hpp"
#include "net/json_rpc.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace chains::evm::impl {

// The calls this room makes, as JSON-RPC. https://ethereum.github.io/execution-apis

std::string hex_number(std::uint64_t number);

net::RpcCall call_chain_id();
//! `block`: a number in hex or a tag.
net::RpcCall call_block(std::string_view block, bool with_transactions);
net::RpcCall call_block_by_hash(const core::BlockHash& hash, bool with_transactions);
//! Transfer logs of the listed contracts in exactly this block; a node that does not know the block
//! answers with an error, not with nothing (EIP-234).
net::RpcCall call_logs_of_block(const core::BlockHash& hash, const ListedTokens& tokens);
//! The same in a range; the caller has to check every log's block hash.
net::RpcCall call_logs_of_range(std::uint64_t first, std::uint64_t last,
                                const ListedTokens& tokens);
net::RpcCall call_receipt(core::ByteView tx);
net::RpcCall call_block_receipts(const core::BlockHash& hash);
net::RpcCall call_transaction(core::ByteView tx);

//! {"blockHash":"0x…"} of EIP-1898.
std::string at_block(const core::BlockHash& hash);
std::string at_tag(std::string_view tag);

net::RpcCall call_balance(const core::Address& owner, std::string_view at);
net::RpcCall call_code(const core::Address& owner, std::string_view at);
net::RpcCall call_nonce(const core::Address& owner, std::string_view at);

struct CallShape {
    core::Address from;  //!< empty: left out
    core::Address to;    //!< empty: creates a contract
    core::Units value;
    core::Bytes data;
};
net::RpcCall call_eth_call(const CallShape& shape, std::string_view at);
net::RpcCall call_estimate_gas(const CallShape& shape);
//! eth_simulateV1: the calls one after the other on top of the latest block, nobody paying for gas.
//! `traces_coin`: coin that moves is told like a token of coin_moves().
net::RpcCall call_simulate(std::span<const CallShape> shapes, bool traces_coin);
//! The address that eth_simulateV1 gives to logs of coin.
core::Address coin_moves();

//! Code that is never deployed: eth_call runs it as a contract's constructor, and it returns the
//! balances of the 20-byte addresses behind it, one word each. At most kBalancesPerCall, because
//! what a constructor returns may have 24,576 bytes (EIP-170).
inline constexpr std::size_t kBalancesPerCall = 700;
core::Bytes balances_init_code(std::span<const core::Address> addresses);

}  // namespace chains::evm::impl
