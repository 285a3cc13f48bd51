#include "net/ip_address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>

namespace net {
namespace {

struct V4Block {
    IpAddress::V4 head;
    unsigned bits;
    std::string_view what;
};

// The special-purpose registry of IANA for version 4, and the metadata services that are not in it.
constexpr V4Block kClosedV4[] = {
    {{0, 0, 0, 0}, 8, "an unspecified address"},
    {{10, 0, 0, 0}, 8, "a private address"},
    {{100, 64, 0, 0}, 10, "an address shared behind a carrier's NAT"},
    {{127, 0, 0, 0}, 8, "a loopback address"},
    {{168, 63, 129, 16}, 32, "a cloud's metadata service"},
    {{169, 254, 0, 0}, 16, "a link-local address"},
    {{172, 16, 0, 0}, 12, "a private address"},
    {{192, 0, 0, 0}, 24, "an address reserved for protocols"},
    {{192, 0, 2, 0}, 24, "an address for documentation"},
    {{192, 88, 99, 0}, 24, "a 6to4 relay"},
    {{192, 168, 0, 0}, 16, "a private address"},
    {{198, 18, 0, 0}, 15, "an address for benchmarks"},
    {{198, 51, 100, 0}, 24, "an address for documentation"},
    {{203, 0, 113, 0}, 24, "an address for documentation"},
    {{224, 0, 0, 0}, 4, "a multicast address"},
    {{240, 0, 0, 0}, 4, "a reserved address"},
};

struct V6Block {
    IpAddress::V6 head;
    unsigned bits;
    std::string_view what;
};

// Within 2000::/3, which alone is given out; all else is closed without being listed.
constexpr V6Block kClosedV6[] = {
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "an address for documentation"},
    {{0x20, 0x01, 0x00, 0x00}, 32, "a Teredo address"},
    {{0x20, 0x01}, 23, "an address reserved for protocols"},
    {{0x20, 0x02}, 16, "a 6to4 address"},
    {{0x3f, 0xff}, 20, "an address for documentation"},
};

// For the text only: what is outside of 2000::/3 and has a name people know.
constexpr V6Block kNamedV6[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, "a loopback address"},
    {{}, 128, "an unspecified address"},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, "a version 4 address in disguise"},
    {{0x00, 0x64, 0xff, 0x9b}, 32, "a NAT64 address"},
    {{0xfc}, 7, "a private address"},
    {{0xfe, 0x80}, 10, "a link-local address"},
    {{0xff}, 8, "a multicast address"},
};

template <std::size_t N>
bool starts_with(const IpAddress::V6& bytes, const std::array<std::uint8_t, N>& head, unsigned bits) {
    const std::size_t whole = bits / 8;
    if (!std::equal(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(whole), bytes.begin())) {
        return false;
    }
    const unsigned rest = bits % 8;
    if (rest == 0) return true;
    const unsigned mask = 0xffU & (0xffU << (8 - rest));
    return (bytes.at(whole) & mask) == (head.at(whole) & mask);
}

}  // namespace

core::Expected<IpAddress> IpAddress::from_text(std::string_view text) {
    const std::string copy{text};
    if (copy.find('\0') == std::string::npos) {
        V4 four{};
        if (::inet_pton(AF_INET, copy.c_str(), four.data()) == 1) return from_v4(four);
        V6 six{};
        if (::inet_pton(AF_INET6, copy.c_str(), six.data()) == 1) return from_v6(six);
    }
    return core::invalid("this is no IP address");
}

IpAddress IpAddress::from_v4(const V4& bytes) {
    IpAddress out;
    std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
    return out;
}

IpAddress IpAddress::from_v6(const V6& bytes) {
    IpAddress out;
    out.bytes_ = bytes;
    out.is_v6_ = true;
    return out;
}

std::string IpAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> out{};
    const char* made =
        ::inet_ntop(is_v6_ ? AF_INET6 : AF_INET, bytes_.data(), out.data(), out.size());
    return made == nullptr ? std::string{} : std::string{made};
}

std::string_view why_not_public(const IpAddress& address) {
    const auto& bytes = address.bytes();
    if (!address.is_v6()) {
        for (const V4Block& block : kClosedV4) {
            if (starts_with(bytes, block.head, block.bits)) return block.what;
        }
        return {};
    }
    for (const V6Block& block : kNamedV6) {
        if (starts_with(bytes, block.head, block.bits)) return block.what;
    }
    if ((bytes[0] & 0xe0U) != 0x20U) return "an address that is not given out to anybody";
    for (const V6Block& block : kClosedV6) {
        if (starts_with(bytes, block.head, block.bits)) return block.what;
    }
    return {};
}

}  // namespace net
