#pragma once

#include "api/http.hpp"
#include "api/ports.hpp"
#include "api/router.hpp"
#include "api/session_view.hpp"
#include "core/clock.hpp"
#include "core/ids.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "db/database.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace api {

struct EventsOptions {
    std::size_t streams_per_session = 8;
    std::size_t streams_per_client = 32;  //!< of one address; 0: no limit
    std::size_t streams = 1'000;
    core::Millis heartbeat{15'000};
    //! Between two looks at one session, however often it changes.
    core::Millis pause{500};
    //! Then the client has to come again: one that is gone without a word does not keep its place.
    core::Millis longest{900'000};
};

//! What the events of sessions are given. All outlive it.
struct EventsNeeds {
    db::Database& database;
    const Chains& chains;
    core::Clock& clock;
    core::Log& log;
    core::Metrics& metrics;
};

//! The public view of one session as it changes, as server-sent events.
//!   GET /v1/sessions/{id}/events?clientSecret=…
//!
//! Each stream: the view at once → wait for a commit about this session → the view again when it is
//! another one, else now and then a heartbeat → … → the view of a final session, and the end.
class SessionEvents {
  public:
    SessionEvents(EventsNeeds needs, EventsOptions options) : needs_{needs}, options_{options} {}
    SessionEvents(const SessionEvents&) = delete;
    SessionEvents& operator=(const SessionEvents&) = delete;

    //! The routes, and the streams that they begin, hold a pointer to this.
    void add_routes(Router& router);

    std::size_t streams() const { return streams_; }

  private:
    class Place;
    struct View {
        std::string text;
        bool is_final = false;
    };

    core::Task<Response> open(Request request);
    core::Task<void> tell(core::SessionId id, View view, std::uint64_t seen,
                          std::shared_ptr<Place> place, Sink& sink);
    core::Task<std::optional<View>> look(core::SessionId id);
    View view_of(const SessionFacts& facts) const;

    EventsNeeds needs_;
    EventsOptions options_;
    std::size_t streams_ = 0;
    using Counts = std::map<std::string, std::size_t>;  //!< streams, where there are any
    Counts of_session_;
    Counts of_client_;
};

}  // namespace api
