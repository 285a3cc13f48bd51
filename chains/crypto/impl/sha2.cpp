#include "chains/crypto/sha2.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/check.hpp"

namespace chains::crypto {

namespace {

// OpenSSL fails here only without memory or without its default provider: nothing works then.
template <std::size_t N>
void digest_into(const EVP_MD* kind, core::ByteView data, std::array<std::uint8_t, N>& out) {
    unsigned size = 0;
    CHECK(EVP_Digest(data.data(), data.size(), out.data(), &size, kind, nullptr) == 1);
    CHECK(size == N);
}

void hmac_into(const EVP_MD* kind, core::ByteView key, core::ByteView message,
               std::span<std::uint8_t> out) {
    unsigned size = 0;
    CHECK(HMAC(kind, key.data(), static_cast<int>(key.size()), message.data(), message.size(),
               out.data(), &size) != nullptr);
    CHECK(size == out.size());
}

}  // namespace

Digest sha256(core::ByteView data) {
    Digest out;
    digest_into(EVP_sha256(), data, out.bytes);
    return out;
}

Ripemd160Hash ripemd160(core::ByteView data) {
    Ripemd160Hash out;
    digest_into(EVP_ripemd160(), data, out.bytes);
    return out;
}

Ripemd160Hash hash160(core::ByteView data) { return ripemd160(sha256(data).view()); }

Digest hmac_sha256(core::ByteView key, core::ByteView message) {
    Digest out;
    hmac_into(EVP_sha256(), key, message, out.bytes);
    return out;
}

SecretBytes hmac_sha512(core::ByteView key, core::ByteView message) {
    SecretBytes out{64};
    hmac_into(EVP_sha512(), key, message, out.writable());
    return out;
}

SecretBytes pbkdf2_hmac_sha512(core::ByteView password, core::ByteView salt, unsigned rounds,
                               std::size_t size) {
    SecretBytes out{size};
    CHECK(PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(password.data()),
                            static_cast<int>(password.size()), salt.data(),
                            static_cast<int>(salt.size()), static_cast<int>(rounds), EVP_sha512(),
                            static_cast<int>(size), out.writable().data()) == 1);
    return out;
}

}  // namespace chains::crypto
