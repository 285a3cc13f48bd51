#pragma once

#include "core/bytes.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/units.hpp"

namespace chains::evm {

//! One word of the virtual machine: a topic, a storage key, a bytes32 argument, a nonce of
//! EIP-3009.
using Bytes32 = core::FixedBytes<struct Bytes32Tag, 32>;

inline constexpr std::size_t kAddressSize = 20;

Bytes32 word_of(const core::Units& value);
//! Left-padded. CHECKs that the address has 20 bytes.
Bytes32 word_of(const core::Address& address);
core::Units units_of(const Bytes32& word);
//! kInvalid unless the upper 12 bytes are zero.
core::Expected<core::Address> address_of(const Bytes32& word);

}  // namespace chains::evm
