#include "chains/crypto/base58.hpp"

#include <array>
#include <cstring>

#include "chains/crypto/secret.hpp"
#include "chains/crypto/sha2.hpp"

namespace chains::crypto {

namespace {

constexpr std::string_view kAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::size_t kChecksumSize = 4;

constexpr std::array<std::int8_t, 256> make_values() {
    std::array<std::int8_t, 256> values{};
    for (auto& value : values) value = -1;
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
        values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
    }
    return values;
}
constexpr std::array<std::int8_t, 256> kValues = make_values();

// digits (little-endian, `used` of them) = digits × factor + carry, in the given base.
std::size_t multiply_add(core::Bytes& digits, std::size_t used, unsigned factor, unsigned base,
                         unsigned carry) {
    for (std::size_t i = 0; i < used; ++i) {
        carry += factor * digits[i];
        digits[i] = static_cast<std::uint8_t>(carry % base);
        carry /= base;
    }
    while (carry != 0) {
        digits[used++] = static_cast<std::uint8_t>(carry % base);
        carry /= base;
    }
    return used;
}

Digest double_sha256(core::ByteView payload) { return sha256(sha256(payload).view()); }

}  // namespace

std::string base58_encode(core::ByteView bytes) {
    std::size_t zeros = 0;
    while (zeros < bytes.size() && bytes[zeros] == 0) ++zeros;

    // log 256 / log 58 < 1.38. The work buffer may hold an extended private key: wiped below.
    core::Bytes digits((bytes.size() - zeros) * 138 / 100 + 2);
    std::size_t used = 0;
    for (std::size_t i = zeros; i < bytes.size(); ++i) {
        used = multiply_add(digits, used, 256, 58, bytes[i]);
    }
    std::string out(zeros + used, kAlphabet[0]);
    for (std::size_t i = 0; i < used; ++i) out[zeros + i] = kAlphabet[digits[used - 1 - i]];
    wipe(digits);
    return out;
}

core::Expected<core::Bytes> base58_decode(std::string_view text) {
    if (text.size() > kBase58TextMax) {
        return core::Error{core::Errc::kTooLarge, "base58 text is too long"};
    }
    std::size_t zeros = 0;
    while (zeros < text.size() && text[zeros] == kAlphabet[0]) ++zeros;

    core::Bytes digits((text.size() - zeros) * 74 / 100 + 2);
    std::size_t used = 0;
    for (std::size_t i = zeros; i < text.size(); ++i) {
        const std::int8_t value = kValues[static_cast<unsigned char>(text[i])];
        if (value < 0) {
            wipe(digits);
            return core::invalid("not a base58 digit at position " + std::to_string(i));
        }
        used = multiply_add(digits, used, 58, 256, static_cast<unsigned>(value));
    }
    core::Bytes out(zeros + used);
    for (std::size_t i = 0; i < used; ++i) out[zeros + i] = digits[used - 1 - i];
    wipe(digits);
    return out;
}

std::string base58check_encode(core::ByteView payload) {
    core::Bytes joined;
    joined.reserve(payload.size() + kChecksumSize);
    joined.assign(payload.begin(), payload.end());
    const Digest checksum = double_sha256(payload);
    joined.insert(joined.end(), checksum.bytes.begin(), checksum.bytes.begin() + kChecksumSize);
    std::string out = base58_encode(joined);
    wipe(joined);
    return out;
}

core::Expected<core::Bytes> base58check_decode(std::string_view text) {
    core::Expected<core::Bytes> decoded = base58_decode(text);
    if (!decoded) return decoded;
    core::Bytes& bytes = decoded.value();
    if (bytes.size() < kChecksumSize) {
        wipe(bytes);
        return core::invalid("too short for a base58 checksum");
    }
    const std::size_t size = bytes.size() - kChecksumSize;
    const Digest checksum = double_sha256(core::ByteView{bytes}.first(size));
    if (std::memcmp(bytes.data() + size, checksum.bytes.data(), kChecksumSize) != 0) {
        wipe(bytes);
        return core::invalid("the base58 checksum is wrong");
    }
    bytes.resize(size);
    return decoded;
}

}  // namespace chains::crypto
