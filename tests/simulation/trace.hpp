#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "core/time.hpp"

namespace simulation {

//! Everything that happens, folded into one number: two runs that differ anywhere differ in it. With a
//! listener, also told to people.
class Trace {
  public:
    using Listener = std::function<void(core::Instant at, std::string_view who, std::string_view what)>;

    void listen(Listener listener) { listener_ = std::move(listener); }
    bool is_heard() const { return listener_ != nullptr; }
    const Listener& listener() const { return listener_; }
    void set_time(core::Instant now) { now_ = now; }
    core::Instant time() const { return now_; }

    //! Something worth telling.
    void tell(std::string_view who, std::string_view what) {
        fold(who, what);
        if (listener_) listener_(now_, who, what);
    }
    //! Something that only has to be the same again.
    void fold(std::string_view who, std::string_view what) {
        mix(static_cast<std::uint64_t>(now_.unix_ms));
        fold_bytes(who);
        fold_bytes(what);
        ++events_;
    }
    std::uint64_t hash() const { return hash_; }
    std::uint64_t events() const { return events_; }

  private:
    void fold_bytes(std::string_view bytes) {
        std::size_t at = 0;
        if (bytes.size() >= 4 * kWord) {
            // Four at a time do not wait for each other.
            std::array<std::uint64_t, 4> lanes{hash_, ~hash_, hash_ + 1, hash_ + 2};
            for (; at + 4 * kWord <= bytes.size(); at += 4 * kWord) {
                for (std::size_t i = 0; i < 4; ++i) mix(lanes[i], word_at(bytes, at + i * kWord));
            }
            for (const std::uint64_t lane : lanes) mix(lane);
        }
        for (; at + kWord <= bytes.size(); at += kWord) mix(word_at(bytes, at));
        std::uint64_t rest = bytes.size();
        for (; at < bytes.size(); ++at) {
            rest = (rest << 8U) | static_cast<unsigned char>(bytes[at]);
        }
        mix(rest);
    }
    static constexpr std::size_t kWord = 8;
    static std::uint64_t word_at(std::string_view bytes, std::size_t at) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, kWord);
        return word;
    }
    void mix(std::uint64_t word) { mix(hash_, word); }
    static void mix(std::uint64_t& hash, std::uint64_t word) {
        hash ^= word;
        hash *= 0x9fb21c651e98df25ULL;
        hash ^= hash >> 32U;
    }

    Listener listener_;
    core::Instant now_;
    std::uint64_t hash_ = 0x243f6a8885a308d3ULL;
    std::uint64_t events_ = 0;
};

}  // namespace simulation
