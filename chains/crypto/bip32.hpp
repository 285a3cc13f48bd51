#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chains/crypto/secp256k1.hpp"

namespace chains::crypto {

// BIP-32 on the main network's version bytes (xpub, xprv).
// https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki

//! From here on an index is hardened.
inline constexpr std::uint32_t kHardened = 0x8000'0000U;

//! "m/44'/60'/0'" or "0/7" → indices. A leading "m/" is optional; "m" alone is no step. Hardened is
//! written ' or h. kInvalid for anything else, numbers from 2^31, leading zeros, or over 255 steps.
core::Expected<std::vector<std::uint32_t>> parse_path(std::string_view path);

//! What both kinds of extended key carry beside the key.
struct KeyOrigin {
    std::uint8_t depth = 0;
    std::array<std::uint8_t, 4> parent_fingerprint{};
    std::uint32_t child_number = 0;
    std::array<std::uint8_t, 32> chain_code{};

    friend bool operator==(const KeyOrigin&, const KeyOrigin&) = default;
};

//! Watch-only: derives every receiver's address, spends nothing. Who holds it and one child's
//! private key has them all: never give out a derived private key.
class ExtendedPublicKey {
  public:
    //! base58check "xpub…"; checks checksum, version, point and that depth 0 has no parent.
    static core::Expected<ExtendedPublicKey> from_text(std::string_view xpub);
    std::string text() const;

    //! kInvalid for a hardened index, at depth 255, and for a child that does not exist (2^-127:
    //! take the next index).
    core::Expected<ExtendedPublicKey> child(std::uint32_t index) const;
    core::Expected<ExtendedPublicKey> derive(std::string_view path) const;

    const PublicKey& key() const { return key_; }
    const KeyOrigin& origin() const { return origin_; }
    friend bool operator==(const ExtendedPublicKey&, const ExtendedPublicKey&) = default;

  private:
    friend class ExtendedPrivateKey;
    ExtendedPublicKey(const PublicKey& key, const KeyOrigin& origin) : key_{key}, origin_{origin} {}
    PublicKey key_;
    KeyOrigin origin_;
};

//! Can spend. Move-only.
class ExtendedPrivateKey {
  public:
    //! 16 to 64 bytes.
    static core::Expected<ExtendedPrivateKey> from_seed(core::ByteView seed);
    //! base58check "xprv…"
    static core::Expected<ExtendedPrivateKey> from_text(std::string_view xprv);
    SecretBytes text() const;

    core::Expected<ExtendedPrivateKey> child(const Secp256k1& curve, std::uint32_t index) const;
    core::Expected<ExtendedPrivateKey> derive(const Secp256k1& curve, std::string_view path) const;
    ExtendedPublicKey neuter(const Secp256k1& curve) const;

    const SecretKey& key() const { return key_; }
    const KeyOrigin& origin() const { return origin_; }

  private:
    ExtendedPrivateKey(SecretKey key, const KeyOrigin& origin)
        : key_{std::move(key)}, origin_{origin} {}
    SecretKey key_;
    KeyOrigin origin_;
};

}  // namespace chains::crypto
