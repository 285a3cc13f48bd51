#include "core/bytes.hpp"

namespace core {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

constexpr std::array<std::int8_t, 256> make_nibbles() {
    std::array<std::int8_t, 256> table{};
    for (auto& entry : table) entry = -1;
    for (int i = 0; i < 10; ++i) table[static_cast<std::size_t>('0' + i)] = static_cast<std::int8_t>(i);
    for (int i = 0; i < 6; ++i) {
        table[static_cast<std::size_t>('a' + i)] = static_cast<std::int8_t>(10 + i);
        table[static_cast<std::size_t>('A' + i)] = static_cast<std::int8_t>(10 + i);
    }
    return table;
}
constexpr auto kNibbles = make_nibbles();

std::string_view without_prefix(std::string_view text) {
    return text.starts_with("0x") || text.starts_with("0X") ? text.substr(2) : text;
}

}  // namespace

std::string to_hex(ByteView bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        out.push_back(kDigits[byte >> 4]);
        out.push_back(kDigits[byte & 15]);
    }
    return out;
}

std::string to_hex0x(ByteView bytes) { return "0x" + to_hex(bytes); }

bool read_hex(std::string_view text, std::span<std::uint8_t> out) {
    text = without_prefix(text);
    if (text.size() != out.size() * 2) return false;
    int bad = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = kNibbles[static_cast<std::uint8_t>(text[2 * i])];
        const int low = kNibbles[static_cast<std::uint8_t>(text[2 * i + 1])];
        bad |= high | low;
        out[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return bad >= 0;
}

Expected<Bytes> from_hex(std::string_view text) {
    const std::string_view digits = without_prefix(text);
    if (digits.size() % 2 != 0) return invalid("odd number of hex digits");
    Bytes out(digits.size() / 2);
    // An empty text after the prefix is no bytes; "0x0x" must not pass as one.
    if (digits.starts_with("0x") || digits.starts_with("0X") || !read_hex(digits, out)) {
        return invalid("not hex");
    }
    return out;
}

bool equal_constant_time(ByteView a, ByteView b) {
    if (a.size() != b.size()) return false;
    volatile std::uint8_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference = difference | (a[i] ^ b[i]);
    return difference == 0;
}

}  // namespace core
