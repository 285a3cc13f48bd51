#include "watchers/rhythm.hpp"

#include <algorithm>

namespace watchers {
namespace {

constexpr std::size_t kArrivalsMin = 4;
constexpr std::size_t kArrivalsMax = 8;
//! Faster chains have a block for nearly every look anyway.
constexpr std::int64_t kIntervalsPerBlockMin = 3;
//! Around the due moment looks are this much denser, which narrows the window down.
constexpr std::int64_t kDenser = 4;

std::int64_t middle(core::Tick a, core::Tick b) { return a.ms + (b - a).count() / 2; }

}  // namespace

void Rhythm::looked(std::uint64_t height, core::Tick at) {
    const bool next_block = head_ && last_look_ && height == *head_ + 1;
    if (next_block) {
        arrivals_.push_back({height, *last_look_, at});
        if (arrivals_.size() > kArrivalsMax) arrivals_.pop_front();
    } else if (head_ != height) {
        arrivals_.clear();
    }
    head_ = height;
    last_look_ = at;
}

std::optional<Rhythm::Window> Rhythm::next() const {
    if (arrivals_.size() < kArrivalsMin) return std::nullopt;
    const Arrival& first = arrivals_.front();
    const Arrival& last = arrivals_.back();
    const auto blocks = static_cast<std::int64_t>(last.height - first.height);
    const std::int64_t period =
        (middle(last.after, last.before) - middle(first.after, first.before)) / blocks;
    if (period < kIntervalsPerBlockMin * interval_.count()) return std::nullopt;

    // Each arrival, carried forward, bounds the next one from both sides.
    const core::Millis slack = interval_ / kDenser;
    core::Tick from = last.after + core::Millis{period};
    core::Tick to = last.before + core::Millis{period};
    for (const Arrival& arrival : arrivals_) {
        const core::Millis ahead{period * static_cast<std::int64_t>(last.height + 1 - arrival.height)};
        from = std::max(from, arrival.after + ahead);
        to = std::min(to, arrival.before + ahead);
    }
    if (from - to > interval_) return std::nullopt;
    if (to < from) std::swap(from, to);
    return Window{from + (-slack), to + slack};
}

core::Millis Rhythm::pause(core::Tick now) const {
    const auto due = next();
    const core::Millis dense = std::max(interval_ / kDenser, core::Millis{1});
    if (!due || now + interval_ <= due->from) return interval_;
    if (now < due->from) return std::max(due->from - now, core::Millis{1});
    // A late block is waited for with dense looks for one interval more.
    return now < due->to + interval_ ? dense : interval_;
}

}  // namespace watchers
