#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace simulation {

//! Places at which a process can be killed, beside the named crash points.
enum class Moment { kWrite, kSync, kSendBefore, kSendAfter };

//! Is the process alive, and when is it to die? What a dead process still does reaches nobody: its
//! disk and its network are cut off at once, and the world takes it away after the step it is in.
class Life {
  public:
    //! Dies at the `nth` of these moments from now, counted from 1.
    void sentence(Moment moment, std::uint64_t nth) {
        moment_ = moment;
        left_ = nth;
    }
    //! Counts the moment; kills when it is the one.
    void pass(Moment moment) {
        if (left_ == 0 || moment != moment_ || --left_ > 0) return;
        kill("killed at a chosen moment");
    }
    void kill(std::string why) {
        if (is_dead_) return;
        is_dead_ = true;
        why_ = std::move(why);
        if (on_death_) on_death_();
    }
    bool is_dead() const { return is_dead_; }
    const std::string& why() const { return why_; }
    void on_death(std::function<void()> cut_off) { on_death_ = std::move(cut_off); }

  private:
    Moment moment_ = Moment::kWrite;
    std::uint64_t left_ = 0;
    bool is_dead_ = false;
    std::string why_;
    std::function<void()> on_death_;
};

}  // namespace simulation
