#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "chains/crypto/digest.hpp"
#include "chains/crypto/secret.hpp"
#include "core/bytes.hpp"
#include "core/rng.hpp"

namespace chains::crypto {

//! A scalar in 1 … n−1.
class SecretKey {
  public:
    //! 32 bytes, big-endian; kInvalid when zero or not below the group order.
    static core::Expected<SecretKey> from_bytes(core::ByteView bytes);
    core::ByteView view() const { return bytes_.view(); }
    //! For a second owner; the compiler never copies one by itself.
    SecretKey clone() const { return SecretKey{SecretBytes::copy_of(bytes_.view())}; }

  private:
    friend class Secp256k1;
    explicit SecretKey(SecretBytes bytes) : bytes_{std::move(bytes)} {}
    SecretBytes bytes_;
};

//! A point of the curve, never the point at infinity.
class PublicKey {
  public:
    //! 33 bytes (02/03) or 65 bytes (04), on the curve.
    static core::Expected<PublicKey> from_bytes(core::ByteView bytes);
    std::array<std::uint8_t, 33> compressed() const;
    //! 04, x, y.
    const std::array<std::uint8_t, 65>& uncompressed() const { return bytes_; }
    friend bool operator==(const PublicKey&, const PublicKey&) = default;

  private:
    friend class Secp256k1;
    PublicKey() = default;
    std::array<std::uint8_t, 65> bytes_{};
};

//! ECDSA signature from which the key can be recovered. Big-endian; s is in the lower half.
struct RecoverableSignature {
    std::array<std::uint8_t, 32> r{};
    std::array<std::uint8_t, 32> s{};
    std::uint8_t y_parity = 0;  //!< 0 or 1

    friend bool operator==(const RecoverableSignature&, const RecoverableSignature&) = default;
};

//! libsecp256k1's signing context, blinded with `rng` against side channels; what it signs does not
//! depend on the blinding (RFC 6979). Const functions are safe from several threads. What needs no
//! secret is static.
class Secp256k1 {
  public:
    explicit Secp256k1(core::Rng& rng);
    ~Secp256k1();
    Secp256k1(Secp256k1&&) noexcept;
    Secp256k1& operator=(Secp256k1&&) noexcept;

    PublicKey public_key_of(const SecretKey& key) const;

    //! Recovers the signer from what it signed before it returns, so a bit flipped by bad memory
    //! never leaves as a signature (it would betray the key).
    RecoverableSignature sign_recoverable(const Digest& hash, const SecretKey& key) const;

    //! kInvalid for r or s outside 1 … n−1, a high s, a parity above 1, or no such point.
    static core::Expected<PublicKey> recover(const Digest& hash,
                                             const RecoverableSignature& signature);

    //! key + tweak (mod n) and point + tweak·G: the child of BIP-32. kInvalid when the tweak is not
    //! below n or the sum is zero: that child does not exist.
    static core::Expected<SecretKey> tweak_add(const SecretKey& key, core::ByteView tweak32);
    static core::Expected<PublicKey> tweak_add(const PublicKey& key, core::ByteView tweak32);

  private:
    struct Context;
    std::unique_ptr<Context> context_;
};

}  // namespace chains::crypto
