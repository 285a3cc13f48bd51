#include "tests/simulation/event_auditor.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include <nlohmann/json.hpp>

namespace simulation {
namespace {

using nlohmann::json;

//! Before this no delivery may be given up: the pauses add up to 59.7 hours, of a clock that now and then
//! runs ahead.
constexpr core::Millis kPatience{54 * 3'600'000};
//! From an event to the first try, when nothing is in the way. Generous: a lost wake-up costs 30 s.
constexpr core::Millis kPrompt{60'000};
//! Events of a clock that was ahead are due when it gets there.
constexpr core::Millis kSteady{25 * 60'000};
constexpr core::Millis kSecond{1'000};

std::string name_of(const json& deposit) {
    return deposit.at("txHash").get<std::string>() + deposit.at("tokenAddress").get<std::string>();
}

bool is_about_session(std::string_view type) { return type.starts_with("session."); }

}  // namespace

// ---- what an event says -------------------------------------------------------------------------

const EventAuditor::Event* EventAuditor::known(std::string_view body) {
    const auto [at, is_new] = events_.try_emplace(std::hash<std::string_view>{}(body));
    if (is_new) {
        try {
            meet(at->second, body);
        } catch (const json::exception& failure) {
            auditor_.violated("I8", nullptr,
                              std::string{"an event is not as promised: "} + failure.what());
        }
    }
    return at->second.order == nullptr ? nullptr : &at->second;
}

void EventAuditor::meet(Event& event, std::string_view body) {
    const json told = json::parse(body);
    const json& session = told.at("data").at("session");
    const std::string number = session.at("metadata").at("order");
    const std::size_t index = std::stoul(number);
    CHECK(index < orders_.size(), "what merchants write into their sessions comes back");
    const Order& order = orders_[index];
    event.id = told.at("id");
    event.type = told.at("type");
    event.sequence = told.at("sequence");
    event.created_at = core::Instant::from_unix_seconds(told.at("createdAt").get<std::int64_t>());
    event.order = &order;
    if (!by_id_.emplace(event.id, &event).second) {
        auditor_.violated("I8", &order, "event " + event.id + " is told in two ways");
    }
    if (!by_place_.emplace(std::pair{order.number, event.sequence}, &event).second) {
        auditor_.violated("I8", &order,
                          "two events have the number " + std::to_string(event.sequence));
    }
    if (!order.session.empty() && session.at("sessionId") != order.session) {
        auditor_.violated("I8", &order, "an event is about another session");
    }
    if (session.contains("clientSecret") ||
        (!order.secret.empty() && body.find(order.secret) != std::string_view::npos)) {
        auditor_.violated("I16", &order, "an event has the client's secret");
    }
    for (const json& deposit : told["data"].value("deposits", json::array())) {
        if (deposit.contains("txHash")) event.deposits.push_back(name_of(deposit));
    }
    check_truth(event, told["data"]);
}

//! What was true when it was written down, and still is: ends and final blocks stay.
void EventAuditor::check_truth(const Event& event, const json& data) const {
    const Order& order = *event.order;
    const json& session = data.at("session");
    auditor_.overheard(order, session);
    const std::string status = session.at("status");
    if (is_about_session(event.type) && event.type != "session." + status) {
        auditor_.violated("I7", &order, event.type + " says that it is " + status);
    }
    if (event.type == "session.expired" && !order.session.empty() &&
        world_.now() < order.expires_at) {
        auditor_.violated("I7", &order, "is told to have expired before its time");
    }
    const bool has_deposits = data.contains("deposits") && !data["deposits"].empty();
    if (has_deposits != event.type.starts_with("deposit.")) {
        auditor_.violated("I8", &order,
                          event.type + " with " + (has_deposits ? "" : "no ") + "deposits");
    }
    if (event.type != "deposit.confirmed") return;
    for (const json& deposit : data["deposits"]) auditor_.overheard_confirmed(order, deposit);
}

void EventAuditor::heard_line(std::string_view line) {
    // "dpk_" and eight digits are a key's name; what follows the next "_" is the key.
    constexpr std::string_view kKey = "dpk_";
    constexpr std::size_t kName = 8;
    const auto key = line.find(kKey);
    const auto past = key == std::string_view::npos ? key : key + kKey.size() + kName;
    const bool has_key = past < line.size() && line[past] == '_';
    const bool has_client_secret = std::any_of(orders_.begin(), orders_.end(), [&](const Order& order) {
        return !order.secret.empty() && line.find(order.secret) != std::string_view::npos;
    });
    if (!has_key && !has_client_secret && line.find("whsec_") == std::string_view::npos) return;
    auditor_.violated("I16", nullptr, "the log has a secret: " + std::string{line});
}

// ---- what becomes of a call ---------------------------------------------------------------------

std::string EventAuditor::number_of(const Event& event) {
    return "number " + std::to_string(event.sequence);
}

EventAuditor::Lane& EventAuditor::lane_of(const Receiver& receiver, const Event& event) {
    return lanes_[{receiver.number, event.order->number}];
}

void EventAuditor::tried(const Receiver& receiver, std::string_view body) {
    const Event* event = known(body);
    if (event == nullptr) return;
    const Order& order = *event->order;
    if (receiver.terms != order.terms || !receiver.wants(event->type)) {
        auditor_.violated("I8", &order,
                          event->type + " is told to " + receiver.host + ", who did not ask");
    }
    Lane& lane = lane_of(receiver, *event);
    if (event->sequence <= lane.highest()) return check_again(receiver, lane, *event);
    if (lane.trying == event) {
        lane.had_trouble = true;
        return;
    }
    check_order(receiver, lane, *event);
    check_delay(receiver, lane, *event);
    lane.trying = event;
    lane.trying_since = world_.now();
    if (receiver.is_in_trouble) lane.had_trouble = true;
}

void EventAuditor::check_order(const Receiver& receiver, const Lane& lane,
                               const Event& event) const {
    const bool is_ahead = lane.trying != nullptr && lane.trying->sequence > lane.highest();
    const bool has_gap = receiver.wants_all() && event.sequence != lane.highest() + 1;
    if ((!is_ahead && !has_gap) || is_given_up(lane)) return;
    auditor_.violated("I8", event.order,
                      number_of(event) + " is told to " + receiver.host + ", who has taken " +
                          std::to_string(lane.highest()));
}

//! The next one is sent only when it is on disk that this one was taken. So only the last may come
//! again, and only when the life that learned that it was taken is over.
void EventAuditor::check_again(const Receiver& receiver, const Lane& lane,
                               const Event& event) const {
    if (lane.tale.back() == &event && lane.known_in_life != world_.lives()) return;
    auditor_.violated("I8", event.order,
                      number_of(event) + " is told again to " + receiver.host + ", who has taken " +
                          std::to_string(lane.highest()));
}

//! Nobody waits for somebody else.
void EventAuditor::check_delay(const Receiver& receiver, const Lane& lane,
                               const Event& event) const {
    const auto serving = world_.serving_since();
    const bool is_steady = world_.clock_offset() == core::Millis{0} &&
                           world_.now() - world_.clock_jumped_at() > kSteady;
    if (lane.had_trouble || receiver.is_in_trouble || !serving || !is_steady) return;
    if (event.created_at < receiver.unknown_until + kSteady) return;
    const core::Instant since =
        std::max({event.created_at + kSecond, *serving, receiver.in_trouble_until, lane.taken_at});
    if (world_.now() - since <= kPrompt) return;
    const std::int64_t seconds = (world_.now() - since).count() / kSecond.count();
    auditor_.violated("I8", event.order,
                      number_of(event) + " waited " + std::to_string(seconds) + " s until " +
                          receiver.host + " was called");
}

void EventAuditor::refused(const Receiver& receiver, std::string_view body) {
    const Event* event = known(body);
    if (event == nullptr) return;
    Lane& lane = lane_of(receiver, *event);
    lane.had_trouble = true;
    lane.last_was_refused = true;
}

void EventAuditor::taken(const Receiver& receiver, std::string_view body) {
    const Event* event = known(body);
    if (event == nullptr) return;
    Lane& lane = lane_of(receiver, *event);
    lane.last_was_refused = false;
    lane.taken_at = world_.now();
    if (event->sequence <= lane.highest()) return;
    lane.tale.push_back(event);
    lane.known_in_life.reset();
    ++told_;
}

void EventAuditor::answer_arrived(const Receiver& receiver, std::string_view body) {
    const Event* event = known(body);
    if (event == nullptr) return;
    Lane& lane = lane_of(receiver, *event);
    if (lane.last_was_refused || lane.tale.empty() || lane.tale.back() != event) return;
    lane.known_in_life = world_.lives();
}

// ---- at the end ---------------------------------------------------------------------------------

bool EventAuditor::is_given_up(const Lane& lane) const {
    return lane.trying != nullptr && lane.trying->sequence > lane.highest() &&
           world_.now() - lane.trying_since > kPatience;
}

const EventAuditor::Lane* EventAuditor::lane_of(const Receiver& receiver,
                                                const Order& order) const {
    const auto found = lanes_.find({receiver.number, order.number});
    return found == lanes_.end() ? nullptr : &found->second;
}

std::vector<EventAuditor::Complaint> EventAuditor::complaints() const {
    std::vector<Complaint> out;
    if (!has_honest_majority_) return out;
    for (const Receiver& receiver : *receivers_) {
        if (receiver.is_leaving) continue;
        for (const Order& order : orders_) {
            if (order.terms != receiver.terms || order.session.empty()) continue;
            if (!auditor_.is_held_to("I8", &order)) continue;
            const std::string why = why_incomplete(receiver, order);
            if (!why.empty()) out.push_back({&order, receiver.host + " " + why});
        }
    }
    return out;
}

void EventAuditor::judge() {
    for (const Complaint& one : complaints()) auditor_.violated("I8", one.order, one.what);
}

//! What the receiver should have been told of the order, and was not.
std::string EventAuditor::why_incomplete(const Receiver& receiver, const Order& order) const {
    const Lane* lane = lane_of(receiver, order);
    if (lane != nullptr && is_given_up(*lane)) return {};
    const std::vector<const Event*> tale =
        lane == nullptr ? std::vector<const Event*>{} : lane->tale;
    std::string status;
    std::map<std::string, std::string> deposits;
    for (const Event* event : tale) {
        for (const std::string& deposit : event->deposits) deposits[deposit] = event->type;
        if (!is_about_session(event->type)) continue;
        if (status == event->type && receiver.wants_all()) return "was told twice of " + status;
        if (status == "session.succeeded" || status == "session.bounced" ||
            status == "session.expired") {
            return "was told of " + event->type + " after " + status;
        }
        status = event->type;
    }
    if (!receiver.wants_all()) return why_unlike_full(receiver, order, tale);
    const std::string is =
        order.status == "requires_payment_method" ? "" : "session." + order.status;
    if (status != is) return "knows of \"" + status + "\", and it is \"" + is + "\"";
    const json view = json::parse(order.last_view);
    for (const json& deposit : view.at("deposits")) {
        if (!deposit.contains("txHash")) continue;
        const auto found = deposits.find(name_of(deposit));
        const std::string told = found == deposits.end() ? "" : found->second;
        const std::string stands = deposit["status"];
        const bool is_told = told == "deposit." + stands ||
                             (stands == "orphaned" && told.empty()) ||
                             (stands == "detected" && told == "deposit.late");
        if (is_told) continue;
        return "knows of \"" + told + "\" of " + deposit["txHash"].get<std::string>() +
               ", which is " + stands;
    }
    return {};
}

//! The same as who asked for everything, but for what was not asked for.
std::string EventAuditor::why_unlike_full(const Receiver& receiver, const Order& order,
                                          const std::vector<const Event*>& tale) const {
    for (const Receiver& other : *receivers_) {
        if (other.terms != receiver.terms || !other.wants_all()) continue;
        const Lane* full = lane_of(other, order);
        if (full == nullptr || is_given_up(*full)) return {};
        std::vector<const Event*> expected;
        for (const Event* event : full->tale) {
            if (receiver.wants(event->type)) expected.push_back(event);
        }
        if (tale == expected) return {};
        return "knows " + std::to_string(tale.size()) + " of " + std::to_string(expected.size()) +
               " events that " + other.host + " knows, or others";
    }
    return {};
}

}  // namespace simulation
