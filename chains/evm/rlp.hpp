#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.hpp"
#include "core/units.hpp"

namespace chains::evm {

// https://ethereum.org/developers/docs/data-structures-and-encoding/rlp

core::Bytes rlp_string(core::ByteView bytes);
//! Big-endian without leading zeros; 0 is the empty string.
core::Bytes rlp_number(std::uint64_t number);
core::Bytes rlp_number(const core::Units& number);
//! Of items that are encoded already.
core::Bytes rlp_list(std::span<const core::Bytes> items);

//! Views into the decoded input, which must outlive it.
struct RlpItem {
    bool is_list = false;
    core::ByteView bytes;        //!< the string, or the list's body
    std::vector<RlpItem> items;  //!< of a list
};

inline constexpr std::size_t kRlpDepthMax = 16;

//! Exactly one item, nothing behind it. Every encoding but the canonical one is kInvalid: a single
//! byte with a prefix, a long form where the short one fits, leading zeros in a length. Lists nest
//! at most kRlpDepthMax deep.
core::Expected<RlpItem> rlp_decode(core::ByteView input);

//! A string of at most 32 (8) bytes without leading zeros.
core::Expected<core::Units> rlp_units(const RlpItem& item);
core::Expected<std::uint64_t> rlp_u64(const RlpItem& item);

}  // namespace chains::evm
