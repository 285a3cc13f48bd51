#include "chains/crypto/secret.hpp"

#include <cstring>
#include <utility>

#include <sodium.h>

#include "core/check.hpp"

namespace chains::crypto {

SecretBytes::SecretBytes(std::size_t size) : size_{size} {
    if (size == 0) return;
    CHECK(sodium_init() >= 0);
    data_ = static_cast<std::uint8_t*>(sodium_malloc(size));
    CHECK(data_ != nullptr, "no memory for a secret");
    sodium_memzero(data_, size);
}

SecretBytes SecretBytes::copy_of(core::ByteView bytes) {
    SecretBytes out{bytes.size()};
    if (!bytes.empty()) std::memcpy(out.data_, bytes.data(), bytes.size());
    return out;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
        // sodium_free zeroes before it unmaps.
        sodium_free(data_);
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

SecretBytes::~SecretBytes() { sodium_free(data_); }

void wipe(std::span<std::uint8_t> bytes) {
    if (!bytes.empty()) sodium_memzero(bytes.data(), bytes.size());
}

}  // namespace chains::crypto
