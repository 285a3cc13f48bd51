#pragma once

#include "chains/evm/word.hpp"

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace chains::evm::impl {

// Fields of a node's JSON as values, for the decoders alone.

namespace od = simdjson::ondemand;

//! Leaves through simdjson's exceptions, which never cross a public function of Decoder.
struct BadField {
    std::string_view what;
};

inline std::string_view token_of(od::value& value) {
    std::string_view raw = value.raw_json_token();
    while (!raw.empty() &&
           (raw.back() == ' ' || raw.back() == '\n' || raw.back() == '\r' || raw.back() == '\t')) {
        raw.remove_suffix(1);
    }
    return raw;
}

inline bool is_null(od::value& value) { return token_of(value) == "null"; }

//! Hex needs no unescaping: an escaped digit is nothing a node writes.
inline std::string_view hex_of(od::value& value, std::string_view what) {
    std::string_view raw = token_of(value);
    if (raw.size() < 4 || raw.front() != '"' || raw.back() != '"') throw BadField{what};
    raw = raw.substr(1, raw.size() - 2);
    if (!raw.starts_with("0x")) throw BadField{what};
    return raw;
}

template <class Fixed>
Fixed fixed_of(od::value& value, std::string_view what) {
    Fixed out;
    if (!core::read_hex(hex_of(value, what), out.bytes)) throw BadField{what};
    return out;
}

inline core::Address address_field(od::value& value, std::string_view what) {
    std::array<std::uint8_t, kAddressSize> bytes;
    if (!core::read_hex(hex_of(value, what), bytes)) throw BadField{what};
    return *core::Address::from_bytes(bytes);
}

inline core::Units units_field(od::value& value, std::string_view what) {
    const auto units = core::Units::from_hex_quantity(hex_of(value, what));
    if (!units) throw BadField{what};
    return *units;
}

inline std::uint64_t u64_field(od::value& value, std::string_view what) {
    const std::string_view digits = hex_of(value, what).substr(2);
    if (digits.empty() || digits.size() > 16) throw BadField{what};
    std::uint64_t number = 0;
    for (const char c : digits) {
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) throw BadField{what};
        number = number * 16 + static_cast<std::uint64_t>(digit);
    }
    return number;
}

inline std::uint32_t u32_field(od::value& value, std::string_view what) {
    const std::uint64_t number = u64_field(value, what);
    // 0xFFFFFFFF names a native transfer's position and must stay free.
    if (number >= 0xFFFFFFFFULL) throw BadField{what};
    return static_cast<std::uint32_t>(number);
}

//! Which fields of an object came: each once, all that are needed.
class Seen {
  public:
    void mark(unsigned bit, std::string_view what) {
        if ((bits_ & (1U << bit)) != 0) throw BadField{what};
        bits_ |= 1U << bit;
    }
    bool has(unsigned bit) const { return (bits_ & (1U << bit)) != 0; }
    void need(unsigned count, std::string_view what) const {
        const unsigned all = (1U << count) - 1;
        if ((bits_ & all) != all) throw BadField{what};
    }

  private:
    unsigned bits_ = 0;
};

}  // namespace chains::evm::impl
