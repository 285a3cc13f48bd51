// The small answers: a transaction, a fee history, simulated calls, a quantity, data.

#include "tests/fuzz/evm_inputs.hpp"

#include <cctype>

namespace fuzz_evm_values {

using namespace chains::evm::impl;
using fuzz::json;
using fuzz::must_be_bytes;
using fuzz::must_be_quantity;

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

void transaction(Decoder& decoder, std::string_view input, std::string_view text) {
    const auto tx = decoder.transaction(text);
    if (!tx) return MUST(fuzz::is_node_error(tx.error().code));
    const json told = fuzz::loose(input);
    if (told.is_discarded()) return;
    fuzz::must_not_repeat(input, {"hash", "from", "to", "value", "nonce", "blockHash"});
    must_be_bytes(told, "hash", tx->hash);
    must_be_bytes(told, "from", tx->from);
    must_be_quantity(told, "value", tx->value);
    must_be_quantity(told, "nonce", core::Units{tx->nonce});
    if (!tx->to.empty()) must_be_bytes(told, "to", tx->to);
    if (tx->block_hash != chains::evm::Bytes32{}) must_be_bytes(told, "blockHash", tx->block_hash);
    if (fuzz::shape_of(input).depth > 32) return;
    const fuzz::Padded again{told.dump()};
    const auto other = decoder.transaction(again.view());
    MUST(other && *other == *tx);
}

void fee_history(Decoder& decoder, std::string_view input, std::string_view text) {
    const auto history = decoder.fee_history(text);
    if (!history) return MUST(fuzz::is_node_error(history.error().code));
    const json told = fuzz::loose(input);
    if (told.is_discarded()) return;
    fuzz::must_not_repeat(input, {"baseFeePerGas", "reward"});
    const json fees = told.value("baseFeePerGas", json::array());
    if (fees.is_null()) return MUST(history->base_fees.empty());
    MUST(fees.is_array() && fees.size() == history->base_fees.size());
    for (std::size_t i = 0; i < fees.size(); ++i) {
        MUST(core::Units::from_hex_quantity(fees[i].get<std::string>()).value() ==
             history->base_fees[i]);
    }
}

void scalars(Decoder& decoder, std::string_view input, std::string_view text) {
    const json told = fuzz::loose(input);
    if (const auto number = decoder.quantity(text)) {
        MUST(told.is_string());
        const fuzz::Padded again{json(number->hex_quantity()).dump()};
        MUST(*decoder.quantity(again.view()) == *number);
        MUST(core::Units::from_hex_quantity(told.get<std::string>()).value() == *number);
    } else {
        MUST(fuzz::is_node_error(number.error().code));
    }
    if (const auto bytes = decoder.data(text)) {
        MUST(told.is_string() && lower(told.get<std::string>()) == core::to_hex0x(*bytes));
    } else {
        MUST(fuzz::is_node_error(bytes.error().code));
    }
}

void simulated(Decoder& decoder, std::string_view input, std::string_view text) {
    const auto calls = decoder.simulated_calls(text);
    if (!calls) return MUST(fuzz::is_node_error(calls.error().code));
    const json told = fuzz::loose(input);
    if (told.is_discarded()) return;
    MUST(told.is_array() && told.size() <= 1);
    if (told.empty()) return MUST(calls->empty());
    const json list = told[0].value("calls", json::array());
    MUST(list.is_array() && list.size() == calls->size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        must_be_quantity(list[i], "gasUsed", (*calls)[i].gas_used);
    }
}

}  // namespace fuzz_evm_values

FUZZ_TARGET(evm_values) {
    static chains::evm::impl::Decoder decoder;
    const fuzz::Padded text{input};
    fuzz_evm_values::transaction(decoder, input, text.view());
    fuzz_evm_values::fee_history(decoder, input, text.view());
    fuzz_evm_values::scalars(decoder, input, text.view());
    fuzz_evm_values::simulated(decoder, input, text.view());
}
