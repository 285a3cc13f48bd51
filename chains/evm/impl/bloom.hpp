#pragma once

#include "chains/crypto/keccak.hpp"
#include "core/bytes.hpp"

#include <array>
#include <bit>
#include <cstdint>

namespace chains::evm::impl {

//! A block header's filter over the addresses and topics of its logs: three of 2,048 bits each.
//! Yellow paper, 4.3.1.
class Bloom {
  public:
    static constexpr std::size_t kSize = 256;
    std::array<std::uint8_t, kSize> bytes{};

    //! The three bits of one item, worked out once for what is asked often.
    struct Probe {
        std::array<std::uint16_t, 3> bits{};
    };
    static Probe probe_of(core::ByteView item) {
        const crypto::Digest hash = crypto::keccak256(item);
        Probe probe;
        for (std::size_t i = 0; i < 3; ++i) {
            probe.bits[i] = static_cast<std::uint16_t>(
                ((hash.bytes[2 * i] << 8) | hash.bytes[2 * i + 1]) & 0x7FF);
        }
        return probe;
    }

    bool may_hold(const Probe& probe) const {
        for (const std::uint16_t bit : probe.bits) {
            if ((bytes[kSize - 1 - bit / 8] & (1U << (bit % 8))) == 0) return false;
        }
        return true;
    }
    void add(core::ByteView item) {
        for (const std::uint16_t bit : probe_of(item).bits) {
            std::uint8_t& byte = bytes[kSize - 1 - bit / 8];
            byte = static_cast<std::uint8_t>(byte | (1U << (bit % 8)));
        }
    }
    unsigned ones() const {
        unsigned count = 0;
        for (const std::uint8_t byte : bytes) count += static_cast<unsigned>(std::popcount(byte));
        return count;
    }
    //! Is every bit of this one set in `other`?
    bool is_within(const Bloom& other) const {
        for (std::size_t i = 0; i < kSize; ++i) {
            if ((bytes[i] & ~other.bytes[i]) != 0) return false;
        }
        return true;
    }
    friend bool operator==(const Bloom&, const Bloom&) = default;
};

}  // namespace chains::evm::impl
