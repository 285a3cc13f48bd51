#include "net/impl/endpoint.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace net::impl {

namespace {

constexpr core::Millis kRetryAfterMax{3'600'000};
constexpr std::size_t kSecretBytesMin = 6;
constexpr core::Millis kDoubtFirst{10'000};
constexpr core::Millis kDoubtMax{600'000};
constexpr core::Millis kOutdoneWindow{60'000};
constexpr core::Millis kComplainEvery{60'000};
constexpr int kOutdoneMax = 10;

//! User info, path segments, query: whatever may be a key. Not the host.
std::vector<std::string> secrets_of(const EndpointConfig& config) {
    std::vector<std::string> out;
    const auto keep = [&out](std::string_view text) {
        if (text.size() >= kSecretBytesMin) out.emplace_back(text);
    };
    std::string_view rest{config.url};
    if (const auto at = rest.find("://"); at != std::string_view::npos) rest.remove_prefix(at + 3);
    const auto authority = rest.substr(0, rest.find_first_of("/?#"));
    rest.remove_prefix(authority.size());
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
        const auto user = authority.substr(0, at);
        keep(user);
        keep(user.substr(0, user.find(':')));
        if (const auto colon = user.find(':'); colon != std::string_view::npos) {
            keep(user.substr(colon + 1));
        }
    }
    while (!rest.empty()) {
        const auto end = rest.find_first_of("/?&=#");
        keep(rest.substr(0, end));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    for (const auto& header : config.headers) {
        keep(header.second);
        const auto space = header.second.find(' ');  // "Bearer …"
        if (space != std::string::npos) keep(std::string_view{header.second}.substr(space + 1));
    }
    std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.size() > b.size(); });
    return out;
}

}  // namespace

Endpoint::Endpoint(EndpointConfig config, PoolOptions options)
    : config_{std::move(config)},
      options_{options},
      secrets_{secrets_of(config_)},
      burst_{std::max(1.0, config_.rate_per_second)},
      tokens_{burst_} {}

const std::string& Endpoint::operator_name() const {
    return config_.operator_name.empty() ? config_.name : config_.operator_name;
}

core::Millis Endpoint::closed_for(core::Tick now) const {
    return std::max({core::Millis::zero(), open_until_ - now, asked_until_ - now});
}

core::Millis Endpoint::asked_wait(core::Tick now) const {
    return std::max(core::Millis::zero(), asked_until_ - now);
}

void Endpoint::refill(core::Tick now) {
    const auto elapsed = refilled_ ? now - *refilled_ : core::Millis::zero();
    refilled_ = now;
    tokens_ = std::min(
        burst_, tokens_ + static_cast<double>(elapsed.count()) * config_.rate_per_second / 1000.0);
}

core::Millis Endpoint::pace_wait(std::size_t calls, core::Tick now) {
    if (config_.rate_per_second <= 0) return core::Millis::zero();
    refill(now);
    // A batch above the burst goes when the bucket is full, and leaves a debt.
    const double missing = std::min(static_cast<double>(calls), burst_) - tokens_;
    if (missing <= 0) return core::Millis::zero();
    return core::Millis{
        static_cast<std::int64_t>(std::ceil(missing * 1000.0 / config_.rate_per_second))};
}

void Endpoint::take(std::size_t calls, core::Tick now) {
    if (config_.rate_per_second <= 0) return;
    refill(now);
    tokens_ -= static_cast<double>(calls);
}

std::int64_t Endpoint::score(std::size_t calls, core::Tick now) {
    constexpr std::int64_t kLatencyStep = 50;
    constexpr std::int64_t kFailureCost = 200;
    // In steps, so that equals keep the order of the configuration.
    const auto latency = latency_ms_ / kLatencyStep * kLatencyStep;
    const std::int64_t doubt = doubted(now) ? kDoubtMax.count() : 0;
    return std::max(closed_for(now), pace_wait(calls, now)).count() + latency +
           kFailureCost * failures_ + doubt;
}

bool Endpoint::is_often_outdone(core::Tick now) {
    if (outdone_ == 0 || now - outdone_since_ > kOutdoneWindow) {
        outdone_since_ = now;
        outdone_ = 0;
    }
    if (++outdone_ < kOutdoneMax) return false;
    outdone_ = 0;
    return true;
}

std::optional<int> Endpoint::complaint(core::Tick now) {
    ++complaints_;
    if (complained_ && now - *complained_ < kComplainEvery) return std::nullopt;
    complained_ = now;
    return std::exchange(complaints_, 0);
}

bool Endpoint::is_new_reason(std::string_view reason, core::Tick now) {
    if (!doubted(now)) reasons_.clear();
    return reasons_.emplace(reason).second;
}

void Endpoint::doubt(core::Tick now) {
    if (doubted(now)) return;
    if (now - doubted_until_ > kDoubtMax) doubts_ = 0;
    const auto pause = kDoubtFirst * (std::int64_t{1} << std::min(doubts_, 6));
    ++doubts_;
    doubted_until_ = now + std::min(pause, kDoubtMax);
}

void Endpoint::begin_probe(core::Tick now, core::Millis timeout) {
    if (circuit_open()) open_until_ = std::max(open_until_, now + timeout);
}

void Endpoint::succeeded(core::Millis latency) {
    failures_ = 0;
    open_until_ = {};
    latency_ms_ = latency.count();
}

core::Millis Endpoint::back_off(core::Rng& rng) const {
    const int doublings = std::clamp(failures_ - options_.failures_to_open, 0, 20);
    const auto full =
        std::min(options_.back_off_max, options_.back_off_first * (std::int64_t{1} << doublings));
    const auto half = full.count() / 2;
    const auto span = static_cast<std::uint64_t>(full.count() - half + 1);
    return core::Millis{half + static_cast<std::int64_t>(rng.next_u64() % span)};
}

void Endpoint::failed(const core::Error& error, std::optional<core::Millis> retry_after,
                      core::Tick now, core::Rng& rng) {
    ++failures_;
    last_error_ = std::string{core::to_string(error.code)} + ": " + scrub(error.message);
    if (error.code == core::Errc::kUnauthorized) {  // only an operator can heal it
        failures_ = std::max(failures_, options_.failures_to_open);
        open_until_ = now + options_.back_off_max;
        return;
    }
    // Waiting for one that hangs costs more than many refusals.
    if (error.code == core::Errc::kTimeout) {
        failures_ = std::max(failures_, options_.failures_to_open);
    }
    if (error.code == core::Errc::kRateLimited || retry_after) {
        const auto wait = retry_after ? std::min(*retry_after, kRetryAfterMax) : back_off(rng);
        asked_until_ = std::max(asked_until_, now + wait);
    }
    if (circuit_open()) open_until_ = now + back_off(rng);
}

EndpointStatus Endpoint::status(core::Tick now) const {
    EndpointStatus out;
    out.name = config_.name;
    out.operator_name = operator_name();
    out.healthy = healthy();
    out.quarantined = quarantined;
    out.consecutive_failures = failures_;
    out.latency_ms = latency_ms_;
    out.last_error = last_error_;
    out.doubted = doubted(now);
    return out;
}

std::string Endpoint::scrub(std::string text) const {
    for (const auto& secret : secrets_) {
        for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
            text.replace(at, secret.size(), "***");
        }
    }
    return text;
}

}  // namespace net::impl
