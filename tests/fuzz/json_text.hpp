#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_client.hpp"

// What targets need to compare with: JSON read by nlohmann's own builder, and looked at by hand.
namespace fuzz {

using nlohmann::json;

//! Discarded when it is no JSON. nlohmann takes a zero byte for the end.
inline json loose(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return json::value_t::discarded;
    return json::parse(text.begin(), text.end(), nullptr, false);
}

inline bool is_utf8(std::string_view text) {
    try {
        return !json(std::string{text}).dump().empty();
    } catch (const json::exception&) {
        return false;
    }
}

//! With the readable bytes behind it that a reply has, and not one more.
class Padded {
  public:
    explicit Padded(std::string_view text) : bytes_(text.begin(), text.end()), size_{text.size()} {
        // Other JSON follows in a batch, not zeros.
        while (bytes_.size() < size_ + net::kJsonPadding) bytes_.push_back("}],\"0x1:{[ "[bytes_.size() % 11]);
        bytes_.shrink_to_fit();
    }
    std::string_view view() const { return {bytes_.data(), size_}; }

  private:
    std::vector<char> bytes_;
    std::size_t size_;
};

//! What nlohmann's document does not tell any more. For texts that it accepts.
struct JsonShape {
    std::size_t depth = 0;
    bool wide_integer = false;         //!< one outside 64 bits
    bool repeats = false;              //!< a key of some object
    std::set<std::string> top_repeats; //!< keys of the outermost object
};

inline bool is_wide_integer(std::string_view digits) {
    if (digits.find_first_of(".eE") != std::string_view::npos) return false;
    std::int64_t small = 0;
    std::uint64_t big = 0;
    const char* end = digits.data() + digits.size();
    if (digits.front() == '-') return std::from_chars(digits.data(), end, small).ec != std::errc{};
    return std::from_chars(digits.data(), end, big).ec != std::errc{};
}

inline JsonShape shape_of(std::string_view text) {
    JsonShape out;
    std::vector<std::set<std::string>> keys;
    const auto watch = [&](int, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::object_start) keys.emplace_back();
        if (event == json::parse_event_t::object_end) keys.pop_back();
        if (event == json::parse_event_t::key) {
            auto key = parsed.get<std::string>();
            if (!keys.back().insert(key).second) {
                out.repeats = true;
                if (keys.size() == 1) out.top_repeats.insert(std::move(key));
            }
        }
        return true;
    };
    const json ignored = json::parse(text.begin(), text.end(), watch, false);
    std::size_t depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '"') {
            for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
        } else if (c == '{' || c == '[') {
            out.depth = std::max(out.depth, ++depth);
        } else if (c == '}' || c == ']') {
            depth -= depth > 0 ? 1 : 0;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            const std::size_t end =
                std::min(text.find_first_not_of("0123456789+-.eE", i), text.size());
            out.wide_integer = out.wide_integer || is_wide_integer(text.substr(i, end - i));
            i = end - 1;
        }
    }
    return out;
}

}  // namespace fuzz
