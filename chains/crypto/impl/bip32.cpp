#include "chains/crypto/bip32.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "chains/crypto/base58.hpp"
#include "chains/crypto/sha2.hpp"

namespace chains::crypto {

namespace {

constexpr std::uint32_t kVersionPublic = 0x0488'B21E;
constexpr std::uint32_t kVersionPrivate = 0x0488'ADE4;
constexpr std::size_t kPayloadSize = 78;
constexpr std::size_t kKeyAt = 45;
constexpr unsigned kDepthMax = 255;

void put_u32(std::uint8_t* out, std::uint32_t value) {
    for (int i = 3; i >= 0; --i, value >>= 8) out[i] = static_cast<std::uint8_t>(value);
}

std::uint32_t get_u32(const std::uint8_t* bytes) {
    std::uint32_t out = 0;
    for (int i = 0; i < 4; ++i) out = out << 8 | bytes[i];
    return out;
}

void put_origin(std::uint8_t* out, std::uint32_t version, const KeyOrigin& origin) {
    put_u32(out, version);
    out[4] = origin.depth;
    std::copy(origin.parent_fingerprint.begin(), origin.parent_fingerprint.end(), out + 5);
    put_u32(out + 9, origin.child_number);
    std::copy(origin.chain_code.begin(), origin.chain_code.end(), out + 13);
}

core::Expected<KeyOrigin> origin_of(core::ByteView payload, std::uint32_t version) {
    if (payload.size() != kPayloadSize) return core::invalid("an extended key has 78 bytes");
    if (get_u32(payload.data()) != version) {
        return core::invalid("not the version bytes of this kind of extended key");
    }
    KeyOrigin out;
    out.depth = payload[4];
    std::copy_n(payload.begin() + 5, 4, out.parent_fingerprint.begin());
    out.child_number = get_u32(payload.data() + 9);
    std::copy_n(payload.begin() + 13, 32, out.chain_code.begin());
    const bool has_parent = get_u32(payload.data() + 5) != 0 || out.child_number != 0;
    if (out.depth == 0 && has_parent) return core::invalid("a master key has no parent");
    return out;
}

KeyOrigin origin_of_child(const PublicKey& parent, const KeyOrigin& origin, std::uint32_t index,
                          core::ByteView chain_code) {
    KeyOrigin out;
    out.depth = static_cast<std::uint8_t>(origin.depth + 1);
    const Ripemd160Hash fingerprint = hash160(parent.compressed());
    std::copy_n(fingerprint.bytes.begin(), 4, out.parent_fingerprint.begin());
    out.child_number = index;
    std::copy(chain_code.begin(), chain_code.end(), out.chain_code.begin());
    return out;
}

core::Error no_such_child(std::uint32_t index) {
    return core::invalid("child " + std::to_string(index) + " does not exist, take the next index");
}

core::Error too_deep() { return core::invalid("a key at depth 255 has no children"); }

}  // namespace

core::Expected<std::vector<std::uint32_t>> parse_path(std::string_view path) {
    std::vector<std::uint32_t> out;
    if (path == "m") return out;
    if (path.starts_with("m/")) path.remove_prefix(2);
    while (true) {
        const std::size_t slash = path.find('/');
        std::string_view step = path.substr(0, slash);
        const bool hardened = step.ends_with('\'') || step.ends_with('h');
        if (hardened) step.remove_suffix(1);
        std::uint32_t index = 0;
        const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
        const bool leading_zero = step.size() > 1 && step.front() == '0';
        if (error != std::errc{} || end != step.data() + step.size() || leading_zero ||
            index >= kHardened || out.size() == kDepthMax) {
            return core::invalid("step " + std::to_string(out.size() + 1) +
                                 " of the derivation path is not an index");
        }
        out.push_back(hardened ? index | kHardened : index);
        if (slash == std::string_view::npos) return out;
        path.remove_prefix(slash + 1);
    }
}

core::Expected<ExtendedPublicKey> ExtendedPublicKey::from_text(std::string_view xpub) {
    auto payload = base58check_decode(xpub);
    if (!payload) return payload.error();
    core::Bytes& bytes = payload.value();
    auto origin = origin_of(bytes, kVersionPublic);
    if (!origin) {
        // Somebody may have pasted the private key.
        wipe(bytes);
        return origin.error();
    }
    auto key = PublicKey::from_bytes(core::ByteView{bytes}.subspan(kKeyAt));
    if (!key) return key.error();
    return ExtendedPublicKey{key.value(), origin.value()};
}

std::string ExtendedPublicKey::text() const {
    std::array<std::uint8_t, kPayloadSize> payload{};
    put_origin(payload.data(), kVersionPublic, origin_);
    const auto point = key_.compressed();
    std::copy(point.begin(), point.end(), payload.begin() + kKeyAt);
    return base58check_encode(payload);
}

core::Expected<ExtendedPublicKey> ExtendedPublicKey::child(std::uint32_t index) const {
    if (index >= kHardened) return core::invalid("a hardened child needs the private key");
    if (origin_.depth == kDepthMax) return too_deep();
    std::array<std::uint8_t, 37> message{};
    const auto point = key_.compressed();
    std::copy(point.begin(), point.end(), message.begin());
    put_u32(message.data() + 33, index);
    const SecretBytes mixed = hmac_sha512(origin_.chain_code, message);
    auto key = Secp256k1::tweak_add(key_, mixed.view().first(32));
    if (!key) return no_such_child(index);
    return ExtendedPublicKey{key.value(),
                             origin_of_child(key_, origin_, index, mixed.view().subspan(32))};
}

core::Expected<ExtendedPublicKey> ExtendedPublicKey::derive(std::string_view path) const {
    const auto steps = parse_path(path);
    if (!steps) return steps.error();
    ExtendedPublicKey at = *this;
    for (const std::uint32_t index : steps.value()) {
        auto next = at.child(index);
        if (!next) return next;
        at = next.value();
    }
    return at;
}

core::Expected<ExtendedPrivateKey> ExtendedPrivateKey::from_seed(core::ByteView seed) {
    if (seed.size() < 16 || seed.size() > 64) return core::invalid("a seed has 16 to 64 bytes");
    const SecretBytes mixed = hmac_sha512(core::bytes_of("Bitcoin seed"), seed);
    auto key = SecretKey::from_bytes(mixed.view().first(32));
    if (!key) return core::invalid("the seed has no master key");
    KeyOrigin origin;
    std::copy_n(mixed.view().begin() + 32, 32, origin.chain_code.begin());
    return ExtendedPrivateKey{std::move(key.value()), origin};
}

core::Expected<ExtendedPrivateKey> ExtendedPrivateKey::from_text(std::string_view xprv) {
    auto payload = base58check_decode(xprv);
    if (!payload) return payload.error();
    const SecretBytes bytes = SecretBytes::copy_of(payload.value());
    wipe(payload.value());
    const auto origin = origin_of(bytes.view(), kVersionPrivate);
    if (!origin) return origin.error();
    if (bytes.view()[kKeyAt] != 0) return core::invalid("a private key is preceded by zero");
    auto key = SecretKey::from_bytes(bytes.view().subspan(kKeyAt + 1));
    if (!key) return key.error();
    return ExtendedPrivateKey{std::move(key.value()), origin.value()};
}

SecretBytes ExtendedPrivateKey::text() const {
    SecretBytes payload{kPayloadSize};
    put_origin(payload.writable().data(), kVersionPrivate, origin_);
    std::copy(key_.view().begin(), key_.view().end(), payload.writable().begin() + kKeyAt + 1);
    std::string text = base58check_encode(payload.view());
    SecretBytes out = SecretBytes::copy_of(core::bytes_of(text));
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    return out;
}

core::Expected<ExtendedPrivateKey> ExtendedPrivateKey::child(const Secp256k1& curve,
                                                             std::uint32_t index) const {
    if (origin_.depth == kDepthMax) return too_deep();
    const PublicKey point = curve.public_key_of(key_);
    SecretBytes message{37};
    if (index >= kHardened) {
        std::copy(key_.view().begin(), key_.view().end(), message.writable().begin() + 1);
    } else {
        const auto compressed = point.compressed();
        std::copy(compressed.begin(), compressed.end(), message.writable().begin());
    }
    put_u32(message.writable().data() + 33, index);
    const SecretBytes mixed = hmac_sha512(origin_.chain_code, message.view());
    auto key = Secp256k1::tweak_add(key_, mixed.view().first(32));
    if (!key) return no_such_child(index);
    return ExtendedPrivateKey{std::move(key.value()),
                              origin_of_child(point, origin_, index, mixed.view().subspan(32))};
}

core::Expected<ExtendedPrivateKey> ExtendedPrivateKey::derive(const Secp256k1& curve,
                                                              std::string_view path) const {
    const auto steps = parse_path(path);
    if (!steps) return steps.error();
    ExtendedPrivateKey at{key_.clone(), origin_};
    for (const std::uint32_t index : steps.value()) {
        auto next = at.child(curve, index);
        if (!next) return next;
        at = std::move(next.value());
    }
    return at;
}

ExtendedPublicKey ExtendedPrivateKey::neuter(const Secp256k1& curve) const {
    return ExtendedPublicKey{curve.public_key_of(key_), origin_};
}

}  // namespace chains::crypto
