#include "api/webhook_signature.hpp"
#include "tests/simulation/customers.hpp"
#include "tests/simulation/event_auditor.hpp"
#include "tests/simulation/genuine.hpp"
#include "tests/simulation/servers.hpp"
#include "tests/support/manual_clock.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <optional>

using namespace simulation;
using nlohmann::json;

namespace {

const core::Instant kNow = core::Instant::from_unix_seconds(1'700'000'000);
constexpr std::string_view kSecret = "whsec_0123456789abcdef";

core::Address address(char digit) { return core::Address::from_hex("0x" + std::string(40, digit)).value(); }

//! One server and a process that calls it.
struct Calling {
    Calling() {
        servers.add("shop.example", {[this](const net::HttpRequest&) { ++tried; },
                                     [this](const net::HttpRequest&) {
                                         ++arrived;
                                         return 200;
                                     },
                                     [this](const net::HttpRequest&) { ++heard; }});
    }
    Way& way() { return servers.way("shop.example"); }
    core::Expected<net::HttpResponse> call() {
        std::optional<core::Expected<net::HttpResponse>> out;
        core::asio::co_spawn(
            loop, once(),
            [&out](const std::exception_ptr&, core::Expected<net::HttpResponse> response) {
                out = std::move(response);
            });
        do {
            loop.restart();
            while (loop.poll() > 0) {
            }
        } while (!out && clock.jump_to_next_sleeper());
        REQUIRE(out);
        return *out;
    }
    core::Task<core::Expected<net::HttpResponse>> once() {
        auto found = co_await internet.resolve("shop.example", core::Millis{10'000});
        if (!found) co_return found.error();
        net::HttpRequest request;
        request.url = "https://shop.example/told";
        request.pinned_ip = found->front().text();
        auto response = co_await internet.send(std::move(request));
        co_return response;
    }

    core::asio::io_context loop;
    support::ManualClock clock{loop.get_executor()};
    Servers servers;
    Life life;
    Trace trace;
    Internet internet{servers, clock, Random{1}, life, trace};
    int tried = 0, arrived = 0, heard = 0;
};

//! One order of one merchant, who has one server that asked for everything.
struct Told {
    Told() {
        order.terms = &customers.terms().front();
        order.session = "s1";
        order.secret = "client-secret";
        order.destination = address('1');
        order.receiver = address('2');
        order.status = "waiting_payment";
        order.last_view = R"({"deposits":[]})";
        order.expires_at = world.now() + core::Millis{3'600'000};
        Receiver& one = receivers.emplace_back();
        one.host = "shop.example";
        one.terms = &customers.terms().front();
        one.events = {"*"};
        one.events.insert(one.events.end(), std::begin(kNamedEvents), std::end(kNamedEvents));
        events.watch(receivers);
    }
    std::string body(std::int64_t sequence, const std::string& status, json more = json::object()) {
        json session{{"sessionId", "s1"},
                     {"status", status},
                     {"metadata", {{"order", "0"}}},
                     {"destination", {{"address", order.destination.hex0x()}}},
                     {"expiresAt", order.expires_at.unix_seconds()},
                     {"paymentMethod", {{"receiverAddress", order.receiver.hex0x()}}},
                     {"deposits", json::array()}};
        session.update(more);
        return json{{"id", "event " + std::to_string(sequence)},
                    {"type", "session." + status},
                    {"sequence", sequence},
                    {"createdAt", world.now().unix_seconds()},
                    {"data", {{"session", session}}}}
            .dump();
    }
    void take(const std::string& text, bool answered = true) {
        events.tried(receivers[0], text);
        events.taken(receivers[0], text);
        if (answered) events.answer_arrived(receivers[0], text);
    }
    std::string objection() const {
        return auditor.violations().empty() ? "" : auditor.violations().front().substr(0, 3);
    }

    World world{1, 1};
    Auditor auditor{world, true};
    Customers customers{world, auditor, 1};
    Order& order = customers.orders().emplace_back();
    EventAuditor events{world, auditor, customers.orders(), true};
    std::deque<Receiver> receivers;
};

}  // namespace

TEST_CASE("simulated receiver: what the daemon signs -> genuine, for five minutes [F91]") {
    const std::string body = R"({"id":"1"})";
    const std::string header = api::webhook_signature(kSecret, kNow, body);
    CHECK(why_not_genuine(header, body, kSecret, kNow).empty());
    CHECK(why_not_genuine(header, body, kSecret, kNow + core::Millis{300'000}).empty());
    CHECK(why_not_genuine(header, body, kSecret, kNow + core::Millis{301'000}) == kNotOfNow);
    CHECK_FALSE(why_not_genuine(header, R"({"id":"2"})", kSecret, kNow).empty());
    CHECK_FALSE(why_not_genuine(header, body, "whsec_another", kNow).empty());
    CHECK_FALSE(why_not_genuine("t=2" + header.substr(3), body, kSecret, kNow).empty());
    CHECK_FALSE(why_not_genuine("", body, kSecret, kNow).empty());
}

TEST_CASE("simulated server: troubles of the way -> what arrives, and what is heard of it") {
    Calling calling;
    CHECK(calling.call().value().status == 200);
    CHECK(calling.heard == 1);

    calling.way() = {.is_unknown = true};
    CHECK(calling.call().error().code == core::Errc::kUnreachable);
    CHECK(calling.tried == 1);
    calling.way() = {.is_refused = true};
    CHECK(calling.call().error().code == core::Errc::kUnreachable);
    calling.way() = {.is_cut = true};
    CHECK(calling.call().error().code == core::Errc::kTimeout);
    CHECK(calling.tried == 3);
    CHECK(calling.arrived == 1);

    calling.way() = {.loses_answers = true};
    CHECK(calling.call().error().code == core::Errc::kTimeout);
    CHECK(calling.arrived == 2);
    calling.way() = {.takes = core::Millis{20'000}};
    CHECK(calling.call().error().code == core::Errc::kTimeout);
    CHECK(calling.arrived == 3);
    CHECK(calling.heard == 1);
}

TEST_CASE(
    "event auditor: all told in order, the last one again after a lost answer -> no objection") {
    Told told;
    told.take(told.body(1, "waiting_payment"));
    told.take(told.body(2, "processing"), false);
    told.take(told.body(2, "processing"));
    told.take(told.body(3, "waiting_payment"));
    CHECK(told.objection().empty());
    CHECK_FALSE(told.events.has_complaints());
}

TEST_CASE("event auditor: a broken promise -> an objection [F91]") {
    Told told;
    const std::string first = told.body(1, "waiting_payment");
    told.take(first);
    SECTION("one is left out") { told.take(told.body(3, "processing")); }
    SECTION("one is told although it is known to be taken") { told.take(first); }
    SECTION("one comes after later ones") {
        told.take(told.body(2, "processing"));
        told.take(first);
    }
    SECTION("one has two bodies") {
        told.take(told.body(1, "waiting_payment", {{"metadata", {{"order", "0"}, {"a", "b"}}}}),
                  false);
    }
    SECTION("another session") { told.take(told.body(2, "processing", {{"sessionId", "s2"}})); }
    SECTION("nobody asked for it") {
        told.receivers[0].events = {"session.expired"};
        told.take(told.body(2, "processing"));
    }
    SECTION("of another merchant") {
        told.receivers[0].terms = &told.customers.terms()[1];
        told.take(told.body(2, "processing"));
    }
    CHECK(told.objection() == "I8,");
}

TEST_CASE("event auditor: an event that is not true, or tells a secret -> an objection") {
    Told told;
    told.take(told.body(1, "waiting_payment"));
    SECTION("delivered without a transaction") {
        told.take(told.body(2, "succeeded"));
        CHECK(told.objection() == "I7,");
    }
    SECTION("expired before the deadline") {
        told.take(told.body(2, "expired"));
        CHECK(told.objection() == "I7,");
    }
    SECTION("a type that the session contradicts") {
        told.take(told.body(2, "processing", {{"status", "waiting_payment"}}));
        CHECK(told.objection() == "I7,");
    }
    const std::string other = address('3').hex0x();
    SECTION("another destination") {
        told.take(told.body(2, "processing", {{"destination", {{"address", other}}}}));
        CHECK(told.objection() == "I7,");
    }
    SECTION("another amount") {
        const json asked{{"address", told.order.destination.hex0x()}, {"amountUnits", "1"}};
        told.take(told.body(2, "processing", {{"destination", asked}}));
        CHECK(told.objection() == "I7,");
    }
    SECTION("another deadline") {
        told.take(told.body(2, "processing", {{"expiresAt", 1}}));
        CHECK(told.objection() == "I7,");
    }
    SECTION("another address to pay to") {
        told.take(told.body(2, "processing", {{"paymentMethod", {{"receiverAddress", other}}}}));
        CHECK(told.objection() == "I3,");
    }
    SECTION("the client's secret") {
        told.take(told.body(2, "processing", {{"clientSecret", "x"}}));
        CHECK(told.objection() == "I16");
    }
    SECTION("a webhook's secret in the log") {
        told.events.heard_line("webhook created secret=whsec_12");
        CHECK(told.objection() == "I16");
    }
    SECTION("the client's secret in the log") {
        told.events.heard_line("session created secret=client-secret");
        CHECK(told.objection() == "I16");
    }
    SECTION("a key in the log") {
        told.events.heard_line("key dpk_01234567_89ab refused");
        CHECK(told.objection() == "I16");
    }
}

TEST_CASE("event auditor: what the API says was never told -> a complaint at the end [F91]") {
    Told told;
    told.take(told.body(1, "waiting_payment"));
    SECTION("the last status") { told.order.status = "processing"; }
    SECTION("a deposit") {
        told.order.last_view =
            R"({"deposits":[{"txHash":"0x1","tokenAddress":"0x2","status":"confirmed"}]})";
    }
    SECTION("anything") {
        Order& other = told.customers.orders().emplace_back();
        other.number = 1;
        other.terms = told.order.terms;
        other.session = "s2";
        other.status = "expired";
        other.last_view = told.order.last_view;
    }
    CHECK(told.events.has_complaints());
    told.events.judge();
    CHECK(told.objection() == "I8,");
}
