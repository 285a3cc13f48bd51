#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace chains::crypto {

inline constexpr std::size_t kBip39WordCount = 2048;

//! The English list, sorted.
const std::array<std::string_view, kBip39WordCount>& bip39_words();

}  // namespace chains::crypto
