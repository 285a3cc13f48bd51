#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/bytes.hpp"

namespace chains::crypto {

//! Decoding takes time in the square of the length: longer texts are refused (kTooLarge).
inline constexpr std::size_t kBase58TextMax = 4096;

//! Bitcoin's alphabet; each leading zero byte is a leading '1'.
std::string base58_encode(core::ByteView bytes);
core::Expected<core::Bytes> base58_decode(std::string_view text);

//! With the first 4 bytes of the double SHA-256 behind the payload.
std::string base58check_encode(core::ByteView payload);
//! The payload, after its checksum was compared.
core::Expected<core::Bytes> base58check_decode(std::string_view text);

}  // namespace chains::crypto
