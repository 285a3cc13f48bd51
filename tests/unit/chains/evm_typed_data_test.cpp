#include "chains/evm/typed_data.hpp"
#include "chains/crypto/secp256k1.hpp"
#include "tests/unit/chains/vectors.hpp"

using namespace chains;
using test::Json;

namespace {

evm::TypedDataDomain domain_of(const Json& domain) {
    return {test::text(domain["name"]), test::text(domain["version"]),
            domain["chainId"].get<std::uint64_t>(), test::address(domain["verifyingContract"])};
}

crypto::Digest struct_hash_of(const std::string& type, const Json& message) {
    if (type == "Permit") {
        return evm::struct_hash(evm::Permit{
            test::address(message["owner"]), test::address(message["spender"]),
            test::units(message["value"]), test::units(message["nonce"]),
            test::units(message["deadline"])});
    }
    if (type == "CancelAuthorization") {
        return evm::struct_hash(
            evm::CancelAuthorization{test::address(message["authorizer"]),
                                     test::fixed<evm::Bytes32>(message["nonce"])});
    }
    const bool receive = type == "ReceiveWithAuthorization";
    REQUIRE((receive || type == "TransferWithAuthorization"));
    const evm::TransferAuthorization authorization{
        test::address(message["from"]),
        test::address(message["to"]),
        test::units(message["value"]),
        test::units(message["validAfter"]).to_u64().value(),
        test::units(message["validBefore"]).to_u64().value(),
        test::fixed<evm::Bytes32>(message["nonce"])};
    return evm::struct_hash(
        receive ? evm::AuthorizationKind::kReceive : evm::AuthorizationKind::kTransfer,
        authorization);
}

void check_known_answers(const char* file) {
    test::FixedRng rng;
    const crypto::Secp256k1 curve{rng};
    const Json vectors = test::load_vectors(file);
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO(file << ", vector " << i);
        const Json& vector = vectors[i];
        const auto separator = evm::domain_separator(domain_of(vector["domain"]));
        REQUIRE(separator.hex0x() == test::text(vector["domain_separator"]));
        const auto hash = struct_hash_of(test::text(vector["primaryType"]), vector["message"]);
        REQUIRE(hash.hex0x() == test::text(vector["struct_hash"]));
        const auto digest = evm::typed_data_digest(separator, hash);
        REQUIRE(digest.hex0x() == test::text(vector["digest"]));

        const auto key = crypto::SecretKey::from_bytes(test::bytes(vector["private_key"]));
        const auto signature = curve.sign_recoverable(digest, key.value());
        const std::uint8_t v[] = {static_cast<std::uint8_t>(27 + signature.y_parity)};
        REQUIRE("0x" + core::to_hex(signature.r) + core::to_hex(signature.s) + core::to_hex(v) ==
                test::text(vector["signature"]));
    }
}

}  // namespace

TEST_CASE("eip3009: known answers -> equal") { check_known_answers("evm_eip3009"); }

TEST_CASE("eip2612: known answers -> equal") { check_known_answers("evm_eip2612"); }

TEST_CASE("typed data: transfer and receive, plain and salted domain -> never the same") {
    evm::TransferAuthorization filled;
    filled.from = filled.to = test::address("0x1df191bfb2aea8b9c946affcf0446722dfa7a4b1");
    REQUIRE(evm::struct_hash(evm::AuthorizationKind::kTransfer, filled) !=
            evm::struct_hash(evm::AuthorizationKind::kReceive, filled));
    const evm::TypedDataDomain domain{"USD Coin (PoS)", "1", 137, filled.to};
    REQUIRE(evm::domain_separator(domain) != evm::domain_separator_salted(domain));
}

TEST_CASE("typed data: each field of the domain -> changes the separator") {
    const evm::TypedDataDomain base{"A", "1", 1,
                                    test::address("0x1df191bfb2aea8b9c946affcf0446722dfa7a4b1")};
    auto name = base;
    name.name = "B";
    auto version = base;
    version.version = "2";
    auto chain = base;
    chain.chain_id = 2;
    auto contract = base;
    contract.verifying_contract = test::address("0x5cc3c4132c297639c877e6c3e1f1cb3069403f3a");
    for (const auto& other : {name, version, chain, contract}) {
        REQUIRE(evm::domain_separator(other) != evm::domain_separator(base));
        REQUIRE(evm::domain_separator_salted(other) != evm::domain_separator_salted(base));
    }
}

// What DOMAIN_SEPARATOR() of bridged USDC on Polygon PoS answers; its salt is the chain id.
TEST_CASE("typed data: salted domain of a live token -> equal") {
    const evm::TypedDataDomain domain{
        "USD Coin (PoS)", "1", 137, test::address("0x2791bca1f2de4661ed88a30c99a7a9449aa84174")};
    REQUIRE(evm::domain_separator_salted(domain).hex0x() ==
            "0x294369e003769a2d4d625e8a9ebebffa09ff70dd7c708497d8b56d2c2d199a19");
}
