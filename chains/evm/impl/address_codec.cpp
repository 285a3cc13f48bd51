#include "chains/evm/address_codec.hpp"

#include "chains/evm/address.hpp"

namespace chains::evm {

core::Expected<core::Address> EvmAddressCodec::parse(std::string_view text) const {
    return parse_address(text);
}

std::string EvmAddressCodec::format(const core::Address& address) const {
    return checksummed(address);
}

core::Expected<core::TxId> EvmAddressCodec::parse_tx(std::string_view text) const {
    if (!text.starts_with("0x") || text.size() != 66) {
        return core::invalid("a transaction is 0x and 64 hex digits");
    }
    return core::TxId::from_hex(text);
}

std::string EvmAddressCodec::format_tx(const core::TxId& tx) const { return tx.hex0x(); }

core::Expected<EvmReceiverDeriver> EvmReceiverDeriver::from_xpub(std::string_view xpub) {
    auto account = crypto::ExtendedPublicKey::from_text(xpub);
    if (!account) return account.error();
    if (account->origin().depth != 3 || account->origin().child_number != crypto::kHardened) {
        return core::invalid("the account public key is not that of m/44'/60'/0'");
    }
    return EvmReceiverDeriver{std::move(*account)};
}

core::Expected<core::Address> EvmReceiverDeriver::derive(std::uint32_t index) const {
    return receiver_address(account_, index);
}

}  // namespace chains::evm
