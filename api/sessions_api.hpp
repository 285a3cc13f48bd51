#pragma once

#include "api/auth.hpp"
#include "api/http.hpp"
#include "api/ports.hpp"
#include "api/router.hpp"
#include "api/session_request.hpp"
#include "api/session_view.hpp"
#include "api/webhook_events.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/rng.hpp"
#include "db/database.hpp"

namespace api {

struct SessionsOptions {
    core::Millis time_to_pay{3'600'000};
};

//! What the sessions API is given. All outlive it.
struct SessionsNeeds {
    db::Database& database;
    const Chains& chains;
    const OwnAddresses& own;
    ReceiverDeriver derive;
    Nudge& nudge;
    Authenticator& auth;
    core::Clock& clock;
    core::Rng& rng;
    core::Log& log;
    const WebhookOutbox* outbox = nullptr;  //!< null: nobody is told
};

//! The sessions API, version 1: parse → check → one job of the store → view.
//!   POST /v1/sessions                       API key
//!   GET  /v1/sessions                       API key; ours, not theirs
//!   GET  /v1/sessions/{id}                  API key: full view; none: public view
//!   POST /v1/sessions/{id}/paymentMethods   client secret
//!   PUT  /v1/sessions/{id}/check            client secret
class SessionsApi {
  public:
    SessionsApi(SessionsNeeds needs, SessionsOptions options)
        : needs_{std::move(needs)}, options_{options} {}
    SessionsApi(const SessionsApi&) = delete;
    SessionsApi& operator=(const SessionsApi&) = delete;

    //! The routes hold a pointer to this.
    void add_routes(Router& router);

  private:
    core::Task<Response> create(Request request);
    core::Task<Response> list(Request request);
    core::Task<Response> retrieve(Request request);
    core::Task<Response> set_method(Request request);
    core::Task<Response> check(Request request);

    core::Task<Checked<SessionFacts>> load(core::SessionId id, std::string request_id);
    //! With the session's story, for its owner.
    core::Task<Checked<SessionFacts>> load_in_full(core::SessionId id, std::string request_id);
    core::Task<Checked<SessionFacts>> load_with_secret(Request request, std::string secret);
    db::SessionRow new_row(const CreateSession& order, const db::Environment& environment);
    Response session_response(int status, const SessionFacts& facts, Audience audience) const;
    Problem storage_failed(const core::Error& error, std::string_view request_id) const;

    SessionsNeeds needs_;
    SessionsOptions options_;
};

}  // namespace api
