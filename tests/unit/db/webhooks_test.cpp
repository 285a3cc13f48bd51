#include <catch2/catch.hpp>

#include "tests/unit/db/bench.hpp"

using core::Done;
using core::Errc;
using core::Expected;
using core::Instant;
using core::Millis;
using db::DeliveryState;
using db::UnitOfWork;
using namespace support;

namespace {

constexpr Instant kLater = kNow + Millis{60'000};

db::Webhook webhook_row(const std::string& id = "w1", Instant at = kNow) {
    db::Webhook out;
    out.id = id;
    out.environment = kEnvironment;
    out.url = "https://example.com/" + id;
    out.events = {"*", "session.expired"};
    out.secret = "secret of " + id;
    out.created_at = at;
    return out;
}

db::WebhookEvent event_row(std::int64_t sequence, char session = 'a') {
    db::WebhookEvent out;
    out.session = session_row(session).session.id;
    out.id = std::string{"event "} + session + std::to_string(sequence);
    out.environment = kEnvironment;
    out.sequence = sequence;
    out.type = "session.processing";
    out.body = "{\"n\":" + std::to_string(sequence) + "}";
    out.created_at = kNow;
    return out;
}

std::string id_of(const std::string& webhook, const db::WebhookEvent& event) {
    return webhook + "/" + event.id;
}

void tell(UnitOfWork& work, const db::WebhookEvent& event, const std::string& webhook = "w1") {
    if (work.webhooks().events_of(*event.session, event.sequence, 1).value().empty()) {
        REQUIRE(work.webhooks().append(event).has_value());
    }
    REQUIRE(work.webhooks().deliver(webhook, event, id_of(webhook, event), kNow).has_value());
}

//! Two sessions, one webhook, three events of the first and one of the second.
void open(UnitOfWork& work) {
    REQUIRE(work.sessions().insert(session_row('a'), "", "").has_value());
    REQUIRE(work.sessions().insert(session_row('b'), "", "").has_value());
    REQUIRE(work.webhooks().insert(webhook_row()).has_value());
    for (const std::int64_t n : {1, 2, 3}) tell(work, event_row(n));
    tell(work, event_row(1, 'b'));
}

std::vector<std::string> due(UnitOfWork& work, Instant now = kNow, const std::string& webhook = "w1") {
    return work.webhooks().due(webhook, now, 10).value();
}

void end(UnitOfWork& work, const std::string& id, DeliveryState state = DeliveryState::kDelivered,
         std::optional<Instant> next = {}) {
    db::WebhookAttempt attempt;
    attempt.at = kNow;
    attempt.status = state == DeliveryState::kDelivered ? 200 : 500;
    if (state != DeliveryState::kDelivered) attempt.error = "no";
    REQUIRE(work.webhooks().record(id, attempt, state, next).has_value());
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("webhooks: inserted -> listed with all there is; deleted -> gone, its secret too") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        CHECK_FALSE(work.webhooks().any(kEnvironment).value());
        REQUIRE(work.webhooks().insert(webhook_row("w2", kLater)).has_value());
        REQUIRE(work.webhooks().insert(webhook_row("w1")).has_value());
        auto all = work.webhooks().list(kEnvironment).value();
        REQUIRE(all.size() == 2);
        CHECK(all[0].id == "w1");
        CHECK(all[0].events == Ids{"*", "session.expired"});
        CHECK(all[0].secret == "secret of w1");
        REQUIRE(work.webhooks().remove("w1", kLater).has_value());
        CHECK(work.webhooks().remove("w1", kLater).error().code == Errc::kNotFound);
        CHECK_FALSE(work.webhooks().load("w1").value().has_value());
        CHECK(work.webhooks().list(kEnvironment).value().size() == 1);
        CHECK(work.webhooks().any(kEnvironment).value());
        return Done{};
    });
}

TEST_CASE("webhooks: several events of a session -> only the first is due, other sessions apart") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        CHECK(due(work) == Ids{"w1/event a1", "w1/event b1"});
        CHECK(due(work, kNow - Millis{1}).empty());
        end(work, "w1/event a1");
        CHECK(due(work) == Ids{"w1/event a2", "w1/event b1"});
        CHECK(work.webhooks().backlog().value().count == 3);
        CHECK(work.webhooks().delivery("w1/event a3").value()->state == DeliveryState::kBehind);
        return Done{};
    });
}

TEST_CASE("webhooks: an attempt fails -> due later, and those behind wait; given up -> they go on") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        end(work, "w1/event a1", DeliveryState::kDue, kLater);
        CHECK(due(work) == Ids{"w1/event b1"});
        CHECK(due(work, kLater) == Ids{"w1/event b1", "w1/event a1"});
        end(work, "w1/event a1", DeliveryState::kFailed);
        CHECK(due(work, kLater) == Ids{"w1/event a2", "w1/event b1"});
        const auto row = work.webhooks().delivery("w1/event a1").value().value();
        CHECK(row.attempts == 2);
        CHECK(row.last_status.value() == 500);
        CHECK(row.last_error == "no");
        CHECK(work.webhooks().attempts("w1/event a1").value().size() == 2);
        return Done{};
    });
}

TEST_CASE("webhooks: asked for again -> in its turn, before later ones and after earlier ones") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        end(work, "w1/event b1");
        end(work, "w1/event a1");
        REQUIRE(due(work) == Ids{"w1/event a2"});
        REQUIRE(work.webhooks().redeliver("w1/event a1", kNow).has_value());
        CHECK(due(work) == Ids{"w1/event a1"});
        // What was under way when the earlier one stepped ahead: delivered counts, failed waits again.
        end(work, "w1/event a2", DeliveryState::kDue, kLater);
        CHECK(work.webhooks().delivery("w1/event a2").value()->state == DeliveryState::kBehind);
        end(work, "w1/event a2");
        end(work, "w1/event a1");
        CHECK(due(work) == Ids{"w1/event a3"});
        REQUIRE(work.webhooks().redeliver("w1/event a3", kLater).has_value());
        CHECK(due(work).empty());
        CHECK(due(work, kLater) == Ids{"w1/event a3"});
        CHECK(work.webhooks().redeliver("nothing", kNow).error().code == Errc::kNotFound);
        return Done{};
    });
}

TEST_CASE("webhooks: asked for again while an attempt is under way -> what came of that is no answer to it") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        const auto state = GENERATE(DeliveryState::kDelivered, DeliveryState::kDue);
        open(work);
        const auto sent = work.webhooks().parcel("w1/event a1").value().value();
        // In the same millisecond, and twice.
        REQUIRE(work.webhooks().redeliver("w1/event a1", kNow).has_value());
        const auto sent_then = work.webhooks().parcel("w1/event a1").value().value();
        REQUIRE(work.webhooks().redeliver("w1/event a1", kNow).has_value());
        db::WebhookAttempt attempt;
        attempt.at = kNow;
        attempt.status = 200;
        for (const auto& one : {sent, sent_then}) {
            attempt.sent_as_of = one.delivery.updated_at;
            const auto next = state == DeliveryState::kDue ? std::optional{kLater} : std::nullopt;
            REQUIRE(work.webhooks().record("w1/event a1", attempt, state, next).has_value());
            CHECK(due(work) == Ids{"w1/event a1", "w1/event b1"});
            CHECK(work.webhooks().delivery("w1/event a1").value()->attempts == 0);
        }
        CHECK(work.webhooks().attempts("w1/event a1").value().size() == 2);
        attempt.sent_as_of = work.webhooks().parcel("w1/event a1").value()->delivery.updated_at;
        REQUIRE(work.webhooks()
                    .record("w1/event a1", attempt, DeliveryState::kDelivered, {})
                    .has_value());
        CHECK(due(work) == Ids{"w1/event a2", "w1/event b1"});
        return Done{};
    });
}

TEST_CASE("webhooks: an event told to a webhook twice -> one delivery, made anew") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        end(work, "w1/event b1");
        const auto event = event_row(1, 'b');
        REQUIRE(work.webhooks().deliver("w1", event, id_of("w1", event), kNow).has_value());
        CHECK(due(work) == Ids{"w1/event a1", "w1/event b1"});
        CHECK(work.webhooks().delivery("w1/event b1").value()->attempts == 0);
        return Done{};
    });
}

TEST_CASE("webhooks: work -> living webhooks with their first due time; deleted -> nothing to send") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        REQUIRE(work.webhooks().insert(webhook_row("w2")).has_value());
        tell(work, event_row(1), "w2");
        end(work, "w2/event a1", DeliveryState::kDue, kLater);
        const auto all = work.webhooks().work().value();
        REQUIRE(all.size() == 2);
        CHECK(all[0].webhook == "w1");
        CHECK(all[0].next_at == kNow);
        CHECK(all[1].next_at == kLater);
        const auto parcel = work.webhooks().parcel("w1/event a1").value().value();
        CHECK(parcel.body == "{\"n\":1}");
        CHECK(parcel.webhook.secret == "secret of w1");
        CHECK(parcel.delivery.session == session_row('a').session.id);
        CHECK_FALSE(work.webhooks().parcel("w1/event a2").value().has_value());
        REQUIRE(work.webhooks().remove("w1", kNow).has_value());
        CHECK(work.webhooks().work().value().size() == 1);
        CHECK_FALSE(work.webhooks().parcel("w1/event a1").value().has_value());
        CHECK(work.webhooks().backlog().value().count == 1);
        return Done{};
    });
}

TEST_CASE("webhooks: the log of deliveries -> newest first, page by page, by state") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        end(work, "w1/event a1");
        db::DeliveryFilter filter;
        filter.limit = 3;
        const auto first = work.webhooks().deliveries("w1", filter).value();
        REQUIRE(first.size() == 3);
        filter.after = first.back().id;
        const auto rest = work.webhooks().deliveries("w1", filter).value();
        REQUIRE(rest.size() == 1);
        CHECK(rest[0].id == "w1/event a1");
        filter = {};
        filter.state = DeliveryState::kDelivered;
        CHECK(work.webhooks().deliveries("w1", filter).value().size() == 1);
        filter.after = "nothing";
        CHECK(work.webhooks().deliveries("w1", filter).error().code == Errc::kNotFound);
        return Done{};
    });
}

TEST_CASE("webhooks: very many attempts -> the last twenty are kept, numbered through") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        for (int i = 0; i < 25; ++i) end(work, "w1/event a1", DeliveryState::kDue, kNow);
        const auto log = work.webhooks().attempts("w1/event a1").value();
        REQUIRE(log.size() == 20);
        CHECK(log.front().number == 6);
        CHECK(log.back().number == 25);
        return Done{};
    });
}

TEST_CASE("webhooks: events -> numbered by session, and never told otherwise later") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        CHECK(work.webhooks().next_sequence(session_row('a').session.id).value() == 4);
        CHECK(work.webhooks().next_sequence(session_row('c').session.id).value() == 1);
        const auto from = work.webhooks().events_of(session_row('a').session.id, 2, 10).value();
        REQUIRE(from.size() == 2);
        CHECK(from[0].sequence == 2);
        auto again = event_row(3);
        again.id = "another id";
        CHECK(work.webhooks().append(again).error().code == Errc::kConflict);
        return Done{};
    });
}

TEST_CASE("webhooks: a job that fails after telling -> nothing was told [F91]") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        open(work);
        return Done{};
    });
    auto failed = bench.write([](UnitOfWork& work) -> Expected<Done> {
        tell(work, event_row(4));
        return core::Error{Errc::kConflict, "no"};
    });
    REQUIRE_FALSE(failed.has_value());
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        CHECK(work.webhooks().next_sequence(session_row('a').session.id).value() == 4);
        CHECK_FALSE(work.webhooks().delivery("w1/event a4").value().has_value());
        return Done{};
    });
}
