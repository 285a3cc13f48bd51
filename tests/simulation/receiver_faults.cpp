#include "tests/simulation/receiver_faults.hpp"

#include <iterator>

namespace simulation {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr const char* kNames[] = {"a receiver's name is unknown", "a receiver is gone",
                                  "a receiver is silent",         "a receiver fails",
                                  "a receiver is slow",           "a receiver is too slow",
                                  "a receiver's answers are lost"};
constexpr int kAnswers[] = {500, 503, 404, 301, 429};

}  // namespace

void ReceiverFaults::open() {
    constexpr core::Millis kFirst{5 * kMinute};
    std::size_t dead = rng_.below(receivers_.size());
    while (receivers_[dead].is_for_a_while) dead = rng_.below(receivers_.size());
    for (Receiver& one : receivers_) {
        if (one.number == dead) {
            later(kFirst, one, &ReceiverFaults::strike_dead);
        } else {
            later(rng_.millis(10 * kMinute, 5 * kHour), one, &ReceiverFaults::strike);
        }
    }
}

void ReceiverFaults::heal() {
    ++epoch_;
    for (Receiver& one : receivers_) be_well(one);
}

void ReceiverFaults::later(core::Millis wait, Receiver& receiver,
                           void (ReceiverFaults::*deed)(Receiver&)) {
    world_.agenda().after(wait, [this, &receiver, deed, epoch = epoch_] {
        if (epoch == epoch_) (this->*deed)(receiver);
    });
}

//! Mostly minutes, at times hours, seldom days.
core::Millis ReceiverFaults::a_while() {
    if (rng_.chance(60)) return rng_.millis(2 * kHour, 48 * kHour);
    if (rng_.chance(250)) return rng_.millis(30 * kMinute, 2 * kHour);
    return rng_.millis(kMinute, 30 * kMinute);
}

void ReceiverFaults::strike(Receiver& receiver) {
    suffer(receiver, static_cast<Kind>(rng_.below(kKinds)));
    later(a_while(), receiver, &ReceiverFaults::recover);
}

void ReceiverFaults::strike_dead(Receiver& receiver) {
    suffer(receiver, static_cast<Kind>(rng_.below(kHopeless)));
    later(rng_.millis(kHour, 9 * kHour), receiver, &ReceiverFaults::strike_dead);
}

void ReceiverFaults::recover(Receiver& receiver) {
    be_well(receiver);
    later(rng_.millis(20 * kMinute, 4 * kHour), receiver, &ReceiverFaults::strike);
}

void ReceiverFaults::be_well(Receiver& receiver) {
    if (receiver.is_in_trouble) receiver.in_trouble_until = world_.now();
    receiver.is_in_trouble = false;
    receiver.refuses_with = 0;
    Way& way = world_.servers().way(receiver.host);
    if (way.is_unknown) receiver.unknown_until = world_.now();
    way = {};
}

void ReceiverFaults::suffer(Receiver& receiver, Kind kind) {
    be_well(receiver);
    receiver.is_in_trouble = true;
    const char* name = kNames[static_cast<unsigned>(kind)];
    ++tally_[name];
    world_.trace().tell("fault", std::string{name} + ": " + receiver.host);
    Way& way = world_.servers().way(receiver.host);
    switch (kind) {
        case Kind::kUnknown: way.is_unknown = true; return;
        case Kind::kRefused: way.is_refused = true; return;
        case Kind::kCut: way.is_cut = true; return;
        case Kind::kFails:
            receiver.refuses_with = kAnswers[rng_.below(std::size(kAnswers))];
            return;
        case Kind::kSlow: way.takes = rng_.millis(500, 9'000); return;
        case Kind::kTooSlow: way.takes = rng_.millis(10'000, 60'000); return;
        case Kind::kLosesAnswers: way.loses_answers = true; return;
    }
}

}  // namespace simulation
