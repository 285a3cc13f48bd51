#pragma once

#include "api/errors.hpp"
#include "api/http.hpp"
#include "core/bytes.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/rng.hpp"
#include "core/task.hpp"
#include "db/database.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace api {

//! HMAC-SHA-256(pepper, key): all that is stored of a key.
core::Bytes hash_api_key(const core::Bytes& pepper, std::string_view key);

struct NewApiKey {
    std::string text;  //!< shown once: "dpk_<8 hex>_<64 hex>", 256 random bits
    db::ApiKey row;
};

//! A fresh key of an environment, ready for Environments::insert_key.
NewApiKey make_api_key(const core::EnvironmentId& environment, std::string label,
                       const core::Bytes& pepper, core::Rng& rng, core::Instant now);

//! Reads the store's pepper, making it on first use.
core::Task<core::Expected<core::Bytes>> load_key_pepper(db::Database& database, core::Rng& rng);

//! SHA-256, lower-case hex.
std::string sha256_hex(std::string_view text);

namespace impl {
class RateLimiter;
}

//! How many requests one API key may make, from wherever it is used.
struct KeyLimit {
    double per_second = 0;  //!< 0: no limit
    double burst = 0;
};

//! Tells whose key a request carries: `Authorization: Bearer KEY`.
class Authenticator {
  public:
    Authenticator(db::Database& database, core::Bytes pepper, core::Clock& clock, core::Log& log,
                  KeyLimit limit = {});
    ~Authenticator();
    Authenticator(const Authenticator&) = delete;
    Authenticator& operator=(const Authenticator&) = delete;

    //! 401 missing_api_key, or one and the same 401 invalid_api_key for every way a key is wrong:
    //! unknown, revoked, not of our form. Compares in constant time. 429 for a good key that asks
    //! too often: nobody without the whole key can use up its requests.
    core::Task<Checked<db::Environment>> caller(std::string authorization);

  private:
    db::Database& database_;
    core::Bytes pepper_;
    core::Clock& clock_;
    core::Log& log_;
    std::unique_ptr<impl::RateLimiter> limiter_;
};

}  // namespace api
