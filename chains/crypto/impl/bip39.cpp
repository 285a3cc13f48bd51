#include "chains/crypto/bip39.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <utf8proc.h>

#include "chains/crypto/impl/bip39_words.hpp"
#include "chains/crypto/sha2.hpp"

namespace chains::crypto {

namespace {

constexpr unsigned kBitsOfWord = 11;
constexpr std::size_t kWordSizeMax = 8;
constexpr unsigned kRounds = 2048;
constexpr std::string_view kSpace = " \t\r\n";

bool is_entropy_size(std::size_t size) { return size >= 16 && size <= 32 && size % 4 == 0; }

// Bit `index` of entropy ‖ first byte of its SHA-256, most significant first.
unsigned bit_of(core::ByteView bytes, std::size_t index) {
    return (bytes[index / 8] >> (7 - index % 8)) & 1U;
}

core::Expected<std::vector<std::uint16_t>> word_indices(std::string_view mnemonic) {
    const auto& words = bip39_words();
    std::vector<std::uint16_t> out;
    out.reserve(24);
    std::size_t at = mnemonic.find_first_not_of(kSpace);
    while (at != std::string_view::npos) {
        if (out.size() == 24) return core::invalid("a mnemonic has at most 24 words");
        const std::size_t end = std::min(mnemonic.find_first_of(kSpace, at), mnemonic.size());
        const std::string_view word = mnemonic.substr(at, end - at);
        const auto found = std::lower_bound(words.begin(), words.end(), word);
        if (found == words.end() || *found != word) {
            return core::invalid("word " + std::to_string(out.size() + 1) +
                                 " of the mnemonic is not in the English list");
        }
        out.push_back(static_cast<std::uint16_t>(found - words.begin()));
        at = mnemonic.find_first_not_of(kSpace, end);
    }
    if (out.size() < 12 || out.size() % 3 != 0) {
        return core::invalid("a mnemonic has 12, 15, 18, 21 or 24 words");
    }
    return out;
}

core::Expected<SecretBytes> nfkd(std::string_view text) {
    utf8proc_uint8_t* mapped = nullptr;
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                        UTF8PROC_COMPAT);
    const utf8proc_ssize_t size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                     static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
    if (size < 0) return core::invalid("the passphrase is not UTF-8");
    const std::span<std::uint8_t> bytes{mapped, static_cast<std::size_t>(size)};
    SecretBytes out = SecretBytes::copy_of(bytes);
    wipe(bytes);
    std::free(mapped);
    return out;
}

SecretBytes join(core::ByteView head, core::ByteView tail) {
    SecretBytes out{head.size() + tail.size()};
    std::copy(head.begin(), head.end(), out.writable().begin());
    std::copy(tail.begin(), tail.end(), out.writable().begin() + head.size());
    return out;
}

}  // namespace

core::Expected<SecretBytes> bip39_mnemonic(core::ByteView entropy) {
    if (!is_entropy_size(entropy.size())) {
        return core::invalid("entropy has 16, 20, 24, 28 or 32 bytes");
    }
    const Digest hash = sha256(entropy);
    const SecretBytes bits = join(entropy, hash.view().first(1));
    const std::size_t word_count = entropy.size() * 3 / 4;
    SecretBytes text{word_count * (kWordSizeMax + 1)};
    std::size_t used = 0;
    for (std::size_t word = 0; word < word_count; ++word) {
        std::size_t index = 0;
        for (unsigned bit = 0; bit < kBitsOfWord; ++bit) {
            index = index << 1 | bit_of(bits.view(), word * kBitsOfWord + bit);
        }
        if (word != 0) text.writable()[used++] = ' ';
        const std::string_view chosen = bip39_words()[index];
        std::memcpy(text.writable().data() + used, chosen.data(), chosen.size());
        used += chosen.size();
    }
    return SecretBytes::copy_of(text.view().first(used));
}

core::Expected<SecretBytes> bip39_entropy(std::string_view mnemonic) {
    auto indices = word_indices(mnemonic);
    if (!indices) return indices.error();
    std::vector<std::uint16_t>& words = indices.value();

    const std::size_t entropy_size = words.size() * 4 / 3;
    SecretBytes bits{entropy_size + 1};
    for (std::size_t i = 0; i < words.size() * kBitsOfWord; ++i) {
        const unsigned bit =
            (words[i / kBitsOfWord] >> (kBitsOfWord - 1 - i % kBitsOfWord)) & 1U;
        bits.writable()[i / 8] |= static_cast<std::uint8_t>(bit << (7 - i % 8));
    }
    wipe({reinterpret_cast<std::uint8_t*>(words.data()), words.size() * sizeof words[0]});

    const core::ByteView entropy = bits.view().first(entropy_size);
    const auto checksum_bits = static_cast<unsigned>(entropy_size / 4);
    const unsigned shift = 8 - checksum_bits;
    if (bits.view().back() >> shift != sha256(entropy).bytes[0] >> shift) {
        return core::invalid("the checksum of the mnemonic is wrong");
    }
    return SecretBytes::copy_of(entropy);
}

core::Expected<SecretBytes> bip39_seed(std::string_view mnemonic, std::string_view passphrase) {
    const auto entropy = bip39_entropy(mnemonic);
    if (!entropy) return entropy.error();
    // Written anew, so that stray white space in a credential file makes no other wallet.
    const auto canonical = bip39_mnemonic(entropy.value().view());
    if (!canonical) return canonical.error();
    const auto normal = nfkd(passphrase);
    if (!normal) return normal.error();
    const SecretBytes salt = join(core::bytes_of("mnemonic"), normal.value().view());
    return pbkdf2_hmac_sha512(canonical.value().view(), salt.view(), kRounds, 64);
}

}  // namespace chains::crypto
