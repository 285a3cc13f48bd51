// Every parser of core on the same text. What is accepted must come back as it was written.

#include "core/bytes.hpp"
#include "core/chain_types.hpp"
#include "core/ids.hpp"
#include "core/units.hpp"
#include "tests/fuzz/target.hpp"

#include <algorithm>
#include <cctype>
#include <string>

namespace fuzz_core_text {

std::string lower_digits(std::string_view hex) {
    if (hex.starts_with("0x") || hex.starts_with("0X")) hex.remove_prefix(2);
    std::string out{hex};
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

//! Schoolbook: the number of a decimal text, digit by digit.
core::Units by_digits(std::string_view decimal) {
    core::Units out;
    for (const char c : decimal) {
        const auto shifted = out.times(10);
        MUST(shifted);
        const auto next = shifted->plus(core::Units{static_cast<std::uint64_t>(c - '0')});
        MUST(next);
        out = *next;
    }
    return out;
}

void units(std::string_view text) {
    if (const auto read = core::Units::from_decimal(text)) {
        MUST(read->decimal() == text);
        MUST(by_digits(text) == *read);
        MUST(*core::Units::from_big_endian(read->big_endian()) == *read);
        MUST(*core::Units::from_hex_quantity(read->hex_quantity()) == *read);
        for (const unsigned decimals : {0U, 1U, 6U, 18U, 77U}) {
            const auto again =
                core::Units::from_token_decimal(read->token_decimal(decimals), decimals);
            MUST(again && *again == *read);
        }
    }
    for (const unsigned decimals : {0U, 6U, 18U}) {
        const auto read = core::Units::from_token_decimal(text, decimals);
        if (!read) continue;
        const std::string shown = read->token_decimal(decimals);
        MUST(*core::Units::from_token_decimal(shown, decimals) == *read);
        // More decimals of the token are more zeros of the unit.
        const auto finer = core::Units::from_token_decimal(text, decimals + 1);
        const auto ten_times = read->times(10);
        MUST(finer.has_value() == ten_times.has_value());
        if (finer) MUST(*finer == *ten_times);
    }
    if (const auto read = core::Units::from_hex_quantity(text)) {
        const std::string digits = lower_digits(text);
        const std::size_t first = std::min(digits.find_first_not_of('0'), digits.size() - 1);
        MUST(read->hex_quantity() == "0x" + digits.substr(first));
    }
    const auto bytes = core::bytes_of(text);
    const auto number = core::Units::from_big_endian(bytes);
    MUST(number.has_value() == (bytes.size() <= 32));
    if (number) {
        const auto word = number->big_endian();
        MUST(std::equal(bytes.rbegin(), bytes.rend(), word.rbegin()));
    }
}

void hex(std::string_view text) {
    if (const auto bytes = core::from_hex(text)) MUST(core::to_hex(*bytes) == lower_digits(text));
    if (const auto address = core::Address::from_hex(text)) {
        MUST(*core::Address::from_hex(address->hex0x()) == *address);
        MUST(address->hex0x() == "0x" + lower_digits(text));
        MUST(address->view().size() == 20 || address->view().size() == 32);
    }
    if (const auto tx = core::TxId::from_hex(text)) {
        MUST(*core::TxId::from_hex(tx->hex0x()) == *tx);
        MUST(tx->hex0x() == "0x" + lower_digits(text));
    }
    if (const auto hash = core::BlockHash::from_hex(text)) {
        MUST(hash->hex0x() == "0x" + lower_digits(text));
    }
}

void ids(std::string_view text) {
    if (const auto chain = core::ChainId::from_text(text)) {
        MUST(chain->text() == text);
        MUST(std::string{chain->name_space()} + ":" + std::string{chain->reference()} == text);
        MUST(chain->reference().find(':') == std::string_view::npos);
    }
    if (const auto asset = core::AssetId::from_text(text)) {
        MUST(core::ChainId::from_text(asset->chain().text()));
        MUST(asset->chain().text() + "/" + std::string{asset->asset_namespace()} + ":" +
                 std::string{asset->asset_reference()} ==
             text);
    }
}

}  // namespace fuzz_core_text

FUZZ_TARGET(core_text) {
    fuzz_core_text::units(input);
    fuzz_core_text::hex(input);
    fuzz_core_text::ids(input);
}
