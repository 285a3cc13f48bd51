#pragma once

#include <deque>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "tests/simulation/ask.hpp"
#include "tests/simulation/auditor.hpp"
#include "tests/simulation/event_auditor.hpp"
#include "tests/simulation/receiver.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

//! The servers that merchants have for webhooks. They register by the API before the first session
//! is opened, believe only what is signed, take each event and keep it.
class Receivers {
  public:
    Receivers(World& world, std::deque<Terms>& terms, Auditor& auditor, EventAuditor& judge);

    void open();
    std::deque<Receiver>& all() { return receivers_; }

  private:
    void add(const std::string& name, Terms& terms, std::vector<std::string> events);
    //! Nobody knows whether an unanswered registration was made: what is there and has no known
    //! secret is deleted, and made anew.
    void enrol(Receiver& receiver);
    void clear_or_create(Receiver& receiver, const nlohmann::json& webhooks);
    void create(Receiver& receiver);
    void enrolled(Receiver& receiver, const nlohmann::json& webhook);
    void leave(Receiver& receiver);
    //! Is what was registered still there?
    void look();
    void check_list(const Receiver& receiver, const nlohmann::json& webhooks);
    int arrived(Receiver& receiver, const net::HttpRequest& request);
    bool is_believed(const Receiver& receiver, const net::HttpRequest& request);
    void later(core::Millis wait, Receiver& receiver, void (Receivers::*deed)(Receiver&));

    World& world_;
    Auditor& auditor_;
    EventAuditor& judge_;
    Random rng_;
    std::deque<Receiver> receivers_;
};

}  // namespace simulation
