#include "net/target.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace net {
namespace {

using core::Expected;
using core::invalid;

constexpr std::size_t kUrlMax = 2048;
constexpr std::size_t kHostMax = 253;
constexpr std::size_t kLabelMax = 63;
constexpr std::uint16_t kHttps = 443;
constexpr std::uint16_t kHttp = 80;
//! Below it are services that were there before; some of them do strange things with what HTTP says.
constexpr std::uint16_t kFreePorts = 1024;

//! Names that never leave a network.
constexpr std::array<std::string_view, 8> kLocalEndings{
    ".localhost", ".local", ".internal", ".lan", ".home.arpa", ".onion", ".invalid", ".localdomain"};

std::string lower_case(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

//! Visible ASCII without what some parsers drop, fold or take for a slash. Letters of other alphabets
//! and their dots come as punycode or not at all.
bool is_url_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < 0x7f && std::string_view{"\"<>\\^`{|}"}.find(c) == std::string_view::npos;
    });
}

//! Would some program read the last label as a number, and so the host as an address?
bool ends_in_number(std::string_view host) {
    const auto dot = host.rfind('.');
    const auto last = dot == std::string_view::npos ? host : host.substr(dot + 1);
    if (std::all_of(last.begin(), last.end(), is_digit)) return true;
    if (!last.starts_with("0x")) return false;
    return std::all_of(last.begin() + 2, last.end(),
                       [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_label(std::string_view label) {
    if (label.empty() || label.size() > kLabelMax) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    return std::all_of(label.begin(), label.end(),
                       [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-'; });
}

bool is_name(std::string_view host) {
    if (host.empty() || host.size() > kHostMax) return false;
    for (;;) {
        const auto dot = host.find('.');
        if (!is_label(host.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        host.remove_prefix(dot + 1);
    }
}

core::Error check_name(std::string_view host, TargetRules rules) {
    if (!is_name(host)) return invalid("the host is no domain name");
    if (ends_in_number(host)) {
        return invalid("the host looks like an address, but is not written as four decimal numbers");
    }
    if (rules.allow_private) return {};
    const bool is_local =
        host.find('.') == std::string_view::npos ||
        std::any_of(kLocalEndings.begin(), kLocalEndings.end(),
                    [host](std::string_view ending) { return host.ends_with(ending); });
    if (is_local) return invalid("the host is a name of a local network");
    return {};
}

core::Error check_address(const IpAddress& address, TargetRules rules) {
    const auto why = why_not_public(address);
    if (rules.allow_private || why.empty()) return {};
    return core::Error{core::Errc::kRefused, "the host is " + std::string{why}};
}

Expected<std::uint16_t> parse_port(std::string_view text, const std::string& scheme,
                                   TargetRules rules) {
    std::uint16_t port = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool good = failed == std::errc{} && end == text.data() + text.size() && port > 0 &&
                      text.front() != '0' && is_digit(text.front());
    if (!good) return invalid("the port is no number from 1 to 65535");
    const bool usual = port == (scheme == "https" ? kHttps : kHttp) || port >= kFreePorts;
    if (!usual && !rules.allow_private) return invalid("the port must be 443, or 1024 or above");
    return port;
}

//! Takes "host", "host:port", "[address]" or "[address]:port" apart.
core::Error read_authority(std::string_view text, TargetRules rules, TargetUrl& out) {
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return invalid("the host's bracket is not closed");
        out.host = lower_case(text.substr(1, close - 1));
        auto address = IpAddress::from_text(out.host);
        if (!address || !address->is_v6()) return invalid("the host in brackets is no IPv6 address");
        out.literal = *address;
        text.remove_prefix(close + 1);
        if (!text.empty() && !text.starts_with(':')) return invalid("the host is no domain name");
    } else {
        const auto colon = std::min(text.find(':'), text.size());
        out.host = lower_case(text.substr(0, colon));
        text.remove_prefix(colon);
        auto address = IpAddress::from_text(out.host);
        if (address) out.literal = *address;
    }
    if (out.literal) {
        // One way to write each: what is sent in `Host` is what was checked.
        out.host = out.literal->text();
        if (auto wrong = check_address(*out.literal, rules); wrong.code != core::Errc::kUnset) {
            return invalid(wrong.message + ", not one of the public internet");
        }
    } else if (auto wrong = check_name(out.host, rules); wrong.code != core::Errc::kUnset) {
        return wrong;
    }
    out.port = out.scheme == "https" ? kHttps : kHttp;
    if (text.empty()) return {};
    auto number = parse_port(text.substr(1), out.scheme, rules);
    if (!number) return number.error();
    out.port = *number;
    return {};
}

}  // namespace

std::string TargetUrl::origin() const {
    const bool is_v6 = literal && literal->is_v6();
    std::string out = scheme + "://" + (is_v6 ? "[" + host + "]" : host);
    if (port != (scheme == "https" ? kHttps : kHttp)) out += ":" + std::to_string(port);
    return out;
}

std::string TargetUrl::url() const { return origin() + path; }

Expected<TargetUrl> parse_target(std::string_view text, TargetRules rules) {
    if (text.size() > kUrlMax) return invalid("the URL is longer than 2048 characters");
    if (!is_url_text(text)) return invalid("the URL holds a character that has no place in one");
    TargetUrl out;
    const auto colon = text.find("://");
    out.scheme = colon == std::string_view::npos ? "" : lower_case(text.substr(0, colon));
    if (out.scheme != "https" && !(out.scheme == "http" && rules.allow_private)) {
        return invalid("the URL must begin with https://");
    }
    text.remove_prefix(colon + 3);
    if (text.find('#') != std::string_view::npos) return invalid("the URL must have no fragment");
    const auto end = std::min(text.find_first_of("/?"), text.size());
    const auto authority = text.substr(0, end);
    if (authority.find('@') != std::string_view::npos) {
        return invalid("the URL must hold no user name or password");
    }
    if (auto wrong = read_authority(authority, rules, out); wrong.code != core::Errc::kUnset) {
        return wrong;
    }
    out.path = text.substr(end);
    if (!out.path.starts_with('/')) out.path.insert(out.path.begin(), '/');
    return out;
}

core::Task<Expected<IpAddress>> find_address(Resolver* resolver, TargetUrl target, TargetRules rules,
                                             std::size_t turn, core::Millis timeout) {
    std::vector<IpAddress> found;
    if (target.literal) {
        found.push_back(*target.literal);
    } else {
        auto resolved = co_await resolver->resolve(target.host, timeout);
        if (!resolved) co_return resolved.error();
        found = std::move(*resolved);
    }
    if (found.empty()) {
        co_return core::Error{core::Errc::kUnreachable, "the name has no address"};
    }
    // One that is not public is enough: a name that also leads inside is not meant for us.
    for (const IpAddress& address : found) {
        const auto wrong = check_address(address, rules);
        if (wrong.code != core::Errc::kUnset) co_return wrong;
    }
    co_return found[turn % found.size()];
}

}  // namespace net
