#pragma once

#include "chains/crypto/bip32.hpp"
#include "chains/ports/address_codec.hpp"

namespace chains::evm {

//! 0x and 40 hex digits with the checksum of EIP-55; transactions are 0x and 64 lower-case digits.
class EvmAddressCodec final : public AddressCodec {
  public:
    core::Expected<core::Address> parse(std::string_view text) const override;
    std::string format(const core::Address& address) const override;
    core::Expected<core::TxId> parse_tx(std::string_view text) const override;
    std::string format_tx(const core::TxId& tx) const override;
};

//! Receivers below the account public key m/44'/60'/0' ("xpub…").
class EvmReceiverDeriver final : public ReceiverDeriver {
  public:
    static core::Expected<EvmReceiverDeriver> from_xpub(std::string_view xpub);
    //! kInvalid for an index that has no key (2^-127) or from 2^31.
    core::Expected<core::Address> derive(std::uint32_t index) const override;

  private:
    explicit EvmReceiverDeriver(crypto::ExtendedPublicKey account) : account_{std::move(account)} {}
    crypto::ExtendedPublicKey account_;
};

}  // namespace chains::evm
