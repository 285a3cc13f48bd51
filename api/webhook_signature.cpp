#include "api/webhook_signature.hpp"

#include "core/bytes.hpp"
#include "core/check.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace api {

std::string webhook_signature(std::string_view secret, core::Instant at, std::string_view body) {
    const std::string seconds = std::to_string(at.unix_seconds());
    std::string signed_text = seconds;
    signed_text += '.';
    signed_text += body;
    std::array<std::uint8_t, 32> digest{};
    unsigned size = 0;
    const auto text = core::bytes_of(signed_text);
    const auto* made = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                            text.data(), text.size(), digest.data(), &size);
    CHECK(made != nullptr && size == digest.size(), "HMAC-SHA-256");
    return "t=" + seconds + ",v1=" + core::to_hex(digest);
}

}  // namespace api
