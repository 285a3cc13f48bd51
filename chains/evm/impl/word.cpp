#include "chains/evm/word.hpp"

#include <algorithm>

#include "core/check.hpp"

namespace chains::evm {

namespace {

constexpr std::size_t kPadding = Bytes32::kSize - kAddressSize;

}  // namespace

Bytes32 word_of(const core::Units& value) { return Bytes32{value.big_endian()}; }

Bytes32 word_of(const core::Address& address) {
    CHECK(address.view().size() == kAddressSize);
    Bytes32 out;
    std::copy(address.view().begin(), address.view().end(), out.bytes.begin() + kPadding);
    return out;
}

core::Units units_of(const Bytes32& word) {
    return core::Units::from_big_endian(word.view()).value();
}

core::Expected<core::Address> address_of(const Bytes32& word) {
    const core::ByteView padding = word.view().first(kPadding);
    if (std::any_of(padding.begin(), padding.end(), [](std::uint8_t byte) { return byte != 0; })) {
        return core::invalid("a word with more than an address in it");
    }
    return core::Address::from_bytes(word.view().subspan(kPadding));
}

}  // namespace chains::evm
