#pragma once

#include "core/time.hpp"

#include <cstddef>
#include <string>
#include <unordered_map>

namespace api::impl {

//! A token bucket per caller. Memory is bounded: full buckets are forgotten, and when there are
//! still too many callers at once, all are.
class RateLimiter {
  public:
    RateLimiter(double per_second, double burst, std::size_t callers_max = 50'000);
    //! Takes a token; false when there is none.
    bool allow(const std::string& caller, core::Tick now);
    std::size_t size() const { return buckets_.size(); }

  private:
    struct Bucket {
        double tokens = 0;
        core::Tick at;
    };
    double filled(const Bucket& bucket, core::Tick now) const;
    void forget_full(core::Tick now);

    double per_second_;
    double burst_;
    std::size_t callers_max_;
    std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace api::impl
