#include "chains/evm/address.hpp"

#include <algorithm>

#include "chains/crypto/keccak.hpp"
#include "chains/evm/rlp.hpp"
#include "core/check.hpp"

namespace chains::evm {

namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'f'; }
bool is_upper(char c) { return c >= 'A' && c <= 'F'; }

core::Address last_twenty(const crypto::Digest& hash) {
    return core::Address::from_bytes(hash.view().last(kAddressSize)).value();
}

}  // namespace

std::string checksummed(const core::Address& address) {
    CHECK(address.view().size() == kAddressSize);
    std::string digits = core::to_hex(address.view());
    const crypto::Digest hash = crypto::keccak256(core::bytes_of(digits));
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const unsigned nibble = (hash.bytes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 0xFU;
        if (is_lower(digits[i]) && nibble >= 8) {
            digits[i] = static_cast<char>(digits[i] - 'a' + 'A');
        }
    }
    return "0x" + digits;
}

core::Expected<core::Address> parse_address(std::string_view text) {
    constexpr std::size_t kTextSize = 2 + 2 * kAddressSize;
    if (text.size() != kTextSize || !text.starts_with("0x")) {
        return core::invalid("an EVM address is 0x and 40 hex digits");
    }
    const auto address = core::Address::from_hex(text.substr(2));
    if (!address || address.value().view().size() != kAddressSize) {
        return core::invalid("an EVM address is 0x and 40 hex digits");
    }
    const std::string_view digits = text.substr(2);
    const bool mixed = std::any_of(digits.begin(), digits.end(), is_lower) &&
                       std::any_of(digits.begin(), digits.end(), is_upper);
    if (mixed && checksummed(address.value()) != text) {
        return core::invalid("the checksum of the EVM address is wrong");
    }
    return address;
}

core::Address address_of(const crypto::PublicKey& key) {
    return last_twenty(crypto::keccak256(core::ByteView{key.uncompressed()}.subspan(1)));
}

core::Expected<core::Address> receiver_address(const crypto::ExtendedPublicKey& account,
                                               std::uint32_t index) {
    const auto external = account.child(0);
    if (!external) return external.error();
    const auto receiver = external.value().child(index);
    if (!receiver) return receiver.error();
    return address_of(receiver.value().key());
}

core::Address create_address(const core::Address& deployer, std::uint64_t nonce) {
    CHECK(deployer.view().size() == kAddressSize);
    const core::Bytes items[] = {rlp_string(deployer.view()), rlp_number(nonce)};
    return last_twenty(crypto::keccak256(rlp_list(items)));
}

core::Address create2_address(const core::Address& deployer, const Bytes32& salt,
                              const Bytes32& init_code_hash) {
    CHECK(deployer.view().size() == kAddressSize);
    constexpr std::uint8_t kPrefix[] = {0xFF};
    return last_twenty(
        crypto::keccak256({kPrefix, deployer.view(), salt.view(), init_code_hash.view()}));
}

}  // namespace chains::evm
