#include "api/webhook_deliverer.hpp"

#include "api/webhook_signature.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/null_sinks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

using core::Done;
using core::Expected;
using core::Instant;
using core::Millis;
using db::DeliveryState;

namespace {

namespace asio = core::asio;

const core::EnvironmentId kShop{"4c1f0c3e-0000-4000-8000-000000000001"};
constexpr Millis kSecond{1'000};
constexpr Millis kMinute{60'000};
constexpr Millis kHour{3'600'000};

struct Call {
    Instant at;
    std::string url;
    std::string pinned;
    std::string signature;
    std::string body;
};

//! Receivers by host; without a script 200. A status of 0 never answers.
struct FakeHttp final : net::HttpClient {
    explicit FakeHttp(core::Clock& on) : clock{on} {}
    core::Clock& clock;
    std::vector<Call> calls;
    std::map<std::string, std::function<int(const Call&)>> scripts;

    core::Task<Expected<net::HttpResponse>> send(net::HttpRequest request) override {
        Call call{clock.now(), request.url, request.pinned_ip, {}, request.body};
        for (const auto& [name, value] : request.headers) {
            if (name == api::kSignatureHeader) call.signature = value;
        }
        calls.push_back(call);
        int status = 200;
        for (const auto& [host, script] : scripts) {
            if (call.url.find(host) != std::string::npos) status = script(call);
        }
        if (status == 0) {
            co_await clock.sleep_for(request.timeout);
            co_return core::Error{core::Errc::kTimeout, "no complete answer in time"};
        }
        net::HttpResponse response;
        response.status = status;
        co_return response;
    }

    std::vector<std::string> bodies(const std::string& host) const {
        std::vector<std::string> out;
        for (const Call& call : calls) {
            if (call.url.find(host) != std::string::npos) out.push_back(call.body);
        }
        return out;
    }
};

struct FakeResolver final : net::Resolver {
    std::vector<std::string> answer{"8.8.8.8"};
    std::vector<std::string> later;  //!< from the second question on, unless empty
    int asked = 0;

    core::Task<Expected<std::vector<net::IpAddress>>> resolve(std::string, Millis) override {
        const auto& now = asked++ == 0 || later.empty() ? answer : later;
        std::vector<net::IpAddress> out;
        for (const auto& text : now) out.push_back(net::IpAddress::from_text(text).value());
        co_return out;
    }
};

//! A deliverer over a store on the same loop, with time that is turned by hand.
struct Post {
    asio::io_context io;
    support::ManualClock clock{io.get_executor()};
    support::RecordingLog log;
    support::RecordingMetrics metrics;
    std::unique_ptr<db::Database> database;
    FakeHttp http{clock};
    FakeResolver resolver;
    std::unique_ptr<api::WebhookDeliverer> deliverer;
    asio::cancellation_signal stop_signal;
    bool is_running = false;

    Post() {
        db::DatabaseOptions options;
        options.path = ":memory:";
        options.threads = false;
        database = std::move(db::open_database(options, clock, log, metrics).value());
        write([this](db::UnitOfWork& work) {
            return work.environments().insert({kShop, "shop", {}, clock.now()});
        });
        start();
    }
    ~Post() {
        stop();
        database->close();
    }

    void start() {
        const api::DelivererNeeds needs{*database, http, resolver, clock, log, metrics};
        deliverer = std::make_unique<api::WebhookDeliverer>(io.get_executor(), needs,
                                                            api::DelivererOptions{});
        is_running = true;
        asio::co_spawn(io, deliverer->run(),
                       asio::bind_cancellation_slot(stop_signal.slot(), [this](std::exception_ptr) {
                           is_running = false;
                       }));
    }
    void stop() {
        stop_signal.emit(asio::cancellation_type::all);
        while (is_running) {
            io.restart();
            while (io.poll() > 0) {
            }
        }
        deliverer.reset();
    }
    void run_for(Millis time) { support::run_until(io, clock, clock.now() + time); }

    template <class F>
    void write(F job) {
        bool over = false;
        asio::co_spawn(io, database->write<Done>(std::move(job)),
                       [&](std::exception_ptr failure, Expected<Done> done) {
                           over = failure == nullptr && done.has_value();
                       });
        io.restart();
        while (io.poll() > 0) {
        }
        REQUIRE(over);
    }
    template <class R, class F>
    R read(F job) {
        std::optional<R> out;
        asio::co_spawn(io, database->read<R>(std::move(job)),
                       [&](std::exception_ptr, Expected<R> value) { out = std::move(value.value()); });
        io.restart();
        while (io.poll() > 0) {
        }
        return std::move(out).value();
    }

    void listen(const std::string& host) {
        db::Webhook row;
        row.id = host;
        row.environment = kShop;
        row.url = "https://" + host + "/hooks?token=canary";
        row.events = {"*"};
        row.secret = "whsec_canary_of_" + host;
        row.created_at = clock.now();
        write([row](db::UnitOfWork& work) { return work.webhooks().insert(row); });
    }
    //! The next event of a session, to every webhook.
    void tell(int session) {
        const Instant now = clock.now();
        write([session, now](db::UnitOfWork& work) -> Expected<Done> {
            std::string id = std::to_string(session);
            id.insert(0, 32 - id.size(), '0');
            db::WebhookEvent event;
            event.session = core::SessionId{id};
            event.environment = kShop;
            if (!work.sessions().load(*event.session).value()) {
                db::SessionRow row;
                row.session.id = *event.session;
                row.session.destination.asset = core::AssetId{"eip155:1/slip44:60"};
                row.environment = kShop;
                row.client_secret = "s";
                row.display_json = "{}";
                row.metadata_json = "null";
                if (auto in = work.sessions().insert(row, "", ""); !in) return in.error();
            }
            event.sequence = work.webhooks().next_sequence(*event.session).value();
            event.id = id + "/" + std::to_string(event.sequence);
            event.type = "session.processing";
            event.body = event.id;
            event.created_at = now;
            if (auto in = work.webhooks().append(event); !in) return in.error();
            auto webhooks = work.webhooks().list(kShop);
            for (const db::Webhook& one : *webhooks) {
                auto done = work.webhooks().deliver(one.id, event, one.id + " " + event.id, now);
                if (!done) return done.error();
            }
            return Done{};
        });
    }
    std::int64_t backlog() {
        return read<db::WebhookBacklog>([](db::UnitOfWork& work) {
                   return work.webhooks().backlog();
               })
            .count;
    }
};

std::string body_of(int session, int sequence) {
    std::string id = std::to_string(session);
    id.insert(0, 32 - id.size(), '0');
    return id + "/" + std::to_string(sequence);
}

}  // namespace

TEST_CASE("webhook signature: a known text -> the known answer") {
    CHECK(api::webhook_signature("whsec_test", Instant::from_unix_seconds(1'700'000'000),
                                 R"({"a":1})") ==
          "t=1700000000,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789");
}

TEST_CASE("deliverer: several events -> each once, at once, signed, in the order of its session") {
    Post post;
    post.listen("shop.example.com");
    for (int i = 0; i < 3; ++i) {
        post.tell(1);
        post.tell(2);
    }
    post.run_for(kSecond);
    REQUIRE(post.http.calls.size() == 6);
    std::vector<std::string> first;
    for (const Call& call : post.http.calls) {
        CHECK(call.pinned == "8.8.8.8");
        CHECK(call.signature == api::webhook_signature("whsec_canary_of_shop.example.com", call.at,
                                                       call.body));
        if (call.body.starts_with(body_of(1, 1).substr(0, 32))) first.push_back(call.body);
    }
    CHECK(first == std::vector<std::string>{body_of(1, 1), body_of(1, 2), body_of(1, 3)});
    CHECK(post.backlog() == 0);
    CHECK(post.metrics.value("depositd_webhook_attempts_total") == 6);
}

TEST_CASE("deliverer: a receiver that never takes it -> the pauses of the wire, then given up") {
    Post post;
    post.listen("shop.example.com");
    post.http.scripts["shop"] = [](const Call& call) {
        return call.body == body_of(1, 1) ? 500 : 200;
    };
    post.tell(1);
    post.tell(1);
    post.run_for(10 * 24 * kHour);
    std::vector<std::int64_t> pauses;
    for (std::size_t i = 1; i < post.http.calls.size(); ++i) {
        const Millis pause = post.http.calls[i].at - post.http.calls[i - 1].at;
        pauses.push_back((pause.count() + 500) / kMinute.count());
    }
    REQUIRE(post.http.calls.size() == 31);
    const std::vector<std::int64_t> first_nine(pauses.begin(), pauses.begin() + 9);
    CHECK(first_nine == std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 64, 128, 256});
    for (std::size_t i = 9; i < 29; ++i) CHECK(pauses[i] == 512);
    CHECK(post.http.calls[30].body == body_of(1, 2));
    CHECK(pauses[29] == 0);
    CHECK(post.backlog() == 0);
    CHECK(post.metrics.value("depositd_webhook_given_up_total") == 1);
}

TEST_CASE("deliverer: errors for 72 hours -> then everything arrives, in order [F91]") {
    Post post;
    post.listen("shop.example.com");
    const Instant back = post.clock.now() + 72 * kHour;
    post.http.scripts["shop"] = [back](const Call& call) { return call.at < back ? 503 : 200; };
    for (int i = 0; i < 4; ++i) post.tell(1);
    post.run_for(72 * kHour);
    for (const std::string& body : post.http.bodies("shop")) REQUIRE(body == body_of(1, 1));
    post.http.calls.clear();
    post.run_for(12 * kHour);
    const auto arrived = post.http.bodies("shop");
    CHECK(arrived == std::vector<std::string>{body_of(1, 1), body_of(1, 2), body_of(1, 3),
                                              body_of(1, 4)});
}

TEST_CASE("deliverer: dead receivers beside a living one -> that one does not wait for them") {
    Post post;
    for (int i = 0; i < 100; ++i) post.listen("dead" + std::to_string(i) + ".example.com");
    post.listen("living.example.com");
    post.http.scripts["dead"] = [](const Call&) { return 0; };
    post.tell(1);
    post.run_for(kMinute);
    for (int session = 2; session < 12; ++session) {
        post.http.calls.clear();
        post.tell(session);
        const Instant told = post.clock.now();
        post.run_for(30 * kSecond);
        Instant arrived{};
        for (const Call& call : post.http.calls) {
            if (call.url.find("living") != std::string::npos) arrived = call.at;
        }
        REQUIRE(arrived >= told);
        CHECK(arrived - told <= 2 * kSecond);
    }
}

TEST_CASE("deliverer: dead receivers nobody has tried yet -> one that answers does not wait for them") {
    Post post;
    post.listen("living.example.com");
    post.tell(1);
    post.run_for(kMinute);
    for (int i = 0; i < 100; ++i) post.listen("dead" + std::to_string(i) + ".example.com");
    post.http.scripts["dead"] = [](const Call&) { return 0; };
    post.http.calls.clear();
    for (int session = 2; session < 40; ++session) post.tell(session);
    const Instant told = post.clock.now();
    post.run_for(5 * kSecond);
    CHECK(post.http.bodies("living").size() == 38);
    for (const Call& call : post.http.calls) CHECK(call.at - told <= 2 * kSecond);
}

TEST_CASE("deliverer: a receiver that fails -> one attempt at a time, whatever waits for it") {
    Post post;
    post.listen("dead.example.com");
    post.http.scripts["dead"] = [](const Call&) { return 0; };
    post.tell(1);
    post.run_for(20 * kSecond);
    post.http.calls.clear();
    for (int session = 2; session < 40; ++session) post.tell(session);
    post.run_for(60 * kSecond);
    REQUIRE(post.http.calls.size() >= 4);
    for (std::size_t i = 1; i < post.http.calls.size(); ++i) {
        CHECK(post.http.calls[i].at - post.http.calls[i - 1].at >= 10 * kSecond);
    }
}

TEST_CASE("deliverer: a name that leads elsewhere after the check -> the checked address, or none [F90]") {
    Post post;
    post.resolver.answer = {"8.8.8.8"};
    post.resolver.later = {"127.0.0.1"};
    post.listen("shop.example.com");
    post.http.scripts["shop"] = [](const Call&) { return 500; };
    post.tell(1);
    post.run_for(kHour);
    REQUIRE(post.resolver.asked > 3);
    REQUIRE(post.http.calls.size() == 1);
    CHECK(post.http.calls[0].pinned == "8.8.8.8");
    const auto log = post.read<std::vector<db::WebhookAttempt>>([](db::UnitOfWork& work) {
        return work.webhooks().attempts("shop.example.com " + body_of(1, 1));
    });
    CHECK(log.back().error == "the host is a loopback address");
    CHECK_FALSE(log.back().status.has_value());
}

TEST_CASE("deliverer: redirected -> not followed, a failure") {
    Post post;
    post.listen("shop.example.com");
    post.http.scripts["shop"] = [](const Call&) { return 307; };
    post.tell(1);
    post.run_for(30 * kSecond);
    CHECK(post.http.calls.size() == 1);
    CHECK(post.backlog() == 1);
}

TEST_CASE("deliverer: ended under way, started again -> sent again, the same bytes [F91]") {
    Post post;
    post.listen("shop.example.com");
    post.http.scripts["shop"] = [](const Call&) { return 0; };
    post.tell(1);
    post.run_for(kSecond);
    REQUIRE(post.http.calls.size() == 1);
    post.stop();
    post.http.scripts.clear();
    post.start();
    post.run_for(kSecond);
    REQUIRE(post.http.calls.size() == 2);
    CHECK(post.http.calls[1].body == post.http.calls[0].body);
    CHECK(post.backlog() == 0);
}

TEST_CASE("deliverer: a webhook that is deleted while it waits -> nothing more is sent") {
    Post post;
    post.listen("shop.example.com");
    post.http.scripts["shop"] = [](const Call&) { return 500; };
    post.tell(1);
    post.run_for(10 * kSecond);
    post.write([now = post.clock.now()](db::UnitOfWork& work) {
        return work.webhooks().remove("shop.example.com", now);
    });
    post.run_for(24 * kHour);
    CHECK(post.http.calls.size() == 1);
}

TEST_CASE("deliverer: whatever happens -> no secret and no URL in the log [F93]") {
    Post post;
    post.listen("shop.example.com");
    post.http.scripts["shop"] = [](const Call& call) { return call.signature.size() % 2 == 0 ? 0 : 500; };
    for (int session = 1; session < 5; ++session) post.tell(session);
    post.run_for(24 * kHour);
    CHECK_FALSE(post.log.lines().empty());
    CHECK_FALSE(post.log.contains("canary"));
    CHECK_FALSE(post.log.contains("https://"));
}

TEST_CASE("retry: ten attempts in eight and a half hours, thirty in a week") {
    Millis sum{0};
    for (std::uint32_t attempt = 1; attempt < 10; ++attempt) sum += *api::retry_after(attempt, kMinute);
    CHECK(sum == 511 * kMinute);
    for (std::uint32_t attempt = 10; attempt < 30; ++attempt) sum += *api::retry_after(attempt, kMinute);
    CHECK(sum > 7 * 24 * kHour);
    CHECK_FALSE(api::retry_after(30, kMinute).has_value());
}
