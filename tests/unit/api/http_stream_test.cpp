#include "tests/unit/api/http_fixture.hpp"

#include <boost/asio/steady_timer.hpp>

#include <stdexcept>

using namespace api_test;

namespace {

constexpr const char* kGet = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

//! What became of a stream, and a gate that it waits at.
struct Course {
    explicit Course(asio::io_context& io) : gate{io, asio::steady_timer::time_point::max()} {}
    asio::steady_timer gate;
    bool begun = false;
    bool ended = false;
};

struct Ending {
    explicit Ending(Course& course) : course_{course} {}
    ~Ending() { course_.ended = true; }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;

  private:
    Course& course_;
};

core::Task<void> two_words(api::Sink& sink) {
    const bool first = co_await sink.write("one ");
    const bool second = co_await sink.write("two");
    CHECK(first);
    CHECK(second);
}

core::Task<void> wait_for_ever(Course& course, api::Sink& sink) {
    const Ending ending{course};
    course.begun = co_await sink.write("begun");
    boost::system::error_code ignored;
    co_await course.gate.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

core::Task<void> talk_for_ever(Course& course, api::Sink& sink) {
    const Ending ending{course};
    const std::string much(1'000'000, 'x');
    course.begun = true;
    while (co_await sink.write(much)) {
    }
}

core::Task<void> fail(api::Sink&) {
    throw std::runtime_error{"secret detail"};
    co_return;
}

core::Task<api::Response> streaming(api::Stream stream) {
    api::Response response;
    response.content_type = "text/plain";
    response.stream = std::move(stream);
    co_return response;
}

api::Handler with(api::Stream stream) {
    return [stream = std::move(stream)](const api::Request&) { return streaming(stream); };
}

core::Task<std::shared_ptr<tcp::socket>> ask(asio::io_context& io, std::uint16_t port) {
    auto socket = std::make_shared<tcp::socket>(io);
    const tcp::endpoint there{asio::ip::address_v4::loopback(), port};
    co_await socket->async_connect(there, asio::use_awaitable);
    const std::string text = kGet;
    co_await asio::async_write(*socket, asio::buffer(text), asio::use_awaitable);
    co_return socket;
}

core::Task<bool> drained(api::HttpServer& server) {
    co_await server.drain(core::Millis{60'000});
    co_return true;
}

void run_until(asio::io_context& io, const bool& done) {
    io.restart();
    while (!done) io.run_one();
}

}  // namespace

TEST_CASE(
    "stream: a handler that writes bit by bit -> header without a length, the bits, the end") {
    HttpFixture f;
    f.open(with(two_words));
    const std::string answer = f.talk(kGet);
    CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200 ") && Catch::EndsWith("\r\n\r\none two"));
    CHECK_THAT(answer, Catch::Contains("Connection: close") && Catch::Contains("request-id: "));
    CHECK_THAT(answer, !Catch::Contains("Content-Length") && !Catch::Contains("chunked"));
}

TEST_CASE("stream: the peer leaves -> it ends") {
    HttpFixture f;
    Course course{f.io};
    f.open(with([&course](api::Sink& sink) { return wait_for_ever(course, sink); }));
    auto socket = run(f.io, ask(f.io, f.server->port()));
    run_until(f.io, course.begun);
    CHECK_FALSE(course.ended);
    socket->close();
    run_until(f.io, course.ended);
    CHECK(course.ended);
}

TEST_CASE("stream: the server drains -> it ends at once, not by force") {
    HttpFixture f;
    Course course{f.io};
    f.open(with([&course](api::Sink& sink) { return wait_for_ever(course, sink); }));
    auto socket = run(f.io, ask(f.io, f.server->port()));
    run_until(f.io, course.begun);
    CHECK(run(f.io, drained(*f.server)));
    CHECK(course.ended);
    CHECK(f.server->connections() == 0);
    CHECK_THAT(f.log.text, !Catch::Contains("cut off"));
}

TEST_CASE("stream: the peer does not read -> it ends after the write time-out") {
    HttpFixture f;
    f.options.limits.write_timeout = core::Millis{50};
    Course course{f.io};
    f.open(with([&course](api::Sink& sink) { return talk_for_ever(course, sink); }));
    auto socket = run(f.io, ask(f.io, f.server->port()));
    run_until(f.io, course.ended);
    CHECK(course.begun);
}

TEST_CASE("stream: it throws -> the connection ends, the reason in the log") {
    HttpFixture f;
    f.open(with(fail));
    const std::string answer = f.talk(kGet);
    CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200 ") && Catch::EndsWith("\r\n\r\n"));
    CHECK_THAT(f.log.text, Catch::Contains("secret detail"));
}
