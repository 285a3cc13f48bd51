#include <algorithm>

#include "chains/evm/address.hpp"
#include "tests/unit/chains/vectors.hpp"

using namespace chains;
using test::Json;

namespace {

std::string upper_digits(std::string text) {
    std::transform(text.begin() + 2, text.end(), text.begin() + 2,
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

}  // namespace

TEST_CASE("evm address: wrong length, prefix or digit -> refused") {
    const std::string right = "0x1df191bfb2aea8b9c946affcf0446722dfa7a4b1";
    REQUIRE(evm::parse_address(right).has_value());
    for (const std::string& wrong :
         {std::string{}, std::string{"0x"}, right.substr(2), right.substr(0, 41), right + "0",
          "0X" + right.substr(2), " " + right.substr(1), right.substr(0, 41) + "g",
          "0x0x" + right.substr(4), right.substr(2) + "00"}) {
        INFO(wrong);
        REQUIRE(evm::parse_address(wrong).error().code == core::Errc::kInvalid);
    }
}

TEST_CASE("evm address: one letter in the wrong case -> refused") {
    const Json vectors = test::load_vectors("eip55");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        const std::string right = test::text(vectors[i]["checksummed"]);
        for (std::size_t at = 2; at < right.size(); ++at) {
            const auto letter = static_cast<unsigned char>(right[at]);
            if (!std::isalpha(letter)) continue;
            std::string wrong = right;
            wrong[at] = static_cast<char>(letter ^ 0x20);
            INFO("vector " << i << ", " << wrong);
            REQUIRE_FALSE(evm::parse_address(wrong).has_value());
        }
    }
}

TEST_CASE("evm address: known answers -> equal in all three writings") {
    const Json vectors = test::load_vectors("eip55");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const std::string lower = test::text(vectors[i]["lower"]);
        const std::string right = test::text(vectors[i]["checksummed"]);
        const core::Address address = core::Address::from_hex(lower).value();
        REQUIRE(evm::checksummed(address) == right);
        REQUIRE(evm::parse_address(right).value() == address);
        REQUIRE(evm::parse_address(lower).value() == address);
        REQUIRE(evm::parse_address(upper_digits(lower)).value() == address);
    }
}

TEST_CASE("evm word: more than an address -> refused") {
    const core::Address address = test::address("0x1df191bfb2aea8b9c946affcf0446722dfa7a4b1");
    for (std::size_t i = 0; i < 12; ++i) {
        evm::Bytes32 word = evm::word_of(address);
        word.bytes[i] = 1;
        REQUIRE_FALSE(evm::address_of(word).has_value());
    }
    REQUIRE(evm::address_of(evm::word_of(address)).value() == address);
}

TEST_CASE("receiver address: index from 2^31 -> refused") {
    const Json vector = test::load_vectors("hd_xpub").at(0);
    const auto account = crypto::ExtendedPublicKey::from_text(test::text(vector["xpub"])).value();
    REQUIRE_FALSE(evm::receiver_address(account, crypto::kHardened).has_value());
}

TEST_CASE("receiver address: known answers -> equal") {
    const Json vectors = test::load_vectors("hd_xpub");
    std::size_t checked = 0;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const Json& vector = vectors[i];
        const auto account =
            crypto::ExtendedPublicKey::from_text(test::text(vector["xpub"])).value();
        const auto child = account.child(vector["change"].get<std::uint32_t>())
                               .value()
                               .child(vector["index"].get<std::uint32_t>());
        REQUIRE(evm::checksummed(evm::address_of(child.value().key())) ==
                test::text(vector["evm_address"]));
        if (vector["change"] != 0) continue;
        ++checked;
        const auto address = evm::receiver_address(account, vector["index"].get<std::uint32_t>());
        REQUIRE(evm::checksummed(address.value()) == test::text(vector["evm_address"]));
    }
    REQUIRE(checked > 0);
}

TEST_CASE("evm address of a key: known answers -> equal") {
    const Json vectors = test::load_vectors("hd_evm");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const auto key = crypto::PublicKey::from_bytes(test::bytes(vectors[i]["public_key"]));
        REQUIRE(evm::checksummed(evm::address_of(key.value())) ==
                test::text(vectors[i]["address"]));
    }
}

TEST_CASE("contract address: known answers -> equal") {
    const Json vectors = test::load_vectors("create2");
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const Json& vector = vectors[i];
        const core::Address deployer = test::address(vector["deployer"]);
        REQUIRE(evm::checksummed(evm::create_address(
                    deployer, vector["nonce"].get<std::uint64_t>())) ==
                test::text(vector["create_address"]));
        REQUIRE(evm::checksummed(evm::create2_address(
                    deployer, test::fixed<evm::Bytes32>(vector["salt"]),
                    test::fixed<evm::Bytes32>(vector["init_code_hash"]))) ==
                test::text(vector["create2_address"]));
    }
}
