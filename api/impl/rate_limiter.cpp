#include "api/impl/rate_limiter.hpp"

#include <algorithm>

namespace api::impl {

RateLimiter::RateLimiter(double per_second, double burst, std::size_t callers_max)
    : per_second_{per_second},
      burst_{std::max({burst, per_second, 1.0})},
      callers_max_{callers_max} {}

bool RateLimiter::allow(const std::string& caller, core::Tick now) {
    if (per_second_ <= 0) return true;
    if (buckets_.size() >= callers_max_ && !buckets_.contains(caller)) forget_full(now);
    auto [at, fresh] = buckets_.try_emplace(caller, Bucket{burst_, now});
    Bucket& bucket = at->second;
    if (!fresh) bucket = Bucket{filled(bucket, now), now};
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
}

double RateLimiter::filled(const Bucket& bucket, core::Tick now) const {
    const double seconds = static_cast<double>((now - bucket.at).count()) / 1000.0;
    return std::min(burst_, bucket.tokens + seconds * per_second_);
}

void RateLimiter::forget_full(core::Tick now) {
    std::erase_if(buckets_, [&](const auto& entry) { return filled(entry.second, now) >= burst_; });
    if (buckets_.size() >= callers_max_) buckets_.clear();
}

}  // namespace api::impl
