#pragma once

#include <initializer_list>

#include "chains/crypto/digest.hpp"

namespace chains::crypto {

//! Keccak-256 with Ethereum's padding, which is not FIPS 202 SHA3-256. Safe from any thread.
Digest keccak256(core::ByteView data);

//! Of the pieces in a row, without joining them first.
Digest keccak256(std::initializer_list<core::ByteView> pieces);

}  // namespace chains::crypto
