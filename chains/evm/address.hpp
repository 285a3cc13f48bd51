#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chains/crypto/bip32.hpp"
#include "chains/evm/word.hpp"

namespace chains::evm {

//! "0x" and 40 hex digits with the checksum of https://eips.ethereum.org/EIPS/eip-55. CHECKs that
//! the address has 20 bytes.
std::string checksummed(const core::Address& address);

//! 0x and 40 hex digits. Mixed case must carry the right checksum; all lower or all upper has none
//! and is taken as it is.
core::Expected<core::Address> parse_address(std::string_view text);

core::Address address_of(const crypto::PublicKey& key);

//! account/0/index, where `account` is what m/44'/60'/0' neuters to. kInvalid when that child does
//! not exist (2^-127), or for an index from 2^31.
core::Expected<core::Address> receiver_address(const crypto::ExtendedPublicKey& account,
                                               std::uint32_t index);

//! Of the contract that `deployer` creates with its transaction (or CREATE) number `nonce`.
core::Address create_address(const core::Address& deployer, std::uint64_t nonce);
//! https://eips.ethereum.org/EIPS/eip-1014
core::Address create2_address(const core::Address& deployer, const Bytes32& salt,
                              const Bytes32& init_code_hash);

}  // namespace chains::evm
