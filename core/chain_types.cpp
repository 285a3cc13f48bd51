#include "core/chain_types.hpp"

namespace core {

Expected<Address> Address::from_bytes(ByteView bytes) {
    if (bytes.size() != 20 && bytes.size() != 32) return invalid("an address has 20 or 32 bytes");
    Address out;
    std::memcpy(out.bytes_.data(), bytes.data(), bytes.size());
    out.size_ = static_cast<std::uint8_t>(bytes.size());
    return out;
}

Expected<Address> Address::from_hex(std::string_view text) {
    Address out;
    const std::size_t digits = text.starts_with("0x") ? text.size() - 2 : text.size();
    if (digits != 40 && digits != 64) return invalid("an address has 20 or 32 bytes");
    if (!read_hex(text, std::span{out.bytes_.data(), digits / 2})) return invalid("not hex");
    out.size_ = static_cast<std::uint8_t>(digits / 2);
    return out;
}

Expected<TxId> TxId::from_bytes(ByteView bytes) {
    if (bytes.size() != 32 && bytes.size() != 64) return invalid("a transaction id has 32 or 64 bytes");
    TxId out;
    std::memcpy(out.bytes_.data(), bytes.data(), bytes.size());
    out.size_ = static_cast<std::uint8_t>(bytes.size());
    return out;
}

Expected<TxId> TxId::from_hex(std::string_view text) {
    TxId out;
    const std::size_t digits = text.starts_with("0x") ? text.size() - 2 : text.size();
    if (digits != 64 && digits != 128) return invalid("a transaction id has 32 or 64 bytes");
    if (!read_hex(text, std::span{out.bytes_.data(), digits / 2})) return invalid("not hex");
    out.size_ = static_cast<std::uint8_t>(digits / 2);
    return out;
}

}  // namespace core
