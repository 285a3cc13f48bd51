#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/bytes.hpp"

namespace core {

//! Where randomness comes from: the system's generator, or a seeded one in tests.
struct Rng {
    virtual ~Rng() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;

    std::uint64_t next_u64() {
        std::array<std::uint8_t, 8> bytes{};
        fill(bytes);
        std::uint64_t out = 0;
        std::memcpy(&out, bytes.data(), sizeof out);
        return out;
    }
    std::string hex(std::size_t byte_count) {
        Bytes bytes(byte_count);
        fill(bytes);
        return to_hex(bytes);
    }
};

}  // namespace core
