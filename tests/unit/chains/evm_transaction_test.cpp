#include "chains/evm/rlp.hpp"
#include "chains/evm/transaction.hpp"
#include "tests/unit/chains/vectors.hpp"

using namespace chains;
using test::Json;

namespace {

template <class Tx>
Tx common_fields(const Json& fields) {
    Tx tx;
    tx.chain_id = fields["chainId"].get<std::uint64_t>();
    tx.nonce = fields["nonce"].get<std::uint64_t>();
    tx.gas_limit = test::units(fields["gas"]).to_u64().value();
    if (fields.contains("to")) tx.to = test::address(fields["to"]);
    tx.value = test::units(fields["value"]);
    tx.data = test::bytes(fields["data"]);
    return tx;
}

evm::Transaction transaction_of(const Json& fields) {
    if (fields["type"] == "legacy") {
        auto tx = common_fields<evm::LegacyTransaction>(fields);
        tx.gas_price = test::units(fields["gasPrice"]);
        return tx;
    }
    REQUIRE(fields["type"] == "eip1559");
    auto tx = common_fields<evm::DynamicFeeTransaction>(fields);
    tx.max_priority_fee_per_gas = test::units(fields["maxPriorityFeePerGas"]);
    tx.max_fee_per_gas = test::units(fields["maxFeePerGas"]);
    for (const Json& entry : fields["accessList"]) {
        auto& added = tx.access_list.emplace_back();
        added.address = test::address(entry["address"]);
        for (const Json& key : entry["storageKeys"]) {
            added.storage_keys.push_back(test::fixed<evm::Bytes32>(key));
        }
    }
    return tx;
}

// A valid raw transaction with one of its fields replaced by this encoding.
core::Bytes with_field(const core::Bytes& raw, std::size_t at, const core::Bytes& encoding) {
    const bool typed = raw.front() < 0xC0;
    const core::ByteView body = core::ByteView{raw}.subspan(typed ? 1 : 0);
    const evm::RlpItem list = evm::rlp_decode(body).value();
    std::vector<core::Bytes> items;
    for (const evm::RlpItem& item : list.items) {
        // Only the access list is a list: its body is encoded already.
        const core::Bytes inner(item.bytes.begin(), item.bytes.end());
        items.push_back(item.is_list ? evm::rlp_list(std::span{&inner, 1})
                                     : evm::rlp_string(item.bytes));
    }
    if (at < items.size()) {
        items[at] = encoding;
    } else {
        items.push_back(encoding);
    }
    core::Bytes out = evm::rlp_list(items);
    if (typed) out.insert(out.begin(), raw.front());
    return out;
}

core::Bytes number(std::uint64_t value) { return evm::rlp_number(value); }
core::Bytes string(const char* hex) { return evm::rlp_string(core::from_hex(hex).value()); }

core::Bytes raw_of(const char* file, std::size_t index) {
    return test::bytes(test::load_vectors(file).at(index)["raw"]);
}

core::Errc refusal(const core::Bytes& raw) {
    const auto decoded = evm::decode_raw(raw);
    return decoded ? core::Errc::kUnset : decoded.error().code;
}

void check_known_answers(const char* file) {
    test::FixedRng rng;
    const crypto::Secp256k1 curve{rng};
    const Json vectors = test::load_vectors(file);
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO(file << ", vector " << i);
        const Json& vector = vectors[i];
        const evm::Transaction tx = transaction_of(vector["tx"]);
        REQUIRE(core::to_hex0x(evm::signing_payload(tx)) == test::text(vector["sign_payload"]));
        const crypto::Digest hash = evm::signing_hash(tx);
        REQUIRE(hash.hex0x() == test::text(vector["sign_hash"]));

        const auto key = crypto::SecretKey::from_bytes(test::bytes(vector["private_key"]));
        const auto signature = curve.sign_recoverable(hash, key.value());
        REQUIRE(signature.r == test::array32(vector["r"]));
        REQUIRE(signature.s == test::array32(vector["s"]));
        REQUIRE(signature.y_parity == vector["y_parity"].get<unsigned>());
        const core::Bytes raw = evm::encode_raw(tx, signature);
        REQUIRE(core::to_hex0x(raw) == test::text(vector["raw"]));
        REQUIRE(evm::tx_id_of(raw).hex0x() == test::text(vector["hash"]));

        const auto decoded = evm::decode_raw(raw);
        REQUIRE(decoded.has_value());
        REQUIRE(decoded.value().tx == tx);
        REQUIRE(decoded.value().signature == signature);
        REQUIRE(decoded.value().sender == test::address(vector["from"]));
        REQUIRE(decoded.value().id == evm::tx_id_of(raw));

        REQUIRE_FALSE(evm::decode_raw(core::ByteView{raw}.first(raw.size() - 1)).has_value());
        core::Bytes longer = raw;
        longer.push_back(0);
        REQUIRE_FALSE(evm::decode_raw(longer).has_value());
    }
}

}  // namespace

TEST_CASE("raw transaction: another type, no chain id -> unsupported") {
    REQUIRE(refusal({}) == core::Errc::kInvalid);
    REQUIRE(refusal(core::Bytes{0x01, 0xC0}) == core::Errc::kUnsupported);
    REQUIRE(refusal(core::Bytes{0x04, 0xC0}) == core::Errc::kUnsupported);
    const core::Bytes legacy = raw_of("evm_tx_legacy", 0);
    REQUIRE(refusal(with_field(legacy, 6, number(27))) == core::Errc::kUnsupported);
    REQUIRE(refusal(with_field(legacy, 6, number(28))) == core::Errc::kUnsupported);
    REQUIRE(refusal(core::Bytes{0x80}) == core::Errc::kInvalid);
}

TEST_CASE("legacy raw transaction: one field not of its form -> refused") {
    const core::Bytes raw = raw_of("evm_tx_legacy", 0);
    const core::Bytes list = evm::rlp_list({});
    REQUIRE(with_field(raw, 0, number(0)) == raw);
    for (const std::size_t field : {0U, 1U, 2U, 4U, 6U, 7U, 8U}) {
        INFO("field " << field);
        REQUIRE(refusal(with_field(raw, field, string("00"))) == core::Errc::kInvalid);
        REQUIRE(refusal(with_field(raw, field, string("0001"))) == core::Errc::kInvalid);
        REQUIRE(refusal(with_field(raw, field, list)) == core::Errc::kInvalid);
    }
    REQUIRE(refusal(with_field(raw, 0, string("010000000000000000"))) == core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 3, string("00"))) == core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 3, list)) == core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 5, list)) == core::Errc::kInvalid);
    for (const std::uint64_t v : {0U, 1U, 26U, 29U, 34U, 35U, 36U}) {
        INFO("v " << v);
        REQUIRE(refusal(with_field(raw, 6, number(v))) == core::Errc::kInvalid);
    }
    REQUIRE(refusal(with_field(raw, 7, number(0))) == core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 8, number(0))) == core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 9, number(0))) == core::Errc::kInvalid);
}

TEST_CASE("type 2 raw transaction: one field not of its form -> refused") {
    const core::Bytes raw = raw_of("evm_tx_eip1559", 0);
    const core::Bytes list = evm::rlp_list({});
    REQUIRE(with_field(raw, 1, number(0)) == raw);
    REQUIRE(refusal(with_field(raw, 0, number(0))) == core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 8, number(0))) == core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 9, number(2))) == core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 9, string("00"))) == core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 12, number(0))) == core::Errc::kInvalid);

    const core::Bytes address = evm::rlp_string(core::Bytes(20, 7));
    const core::Bytes short_key = evm::rlp_string(core::Bytes(31, 7));
    const core::Bytes keys = evm::rlp_list(std::span{&short_key, 1});
    const core::Bytes no_pair = evm::rlp_list(std::span{&address, 1});
    const core::Bytes wrong_pair[] = {address, keys};
    const core::Bytes entry = evm::rlp_list(wrong_pair);
    REQUIRE(refusal(with_field(raw, 8, evm::rlp_list(std::span{&no_pair, 1}))) ==
            core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 8, evm::rlp_list(std::span{&entry, 1}))) ==
            core::Errc::kInvalid);
    REQUIRE(refusal(with_field(raw, 8, evm::rlp_list(std::span{&list, 1}))) ==
            core::Errc::kInvalid);
}

TEST_CASE("raw transaction: s in the upper half -> refused") {
    for (const char* file : {"evm_tx_legacy", "evm_tx_eip1559"}) {
        INFO(file);
        const auto right = evm::decode_raw(raw_of(file, 0)).value();
        const auto order = core::Units::from_hex_quantity(
            "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
        const auto s = core::Units::from_big_endian(right.signature.s).value();
        crypto::RecoverableSignature malleated = right.signature;
        malleated.s = order.value().minus(s).value().big_endian();
        malleated.y_parity ^= 1;
        REQUIRE(refusal(evm::encode_raw(right.tx, malleated)) == core::Errc::kInvalid);
    }
}

TEST_CASE("raw transaction: largest chain id and contract creation -> same after a round trip") {
    test::FixedRng rng;
    const crypto::Secp256k1 curve{rng};
    const auto key = crypto::SecretKey::from_bytes(core::Bytes(32, 9));
    evm::LegacyTransaction legacy;
    legacy.chain_id = ~std::uint64_t{0};
    evm::DynamicFeeTransaction dynamic;
    dynamic.chain_id = ~std::uint64_t{0};
    for (const evm::Transaction& tx : {evm::Transaction{legacy}, evm::Transaction{dynamic}}) {
        const auto signature = curve.sign_recoverable(evm::signing_hash(tx), key.value());
        const auto decoded = evm::decode_raw(evm::encode_raw(tx, signature));
        REQUIRE(decoded.has_value());
        REQUIRE(decoded.value().tx == tx);
    }
}

TEST_CASE("legacy transaction: known answers -> equal both ways") {
    check_known_answers("evm_tx_legacy");
}

TEST_CASE("type 2 transaction: known answers -> equal both ways") {
    check_known_answers("evm_tx_eip1559");
}
