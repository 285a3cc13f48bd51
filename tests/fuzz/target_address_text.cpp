// What people paste: addresses, transactions, base58, account keys.

#include "chains/crypto/base58.hpp"
#include "chains/crypto/bip32.hpp"
#include "chains/evm/address.hpp"
#include "chains/evm/address_codec.hpp"
#include "tests/fuzz/target.hpp"

#include <algorithm>
#include <cctype>
#include <string>

namespace fuzz_address_text {

using namespace chains;

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

bool is_one_case(std::string_view text) {
    const std::string digits{text.substr(2)};
    const bool has_lower = std::any_of(digits.begin(), digits.end(), [](unsigned char c) { return std::islower(c); });
    const bool has_upper = std::any_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isupper(c); });
    return !(has_lower && has_upper);
}

void evm_address(std::string_view text) {
    const evm::EvmAddressCodec codec;
    const auto address = evm::parse_address(text);
    const auto plain = text.starts_with("0x") && text.size() == 42
                           ? core::from_hex(text)
                           : core::Expected<core::Bytes>{core::invalid("")};
    if (!address) {
        if (plain) MUST(!is_one_case(text));
    } else {
        MUST(plain && address->view().size() == 20 && address->hex0x() == lower(text));
        const std::string shown = codec.format(*address);
        MUST(*codec.parse(shown) == *address && lower(shown) == lower(text));
        MUST(is_one_case(text) || shown == text);
        // One letter of the other case is a wrong checksum, unless no other tells it.
        for (std::size_t i = 2; i < shown.size(); ++i) {
            std::string wrong = shown;
            const auto c = static_cast<unsigned char>(wrong[i]);
            if (std::isalpha(c) == 0) continue;
            wrong[i] = static_cast<char>(std::islower(c) ? std::toupper(c) : std::tolower(c));
            MUST(is_one_case(wrong) || !codec.parse(wrong));
            break;
        }
    }
    if (const auto tx = codec.parse_tx(text)) {
        MUST(codec.format_tx(*tx) == lower(text) && *codec.parse_tx(lower(text)) == *tx);
    }
}

void base58(std::string_view text) {
    const auto bytes = crypto::base58_decode(text);
    if (bytes) MUST(crypto::base58_encode(*bytes) == text);
    const auto payload = crypto::base58check_decode(text);
    if (payload) {
        MUST(bytes && bytes->size() == payload->size() + 4);
        MUST(crypto::base58check_encode(*payload) == text);
    }
    if (text.size() > 1000) return;
    const auto raw = core::bytes_of(text);
    const auto back = crypto::base58_decode(crypto::base58_encode(raw));
    MUST(back && std::equal(back->begin(), back->end(), raw.begin(), raw.end()));
    const auto checked = crypto::base58check_decode(crypto::base58check_encode(raw));
    MUST(checked && std::equal(checked->begin(), checked->end(), raw.begin(), raw.end()));
}

void account_key(std::string_view text) {
    const auto key = crypto::ExtendedPublicKey::from_text(text);
    if (!key) return;
    MUST(key->text() == text);
    const auto child = key->child(0);
    if (child) MUST(child->origin().depth == key->origin().depth + 1);
    MUST(!key->child(0x80000000U));
}

}  // namespace fuzz_address_text

FUZZ_TARGET(address_text) {
    fuzz_address_text::evm_address(input);
    fuzz_address_text::base58(input);
    fuzz_address_text::account_key(input);
}
