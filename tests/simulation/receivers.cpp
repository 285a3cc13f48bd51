#include "tests/simulation/receivers.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "tests/simulation/genuine.hpp"

namespace simulation {
namespace {

using nlohmann::json;

constexpr std::int64_t kMinute = 60'000;
constexpr core::Millis kFirst{100};
constexpr core::Millis kAgain{2'000};
constexpr core::Millis kLook{3 * 60 * kMinute};
//! A call may be on its way while the clock that dated it jumps.
constexpr core::Millis kOnItsWay{15'000};
constexpr int kTaken = 200;
constexpr int kNotBelieved = 401;

std::vector<std::string> everything() {
    std::vector<std::string> out{"*"};
    out.insert(out.end(), std::begin(kNamedEvents), std::end(kNamedEvents));
    return out;
}

std::string_view header_of(const net::HttpRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.headers) {
        if (key == name) return value;
    }
    return {};
}

}  // namespace

Receivers::Receivers(World& world, std::deque<Terms>& terms, Auditor& auditor, EventAuditor& judge)
    : world_{world}, auditor_{auditor}, judge_{judge}, rng_{world.seed().fork("receivers")} {
    for (Terms& one : terms) add(one.name + "-all", one, everything());
    add("wait-usual", terms.front(), {"*"});
    add("accept-leaves", terms[1], {"*", "session.expired"});
    receivers_.back().is_for_a_while = true;
    judge_.watch(receivers_);
}

void Receivers::add(const std::string& name, Terms& terms, std::vector<std::string> events) {
    Receiver& one = receivers_.emplace_back();
    one.number = receivers_.size() - 1;
    one.host = name + ".example";
    one.terms = &terms;
    one.events = std::move(events);
    world_.servers().add(
        one.host,
        {[this, &one](const net::HttpRequest& request) { judge_.tried(one, request.body); },
         [this, &one](const net::HttpRequest& request) { return arrived(one, request); },
         [this, &one](const net::HttpRequest& request) {
             judge_.answer_arrived(one, request.body);
         }});
}

void Receivers::open() {
    for (Receiver& one : receivers_) later(kFirst, one, &Receivers::enrol);
    look();
}

void Receivers::later(core::Millis wait, Receiver& receiver, void (Receivers::*deed)(Receiver&)) {
    world_.agenda().after(wait, [this, &receiver, deed] { (this->*deed)(receiver); });
}

// ---- registering --------------------------------------------------------------------------------

void Receivers::enrol(Receiver& receiver) {
    if (receiver.terms->key.empty()) return later(kFirst, receiver, &Receivers::enrol);
    ask(world_, {"GET", "/v1/webhooks", {}, receiver.terms->key},
        [this, &receiver](int status, const json& answer) {
            if (status != kTaken) return later(kAgain, receiver, &Receivers::enrol);
            clear_or_create(receiver, answer["webhooks"]);
        });
}

void Receivers::clear_or_create(Receiver& receiver, const json& webhooks) {
    for (const json& one : webhooks) {
        if (one["url"] != receiver.url()) continue;
        ask(world_,
            {"DELETE", "/v1/webhooks/" + one["id"].get<std::string>(), {}, receiver.terms->key},
            [this, &receiver](int, const json&) { later(kFirst, receiver, &Receivers::enrol); });
        return;
    }
    create(receiver);
}

void Receivers::create(Receiver& receiver) {
    const json body{{"url", receiver.url()}, {"events", receiver.events}, {"description", "shop"}};
    ask(world_, {"POST", "/v1/webhooks", body.dump(), receiver.terms->key},
        [this, &receiver](int status, const json& answer) {
            if (status / 100 != 2) return later(kAgain, receiver, &Receivers::enrol);
            enrolled(receiver, answer["webhook"]);
        });
}

void Receivers::enrolled(Receiver& receiver, const json& webhook) {
    receiver.webhook = webhook["id"];
    receiver.secret = webhook["secret"];
    if (receiver.is_for_a_while) {
        later(rng_.millis(20 * kMinute, 14 * 60 * kMinute), receiver, &Receivers::leave);
    }
    receiver.terms->is_listening =
        std::all_of(receivers_.begin(), receivers_.end(), [&receiver](const Receiver& one) {
            return one.terms != receiver.terms || !one.secret.empty();
        });
}

void Receivers::leave(Receiver& receiver) {
    receiver.is_leaving = true;
    ask(world_, {"DELETE", "/v1/webhooks/" + receiver.webhook, {}, receiver.terms->key},
        [this, &receiver](int status, const json&) {
            // Not found: an earlier call did it, whose answer never came.
            constexpr int kNotFound = 404;
            if (status != kTaken && status != kNotFound)
                return later(kAgain, receiver, &Receivers::leave);
            receiver.deleted_at = world_.now();
        });
}

void Receivers::look() {
    world_.agenda().after(kLook, [this] {
        for (const Receiver& one : receivers_) {
            ask(world_, {"GET", "/v1/webhooks", {}, one.terms->key},
                [this, &one](int status, const json& answer) {
                    if (status == kTaken) check_list(one, answer["webhooks"]);
                });
        }
        look();
    });
}

void Receivers::check_list(const Receiver& receiver, const json& webhooks) {
    if (receiver.secret.empty()) return;
    const auto mine = std::find_if(webhooks.begin(), webhooks.end(), [&receiver](const json& one) {
        return one["id"] == receiver.webhook;
    });
    if (mine == webhooks.end()) {
        if (!receiver.is_leaving) auditor_.violated("I8", nullptr, "forgot " + receiver.host);
        return;
    }
    if (receiver.deleted_at && world_.now() - *receiver.deleted_at > kOnItsWay) {
        auditor_.violated("I8", nullptr, "still knows " + receiver.host);
    }
    if ((*mine)["url"] != receiver.url() || (*mine)["events"] != json(receiver.events)) {
        auditor_.violated("I8", nullptr, "changed what " + receiver.host + " asked for");
    }
    if (webhooks.dump().find(receiver.secret) != std::string::npos) {
        auditor_.violated("I16", nullptr, "shows the secret of " + receiver.host);
    }
}

// ---- being told ---------------------------------------------------------------------------------

bool Receivers::is_believed(const Receiver& receiver, const net::HttpRequest& request) {
    const std::string why = why_not_genuine(header_of(request, "Daimo-Signature"), request.body,
                                            receiver.secret, world_.now());
    if (why.empty()) return true;
    const bool clock_is_wrong = world_.clock_offset() != core::Millis{0} ||
                                world_.now() - world_.clock_jumped_at() < kOnItsWay;
    if (why != kNotOfNow || !clock_is_wrong) {
        auditor_.violated("I8", nullptr, receiver.host + " got a call that is " + why);
    }
    return false;
}

int Receivers::arrived(Receiver& receiver, const net::HttpRequest& request) {
    // The answer that has the secret is still awaited: whoever it is for comes again.
    if (receiver.secret.empty()) return kNotBelieved;
    if (receiver.deleted_at && world_.now() - *receiver.deleted_at > kOnItsWay) {
        auditor_.violated("I8", nullptr, receiver.host + " is called after it was deleted");
    }
    if (request.method != "POST" || request.url != receiver.url() ||
        header_of(request, "Content-Type") != "application/json") {
        auditor_.violated("I8", nullptr, receiver.host + " is called in another way than promised");
    }
    if (!is_believed(receiver, request)) {
        judge_.refused(receiver, request.body);
        return kNotBelieved;
    }
    if (receiver.refuses_with != 0) {
        judge_.refused(receiver, request.body);
        return receiver.refuses_with;
    }
    judge_.taken(receiver, request.body);
    return kTaken;
}

}  // namespace simulation
