#pragma once

#include "core/bytes.hpp"

namespace chains::crypto {

//! 32 bytes of a cryptographic hash, whichever made it; what ECDSA signs.
using Digest = core::FixedBytes<struct DigestTag, 32>;

}  // namespace chains::crypto
