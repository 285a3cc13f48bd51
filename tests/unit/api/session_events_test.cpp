#include "api/session_events.hpp"

#include "api/impl/event_stream.hpp"
#include "tests/unit/api/store_fixture.hpp"

using namespace api_test;
using session::State;

namespace {

struct EventsFixture : StoreFixture {
    std::unique_ptr<api::SessionEvents> events;

    explicit EventsFixture(api::EventsOptions options = {}) {
        api::EventsNeeds needs{*database, chains, clock, log, metrics};
        events = std::make_unique<api::SessionEvents>(needs, options);
        events->add_routes(router);
    }

    api::Response open(const std::string& id, const std::string& secret,
                       const std::string& client = {}) {
        api::Request request;
        request.method = "GET";
        request.path = "/v1/sessions/" + id + "/events";
        if (!secret.empty()) request.query = {{"clientSecret", secret}};
        request.client = client;
        return run(io, router.dispatch(std::move(request)));
    }
    api::Response open(const nlohmann::json& session) {
        return open(session["sessionId"], session["clientSecret"]);
    }
};

core::Expected<core::Done> save_moved(db::UnitOfWork& work, const core::SessionId& id, State to) {
    auto loaded = work.sessions().load(id);
    if (!loaded) return loaded.error();
    db::SessionRow row = **loaded;
    db::JournalEntry entry;
    entry.session = id;
    entry.version = row.version + 1;
    entry.from = row.session.state;
    entry.to = to;
    entry.event = "test";
    row.session.state = to;
    return work.sessions().save(row, row.version, entry);
}

//! Keeps what it is told, and after each piece lets the session, or the time, go on.
struct Audience final : api::Sink {
    EventsFixture& f;
    core::SessionId id;
    std::vector<State> moves;
    core::Millis passes{0};  //!< after the last move
    std::size_t most = 100;
    std::vector<std::string> heard;

    Audience(EventsFixture& fixture, const nlohmann::json& session)
        : f{fixture}, id{session["sessionId"].get<std::string>()} {}

    core::Task<bool> write(std::string text) override {
        heard.push_back(std::move(text));
        if (heard.size() >= most) co_return false;
        if (moves.empty()) {
            f.clock.ticks = f.clock.ticks + passes;
            co_return true;
        }
        const State to = moves.front();
        moves.erase(moves.begin());
        auto job = [of = id, to](db::UnitOfWork& work) { return save_moved(work, of, to); };
        auto done = co_await f.database->write<core::Done>(std::move(job));
        co_return done.has_value();
    }
};

core::Task<bool> play(api::Stream stream, api::Sink& sink) {
    co_await stream(sink);
    co_return true;
}

nlohmann::json data_of(const std::string& event) {
    const std::size_t from = event.find("data: ") + 6;
    return nlohmann::json::parse(event.substr(from, event.find('\n', from) - from));
}

}  // namespace

TEST_CASE("event text: one line -> its name, its data, and an empty line") {
    CHECK(api::impl::event_text("session", "{}") == "event: session\ndata: {}\n\n");
    CHECK(api::impl::event_text("session", "") == "event: session\ndata: \n\n");
    CHECK(api::impl::heartbeat_text() == ":\n\n");
    CHECK(api::impl::retry_text(2'000) == "retry: 2000\n\n");
}

TEST_CASE("event text: line ends of every kind -> no text begins another event") {
    CHECK(api::impl::event_text("a", "1\n\nevent: b\ndata: 2") ==
          "event: a\ndata: 1\ndata: \ndata: event: b\ndata: data: 2\n\n");
    CHECK(api::impl::event_text("a", "1\r\n2\r3\n") ==
          "event: a\ndata: 1\ndata: 2\ndata: 3\ndata: \n\n");
}

TEST_CASE("events: a session that changes -> each view once, the last one is final, and the end") {
    EventsFixture f;
    const auto session = f.create();
    auto response = f.open(session);
    CHECK(response.status == 200);
    CHECK(response.content_type == "text/event-stream");
    REQUIRE(static_cast<bool>(response.stream));
    Audience audience{f, session};
    audience.moves = {State::kSourceSet, State::kDetected, State::kDelivering, State::kDelivered};
    REQUIRE(run(f.io, play(std::move(response.stream), audience)));
    REQUIRE(audience.heard.size() == 5);
    CHECK_THAT(audience.heard[0], Catch::StartsWith("retry: "));
    CHECK(data_of(audience.heard[0])["status"] == "requires_payment_method");
    CHECK(data_of(audience.heard[1])["status"] == "waiting_payment");
    CHECK(data_of(audience.heard[2])["statusReason"]["code"] == "confirming");
    CHECK(data_of(audience.heard[3])["statusReason"]["code"] == "delivering");
    CHECK(data_of(audience.heard[4])["status"] == "succeeded");
    for (const std::string& text : audience.heard) {
        CHECK_THAT(text, !Catch::Contains(session["clientSecret"].get<std::string>()) &&
                             !Catch::Contains("metadata"));
    }
}

TEST_CASE("events: nothing happens -> a heartbeat, and not the same view again") {
    EventsFixture f;
    const auto session = f.create();
    auto response = f.open(session);
    Audience audience{f, session};
    audience.passes = core::Millis{15'000};
    audience.most = 3;
    REQUIRE(run(f.io, play(std::move(response.stream), audience)));
    REQUIRE(audience.heard.size() == 3);
    CHECK(audience.heard[1] == ":\n\n");
    CHECK(audience.heard[2] == ":\n\n");
}

TEST_CASE("events: for as long as a stream may be -> it ends, and leaves its place") {
    EventsFixture f;
    const auto session = f.create();
    auto response = f.open(session);
    Audience audience{f, session};
    audience.passes = core::Millis{900'000};
    REQUIRE(run(f.io, play(std::move(response.stream), audience)));
    CHECK(audience.heard.size() == 1);
    response = {};
    CHECK(f.events->streams() == 0);
}

TEST_CASE("events: wrong secret, no secret, no session -> refused, nothing in the log") {
    EventsFixture f;
    const auto session = f.create();
    const std::string id = session["sessionId"];
    const std::string wrong(32, '0');
    CHECK(f.open(id, wrong).status == 401);
    const auto none = f.open(id, "");
    CHECK(none.status == 400);
    CHECK(nlohmann::json::parse(none.body)["error"]["param"] == "clientSecret");
    CHECK(f.open(wrong, session["clientSecret"]).status == 404);
    CHECK(f.events->streams() == 0);
    CHECK_THAT(f.log.text, !Catch::Contains(session["clientSecret"].get<std::string>()));
}

TEST_CASE("events: too many of one session -> 429 until one of them ends") {
    EventsFixture f{{.streams_per_session = 2}};
    const auto session = f.create();
    auto first = f.open(session);
    const auto second = f.open(session);
    const auto third = f.open(session);
    CHECK(third.status == 429);
    CHECK_THAT(third.body, Catch::Contains("too_many_streams"));
    CHECK_FALSE(static_cast<bool>(third.stream));
    const auto other = f.open(f.create());
    CHECK(other.status == 200);
    first = {};
    CHECK(f.open(session).status == 200);
}

TEST_CASE("events: too many in all -> 503 until one of them ends") {
    EventsFixture f{{.streams = 1}};
    auto first = f.open(f.create());
    CHECK(first.status == 200);
    const auto session = f.create();
    CHECK(f.open(session).status == 503);
    first = {};
    CHECK(f.open(session).status == 200);
}

TEST_CASE("events: too many of one address -> 429 and when to come back; others do not mind") {
    EventsFixture f{{.streams_per_client = 2}};
    const auto open = [&](const std::string& client) {
        const auto session = f.create();
        return f.open(session["sessionId"], session["clientSecret"], client);
    };
    auto first = open("10.0.0.1");
    const auto second = open("10.0.0.1");
    CHECK(second.status == 200);
    const auto refused = open("10.0.0.1");
    CHECK(refused.status == 429);
    CHECK_THAT(refused.body, Catch::Contains("too_many_streams"));
    std::vector<std::string> waits;
    for (const auto& [name, value] : refused.headers) {
        if (name == "retry-after") waits.push_back(value);
    }
    CHECK(waits == std::vector<std::string>{"5"});
    CHECK(open("10.0.0.2").status == 200);
    first = {};
    CHECK(open("10.0.0.1").status == 200);
    EventsFixture free{{.streams_per_client = 0}};
    std::vector<api::Response> many;
    for (int i = 0; i < 40; ++i) {
        const auto session = free.create();
        many.push_back(free.open(session["sessionId"], session["clientSecret"], "10.0.0.1"));
        CHECK(many.back().status == 200);
    }
}
