#include "chains/crypto/secp256k1.hpp"

#include <cstring>

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "core/check.hpp"

namespace chains::crypto {

namespace {

secp256k1_pubkey parse(const std::array<std::uint8_t, 65>& bytes) {
    secp256k1_pubkey out;
    CHECK(secp256k1_ec_pubkey_parse(secp256k1_context_static, &out, bytes.data(), bytes.size()) ==
          1);
    return out;
}

void serialize(const secp256k1_pubkey& key, std::array<std::uint8_t, 65>& out) {
    std::size_t size = out.size();
    CHECK(secp256k1_ec_pubkey_serialize(secp256k1_context_static, out.data(), &size, &key,
                                        SECP256K1_EC_UNCOMPRESSED) == 1);
}

}  // namespace

struct Secp256k1::Context {
    secp256k1_context* raw;

    Context() : raw{secp256k1_context_create(SECP256K1_CONTEXT_NONE)} { CHECK(raw != nullptr); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context() { secp256k1_context_destroy(raw); }
};

core::Expected<SecretKey> SecretKey::from_bytes(core::ByteView bytes) {
    if (bytes.size() != 32) return core::invalid("a private key has 32 bytes");
    if (secp256k1_ec_seckey_verify(secp256k1_context_static, bytes.data()) != 1) {
        return core::invalid("a private key is in 1 … n-1");
    }
    return SecretKey{SecretBytes::copy_of(bytes)};
}

core::Expected<PublicKey> PublicKey::from_bytes(core::ByteView bytes) {
    // The library would also take the hybrid form (06, 07), which nobody writes.
    const bool compressed =
        bytes.size() == 33 && (bytes.front() == 0x02 || bytes.front() == 0x03);
    const bool uncompressed = bytes.size() == 65 && bytes.front() == 0x04;
    secp256k1_pubkey parsed;
    if ((!compressed && !uncompressed) ||
        secp256k1_ec_pubkey_parse(secp256k1_context_static, &parsed, bytes.data(),
                                  bytes.size()) != 1) {
        return core::invalid("not a point of secp256k1");
    }
    PublicKey out;
    serialize(parsed, out.bytes_);
    return out;
}

std::array<std::uint8_t, 33> PublicKey::compressed() const {
    std::array<std::uint8_t, 33> out{};
    out[0] = static_cast<std::uint8_t>(0x02 | (bytes_.back() & 1));
    std::memcpy(out.data() + 1, bytes_.data() + 1, 32);
    return out;
}

Secp256k1::Secp256k1(core::Rng& rng) : context_{std::make_unique<Context>()} {
    SecretBytes seed{32};
    rng.fill(seed.writable());
    CHECK(secp256k1_context_randomize(context_->raw, seed.view().data()) == 1);
}

Secp256k1::~Secp256k1() = default;
Secp256k1::Secp256k1(Secp256k1&&) noexcept = default;
Secp256k1& Secp256k1::operator=(Secp256k1&&) noexcept = default;

PublicKey Secp256k1::public_key_of(const SecretKey& key) const {
    secp256k1_pubkey point;
    CHECK(secp256k1_ec_pubkey_create(context_->raw, &point, key.view().data()) == 1);
    PublicKey out;
    serialize(point, out.bytes_);
    return out;
}

RecoverableSignature Secp256k1::sign_recoverable(const Digest& hash, const SecretKey& key) const {
    secp256k1_ecdsa_recoverable_signature raw;
    CHECK(secp256k1_ecdsa_sign_recoverable(context_->raw, &raw, hash.bytes.data(),
                                           key.view().data(), nullptr, nullptr) == 1);
    std::array<std::uint8_t, 64> compact{};
    int recovery_id = 0;
    CHECK(secp256k1_ecdsa_recoverable_signature_serialize_compact(
              secp256k1_context_static, compact.data(), &recovery_id, &raw) == 1);
    // Ids 2 and 3 need an r above the group order, one in 2^128.
    CHECK(recovery_id == 0 || recovery_id == 1);

    RecoverableSignature out;
    std::memcpy(out.r.data(), compact.data(), 32);
    std::memcpy(out.s.data(), compact.data() + 32, 32);
    out.y_parity = static_cast<std::uint8_t>(recovery_id);

    const core::Expected<PublicKey> signer = recover(hash, out);
    CHECK(signer && signer.value() == public_key_of(key), "a signature does not verify");
    return out;
}

core::Expected<PublicKey> Secp256k1::recover(const Digest& hash,
                                             const RecoverableSignature& signature) {
    if (signature.y_parity > 1) return core::invalid("the parity of y is 0 or 1");
    std::array<std::uint8_t, 64> compact{};
    std::memcpy(compact.data(), signature.r.data(), 32);
    std::memcpy(compact.data() + 32, signature.s.data(), 32);

    const auto* context = secp256k1_context_static;
    secp256k1_ecdsa_signature plain;
    if (secp256k1_ecdsa_signature_parse_compact(context, &plain, compact.data()) != 1) {
        return core::invalid("r and s are below the group order");
    }
    if (secp256k1_ecdsa_signature_normalize(context, nullptr, &plain) == 1) {
        return core::invalid("s is in the upper half");
    }
    secp256k1_ecdsa_recoverable_signature raw;
    secp256k1_pubkey point;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(context, &raw, compact.data(),
                                                            signature.y_parity) != 1 ||
        secp256k1_ecdsa_recover(context, &point, &raw, hash.bytes.data()) != 1) {
        return core::invalid("the signature is of nobody");
    }
    PublicKey out;
    serialize(point, out.bytes_);
    return out;
}

core::Expected<SecretKey> Secp256k1::tweak_add(const SecretKey& key, core::ByteView tweak32) {
    if (tweak32.size() != 32) return core::invalid("a tweak has 32 bytes");
    SecretBytes sum = SecretBytes::copy_of(key.view());
    if (secp256k1_ec_seckey_tweak_add(secp256k1_context_static, sum.writable().data(),
                                      tweak32.data()) != 1) {
        return core::invalid("the tweaked key does not exist");
    }
    return SecretKey{std::move(sum)};
}

core::Expected<PublicKey> Secp256k1::tweak_add(const PublicKey& key, core::ByteView tweak32) {
    if (tweak32.size() != 32) return core::invalid("a tweak has 32 bytes");
    secp256k1_pubkey point = parse(key.bytes_);
    if (secp256k1_ec_pubkey_tweak_add(secp256k1_context_static, &point, tweak32.data()) != 1) {
        return core::invalid("the tweaked key does not exist");
    }
    PublicKey out;
    serialize(point, out.bytes_);
    return out;
}

}  // namespace chains::crypto
