#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/chain_types.hpp"
#include "core/expected.hpp"

namespace chains {

//! How a family of chains writes addresses and transactions for people.
struct AddressCodec {
    virtual ~AddressCodec() = default;
    //! Accepts what people paste; a checksum that is there must hold.
    virtual core::Expected<core::Address> parse(std::string_view text) const = 0;
    virtual std::string format(const core::Address& address) const = 0;
    virtual core::Expected<core::TxId> parse_tx(std::string_view text) const = 0;
    virtual std::string format_tx(const core::TxId& tx) const = 0;
};

//! Computes the receiver with this index from the account public key: no secret is involved.
struct ReceiverDeriver {
    virtual ~ReceiverDeriver() = default;
    virtual core::Expected<core::Address> derive(std::uint32_t index) const = 0;
};

}  // namespace chains
