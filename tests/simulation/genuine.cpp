#include "tests/simulation/genuine.hpp"

#include <charconv>
#include <cstdint>
#include <cstdlib>

#include "chains/crypto/sha2.hpp"
#include "core/bytes.hpp"

namespace simulation {
namespace {

constexpr std::int64_t kToleranceSeconds = 300;

}  // namespace

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
    const auto expected = chains::crypto::hmac_sha256(core::bytes_of(secret), core::bytes_of(text));
    if (given != core::to_hex(expected.view())) return "signed with something else";
    const std::int64_t apart = std::abs(now.unix_seconds() - seconds);
    return apart <= kToleranceSeconds ? std::string{} : std::string{kNotOfNow};
}

}  // namespace simulation
