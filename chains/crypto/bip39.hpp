#pragma once

#include <string_view>

#include "chains/crypto/secret.hpp"
#include "core/expected.hpp"

namespace chains::crypto {

// BIP-39 with the English word list. Errors name a word's position, never the word.
// https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki

//! 16, 20, 24, 28 or 32 bytes → 12 … 24 words with one space between.
core::Expected<SecretBytes> bip39_mnemonic(core::ByteView entropy);

//! 12, 15, 18, 21 or 24 words of the list with any ASCII white space around them, and the checksum
//! right.
core::Expected<SecretBytes> bip39_entropy(std::string_view mnemonic);

//! The 64-byte seed. The mnemonic is checked as in bip39_entropy; the passphrase is any UTF-8 and
//! is brought to NFKD.
core::Expected<SecretBytes> bip39_seed(std::string_view mnemonic, std::string_view passphrase);

}  // namespace chains::crypto
