#include "chains/crypto/base58.hpp"
#include "chains/crypto/keccak.hpp"
#include "chains/crypto/secret.hpp"
#include "chains/crypto/sha2.hpp"
#include "tests/unit/chains/vectors.hpp"

using namespace chains;
using test::Json;

TEST_CASE("base58: broken text -> refused") {
    for (const char* text : {"0", "O", "I", "l", "1 1", "abc+", " 2g"}) {
        INFO(text);
        REQUIRE(crypto::base58_decode(text).error().code == core::Errc::kInvalid);
    }
    const std::string too_long(crypto::kBase58TextMax + 1, '2');
    REQUIRE(crypto::base58_decode(too_long).error().code == core::Errc::kTooLarge);
    REQUIRE(crypto::base58_decode(too_long.substr(1)).has_value());
}

TEST_CASE("base58check: every single wrong character -> refused") {
    const core::Bytes payload{0x41, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const std::string right = crypto::base58check_encode(payload);
    for (std::size_t i = 0; i < right.size(); ++i) {
        std::string wrong = right;
        wrong[i] = wrong[i] == '2' ? '3' : '2';
        INFO(wrong);
        REQUIRE_FALSE(crypto::base58check_decode(wrong).has_value());
    }
    REQUIRE_FALSE(crypto::base58check_decode("").has_value());
    REQUIRE_FALSE(crypto::base58check_decode("111").has_value());
    REQUIRE(crypto::base58check_decode(right).value() == payload);
}

TEST_CASE("base58: known answers -> equal both ways") {
    const Json vectors = test::load_vectors("base58");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const std::string encoded = test::text(vectors[i]["base58"]);
        REQUIRE(crypto::base58_encode(test::bytes(vectors[i]["hex"])) == encoded);
        REQUIRE(crypto::base58_decode(encoded).value() == test::bytes(vectors[i]["hex"]));
    }
}

TEST_CASE("keccak256: known answers -> equal, whole and in pieces") {
    const Json vectors = test::load_vectors("keccak256");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const core::Bytes data = test::bytes(vectors[i]["data"]);
        const auto expected = test::fixed<crypto::Digest>(vectors[i]["keccak256"]);
        REQUIRE(crypto::keccak256(data) == expected);
        const core::ByteView view{data};
        const std::size_t middle = data.size() / 3;
        REQUIRE(crypto::keccak256({view.first(middle), view.subspan(middle)}) == expected);
    }
}

// FIPS 180-2, the RIPEMD-160 page and RFC 4231 case 2.
TEST_CASE("sha2, ripemd160, hmac: published answers -> equal") {
    const auto abc = core::bytes_of("abc");
    const auto key = core::bytes_of("Jefe");
    const auto message = core::bytes_of("what do ya want for nothing?");
    REQUIRE(core::to_hex(crypto::sha256(abc).view()) ==
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    REQUIRE(core::to_hex(crypto::sha256({}).view()) ==
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    REQUIRE(core::to_hex(crypto::ripemd160(abc).view()) ==
            "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
    REQUIRE(core::to_hex(crypto::hmac_sha256(key, message).view()) ==
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    REQUIRE(core::to_hex(crypto::hmac_sha512(key, message).view()) ==
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f"
            "65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

TEST_CASE("secret: moved from -> empty, and the bytes are with the new owner") {
    const core::Bytes bytes{1, 2, 3};
    crypto::SecretBytes first = crypto::SecretBytes::copy_of(bytes);
    crypto::SecretBytes second = std::move(first);
    REQUIRE(second.size() == 3);
    REQUIRE(second.view()[2] == 3);
    crypto::SecretBytes third{1};
    third = std::move(second);
    REQUIRE(third.view()[0] == 1);
    REQUIRE(crypto::SecretBytes{}.empty());
    core::Bytes other{9, 9};
    crypto::wipe(other);
    REQUIRE(other == core::Bytes{0, 0});
}
