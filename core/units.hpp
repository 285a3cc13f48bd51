#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/multiprecision/cpp_int.hpp>

#include "core/bytes.hpp"
#include "core/expected.hpp"

namespace core {

//! Money: a whole number of the token's smallest unit, 0 … 2^256−1 (the EVM's word; ADR 0002).
//! There is no arithmetic operator: each function says what happens at the edge.
class Units {
  public:
    using Raw = boost::multiprecision::uint256_t;

    constexpr Units() = default;
    explicit Units(std::uint64_t value) : raw_{value} {}
    explicit Units(Raw value) : raw_{std::move(value)} {}

    //! Plain decimal digits: no sign, point, exponent, space or leading zero. At most 2^256−1.
    static Expected<Units> from_decimal(std::string_view text);
    //! JSON-RPC quantity or data word: `0x` and 1 to 64 hex digits.
    static Expected<Units> from_hex_quantity(std::string_view text);
    //! Big-endian, at most 32 bytes.
    static Expected<Units> from_big_endian(ByteView bytes);
    //! A person's decimal in whole tokens ("10.50") for a token of `decimals`; more decimals is an error.
    static Expected<Units> from_token_decimal(std::string_view text, unsigned decimals);

    std::string decimal() const;
    std::string hex_quantity() const;
    //! 32 bytes.
    std::array<std::uint8_t, 32> big_endian() const;
    //! Whole tokens with all the token's digits that matter: 10500000 with 6 decimals → "10.50".
    //! At least two decimals are shown when the token has them.
    std::string token_decimal(unsigned decimals) const;

    bool is_zero() const { return raw_.is_zero(); }
    //! Only for codecs and gas arithmetic inside chains/ and db/.
    const Raw& raw() const { return raw_; }
    //! kOverflow when it does not fit.
    Expected<std::uint64_t> to_u64() const;

    Expected<Units> plus(const Units& other) const;
    //! kOverflow when `other` is larger.
    Expected<Units> minus(const Units& other) const;
    Expected<Units> times(std::uint64_t factor) const;
    //! floor(this × numerator / denominator), exact in the middle; denominator > 0.
    Expected<Units> mul_ratio_floor(std::uint64_t numerator, std::uint64_t denominator) const;
    Expected<Units> mul_ratio_ceil(std::uint64_t numerator, std::uint64_t denominator) const;

    friend bool operator==(const Units& a, const Units& b) { return a.raw_ == b.raw_; }
    friend std::strong_ordering operator<=>(const Units& a, const Units& b) {
        const int order = a.raw_.compare(b.raw_);
        return order < 0   ? std::strong_ordering::less
               : order > 0 ? std::strong_ordering::greater
                           : std::strong_ordering::equal;
    }

  private:
    Raw raw_{0};
};

}  // namespace core
