#pragma once

#include "chains/ports/chain_info.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace chains::evm {

// The chains and tokens of the sessions API as data: contracts from the API's token list, credit
// policy from what went wrong in the field. No policy uses the `safe` tag: its meaning is
// being changed to "one or two slots behind the head" by providers.

//! The profile of an EIP-155 chain number, none for chains we know nothing about.
std::optional<ChainInfo> find_profile(std::uint64_t number);

//! Numbers of all profiles, ascending.
std::vector<std::uint64_t> profile_numbers();

//! For a chain without a profile: native coin only, `finalized` tag and 12 blocks. 31337 and 1337
//! are local chains: no tag, 2 blocks, one endpoint, not a mainnet.
ChainInfo generic_profile(std::uint64_t number, std::string name);

//! For an operator's own tokens: adds one with the asset id that belongs to its contract.
void add_token(ChainInfo& chain, std::string symbol, unsigned decimals, core::Address contract,
               GaslessKind gasless = GaslessKind::kNone);

//! "eip155:N/erc20:0x…"
core::AssetId erc20_asset(const core::ChainId& chain, const core::Address& contract);

//! N of "eip155:N"; kInvalid for another namespace and for any but the shortest spelling of N.
core::Expected<std::uint64_t> chain_number(const core::ChainId& chain);

}  // namespace chains::evm
