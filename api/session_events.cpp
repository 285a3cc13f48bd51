#include "api/session_events.hpp"

#include "api/errors.hpp"
#include "api/impl/event_stream.hpp"
#include "api/impl/session_access.hpp"
#include "api/sdk_request.hpp"

#include <utility>

namespace api {
namespace {

constexpr unsigned kRetryMs = 2'000;
constexpr const char* kRetryAfter_s = "5";

Response too_many(int status, const char* type, const char* message) {
    Response response = problem_response({status, type, "too_many_streams", message, {}});
    std::erase_if(response.headers, [](const auto& one) { return one.first == "retry-after"; });
    response.headers.emplace_back("retry-after", kRetryAfter_s);
    return response;
}

}  // namespace

//! One stream's place among those that are allowed, for as long as the stream can be told anything.
class SessionEvents::Place {
  public:
    Place(SessionEvents& events, std::string session, std::string client)
        : events_{events}, session_{std::move(session)}, client_{std::move(client)} {
        ++events_.streams_;
        ++events_.of_session_[session_];
        ++events_.of_client_[client_];
        gauge();
    }
    ~Place() {
        --events_.streams_;
        one_less(events_.of_session_, session_);
        one_less(events_.of_client_, client_);
        gauge();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

  private:
    static void one_less(Counts& counts, const std::string& key) {
        const auto own = counts.find(key);
        if (--own->second == 0) counts.erase(own);
    }
    void gauge() {
        events_.needs_.metrics.gauge("depositd_event_streams", {},
                                     static_cast<double>(events_.streams_));
    }

    SessionEvents& events_;
    std::string session_;
    std::string client_;
};

void SessionEvents::add_routes(Router& router) {
    router.add("GET", "/v1/sessions/{id}/events",
               [this](Request request) { return open(std::move(request)); });
}

core::Task<Response> SessionEvents::open(Request request) {
    const core::SessionId id{request.captures.at(0)};
    auto secret = parse_query_secret(request.query);
    if (!secret) co_return problem_response(secret.problem());
    // Before the look, so that no change after it is missed.
    const std::uint64_t seen = needs_.database.changes().revision();
    auto facts = co_await impl::read_with_secret(needs_.database, needs_.log, id,
                                                 std::move(*secret), request.request_id);
    if (!facts) co_return problem_response(facts.problem());
    if (streams_ >= options_.streams) {
        co_return too_many(503, "api_error",
                           "Too many pages are being kept up to date. Please read the session.");
    }
    const auto streams_of = [](const Counts& counts, const std::string& key) {
        const auto at = counts.find(key);
        return at == counts.end() ? std::size_t{0} : at->second;
    };
    const std::size_t per_client = options_.streams_per_client;
    if (per_client > 0 && streams_of(of_client_, request.client) >= per_client) {
        co_return too_many(429, "invalid_request_error",
                           "Too many payments are open at your address. Please close one of them.");
    }
    if (streams_of(of_session_, id.text()) >= options_.streams_per_session) {
        co_return too_many(429, "invalid_request_error",
                           "This payment is open in too many places. Please close one of them.");
    }
    auto place = std::make_shared<Place>(*this, id.text(), request.client);
    Response response;
    response.content_type = "text/event-stream";
    // A proxy passes each event on at once instead of collecting them.
    response.headers.emplace_back("x-accel-buffering", "no");
    response.stream = [this, id, seen, view = view_of(*facts), place](Sink& sink) {
        return tell(id, view, seen, place, sink);
    };
    co_return response;
}

core::Task<void> SessionEvents::tell(core::SessionId id, View view, std::uint64_t seen,
                                     std::shared_ptr<Place> /*keeps it*/, Sink& sink) {
    const core::Tick until = needs_.clock.tick() + options_.longest;
    core::Tick said = needs_.clock.tick();
    bool heard =
        co_await sink.write(impl::retry_text(kRetryMs) + impl::event_text("session", view.text));
    while (heard && !view.is_final && needs_.clock.tick() < until) {
        const core::Millis silent = needs_.clock.tick() - said;
        if (silent >= options_.heartbeat) {
            said = needs_.clock.tick();
            heard = co_await sink.write(impl::heartbeat_text());
            continue;
        }
        co_await needs_.database.changes().wait_for_session(seen, options_.heartbeat - silent, id);
        const std::uint64_t newest = needs_.database.changes().revision();
        if (newest == seen) continue;
        seen = newest;
        auto now = co_await look(id);
        if (!now) co_return;
        if (now->text != view.text) {
            view = std::move(*now);
            said = needs_.clock.tick();
            heard = co_await sink.write(impl::event_text("session", view.text));
        }
        if (!view.is_final) co_await needs_.clock.sleep_for(options_.pause);
    }
}

core::Task<std::optional<SessionEvents::View>> SessionEvents::look(core::SessionId id) {
    auto facts = co_await impl::read_session(needs_.database, needs_.log, std::move(id), "");
    if (!facts) co_return std::nullopt;
    co_return view_of(*facts);
}

SessionEvents::View SessionEvents::view_of(const SessionFacts& facts) const {
    return {session_json(facts, needs_.chains, Audience::kPublic).dump(),
            session::is_final(facts.row.session.state)};
}

}  // namespace api
