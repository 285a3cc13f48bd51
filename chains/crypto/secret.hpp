#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/bytes.hpp"

namespace chains::crypto {

//! A buffer for keys, seeds and mnemonics: outside the heap, between guard pages, kept out of swap
//! and core dumps where the system's limits let it, zeroed before it goes. Move-only, and without
//! any way to print or compare it in a time that depends on its content.
class SecretBytes {
  public:
    SecretBytes() = default;
    //! Zero-filled.
    explicit SecretBytes(std::size_t size);
    //! The caller still owns `bytes` and wipes them.
    static SecretBytes copy_of(core::ByteView bytes);

    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes();

    core::ByteView view() const { return {data_, size_}; }
    std::span<std::uint8_t> writable() { return {data_, size_}; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

  private:
    std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

//! Zeroes memory in a way that the compiler may not drop.
void wipe(std::span<std::uint8_t> bytes);

}  // namespace chains::crypto
