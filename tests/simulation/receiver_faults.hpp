#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "tests/simulation/random.hpp"
#include "tests/simulation/receiver.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

//! What goes wrong at the merchants' servers, for minutes or up to two days. One of them takes
//! nothing from the first fault to the end of all of them.
class ReceiverFaults {
  public:
    ReceiverFaults(World& world, std::deque<Receiver>& receivers)
        : world_{world}, receivers_{receivers}, rng_{world.seed().fork("receiver faults")} {}

    void open();
    //! All serve again, and go on to.
    void heal();
    //! How often each kind struck.
    const std::map<std::string, std::uint64_t>& tally() const { return tally_; }

  private:
    enum class Kind : unsigned {
        kUnknown,
        kRefused,
        kCut,
        kFails,
        // Those above take nothing.
        kSlow,
        kTooSlow,
        kLosesAnswers,
    };
    static constexpr std::uint64_t kHopeless = 4;
    static constexpr std::uint64_t kKinds = 7;

    void later(core::Millis wait, Receiver& receiver, void (ReceiverFaults::*deed)(Receiver&));
    void strike(Receiver& receiver);
    void strike_dead(Receiver& receiver);
    void recover(Receiver& receiver);
    void be_well(Receiver& receiver);
    void suffer(Receiver& receiver, Kind kind);
    core::Millis a_while();

    World& world_;
    std::deque<Receiver>& receivers_;
    Random rng_;
    std::uint64_t epoch_ = 0;  //!< what was put down before heal() does nothing after it
    std::map<std::string, std::uint64_t> tally_;
};

}  // namespace simulation
