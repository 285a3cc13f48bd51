#include "chains/evm/logs.hpp"

namespace chains::evm {

const Bytes32& erc20_transfer_topic() {
    static constexpr Bytes32 kTopic{{0xDD, 0xF2, 0x52, 0xAD, 0x1B, 0xE2, 0xC8, 0x9B,
                                     0x69, 0xC2, 0xB0, 0x68, 0xFC, 0x37, 0x8D, 0xAA,
                                     0x95, 0x2B, 0xA7, 0xF1, 0x63, 0xC4, 0xA1, 0x16,
                                     0x28, 0xF5, 0x5A, 0x4D, 0xF5, 0x23, 0xB3, 0xEF}};
    return kTopic;
}

core::Expected<Erc20Transfer> decode_erc20_transfer(std::span<const Bytes32> topics,
                                                    core::ByteView data) {
    const auto malformed = [](const char* message) {
        return core::Error{core::Errc::kMalformed, message};
    };
    if (topics.size() != 3 || topics[0] != erc20_transfer_topic()) {
        return malformed("not the topics of an ERC-20 transfer");
    }
    const auto from = address_of(topics[1]);
    const auto to = address_of(topics[2]);
    if (!from || !to) return malformed("a topic holds more than an address");
    if (data.size() != Bytes32::kSize) return malformed("a transfer has 32 bytes of data");
    return Erc20Transfer{from.value(), to.value(), core::Units::from_big_endian(data).value()};
}

}  // namespace chains::evm
