#pragma once

#include "core/units.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace api::impl {

struct PaymentRequest {
    std::uint64_t chain = 0;
    std::string to;                    //!< the receiver, with checksum
    std::string token;                 //!< the contract; empty: the chain's own coin
    std::optional<core::Units> units;  //!< in the smallest unit; none: the payer's choice
};

//! What wallets read from a QR code or a link (EIP-681).
std::string payment_uri(const PaymentRequest& request);

//! A QR code as inline SVG, dark on light whatever the page looks like. `label` is read aloud.
//! Empty when the text is too long for one.
std::string qr_svg(const std::string& text, std::string_view label);

}  // namespace api::impl
