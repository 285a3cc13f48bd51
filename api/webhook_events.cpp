#include "api/webhook_events.hpp"

#include "api/impl/session_jobs.hpp"

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace api {
namespace {

using core::Done;
using core::Expected;
using nlohmann::json;

constexpr std::size_t kOfTheWire = 3;

std::string name_based_uuid(const std::string& name) {
    boost::uuids::name_generator_sha1 make{boost::uuids::ns::oid()};
    return boost::uuids::to_string(make(name));
}

}  // namespace

const std::vector<std::string_view>& webhook_event_types() {
    static const std::vector<std::string_view> kTypes{
        "session.processing", "session.succeeded", "session.bounced",
        "session.waiting_payment", "session.expired", "deposit.detected",
        "deposit.confirmed", "deposit.orphaned", "deposit.late",
        "payout.held"};
    return kTypes;
}

bool is_webhook_event_type(std::string_view type) {
    const auto& types = webhook_event_types();
    return std::find(types.begin(), types.end(), type) != types.end();
}

bool wants(const db::Webhook& webhook, std::string_view type) {
    const auto& types = webhook_event_types();
    const auto own = std::find(types.begin(), types.end(), type);
    const bool of_the_wire = own - types.begin() < static_cast<std::ptrdiff_t>(kOfTheWire);
    return std::any_of(webhook.events.begin(), webhook.events.end(), [&](const std::string& asked) {
        return asked == type || (asked == "*" && of_the_wire);
    });
}

std::string event_body(const EventText& event, const SessionFacts& facts,
                       const std::vector<core::DepositId>& deposits, const Chains& chains) {
    json data{{"session", session_json(facts, chains, Audience::kWebhook)}};
    if (!deposits.empty()) data["deposits"] = deposits_json(facts, deposits, chains);
    json body{{"id", event.id},
              {"type", event.type},
              {"createdAt", event.at.unix_seconds()},
              {"data", std::move(data)}};
    if (event.sequence > 0) body["sequence"] = event.sequence;
    if (event.is_test) body["isTestEvent"] = true;
    // Reasons may quote a node: what is not UTF-8 is shown as such instead of throwing.
    return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string delivery_id(std::string_view webhook, std::string_view event) {
    return name_based_uuid("delivery " + std::string{webhook} + " " + std::string{event});
}

Expected<Done> WebhookOutbox::write(db::UnitOfWork& work, const core::SessionId& session,
                                    const std::vector<Happening>& happenings,
                                    core::Instant at) const {
    auto row = work.sessions().load(session);
    if (!row) return row.error();
    if (!*row) return core::Error{core::Errc::kNotFound, "no session " + session.text()};
    const core::EnvironmentId environment = (*row)->environment;
    auto any = work.webhooks().any(environment);
    if (!any) return any.error();
    if (!*any) return Done{};
    auto facts = impl::facts_of(work, std::move(**row), impl::Deposits::kAll);
    if (!facts) return facts.error();
    auto webhooks = work.webhooks().list(environment);
    if (!webhooks) return webhooks.error();
    auto next = work.webhooks().next_sequence(session);
    if (!next) return next.error();
    std::int64_t sequence = *next;
    for (const Happening& happening : happenings) {
        db::WebhookEvent event;
        event.id = name_based_uuid("event " + session.text() + " " + std::to_string(sequence));
        event.environment = environment;
        event.session = session;
        event.sequence = sequence;
        event.type = happening.type;
        event.created_at = at;
        event.body = event_body({event.id, event.type, sequence, at, false}, *facts,
                                happening.deposits, chains_);
        if (auto done = work.webhooks().append(event); !done) return done.error();
        for (const db::Webhook& webhook : *webhooks) {
            if (!wants(webhook, event.type)) continue;
            auto done = work.webhooks().deliver(webhook.id, event,
                                                delivery_id(webhook.id, event.id), at);
            if (!done) return done.error();
        }
        ++sequence;
    }
    return Done{};
}

}  // namespace api
