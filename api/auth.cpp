#include "api/auth.hpp"

#include "api/impl/rate_limiter.hpp"
#include "core/check.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <optional>
#include <utility>

namespace api {
namespace {

constexpr std::string_view kHead = "dpk_";
constexpr std::size_t kPrefixSize = 4 + 8;
constexpr std::size_t kKeySize = kPrefixSize + 1 + 64;

//! The key of a Bearer header; empty when it is of another form. The scheme's case does not matter.
std::string bearer(const std::string& header) {
    constexpr std::string_view kScheme = "bearer ";
    if (header.size() <= kScheme.size()) return {};
    for (std::size_t i = 0; i < kScheme.size(); ++i) {
        const char c = header[i];
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        if (lower != kScheme[i]) return {};
    }
    const std::size_t start = header.find_first_not_of(' ', kScheme.size());
    return start == std::string::npos ? std::string{} : header.substr(start);
}

}  // namespace

core::Bytes hash_api_key(const core::Bytes& pepper, std::string_view key) {
    core::Bytes out(32);
    unsigned size = 0;
    const auto text = core::bytes_of(key);
    const auto* made = HMAC(EVP_sha256(), pepper.data(), static_cast<int>(pepper.size()),
                            text.data(), text.size(), out.data(), &size);
    CHECK(made != nullptr && size == out.size(), "HMAC-SHA-256");
    return out;
}

NewApiKey make_api_key(const core::EnvironmentId& environment, std::string label,
                       const core::Bytes& pepper, core::Rng& rng, core::Instant now) {
    NewApiKey key;
    key.row.environment = environment;
    key.row.prefix = std::string{kHead} + rng.hex(4);
    key.text = key.row.prefix + "_" + rng.hex(32);
    key.row.hash = hash_api_key(pepper, key.text);
    key.row.label = std::move(label);
    key.row.created_at = now;
    return key;
}

core::Task<core::Expected<core::Bytes>> load_key_pepper(db::Database& database, core::Rng& rng) {
    core::Bytes fresh(32);
    rng.fill(fresh);
    auto job = [fresh](db::UnitOfWork& work) { return work.environments().key_pepper(fresh); };
    co_return co_await database.write<core::Bytes>(std::move(job));
}

std::string sha256_hex(std::string_view text) {
    std::array<std::uint8_t, 32> digest{};
    const int made =
        EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    CHECK(made == 1, "SHA-256");
    return core::to_hex(digest);
}

Authenticator::Authenticator(db::Database& database, core::Bytes pepper, core::Clock& clock,
                             core::Log& log, KeyLimit limit)
    : database_{database},
      pepper_{std::move(pepper)},
      clock_{clock},
      log_{log},
      limiter_{std::make_unique<impl::RateLimiter>(limit.per_second, limit.burst)} {}
Authenticator::~Authenticator() = default;

core::Task<Checked<db::Environment>> Authenticator::caller(std::string authorization) {
    if (authorization.empty()) {
        co_return unauthorized("missing_api_key",
                               "This call needs an API key: Authorization: Bearer KEY.");
    }
    const Problem wrong = unauthorized("invalid_api_key", "The API key is not valid.");
    const std::string key = bearer(authorization);
    // Another length cannot be ours; its hash must not cost us more than one of ours.
    if (key.size() != kKeySize || !key.starts_with(kHead)) co_return wrong;
    const core::Bytes hash = hash_api_key(pepper_, key);
    using Found = std::optional<std::pair<std::int64_t, db::Environment>>;
    auto job =
        [hash, prefix = key.substr(0, kPrefixSize)](db::UnitOfWork& work) -> core::Expected<Found> {
        auto rows = work.environments().keys_with_prefix(prefix);
        if (!rows) return rows.error();
        Found found;
        for (const db::ApiKey& row : *rows) {
            const bool same = core::equal_constant_time(row.hash, hash);
            if (!same || row.revoked_at) continue;
            auto environment = work.environments().by_id(row.environment);
            if (!environment) return environment.error();
            if (*environment) found.emplace(row.id, **environment);
        }
        return found;
    };
    auto found = co_await database_.read<Found>(std::move(job));
    if (!found) {
        log_.error("an API key could not be looked up", {{"why", found.error().message}});
        co_return internal_error();
    }
    if (!*found) co_return wrong;
    const auto& [id, environment] = **found;
    if (!limiter_->allow(std::to_string(id), clock_.tick())) {
        co_return too_many_requests("Too many requests with this API key. Please slow down.");
    }
    co_return environment;
}

}  // namespace api
