#pragma once

#include "api/ports.hpp"
#include "api/session_view.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "db/database.hpp"

#include <string>
#include <string_view>
#include <vector>

// What webhooks are told, and in which words.
namespace api {

//! Every type there is: first the three that "*" means, then those that have to be asked for by name.
const std::vector<std::string_view>& webhook_event_types();
bool is_webhook_event_type(std::string_view type);
//! Did the webhook ask for it?
bool wants(const db::Webhook& webhook, std::string_view type);

//! The bytes that are sent for an event, without the signature.
struct EventText {
    std::string id;
    std::string type;
    std::int64_t sequence = 0;  //!< 0: not of a session's life
    core::Instant at;
    bool is_test = false;
};
std::string event_body(const EventText& event, const SessionFacts& facts,
                       const std::vector<core::DepositId>& deposits, const Chains& chains);

//! The id of a delivery follows from what it delivers: making it twice makes it once.
std::string delivery_id(std::string_view webhook, std::string_view event);

//! Something that happened to a session, and the deposits it is about.
struct Happening {
    std::string type;
    std::vector<core::DepositId> deposits;
};

//! Writes events and their deliveries in the unit of work that makes them true. Safe on any thread.
class WebhookOutbox {
  public:
    //! The chains outlive it and must be safe on the database's threads.
    explicit WebhookOutbox(const Chains& chains) : chains_{chains} {}

    //! All of one step, in order; they share one snapshot of the session. Nothing while its
    //! environment never had a webhook.
    core::Expected<core::Done> write(db::UnitOfWork& work, const core::SessionId& session,
                                     const std::vector<Happening>& happenings,
                                     core::Instant at) const;

  private:
    const Chains& chains_;
};

}  // namespace api
