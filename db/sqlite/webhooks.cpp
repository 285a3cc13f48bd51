#include <algorithm>
#include <limits>

#include "db/sqlite/factories.hpp"

namespace db::sqlite {
namespace {

#define WEBHOOK_COLUMNS "id, environment_id, url, events, description, secret, created_at, deleted_at"
#define DELIVERY_COLUMNS                                                                          \
    "d.id, d.webhook_id, d.event_id, e.type, e.session_id, d.sequence, d.state, d.attempts,"      \
    " d.next_at, d.last_status, d.last_error, d.created_at, d.updated_at"
#define DELIVERIES "webhook_deliveries d JOIN webhook_events e ON e.id = d.event_id"

constexpr char kInsert[] =
    "INSERT INTO webhooks (" WEBHOOK_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kById[] =
    "SELECT " WEBHOOK_COLUMNS " FROM webhooks WHERE id = ? AND deleted_at IS NULL";
constexpr char kList[] =
    "SELECT " WEBHOOK_COLUMNS " FROM webhooks WHERE environment_id = ? AND deleted_at IS NULL"
    " ORDER BY created_at, id";
constexpr char kRemove[] =
    "UPDATE webhooks SET deleted_at = ?, secret = '' WHERE id = ? AND deleted_at IS NULL";
constexpr char kAny[] = "SELECT 1 FROM webhooks WHERE environment_id = ? LIMIT 1";

constexpr char kNextSequence[] =
    "SELECT coalesce(max(sequence), 0) + 1 FROM webhook_events WHERE session_id = ?";
constexpr char kAppend[] =
    "INSERT INTO webhook_events (id, environment_id, session_id, sequence, type, body, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)";
constexpr char kEventsOf[] =
    "SELECT id, environment_id, session_id, sequence, type, created_at FROM webhook_events"
    " WHERE session_id = ? AND sequence >= ? ORDER BY sequence LIMIT ?";

constexpr char kDeliver[] =
    "INSERT INTO webhook_deliveries (id, webhook_id, event_id, lane, sequence, state, attempts,"
    " last_error, created_at, updated_at) VALUES (?, ?, ?, ?, ?, 1, 0, '', ?, ?)";
constexpr char kByEvent[] =
    "SELECT id FROM webhook_deliveries WHERE webhook_id = ? AND event_id = ?";
constexpr char kPlace[] =
    "SELECT webhook_id, lane, sequence, state FROM webhook_deliveries WHERE id = ?";
constexpr char kAgain[] =
    "UPDATE webhook_deliveries SET state = 1, next_at = NULL, attempts = 0,"
    " updated_at = max(?, updated_at + 1) WHERE id = ?";
constexpr char kUpdatedAt[] = "SELECT updated_at FROM webhook_deliveries WHERE id = ?";
constexpr char kStepBack[] =
    "UPDATE webhook_deliveries SET state = 1, next_at = NULL"
    " WHERE webhook_id = ? AND lane = ? AND state = 2 AND sequence > ?";
constexpr char kHead[] =
    "SELECT 1 FROM webhook_deliveries WHERE webhook_id = ? AND lane = ? AND state = 2";
constexpr char kFirstBehind[] =
    "SELECT id FROM webhook_deliveries WHERE webhook_id = ? AND lane = ? AND state = 1"
    " ORDER BY sequence LIMIT 1";
constexpr char kMakeDue[] = "UPDATE webhook_deliveries SET state = 2, next_at = ? WHERE id = ?";

constexpr char kWork[] =
    "SELECT id, first FROM (SELECT w.id AS id, (SELECT min(d.next_at) FROM webhook_deliveries d"
    " WHERE d.webhook_id = w.id AND d.state = 2) AS first FROM webhooks w"
    " WHERE w.deleted_at IS NULL) WHERE first IS NOT NULL ORDER BY id";
constexpr char kDue[] =
    "SELECT id FROM webhook_deliveries WHERE webhook_id = ? AND state = 2 AND next_at <= ?"
    " ORDER BY next_at, id LIMIT ?";
constexpr char kParcel[] =
    "SELECT " DELIVERY_COLUMNS ", e.body FROM " DELIVERIES " WHERE d.id = ? AND d.state = 2";
constexpr char kEnd[] =
    "UPDATE webhook_deliveries SET state = ?, next_at = ?, attempts = attempts + 1,"
    " last_status = ?, last_error = ?, updated_at = ? WHERE id = ?";
constexpr char kNumber[] =
    "SELECT coalesce(max(number), 0) + 1 FROM webhook_attempts WHERE delivery_id = ?";
constexpr char kAttempt[] =
    "INSERT INTO webhook_attempts (delivery_id, number, at, status, error, duration_ms)"
    " VALUES (?, ?, ?, ?, ?, ?)";
constexpr char kForget[] = "DELETE FROM webhook_attempts WHERE delivery_id = ? AND number <= ?";
constexpr std::int64_t kAttemptsKept = 20;

constexpr char kDeliveries[] =
    "SELECT " DELIVERY_COLUMNS " FROM " DELIVERIES " WHERE d.webhook_id = ?"
    " AND (d.created_at, d.id) < (?, ?) AND ((1 << d.state) & ?) <> 0"
    " ORDER BY d.created_at DESC, d.id DESC LIMIT ?";
constexpr char kDelivery[] = "SELECT " DELIVERY_COLUMNS " FROM " DELIVERIES " WHERE d.id = ?";
constexpr char kDeliveryTime[] =
    "SELECT created_at FROM webhook_deliveries WHERE id = ? AND webhook_id = ?";
constexpr char kAttempts[] =
    "SELECT number, at, status, error, duration_ms FROM webhook_attempts WHERE delivery_id = ?"
    " ORDER BY number";
constexpr char kBacklog[] =
    "SELECT coalesce(sum(count), 0), min(oldest) FROM (SELECT"
    " (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state <= 2) AS count,"
    " (SELECT min(created_at) FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state <= 2)"
    " AS oldest FROM webhooks w WHERE w.deleted_at IS NULL)";

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto space = std::min(text.find(' '), text.size());
        if (space > 0) out.emplace_back(text.substr(0, space));
        text.remove_prefix(std::min(space + 1, text.size()));
    }
    return out;
}

Webhook read_webhook(Query& query) {
    Webhook out;
    std::string events;
    query.read(out.id, out.environment, out.url, events, out.description, out.secret,
               out.created_at, out.deleted_at);
    out.events = split(events);
    return out;
}

WebhookDelivery read_delivery(Query& query) {
    WebhookDelivery out;
    query.read(out.id, out.webhook, out.event, out.event_type, out.session, out.sequence, out.state,
               out.attempts, out.next_at, out.last_status, out.last_error, out.created_at,
               out.updated_at);
    return out;
}

class SqliteWebhooks final : public Webhooks {
  public:
    explicit SqliteWebhooks(Connection& connection) : connection_{connection} {}

    Expected<Done> insert(const Webhook& webhook) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kInsert};
            query.bind(webhook.id, webhook.environment, webhook.url, joined(webhook.events),
                       webhook.description, webhook.secret, webhook.created_at, webhook.deleted_at);
            query.run();
            return Done{};
        });
    }

    Expected<std::optional<Webhook>> load(std::string_view id) override {
        return guarded(connection_, [&]() -> Expected<std::optional<Webhook>> {
            Query query{connection_, kById};
            if (!query.bind(id).step()) return std::optional<Webhook>{};
            return std::optional<Webhook>{read_webhook(query)};
        });
    }

    Expected<std::vector<Webhook>> list(const core::EnvironmentId& environment) override {
        return guarded(connection_, [&]() -> Expected<std::vector<Webhook>> {
            std::vector<Webhook> out;
            Query query{connection_, kList};
            query.bind(environment);
            while (query.step()) out.push_back(read_webhook(query));
            return out;
        });
    }

    Expected<Done> remove(std::string_view id, core::Instant at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kRemove};
            if (query.bind(at, id).run() == 0) return Error{Errc::kNotFound, "no such webhook"};
            return Done{};
        });
    }

    Expected<bool> any(const core::EnvironmentId& environment) override {
        return guarded(connection_, [&]() -> Expected<bool> {
            Query query{connection_, kAny};
            return query.bind(environment).step();
        });
    }

    Expected<std::int64_t> next_sequence(const core::SessionId& session) override {
        return guarded(connection_,
                       [&]() -> Expected<std::int64_t> { return number(kNextSequence, session.text()); });
    }

    Expected<Done> append(const WebhookEvent& event) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kAppend};
            query.bind(event.id, event.environment, event.session, event.sequence, event.type,
                       event.body, event.created_at);
            query.run();
            return Done{};
        });
    }

    Expected<std::vector<WebhookEvent>> events_of(const core::SessionId& session, std::int64_t from,
                                                  std::size_t limit) override {
        return guarded(connection_, [&]() -> Expected<std::vector<WebhookEvent>> {
            std::vector<WebhookEvent> out;
            Query query{connection_, kEventsOf};
            query.bind(session, from, limit);
            while (query.step()) {
                WebhookEvent& e = out.emplace_back();
                query.read(e.id, e.environment, e.session, e.sequence, e.type, e.created_at);
            }
            return out;
        });
    }

    Expected<Done> deliver(std::string_view webhook, const WebhookEvent& event,
                           std::string_view delivery_id, core::Instant now) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kWebhooks);
            std::string known;
            {
                Query query{connection_, kByEvent};
                if (query.bind(webhook, event.id).step()) query.read(known);
            }
            if (!known.empty()) return again(known, now);
            const std::string lane = event.session ? event.session->text() : event.id;
            Query{connection_, kDeliver}
                .bind(delivery_id, webhook, event.id, lane, event.sequence, now, now)
                .run();
            make_way({std::string{webhook}, lane, event.sequence}, now);
            return Done{};
        });
    }

    Expected<Done> redeliver(std::string_view delivery_id, core::Instant now) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kWebhooks);
            return again(delivery_id, now);
        });
    }

    Expected<std::vector<WebhookWork>> work() override {
        return guarded(connection_, [&]() -> Expected<std::vector<WebhookWork>> {
            std::vector<WebhookWork> out;
            Query query{connection_, kWork};
            while (query.step()) {
                WebhookWork& one = out.emplace_back();
                query.read(one.webhook, one.next_at);
            }
            return out;
        });
    }

    Expected<std::vector<std::string>> due(std::string_view webhook, core::Instant now,
                                           std::size_t limit) override {
        return guarded(connection_, [&]() -> Expected<std::vector<std::string>> {
            std::vector<std::string> out;
            Query query{connection_, kDue};
            query.bind(webhook, now, limit);
            while (query.step()) query.read(out.emplace_back());
            return out;
        });
    }

    Expected<std::optional<WebhookParcel>> parcel(std::string_view delivery_id) override {
        return guarded(connection_, [&]() -> Expected<std::optional<WebhookParcel>> {
            WebhookParcel out;
            {
                Query query{connection_, kParcel};
                if (!query.bind(delivery_id).step()) return std::optional<WebhookParcel>{};
                out.delivery = read_delivery(query);
                query.read(out.body);
            }
            Query query{connection_, kById};
            if (!query.bind(out.delivery.webhook).step()) return std::optional<WebhookParcel>{};
            out.webhook = read_webhook(query);
            return std::optional<WebhookParcel>{std::move(out)};
        });
    }

    Expected<Done> record(std::string_view delivery_id, const WebhookAttempt& attempt,
                          DeliveryState state, std::optional<core::Instant> next_at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kWebhooks);
            const auto place = place_of(delivery_id);
            if (!place) return Error{Errc::kNotFound, "no such delivery"};
            const bool was_open =
                place->state == DeliveryState::kBehind || place->state == DeliveryState::kDue;
            if (!was_open) return Done{};
            if (was_asked_for_again(delivery_id, attempt)) {
                write_attempt(delivery_id, attempt);
                return Done{};
            }
            // Asked for again while under way, an earlier one may have stepped ahead of it.
            const bool waits = state == DeliveryState::kDue && place->state == DeliveryState::kBehind;
            Query{connection_, kEnd}
                .bind(waits ? DeliveryState::kBehind : state,
                      waits ? std::optional<core::Instant>{} : next_at, attempt.status,
                      attempt.error, attempt.at, delivery_id)
                .run();
            write_attempt(delivery_id, attempt);
            let_next_go(*place, attempt.at);
            return Done{};
        });
    }

    Expected<std::vector<WebhookDelivery>> deliveries(std::string_view webhook,
                                                      const DeliveryFilter& filter) override {
        return guarded(connection_, [&]() -> Expected<std::vector<WebhookDelivery>> {
            core::Instant before{std::numeric_limits<std::int64_t>::max()};
            if (!filter.after.empty()) {
                Query query{connection_, kDeliveryTime};
                if (!query.bind(filter.after, webhook).step()) {
                    return Error{Errc::kNotFound, "no such delivery to page on from"};
                }
                query.read(before);
            }
            const std::int64_t states =
                filter.state ? std::int64_t{1} << static_cast<int>(*filter.state) : -1;
            std::vector<WebhookDelivery> out;
            Query query{connection_, kDeliveries};
            query.bind(webhook, before, filter.after, states, filter.limit);
            while (query.step()) out.push_back(read_delivery(query));
            return out;
        });
    }

    Expected<std::optional<WebhookDelivery>> delivery(std::string_view id) override {
        return guarded(connection_, [&]() -> Expected<std::optional<WebhookDelivery>> {
            Query query{connection_, kDelivery};
            if (!query.bind(id).step()) return std::optional<WebhookDelivery>{};
            return std::optional<WebhookDelivery>{read_delivery(query)};
        });
    }

    Expected<std::vector<WebhookAttempt>> attempts(std::string_view delivery_id) override {
        return guarded(connection_, [&]() -> Expected<std::vector<WebhookAttempt>> {
            std::vector<WebhookAttempt> out;
            Query query{connection_, kAttempts};
            query.bind(delivery_id);
            while (query.step()) {
                WebhookAttempt& a = out.emplace_back();
                query.read(a.number, a.at, a.status, a.error, a.duration_ms);
            }
            return out;
        });
    }

    Expected<WebhookBacklog> backlog() override {
        return guarded(connection_, [&]() -> Expected<WebhookBacklog> {
            WebhookBacklog out;
            Query query{connection_, kBacklog};
            if (query.step()) query.read(out.count, out.oldest);
            return out;
        });
    }

  private:
    struct Place {
        std::string webhook;
        std::string lane;
        std::int64_t sequence = 0;
        DeliveryState state = DeliveryState::kBehind;
    };

    std::int64_t number(const char* sql, std::string_view key) {
        std::int64_t out = 0;
        Query query{connection_, sql};
        if (query.bind(key).step()) query.read(out);
        return out;
    }

    std::optional<Place> place_of(std::string_view delivery_id) {
        Query query{connection_, kPlace};
        if (!query.bind(delivery_id).step()) return std::nullopt;
        Place out;
        query.read(out.webhook, out.lane, out.sequence, out.state);
        return out;
    }

    Expected<Done> again(std::string_view delivery_id, core::Instant now) {
        const auto place = place_of(delivery_id);
        if (!place) return Error{Errc::kNotFound, "no such delivery"};
        Query{connection_, kAgain}.bind(now, delivery_id).run();
        make_way(*place, now);
        return Done{};
    }

    //! What is due of its lane and comes later steps back behind it.
    bool was_asked_for_again(std::string_view delivery_id, const WebhookAttempt& attempt) {
        core::Instant updated_at;
        Query query{connection_, kUpdatedAt};
        if (query.bind(delivery_id).step()) query.read(updated_at);
        return attempt.sent_as_of && *attempt.sent_as_of != updated_at;
    }

    void make_way(const Place& place, core::Instant now) {
        Query{connection_, kStepBack}.bind(place.webhook, place.lane, place.sequence).run();
        let_next_go(place, now);
    }

    void let_next_go(const Place& place, core::Instant now) {
        {
            Query query{connection_, kHead};
            if (query.bind(place.webhook, place.lane).step()) return;
        }
        std::string first;
        {
            Query query{connection_, kFirstBehind};
            if (!query.bind(place.webhook, place.lane).step()) return;
            query.read(first);
        }
        Query{connection_, kMakeDue}.bind(now, first).run();
    }

    void write_attempt(std::string_view delivery_id, const WebhookAttempt& attempt) {
        const std::int64_t next = number(kNumber, delivery_id);
        Query{connection_, kAttempt}
            .bind(delivery_id, next, attempt.at, attempt.status, attempt.error, attempt.duration_ms)
            .run();
        Query{connection_, kForget}.bind(delivery_id, next - kAttemptsKept).run();
    }

    Connection& connection_;
};

}  // namespace

std::unique_ptr<Webhooks> make_webhooks(Connection& connection) {
    return std::make_unique<SqliteWebhooks>(connection);
}

}  // namespace db::sqlite
