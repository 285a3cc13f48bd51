#include "api/webhooks_api.hpp"

#include "api/impl/webhook_view.hpp"
#include "api/webhook_events.hpp"
#include "api/webhook_request.hpp"

#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <utility>

namespace api {
namespace {

using core::Done;
using core::Expected;
using impl::Secret;
using nlohmann::json;

constexpr std::size_t kWebhooksMax = 16;
constexpr std::size_t kReplayMax = 1000;

Problem no_webhook() { return not_found("webhook_not_found", "There is no such webhook."); }
Problem no_delivery() { return not_found("delivery_not_found", "There is no such delivery."); }

Response webhook_response(int status, const json& body) {
    Response response;
    response.status = status;
    response.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
    return response;
}

//! RFC 4122, version 4.
std::string random_uuid(core::Rng& rng) {
    boost::uuids::uuid id{};
    rng.fill(std::span<std::uint8_t>{id.data, sizeof id.data});
    id.data[6] = static_cast<std::uint8_t>((id.data[6] & 0x0fU) | 0x40U);
    id.data[8] = static_cast<std::uint8_t>((id.data[8] & 0x3fU) | 0x80U);
    return boost::uuids::to_string(id);
}

//! A delivery with its log.
struct Told {
    db::WebhookDelivery delivery;
    std::vector<db::WebhookAttempt> attempts;
};

Expected<std::vector<Told>> load_deliveries(db::UnitOfWork& work, const std::string& webhook,
                                            const db::DeliveryFilter& filter) {
    auto rows = work.webhooks().deliveries(webhook, filter);
    if (!rows) return rows.error();
    std::vector<Told> out;
    for (db::WebhookDelivery& row : *rows) {
        auto attempts = work.webhooks().attempts(row.id);
        if (!attempts) return attempts.error();
        out.push_back({std::move(row), std::move(*attempts)});
    }
    return out;
}

//! None when the webhook has no such delivery.
Expected<std::optional<Told>> redeliver_one(db::UnitOfWork& work, const std::string& webhook,
                                            const std::string& id, core::Instant now) {
    auto known = work.webhooks().delivery(id);
    if (!known) return known.error();
    if (!*known || (*known)->webhook != webhook) return std::optional<Told>{};
    if (auto done = work.webhooks().redeliver(id, now); !done) return done.error();
    auto after = work.webhooks().delivery(id);
    if (!after) return after.error();
    auto attempts = work.webhooks().attempts(id);
    if (!attempts) return attempts.error();
    return std::optional<Told>{Told{std::move(**after), std::move(*attempts)}};
}

//! How many are delivered again; none when the environment has no such session.
Expected<std::optional<std::int64_t>> replay_session(db::UnitOfWork& work,
                                                     const db::Webhook& webhook,
                                                     const ReplayWebhook& order,
                                                     core::Instant now) {
    auto session = work.sessions().load(order.session);
    if (!session) return session.error();
    if (!*session || (*session)->environment != webhook.environment) {
        return std::optional<std::int64_t>{};
    }
    auto events = work.webhooks().events_of(order.session, order.from_sequence, kReplayMax);
    if (!events) return events.error();
    std::int64_t count = 0;
    for (const db::WebhookEvent& event : *events) {
        if (!wants(webhook, event.type)) continue;
        const std::string id = delivery_id(webhook.id, event.id);
        auto done = work.webhooks().deliver(webhook.id, event, id, now);
        if (!done) return done.error();
        ++count;
    }
    return std::optional<std::int64_t>{count};
}

}  // namespace

void WebhooksApi::add_routes(Router& router) {
    using Method = core::Task<Response> (WebhooksApi::*)(Request);
    const auto add = [this, &router](const char* verb, const char* pattern, Method method) {
        router.add(verb, pattern,
                   [this, method](Request r) { return (this->*method)(std::move(r)); });
    };
    add("POST", "/v1/webhooks", &WebhooksApi::create);
    add("GET", "/v1/webhooks", &WebhooksApi::list);
    add("GET", "/v1/webhooks/{id}", &WebhooksApi::retrieve);
    add("DELETE", "/v1/webhooks/{id}", &WebhooksApi::remove);
    add("POST", "/v1/webhooks/{id}/test", &WebhooksApi::test);
    add("GET", "/v1/webhooks/{id}/deliveries", &WebhooksApi::deliveries);
    add("POST", "/v1/webhooks/{id}/deliveries/{delivery}/redeliver", &WebhooksApi::redeliver);
    add("POST", "/v1/webhooks/{id}/replay", &WebhooksApi::replay);
}

core::Task<Response> WebhooksApi::create(Request request) {
    auto caller = co_await needs_.auth.caller(std::string{request.header("authorization")});
    if (!caller) co_return problem_response(caller.problem());
    auto order = parse_create_webhook(request.body, rules_);
    if (!order) co_return problem_response(order.problem());
    db::Webhook webhook;
    webhook.id = random_uuid(needs_.rng);
    webhook.environment = caller->id;
    webhook.url = order->url;
    webhook.events = order->events;
    webhook.description = order->description;
    webhook.secret = "whsec_" + needs_.rng.hex(32);
    webhook.created_at = needs_.clock.now();
    auto job = [webhook](db::UnitOfWork& work) -> Expected<bool> {
        auto known = work.webhooks().list(webhook.environment);
        if (!known) return known.error();
        if (known->size() >= kWebhooksMax) return false;
        if (auto done = work.webhooks().insert(webhook); !done) return done.error();
        return true;
    };
    auto made = co_await needs_.database.write<bool>(std::move(job));
    if (!made) co_return failed(made.error(), request.request_id);
    if (!*made) {
        co_return problem_response(impossible(
            "too_many_webhooks", "There are 16 webhooks already. Please delete one first."));
    }
    needs_.log.info("webhook created", {{"webhook", webhook.id},
                                        {"environment", webhook.environment.text()},
                                        {"request", request.request_id}});
    co_return webhook_response(201, {{"webhook", impl::webhook_json(webhook, Secret::kClear)}});
}

core::Task<Response> WebhooksApi::list(Request request) {
    auto caller = co_await needs_.auth.caller(std::string{request.header("authorization")});
    if (!caller) co_return problem_response(caller.problem());
    using Rows = std::vector<db::Webhook>;
    auto job = [id = caller->id](db::UnitOfWork& work) { return work.webhooks().list(id); };
    auto rows = co_await needs_.database.read<Rows>(std::move(job));
    if (!rows) co_return failed(rows.error(), request.request_id);
    json webhooks = json::array();
    for (const db::Webhook& row : *rows) {
        webhooks.push_back(impl::webhook_json(row, Secret::kMasked));
    }
    co_return webhook_response(200, {{"webhooks", std::move(webhooks)}});
}

core::Task<Response> WebhooksApi::retrieve(Request request) {
    auto webhook = co_await owned(std::move(request));
    if (!webhook) co_return problem_response(webhook.problem());
    co_return webhook_response(200, {{"webhook", impl::webhook_json(*webhook, Secret::kMasked)}});
}

core::Task<Response> WebhooksApi::remove(Request request) {
    const std::string request_id = request.request_id;
    auto webhook = co_await owned(std::move(request));
    if (!webhook) co_return problem_response(webhook.problem());
    const core::Instant now = needs_.clock.now();
    auto job = [id = webhook->id, now](db::UnitOfWork& work) {
        return work.webhooks().remove(id, now);
    };
    auto removed = co_await needs_.database.write<Done>(std::move(job));
    // Somebody else was quicker: it is deleted all the same.
    if (!removed && removed.error().code != core::Errc::kNotFound) {
        co_return failed(removed.error(), request_id);
    }
    needs_.log.info("webhook deleted", {{"webhook", webhook->id}, {"request", request_id}});
    co_return webhook_response(200, {{"id", webhook->id}, {"deleted", true}});
}

core::Task<Response> WebhooksApi::test(Request request) {
    const std::string request_id = request.request_id;
    const std::string body = request.body;
    auto webhook = co_await owned(std::move(request));
    if (!webhook) co_return problem_response(webhook.problem());
    auto type = parse_test_webhook(body);
    if (!type) co_return problem_response(type.problem());
    db::WebhookEvent event;
    event.id = random_uuid(needs_.rng);
    event.environment = webhook->environment;
    event.type = *type;
    event.created_at = needs_.clock.now();
    event.body = event_body({event.id, event.type, 0, event.created_at, true},
                            impl::sample_session(event.type, needs_.chains, event.created_at), {},
                            needs_.chains);
    const std::string delivery = delivery_id(webhook->id, event.id);
    auto job = [event, delivery, to = webhook->id](db::UnitOfWork& work) -> Expected<Done> {
        if (auto done = work.webhooks().append(event); !done) return done.error();
        return work.webhooks().deliver(to, event, delivery, event.created_at);
    };
    auto done = co_await needs_.database.write<Done>(std::move(job));
    if (!done) co_return failed(done.error(), request_id);
    json answer{{"event", json::parse(event.body)}, {"deliveryId", delivery}};
    co_return webhook_response(200, answer);
}

core::Task<Response> WebhooksApi::deliveries(Request request) {
    const std::string request_id = request.request_id;
    const auto query = request.query;
    auto webhook = co_await owned(std::move(request));
    if (!webhook) co_return problem_response(webhook.problem());
    auto wanted = parse_list_deliveries(query);
    if (!wanted) co_return problem_response(wanted.problem());
    db::DeliveryFilter filter = *wanted;
    ++filter.limit;
    using Page = std::vector<Told>;
    auto job = [id = webhook->id, filter](db::UnitOfWork& work) {
        return load_deliveries(work, id, filter);
    };
    auto page = co_await needs_.database.read<Page>(std::move(job));
    if (!page && page.error().code == core::Errc::kNotFound) {
        co_return problem_response(
            invalid_parameter("after", "after must be the id of a delivery of this webhook."));
    }
    if (!page) co_return failed(page.error(), request_id);
    const bool more = page->size() > wanted->limit;
    if (more) page->pop_back();
    json rows = json::array();
    for (const Told& told : *page) {
        rows.push_back(impl::delivery_json(told.delivery, told.attempts));
    }
    json answer{{"deliveries", std::move(rows)}, {"hasMore", more}, {"nextAfter", nullptr}};
    if (more) answer["nextAfter"] = page->back().delivery.id;
    co_return webhook_response(200, answer);
}

core::Task<Response> WebhooksApi::redeliver(Request request) {
    const std::string request_id = request.request_id;
    const std::string id = request.captures.at(1);
    auto webhook = co_await owned(std::move(request));
    if (!webhook) co_return problem_response(webhook.problem());
    using Found = std::optional<Told>;
    auto job = [to = webhook->id, id, now = needs_.clock.now()](db::UnitOfWork& work) {
        return redeliver_one(work, to, id, now);
    };
    auto told = co_await needs_.database.write<Found>(std::move(job));
    if (!told) co_return failed(told.error(), request_id);
    if (!*told) co_return problem_response(no_delivery());
    co_return webhook_response(
        200, {{"delivery", impl::delivery_json((*told)->delivery, (*told)->attempts)}});
}

core::Task<Response> WebhooksApi::replay(Request request) {
    const std::string request_id = request.request_id;
    const std::string body = request.body;
    auto webhook = co_await owned(std::move(request));
    if (!webhook) co_return problem_response(webhook.problem());
    auto order = parse_replay_webhook(body);
    if (!order) co_return problem_response(order.problem());
    using Count = std::optional<std::int64_t>;
    auto job = [to = *webhook, wanted = *order, now = needs_.clock.now()](db::UnitOfWork& work) {
        return replay_session(work, to, wanted, now);
    };
    auto count = co_await needs_.database.write<Count>(std::move(job));
    if (!count) co_return failed(count.error(), request_id);
    if (!*count) {
        co_return problem_response(
            not_found("session_not_found", "There is no such session."));
    }
    co_return webhook_response(200, {{"replayed", **count}});
}

core::Task<Checked<db::Webhook>> WebhooksApi::owned(Request request) {
    auto caller = co_await needs_.auth.caller(std::string{request.header("authorization")});
    if (!caller) co_return caller.problem();
    using Found = std::optional<db::Webhook>;
    auto job = [id = request.captures.at(0)](db::UnitOfWork& work) {
        return work.webhooks().load(id);
    };
    auto found = co_await needs_.database.read<Found>(std::move(job));
    if (!found) {
        needs_.log.error("a request failed in the store", {{"request", request.request_id},
                                                           {"why", found.error().message}});
        co_return internal_error();
    }
    // Whether a webhook of somebody else exists is nobody's business.
    if (!*found || (*found)->environment != caller->id) co_return no_webhook();
    co_return std::move(**found);
}

Response WebhooksApi::failed(const core::Error& error, std::string_view request_id) const {
    needs_.log.error(
        "a request failed in the store",
        {{"request", request_id}, {"code", core::to_string(error.code)}, {"why", error.message}});
    return problem_response(internal_error());
}

}  // namespace api
