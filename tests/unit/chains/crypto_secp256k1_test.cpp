#include "chains/crypto/secp256k1.hpp"
#include "tests/unit/chains/vectors.hpp"

using namespace chains;
using test::Json;

namespace {

constexpr const char* kOrder = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
constexpr const char* kOrderMinus1 =
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";

crypto::SecretKey key_of(const Json& hex) {
    return std::move(crypto::SecretKey::from_bytes(test::bytes(hex)).value());
}

}  // namespace

TEST_CASE("secret key: zero, the group order, a wrong length -> refused") {
    const core::Bytes zero(32);
    REQUIRE_FALSE(crypto::SecretKey::from_bytes(zero).has_value());
    REQUIRE_FALSE(crypto::SecretKey::from_bytes(core::from_hex(kOrder).value()).has_value());
    REQUIRE_FALSE(crypto::SecretKey::from_bytes(core::Bytes(31, 1)).has_value());
    REQUIRE_FALSE(crypto::SecretKey::from_bytes(core::Bytes(33, 1)).has_value());
    REQUIRE(crypto::SecretKey::from_bytes(core::from_hex(kOrderMinus1).value()).has_value());
}

TEST_CASE("public key: off the curve, hybrid, wrong length -> refused") {
    const Json vector = test::load_vectors("secp256k1_ecdsa").at(0);
    const core::Bytes right = test::bytes(vector["public_key"]);

    core::Bytes off_curve = right;
    off_curve[64] ^= 1;
    REQUIRE_FALSE(crypto::PublicKey::from_bytes(off_curve).has_value());
    core::Bytes hybrid = right;
    hybrid[0] = static_cast<std::uint8_t>(0x06 | (right[64] & 1));
    REQUIRE_FALSE(crypto::PublicKey::from_bytes(hybrid).has_value());
    REQUIRE_FALSE(crypto::PublicKey::from_bytes(core::ByteView{right}.first(64)).has_value());
    REQUIRE_FALSE(crypto::PublicKey::from_bytes(core::ByteView{right}.first(33)).has_value());
    REQUIRE_FALSE(crypto::PublicKey::from_bytes({}).has_value());

    const auto key = crypto::PublicKey::from_bytes(right).value();
    REQUIRE(crypto::PublicKey::from_bytes(key.compressed()).value() == key);
}

TEST_CASE("recover: a signature that is none -> refused") {
    const Json vector = test::load_vectors("secp256k1_ecdsa").at(0);
    const auto hash = test::fixed<crypto::Digest>(vector["hash"]);
    const crypto::RecoverableSignature right{test::array32(vector["r"]),
                                             test::array32(vector["s"]), 0};
    const auto order = core::from_hex(kOrder).value();

    auto zero_r = right;
    zero_r.r.fill(0);
    REQUIRE_FALSE(crypto::Secp256k1::recover(hash, zero_r).has_value());
    auto zero_s = right;
    zero_s.s.fill(0);
    REQUIRE_FALSE(crypto::Secp256k1::recover(hash, zero_s).has_value());
    auto large_r = right;
    std::copy(order.begin(), order.end(), large_r.r.begin());
    REQUIRE_FALSE(crypto::Secp256k1::recover(hash, large_r).has_value());
    auto parity = right;
    parity.y_parity = 2;
    REQUIRE_FALSE(crypto::Secp256k1::recover(hash, parity).has_value());

    // n − s with the other parity is the same signature, malleated.
    const auto high = core::Units::from_big_endian(order).value().minus(
        core::Units::from_big_endian(right.s).value());
    const crypto::RecoverableSignature malleated{right.r, high.value().big_endian(), 1};
    REQUIRE(crypto::Secp256k1::recover(hash, malleated).error().code == core::Errc::kInvalid);
}

TEST_CASE("tweak: sum is zero or tweak out of range -> no such key") {
    test::FixedRng rng;
    const crypto::Secp256k1 curve{rng};
    const auto one = key_of("0x0000000000000000000000000000000000000000000000000000000000000001");
    const auto point = curve.public_key_of(one);
    for (const char* hex : {kOrderMinus1, kOrder}) {
        INFO(hex);
        const core::Bytes tweak = core::from_hex(hex).value();
        REQUIRE_FALSE(crypto::Secp256k1::tweak_add(one, tweak).has_value());
        REQUIRE_FALSE(crypto::Secp256k1::tweak_add(point, tweak).has_value());
    }
    REQUIRE_FALSE(crypto::Secp256k1::tweak_add(one, core::Bytes(31, 1)).has_value());
    const core::Bytes tweak(32, 7);
    const auto moved = crypto::Secp256k1::tweak_add(one, tweak);
    REQUIRE(curve.public_key_of(moved.value()) ==
            crypto::Secp256k1::tweak_add(point, tweak).value());
}

TEST_CASE("sign: known answers -> equal, and recovered") {
    test::FixedRng rng;
    const crypto::Secp256k1 curve{rng};
    const Json vectors = test::load_vectors("secp256k1_ecdsa");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const Json& vector = vectors[i];
        const auto key = key_of(vector["private_key"]);
        const auto hash = test::fixed<crypto::Digest>(vector["hash"]);
        const auto point = curve.public_key_of(key);
        REQUIRE(core::to_hex0x(point.uncompressed()) == test::text(vector["public_key"]));
        const auto signature = curve.sign_recoverable(hash, key);
        REQUIRE(signature.r == test::array32(vector["r"]));
        REQUIRE(signature.s == test::array32(vector["s"]));
        REQUIRE(signature.y_parity == vector["y_parity"].get<unsigned>());
        REQUIRE(crypto::Secp256k1::recover(hash, signature).value() == point);
    }
}
