#include "tests/simulation/genuine.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "core/bytes.hpp"
#include "core/check.hpp"

namespace simulation {
namespace {

using Digest = std::array<std::uint8_t, 32>;
constexpr std::size_t kBlock = 64;
constexpr std::int64_t kToleranceSeconds = 300;

Digest sha256(const std::string& text) {
    Digest out{};
    const int made = EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr);
    CHECK(made == 1, "SHA-256");
    return out;
}

std::string text_of(const Digest& digest) { return {digest.begin(), digest.end()}; }

std::string padded(std::string key, unsigned char with) {
    key.resize(kBlock, '\0');
    for (char& c : key) c = static_cast<char>(static_cast<unsigned char>(c) ^ with);
    return key;
}

}  // namespace

std::string hmac_sha256_hex(std::string_view key, std::string_view text) {
    constexpr unsigned char kInner = 0x36;
    constexpr unsigned char kOuter = 0x5c;
    const std::string whole{key};
    const std::string used = key.size() > kBlock ? text_of(sha256(whole)) : whole;
    const Digest inner = sha256(padded(used, kInner).append(text));
    const Digest outer = sha256(padded(used, kOuter) + text_of(inner));
    return core::to_hex(outer);
}

std::string why_not_genuine(std::string_view header, std::string_view body, std::string_view secret,
                            core::Instant now) {
    constexpr std::string_view kTime = "t=";
    constexpr std::string_view kMark = ",v1=";
    const auto mark = header.find(kMark);
    if (!header.starts_with(kTime) || mark == std::string_view::npos) return "not signed";
    const std::string_view time = header.substr(kTime.size(), mark - kTime.size());
    const std::string_view given = header.substr(mark + kMark.size());
    std::int64_t seconds = 0;
    const auto [end, failed] = std::from_chars(time.data(), time.data() + time.size(), seconds);
    if (failed != std::errc{} || end != time.data() + time.size()) return "signed without a time";
    std::string text{time};
    text += '.';
    text += body;
    if (given != hmac_sha256_hex(secret, text)) return "signed with something else";
    const std::int64_t apart = std::abs(now.unix_seconds() - seconds);
    return apart <= kToleranceSeconds ? std::string{} : std::string{kNotOfNow};
}

}  // namespace simulation
