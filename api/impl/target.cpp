#include "api/impl/target.hpp"

#include "core/bytes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace api::impl {
namespace {

using core::Expected;
using core::invalid;

Expected<std::string> decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            std::array<std::uint8_t, 1> byte{};
            const bool good = i + 2 < text.size() && core::read_hex(text.substr(i + 1, 2), byte);
            if (!good) return invalid("bad percent-encoding");
            c = static_cast<char>(byte[0]);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        const auto code = static_cast<unsigned char>(c);
        if (code < 0x20 || code == 0x7f) return invalid("a control character");
        out.push_back(c);
    }
    return out;
}

}  // namespace

Expected<Target> parse_target(std::string_view target) {
    if (!target.starts_with('/')) return invalid("the request target must start with /");
    const std::size_t mark = target.find('?');
    auto path = decode(target.substr(0, mark), false);
    if (!path) return path.error();
    Target out{std::move(*path), {}};
    std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view pair = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (pair.empty()) continue;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        auto name = decode(pair.substr(0, equals), true);
        if (!name) return name.error();
        auto value = decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!value) return value.error();
        const bool fresh = out.query.emplace(std::move(*name), std::move(*value)).second;
        if (!fresh) return invalid("a query parameter is given twice");
    }
    return out;
}

}  // namespace api::impl
