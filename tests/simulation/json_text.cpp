#include "tests/simulation/json_text.hpp"

#include <array>

namespace simulation {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr int kDepthMax = 16;

std::size_t skip_space(std::string_view text, std::size_t at) {
    while (at < text.size() &&
           (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
        ++at;
    }
    return at;
}

std::size_t end_of_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '\\') return std::string_view::npos;
        if (text[at] == '"') return at + 1;
    }
    return std::string_view::npos;
}

//! One past the value that begins at `at`; npos when it is none.
std::size_t end_of_value(std::string_view text, std::size_t at) {
    if (at >= text.size()) return std::string_view::npos;
    if (text[at] == '"') return end_of_string(text, at);
    if (text[at] != '{' && text[at] != '[') {
        const std::size_t end = text.find_first_of(",]} \n\r\t", at);
        return end == at ? std::string_view::npos : std::min(end, text.size());
    }
    int depth = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"') {
            at = end_of_string(text, at);
            if (at == std::string_view::npos) return at;
            continue;
        }
        if ((c == '{' || c == '[') && ++depth > kDepthMax) return std::string_view::npos;
        ++at;
        if ((c == '}' || c == ']') && --depth == 0) return at;
    }
    return std::string_view::npos;
}

//! The elements of an array, or keys and values of an object in turn, one after the other.
class Walk {
  public:
    explicit Walk(std::string_view raw) : text_{raw} {
        if (!text_.empty()) text_.remove_suffix(1);
    }
    //! Empty at the end.
    std::string_view next() {
        at_ = skip_space(text_, at_);
        const std::size_t end = end_of_value(text_, at_);
        if (end == std::string_view::npos) return {};
        const std::string_view value = text_.substr(at_, end - at_);
        at_ = skip_space(text_, end);
        if (at_ < text_.size() && (text_[at_] == ',' || text_[at_] == ':')) ++at_;
        return value;
    }

  private:
    std::string_view text_;
    std::size_t at_ = 1;
};

std::uint64_t limb(const U256& number, unsigned index) {
    static const U256 kMask{~std::uint64_t{0}};
    return static_cast<std::uint64_t>((number >> (64 * index)) & kMask);
}

void append_digits(std::string& out, std::uint64_t number, int digits) {
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
        out += kDigits[(number >> shift) & 0xF];
    }
}

}  // namespace

void append_hex(std::string& out, core::ByteView bytes) {
    for (const std::uint8_t byte : bytes) {
        out += kDigits[byte >> 4];
        out += kDigits[byte & 0xF];
    }
}

void append_quantity(std::string& out, std::uint64_t number) {
    int digits = 1;
    while (digits < 16 && number >> (4 * digits) != 0) ++digits;
    out += "0x";
    append_digits(out, number, digits);
}

void append_quantity(std::string& out, const U256& number) {
    unsigned top = 3;
    while (top > 0 && limb(number, top) == 0) --top;
    append_quantity(out, limb(number, top));
    while (top-- > 0) append_digits(out, limb(number, top), 16);
}

void append_word(std::string& out, const U256& number) {
    for (unsigned i = 4; i-- > 0;) append_digits(out, limb(number, i), 16);
}

Json::Json(std::string_view raw) {
    const std::size_t begin = skip_space(raw, 0);
    const std::size_t end = end_of_value(raw, begin);
    if (end == std::string_view::npos || skip_space(raw, end) != raw.size()) return;
    raw_ = raw.substr(begin, end - begin);
}

std::string_view Json::text() const {
    return is_string() ? raw_.substr(1, raw_.size() - 2) : std::string_view{};
}

std::optional<std::uint64_t> Json::quantity() const {
    std::string_view digits = text();
    if (!digits.starts_with("0x") || digits.size() < 3 || digits.size() > 18) return std::nullopt;
    digits.remove_prefix(2);
    std::uint64_t number = 0;
    for (const char c : digits) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        number = number << 4 | digit;
    }
    return number;
}

std::vector<Json> Json::items() const {
    std::vector<Json> out;
    if (!is_array()) return out;
    Walk walk{raw_};
    for (std::string_view one = walk.next(); !one.empty(); one = walk.next()) {
        out.emplace_back().raw_ = one;
    }
    return out;
}

Json Json::item(std::size_t index) const {
    Json out;
    if (!is_array()) return out;
    Walk walk{raw_};
    std::string_view one = walk.next();
    while (index > 0 && !one.empty()) {
        one = walk.next();
        --index;
    }
    out.raw_ = one;
    return out;
}

Json Json::field(std::string_view key) const {
    Json out;
    if (!is_object()) return out;
    Walk walk{raw_};
    for (std::string_view name = walk.next(); !name.empty(); name = walk.next()) {
        const std::string_view value = walk.next();
        if (name.size() != key.size() + 2 || name.substr(1, key.size()) != key) continue;
        out.raw_ = value;
        break;
    }
    return out;
}

}  // namespace simulation
