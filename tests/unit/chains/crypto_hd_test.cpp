#include "chains/crypto/base58.hpp"
#include "chains/crypto/bip32.hpp"
#include "chains/crypto/bip39.hpp"
#include "tests/unit/chains/vectors.hpp"

using namespace chains;
using test::Json;

namespace {

std::string printed(const crypto::SecretBytes& secret) {
    return {secret.view().begin(), secret.view().end()};
}

// The payload of a valid extended key with one byte changed, under a fresh checksum.
std::string with_byte(const std::string& text, std::size_t at, std::uint8_t value) {
    core::Bytes payload = crypto::base58check_decode(text).value();
    payload.at(at) = value;
    return crypto::base58check_encode(payload);
}

}  // namespace

TEST_CASE("bip39: a mnemonic that is none -> refused without naming a word") {
    const std::string eleven = "abandon abandon abandon abandon abandon abandon abandon abandon "
                               "abandon abandon abandon";
    for (const std::string& wrong :
         {std::string{}, eleven, eleven + " abandon", eleven + " Zoo", eleven + " aboutx",
          eleven + " about about", eleven + " " + eleven + " " + eleven, "about " + eleven}) {
        const auto seed = crypto::bip39_seed(wrong, "");
        REQUIRE(seed.error().code == core::Errc::kInvalid);
        REQUIRE(seed.error().message.find("ab") == std::string::npos);
        REQUIRE(seed.error().message.find("Zoo") == std::string::npos);
    }
    REQUIRE_FALSE(crypto::bip39_seed(eleven + " about", "\xFF").has_value());
    REQUIRE_FALSE(crypto::bip39_mnemonic(core::Bytes(15)).has_value());
    REQUIRE_FALSE(crypto::bip39_mnemonic(core::Bytes(18)).has_value());
    REQUIRE_FALSE(crypto::bip39_mnemonic(core::Bytes(36)).has_value());
}

TEST_CASE("bip39: known answers -> equal, whatever the white space") {
    const Json vectors = test::load_vectors("bip39");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const Json& vector = vectors[i];
        const std::string mnemonic = test::text(vector["mnemonic"]);
        const core::Bytes entropy = test::bytes(vector["entropy"]);
        REQUIRE(printed(crypto::bip39_mnemonic(entropy).value()) == mnemonic);
        const auto back = crypto::bip39_entropy(mnemonic);
        REQUIRE(core::to_hex(back.value().view()) == core::to_hex(entropy));
        const auto seed =
            crypto::bip39_seed(" " + mnemonic + "\r\n", test::text(vector["passphrase"]));
        REQUIRE(core::to_hex(seed.value().view()) == test::text(vector["seed"]));
    }
}

TEST_CASE("derivation path: not of its form -> refused") {
    for (const char* wrong : {"", "/", "m/", "m//0", "m/0/", "M/0", "m/-1", "m/+1", "m/ 0", "m/00",
                              "m/01", "m/2147483648", "m/4294967296", "m/0''", "m/0'h", "m/'",
                              "m/x", "m/0/m", "n/0"}) {
        INFO(wrong);
        REQUIRE_FALSE(crypto::parse_path(wrong).has_value());
    }
    std::string deep = "m";
    for (int i = 0; i < 255; ++i) deep += "/0";
    REQUIRE(crypto::parse_path(deep).value().size() == 255);
    REQUIRE_FALSE(crypto::parse_path(deep + "/0").has_value());
    REQUIRE(crypto::parse_path("m").value().empty());
    REQUIRE(crypto::parse_path("m/44'/60h/2147483647").value() ==
            std::vector<std::uint32_t>{44 | crypto::kHardened, 60 | crypto::kHardened, 0x7FFFFFFF});
}

TEST_CASE("extended key: wrong version, point, parent, checksum -> refused") {
    const Json vector = test::load_vectors("hd_evm").at(0);
    const std::string xpub = test::text(vector["xpub"]);
    const std::string xprv = test::text(vector["xprv"]);
    std::string misread = xpub;
    misread[50] = misread[50] == 'x' ? 'y' : 'x';

    REQUIRE_FALSE(crypto::ExtendedPublicKey::from_text(misread).has_value());
    REQUIRE_FALSE(crypto::ExtendedPublicKey::from_text("").has_value());
    REQUIRE_FALSE(crypto::ExtendedPublicKey::from_text(xprv).has_value());
    REQUIRE_FALSE(crypto::ExtendedPublicKey::from_text(with_byte(xpub, 3, 0x1F)).has_value());
    REQUIRE_FALSE(crypto::ExtendedPublicKey::from_text(with_byte(xpub, 4, 0)).has_value());
    REQUIRE_FALSE(crypto::ExtendedPublicKey::from_text(with_byte(xpub, 45, 4)).has_value());
    core::Bytes longer = crypto::base58check_decode(xpub).value();
    longer.push_back(0);
    REQUIRE_FALSE(
        crypto::ExtendedPublicKey::from_text(crypto::base58check_encode(longer)).has_value());

    REQUIRE_FALSE(crypto::ExtendedPrivateKey::from_text(xpub).has_value());
    REQUIRE_FALSE(crypto::ExtendedPrivateKey::from_text(with_byte(xprv, 45, 1)).has_value());
    std::string zero_key = xprv;
    for (std::size_t i = 46; i < 78; ++i) zero_key = with_byte(zero_key, i, 0);
    REQUIRE_FALSE(crypto::ExtendedPrivateKey::from_text(zero_key).has_value());
    REQUIRE_FALSE(crypto::ExtendedPrivateKey::from_seed(core::Bytes(15)).has_value());
    REQUIRE_FALSE(crypto::ExtendedPrivateKey::from_seed(core::Bytes(65)).has_value());
}

TEST_CASE("extended public key: hardened child, child below depth 255 -> refused") {
    const Json vector = test::load_vectors("hd_xpub").at(0);
    const std::string text = test::text(vector["xpub"]);
    const auto account = crypto::ExtendedPublicKey::from_text(text).value();
    REQUIRE_FALSE(account.child(crypto::kHardened).has_value());
    REQUIRE_FALSE(account.derive("0'/1").has_value());
    const auto deepest = crypto::ExtendedPublicKey::from_text(with_byte(text, 4, 255)).value();
    REQUIRE_FALSE(deepest.child(0).has_value());
}

// Published with BIP-32, test vector 3: the master key begins with a zero byte.
TEST_CASE("bip32: a key with leading zeros -> kept") {
    test::FixedRng rng;
    const crypto::Secp256k1 curve{rng};
    const auto seed = core::from_hex(
        "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5"
        "a0d0c64d2e8a1e7d1457df2e5a3c51c73235be");
    const auto master = crypto::ExtendedPrivateKey::from_seed(seed.value());
    REQUIRE(printed(master.value().text()) ==
            "xprv9s21ZrQH143K25QhxbucbDDuQ4naNntJRi4KUfWT7xo4EKsHt2QJDu7KXp1A3u7Bi1j8ph3EGsZ9Xvz9dG"
            "uVrtHHs7pXeTzjuxBrCmmhgC6");
    const auto child = master.value().derive(curve, "m/0'");
    REQUIRE(printed(child.value().text()) ==
            "xprv9uPDJpEQgRQfDcW7BkF7eTya6RPxXeJCqCJGHuCJ4GiRVLzkTXBAJMu2qaMWPrS7AANYqdq6vcBcBUdJCV"
            "VFceUvJFjaPdGZ2y9WACViL4L");
}

TEST_CASE("bip32: known answers from mnemonic to key -> equal both ways") {
    test::FixedRng rng;
    const crypto::Secp256k1 curve{rng};
    const Json vectors = test::load_vectors("hd_evm");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const Json& vector = vectors[i];
        const auto seed = crypto::bip39_seed(test::text(vector["mnemonic"]), "");
        const auto master = crypto::ExtendedPrivateKey::from_seed(seed.value().view());
        const auto key = master.value().derive(curve, test::text(vector["path"]));
        const auto neutered = key.value().neuter(curve);
        REQUIRE(core::to_hex0x(key.value().key().view()) == test::text(vector["private_key"]));
        REQUIRE(core::to_hex0x(key.value().origin().chain_code) ==
                test::text(vector["chain_code"]));
        REQUIRE(core::to_hex0x(neutered.key().compressed()) == test::text(vector["public_key"]));
        REQUIRE(core::to_hex0x(neutered.key().uncompressed()) ==
                test::text(vector["public_key_uncompressed"]));
        REQUIRE(printed(key.value().text()) == test::text(vector["xprv"]));
        REQUIRE(neutered.text() == test::text(vector["xpub"]));
        const auto read = crypto::ExtendedPrivateKey::from_text(test::text(vector["xprv"]));
        REQUIRE(printed(read.value().text()) == test::text(vector["xprv"]));
        REQUIRE(crypto::ExtendedPublicKey::from_text(neutered.text()).value() == neutered);
    }
}

TEST_CASE("bip32: watch-only derivation -> the children of the known answers") {
    const Json vectors = test::load_vectors("hd_xpub");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const Json& vector = vectors[i];
        const auto account = crypto::ExtendedPublicKey::from_text(test::text(vector["xpub"]));
        const std::string path = std::to_string(vector["change"].get<std::uint32_t>()) + "/" +
                                 std::to_string(vector["index"].get<std::uint32_t>());
        const auto child = account.value().derive(path);
        REQUIRE(child.value().text() == test::text(vector["child_xpub"]));
        REQUIRE(core::to_hex0x(child.value().key().compressed()) ==
                test::text(vector["public_key"]));
    }
}
