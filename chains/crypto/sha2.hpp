#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "chains/crypto/digest.hpp"
#include "chains/crypto/secret.hpp"

namespace chains::crypto {

Digest sha256(core::ByteView data);

using Ripemd160Hash = core::FixedBytes<struct Ripemd160Tag, 20>;
Ripemd160Hash ripemd160(core::ByteView data);

//! RIPEMD-160 of SHA-256: the fingerprint of BIP-32.
Ripemd160Hash hash160(core::ByteView data);

Digest hmac_sha256(core::ByteView key, core::ByteView message);

//! 64 bytes. A secret, since BIP-32 makes keys of it.
SecretBytes hmac_sha512(core::ByteView key, core::ByteView message);

SecretBytes pbkdf2_hmac_sha512(core::ByteView password, core::ByteView salt, unsigned rounds,
                               std::size_t size);

}  // namespace chains::crypto
