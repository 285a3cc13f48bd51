// Every parser of core on the same text. What is accepted must come back as it was written.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/chain_types.hpp"
#include "core/ids.hpp"
#include "core/units.hpp"

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    if (const auto units = core::Units::from_decimal(text)) {
        must(units->decimal() == text);
        must(*core::Units::from_big_endian(units->big_endian()) == *units);
        must(*core::Units::from_hex_quantity(units->hex_quantity()) == *units);
        for (const unsigned decimals : {0U, 6U, 18U, 77U}) {
            const auto again = core::Units::from_token_decimal(units->token_decimal(decimals), decimals);
            must(again && *again == *units);
        }
    }
    for (const unsigned decimals : {0U, 6U, 18U}) {
        if (const auto units = core::Units::from_token_decimal(text, decimals)) {
            must(*core::Units::from_token_decimal(units->token_decimal(decimals), decimals) == *units);
        }
    }
    if (const auto address = core::Address::from_hex(text)) {
        must(*core::Address::from_hex(address->hex0x()) == *address);
    }
    if (const auto tx = core::TxId::from_hex(text)) must(*core::TxId::from_hex(tx->hex0x()) == *tx);
    if (const auto chain = core::ChainId::from_text(text)) must(chain->text() == text);
    if (const auto asset = core::AssetId::from_text(text)) must(!asset->chain().empty());
    return 0;
}
