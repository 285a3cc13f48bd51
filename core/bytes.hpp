#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/expected.hpp"

namespace core {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

//! Lower-case hex, without prefix.
std::string to_hex(ByteView bytes);

//! Lower-case hex with `0x`.
std::string to_hex0x(ByteView bytes);

//! Accepts upper and lower case, with or without `0x`, an even number of digits.
Expected<Bytes> from_hex(std::string_view text);

//! Same, straight into a fixed buffer: exactly out.size() bytes, no allocation. False when not of that form.
bool read_hex(std::string_view text, std::span<std::uint8_t> out);

//! Compares in a time that depends on the lengths only. For secrets.
bool equal_constant_time(ByteView a, ByteView b);

inline ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

//! A fixed number of bytes with a meaning of its own: two tags never mix.
template <class Tag, std::size_t N>
struct FixedBytes {
    static constexpr std::size_t kSize = N;
    std::array<std::uint8_t, N> bytes{};

    static Expected<FixedBytes> from_hex(std::string_view text) {
        FixedBytes out;
        if (!read_hex(text, out.bytes)) {
            return invalid("expected " + std::to_string(2 * N) + " hex digits");
        }
        return out;
    }
    static Expected<FixedBytes> from_bytes(ByteView view) {
        if (view.size() != N) return invalid("expected " + std::to_string(N) + " bytes");
        FixedBytes out;
        std::memcpy(out.bytes.data(), view.data(), N);
        return out;
    }
    std::string hex0x() const { return to_hex0x(bytes); }
    ByteView view() const { return bytes; }

    friend bool operator==(const FixedBytes&, const FixedBytes&) = default;
    friend auto operator<=>(const FixedBytes&, const FixedBytes&) = default;
};

}  // namespace core
