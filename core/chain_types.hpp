#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "core/bytes.hpp"
#include "core/expected.hpp"
#include "core/time.hpp"

namespace core {

//! Raw bytes of an account: 20 on EVM and Tron, 32 on Solana. How it is written for people (EIP-55,
//! base58) is each chain's matter; in the database it is lower-case hex.
class Address {
  public:
    Address() = default;
    //! 20 or 32 bytes.
    static Expected<Address> from_bytes(ByteView bytes);
    static Expected<Address> from_hex(std::string_view text);
    ByteView view() const { return {bytes_.data(), size_}; }
    std::string hex0x() const { return to_hex0x(view()); }
    bool empty() const { return size_ == 0; }
    bool is_zero() const {
        for (const std::uint8_t byte : view()) {
            if (byte != 0) return false;
        }
        return true;
    }
    friend bool operator==(const Address&, const Address&) = default;
    friend auto operator<=>(const Address&, const Address&) = default;

  private:
    std::array<std::uint8_t, 32> bytes_{};
    std::uint8_t size_ = 0;
};

//! Names a transaction on its chain: 32 bytes on EVM and Tron, 64 on Solana.
class TxId {
  public:
    TxId() = default;
    static Expected<TxId> from_bytes(ByteView bytes);
    static Expected<TxId> from_hex(std::string_view text);
    ByteView view() const { return {bytes_.data(), size_}; }
    std::string hex0x() const { return to_hex0x(view()); }
    bool empty() const { return size_ == 0; }
    friend bool operator==(const TxId&, const TxId&) = default;
    friend auto operator<=>(const TxId&, const TxId&) = default;

  private:
    std::array<std::uint8_t, 64> bytes_{};
    std::uint8_t size_ = 0;
};

using BlockHash = FixedBytes<struct BlockHashTag, 32>;

//! One block as a link of its chain.
struct BlockRef {
    std::uint64_t height = 0;
    BlockHash hash;
    BlockHash parent;
    Instant mined_at;  //!< the block's own timestamp

    friend bool operator==(const BlockRef&, const BlockRef&) = default;
};

}  // namespace core

template <>
struct std::hash<core::Address> {
    //! Addresses are hashes of keys already, but an attacker may grind some: mix both ends.
    std::size_t operator()(const core::Address& address) const {
        std::uint64_t head = 0;
        std::uint64_t tail = 0;
        const auto view = address.view();
        if (view.size() >= 20) {
            std::memcpy(&head, view.data(), 8);
            std::memcpy(&tail, view.data() + 12, 8);
        }
        return (head ^ (tail * 0x9E3779B97F4A7C15ULL)) * 0xD6E8FEB86659FD93ULL;
    }
};
template <>
struct std::hash<core::TxId> {
    std::size_t operator()(const core::TxId& tx) const {
        std::uint64_t head = 0;
        if (tx.view().size() >= 8) std::memcpy(&head, tx.view().data(), 8);
        return head * 0x9E3779B97F4A7C15ULL;
    }
};
