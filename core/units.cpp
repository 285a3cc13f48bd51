#include "core/units.hpp"

#include <algorithm>

#include "core/check.hpp"

namespace core {
namespace {

using Wide = boost::multiprecision::uint512_t;

bool all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Error overflow(std::string_view what) {
    return Error{Errc::kOverflow, std::string{what} + " leaves the range of 256 bits"};
}

Expected<Units> narrow(const Wide& value, std::string_view what) {
    static const Wide kMax = (Wide{1} << 256) - 1;
    if (value > kMax) return overflow(what);
    return Units{static_cast<Units::Raw>(value)};
}

}  // namespace

Expected<Units> Units::from_decimal(std::string_view text) {
    if (!all_digits(text)) return invalid("an amount must be decimal digits only");
    if (text.size() > 1 && text.front() == '0') return invalid("an amount must not start with 0");
    if (text.size() > 78) return overflow("the amount");
    return narrow(Wide{std::string{text}}, "the amount");
}

Expected<Units> Units::from_hex_quantity(std::string_view text) {
    if (!text.starts_with("0x") || text.size() < 3 || text.size() > 66) {
        return invalid("expected 0x and 1 to 64 hex digits");
    }
    std::array<char, 64> digits;
    digits.fill('0');
    std::copy(text.begin() + 2, text.end(), digits.end() - static_cast<std::ptrdiff_t>(text.size() - 2));
    std::array<std::uint8_t, 32> word{};
    if (!read_hex({digits.data(), digits.size()}, word)) return invalid("not a hex number");
    return from_big_endian(word);
}

Expected<Units> Units::from_big_endian(ByteView bytes) {
    if (bytes.size() > 32) return overflow("the number");
    Raw value{0};
    if (!bytes.empty()) boost::multiprecision::import_bits(value, bytes.begin(), bytes.end(), 8, true);
    return Units{value};
}

Expected<Units> Units::from_token_decimal(std::string_view text, unsigned decimals) {
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction =
        point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
    if (!all_digits(whole) || (point != std::string_view::npos && !all_digits(fraction))) {
        return invalid("an amount must look like 10 or 10.50");
    }
    if (whole.size() > 1 && whole.front() == '0') return invalid("an amount must not start with 0");
    if (fraction.size() > decimals) {
        return invalid("the amount has " + std::to_string(fraction.size()) +
                       " decimals, the token has " + std::to_string(decimals));
    }
    std::string digits{whole};
    digits += fraction;
    digits.append(decimals - fraction.size(), '0');
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    return from_decimal(digits);
}

std::string Units::decimal() const { return raw_.str(); }

std::string Units::hex_quantity() const {
    const auto word = big_endian();
    std::string digits = to_hex(word);
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    return "0x" + digits;
}

std::array<std::uint8_t, 32> Units::big_endian() const {
    std::array<std::uint8_t, 32> out{};
    Bytes bits;
    boost::multiprecision::export_bits(raw_, std::back_inserter(bits), 8, true);
    std::copy(bits.begin(), bits.end(), out.end() - static_cast<std::ptrdiff_t>(bits.size()));
    return out;
}

std::string Units::token_decimal(unsigned decimals) const {
    std::string digits = decimal();
    if (decimals == 0) return digits;
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    const std::size_t point = digits.size() - decimals;
    digits.insert(point, 1, '.');
    const std::size_t shown_min = point + 1 + std::min(decimals, 2U);
    while (digits.size() > shown_min && digits.back() == '0') digits.pop_back();
    return digits;
}

Expected<std::uint64_t> Units::to_u64() const {
    if (raw_ > std::numeric_limits<std::uint64_t>::max()) return overflow("a 64 bit number");
    return static_cast<std::uint64_t>(raw_);
}

Expected<Units> Units::plus(const Units& other) const {
    return narrow(Wide{raw_} + Wide{other.raw_}, "the sum");
}

Expected<Units> Units::minus(const Units& other) const {
    if (other.raw_ > raw_) return overflow("the difference");
    return Units{Raw{raw_ - other.raw_}};
}

Expected<Units> Units::times(std::uint64_t factor) const {
    return narrow(Wide{raw_} * factor, "the product");
}

Expected<Units> Units::mul_ratio_floor(std::uint64_t numerator, std::uint64_t denominator) const {
    CHECK(denominator > 0);
    return narrow(Wide{raw_} * numerator / denominator, "the product");
}

Expected<Units> Units::mul_ratio_ceil(std::uint64_t numerator, std::uint64_t denominator) const {
    CHECK(denominator > 0);
    return narrow((Wide{raw_} * numerator + (denominator - 1)) / denominator, "the product");
}

}  // namespace core
