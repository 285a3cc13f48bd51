#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/check.hpp"
#include "core/rng.hpp"
#include "core/time.hpp"

namespace simulation {

//! SplitMix64: small, and the same numbers with every compiler. One stream per purpose (see fork), so
//! that a new question in one place does not change the answers in another.
class Random final : public core::Rng {
  public:
    explicit Random(std::uint64_t seed) : state_{seed} {}

    //! A stream of its own, the same for the same name.
    Random fork(std::string_view name) const {
        std::uint64_t seed = state_;
        for (const char c : name) {
            seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
        }
        Random out{seed};
        (void)out.next();
        return out;
    }

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31U);
    }
    //! 0 … limit−1.
    std::uint64_t below(std::uint64_t limit) {
        CHECK(limit > 0);
        return next() % limit;
    }
    //! Both ends included.
    std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        return low + below(high - low + 1);
    }
    core::Millis millis(std::int64_t low, std::int64_t high) {
        return core::Millis{low + static_cast<std::int64_t>(
                                      below(static_cast<std::uint64_t>(high - low + 1)))};
    }
    bool chance(unsigned per_mille) { return below(1000) < per_mille; }

    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(next() >> 24U);
    }

  private:
    std::uint64_t state_;
};

}  // namespace simulation
