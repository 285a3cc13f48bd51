#pragma once

#include "core/expected.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace net {

//! An address of version 4 or 6, without port and zone.
class IpAddress {
  public:
    using V4 = std::array<std::uint8_t, 4>;
    using V6 = std::array<std::uint8_t, 16>;

    //! Only the plain forms: four decimal numbers without leading zeros, or a version 6 literal
    //! without brackets and zone. What other programs also take for an address is kInvalid.
    static core::Expected<IpAddress> from_text(std::string_view text);
    static IpAddress from_v4(const V4& bytes);
    static IpAddress from_v6(const V6& bytes);

    bool is_v6() const { return is_v6_; }
    const V6& bytes() const { return bytes_; }  //!< of version 4: the first four
    std::string text() const;

    friend bool operator==(const IpAddress&, const IpAddress&) = default;

  private:
    V6 bytes_{};
    bool is_v6_ = false;
};

//! What the address is when it is not one machine of the public internet ("a loopback address");
//! empty when it is. Addresses that carry another one inside (v4-mapped, 6to4, NAT64, Teredo) are never
//! public: what they lead to depends on who sends.
std::string_view why_not_public(const IpAddress& address);
inline bool is_public(const IpAddress& address) { return why_not_public(address).empty(); }

}  // namespace net
