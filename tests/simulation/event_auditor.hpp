#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tests/simulation/auditor.hpp"
#include "tests/simulation/order.hpp"
#include "tests/simulation/receiver.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

//! Holds what merchants' servers are told against what is true and against what docs/WEBHOOKS.md
//! promises. It sees the calls that leave the daemon and what becomes of them, the chains, and what
//! the API says; never the outbox.
class EventAuditor {
  public:
    //! Without an honest majority of nodes nobody knows what there was to tell.
    EventAuditor(World& world, Auditor& auditor, const std::deque<Order>& orders,
                 bool has_honest_majority)
        : world_{world},
          auditor_{auditor},
          orders_{orders},
          has_honest_majority_{has_honest_majority} {}

    //! Whom to judge; they outlive this.
    void watch(const std::deque<Receiver>& receivers) { receivers_ = &receivers; }

    // ---- what happens to a call

    void tried(const Receiver& receiver, std::string_view body);
    void refused(const Receiver& receiver, std::string_view body);
    void taken(const Receiver& receiver, std::string_view body);
    //! The daemon knows what became of it.
    void answer_arrived(const Receiver& receiver, std::string_view body);

    void heard_line(std::string_view line);

    // ---- at the end

    //! Who was not told of what the API says, which must have been read just now.
    bool has_complaints() const { return !complaints().empty(); }
    //! Makes them violations.
    void judge();
    //! Events that receivers took, each once for each.
    std::uint64_t told() const { return told_; }

  private:
    struct Event {
        std::string id;
        std::string type;
        std::int64_t sequence = 0;
        const Order* order = nullptr;  //!< null: not to be understood
        core::Instant created_at;
        std::vector<std::string> deposits;  //!< what it is about
    };
    //! The events of one session for one receiver.
    struct Lane {
        std::vector<const Event*> tale;  //!< what was taken, in the order of first arrival
        core::Instant taken_at;
        const Event* trying = nullptr;
        core::Instant trying_since;
        //! The life that knows that the last one was taken; none: perhaps nobody does.
        std::optional<std::uint64_t> known_in_life;
        bool last_was_refused = false;
        bool had_trouble = false;
        std::int64_t highest() const { return tale.empty() ? 0 : tale.back()->sequence; }
    };
    struct Complaint {
        const Order* order;
        std::string what;
    };

    static std::string number_of(const Event& event);
    const Event* known(std::string_view body);
    void meet(Event& event, std::string_view body);
    void check_truth(const Event& event, const nlohmann::json& data) const;
    Lane& lane_of(const Receiver& receiver, const Event& event);
    const Lane* lane_of(const Receiver& receiver, const Order& order) const;
    void check_order(const Receiver& receiver, const Lane& lane, const Event& event) const;
    void check_again(const Receiver& receiver, const Lane& lane, const Event& event) const;
    void check_delay(const Receiver& receiver, const Lane& lane, const Event& event) const;

    std::vector<Complaint> complaints() const;
    std::string why_incomplete(const Receiver& receiver, const Order& order) const;
    std::string why_unlike_full(const Receiver& receiver, const Order& order,
                                const std::vector<const Event*>& tale) const;
    bool is_given_up(const Lane& lane) const;

    World& world_;
    Auditor& auditor_;
    const std::deque<Order>& orders_;
    bool has_honest_majority_;
    const std::deque<Receiver>* receivers_ = nullptr;
    std::map<std::uint64_t, Event> events_;  //!< by what their body hashes to
    std::map<std::string, const Event*, std::less<>> by_id_;
    std::map<std::pair<std::size_t, std::int64_t>, const Event*> by_place_;  //!< order, sequence
    std::map<std::pair<std::size_t, std::size_t>, Lane> lanes_;  //!< by receiver and order
    std::uint64_t told_ = 0;
};

}  // namespace simulation
