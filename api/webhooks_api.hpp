#pragma once

#include "api/auth.hpp"
#include "api/http.hpp"
#include "api/ports.hpp"
#include "api/router.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/rng.hpp"
#include "db/database.hpp"
#include "net/target.hpp"

#include <string>
#include <string_view>

namespace api {

//! What the webhooks API is given. All outlive it.
struct WebhooksNeeds {
    db::Database& database;
    const Chains& chains;
    Authenticator& auth;
    core::Clock& clock;
    core::Rng& rng;
    core::Log& log;
};

//! Who is told, and what became of the telling. The API key's environment sees its own only.
//!   POST   /v1/webhooks                    {url, events?, description?}; shows the secret, once
//!   GET    /v1/webhooks
//!   GET    /v1/webhooks/{id}
//!   DELETE /v1/webhooks/{id}
//!   POST   /v1/webhooks/{id}/test          {eventType?}
//!   GET    /v1/webhooks/{id}/deliveries    limit, after, state; newest first
//!   POST   /v1/webhooks/{id}/deliveries/{deliveryId}/redeliver
//!   POST   /v1/webhooks/{id}/replay        {sessionId, fromSequence?}
class WebhooksApi {
  public:
    WebhooksApi(WebhooksNeeds needs, net::TargetRules rules) : needs_{needs}, rules_{rules} {}
    WebhooksApi(const WebhooksApi&) = delete;
    WebhooksApi& operator=(const WebhooksApi&) = delete;

    //! The routes hold a pointer to this.
    void add_routes(Router& router);

  private:
    core::Task<Response> create(Request request);
    core::Task<Response> list(Request request);
    core::Task<Response> retrieve(Request request);
    core::Task<Response> remove(Request request);
    core::Task<Response> test(Request request);
    core::Task<Response> deliveries(Request request);
    core::Task<Response> redeliver(Request request);
    core::Task<Response> replay(Request request);

    //! The webhook that the request's path names, when its key may see it.
    core::Task<Checked<db::Webhook>> owned(Request request);
    Response failed(const core::Error& error, std::string_view request_id) const;

    WebhooksNeeds needs_;
    net::TargetRules rules_;
};

}  // namespace api
