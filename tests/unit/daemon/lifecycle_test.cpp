#include "daemon/lifecycle.hpp"

#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

namespace depositd {

namespace {

namespace asio = core::asio;

struct Recorder final : core::Log {
    std::vector<std::string> lines;
    void write(core::LogLevel level, std::string_view message,
               std::initializer_list<core::LogField> fields) override {
        std::string line = level == core::LogLevel::kError ? "error: " : "";
        line += message;
        for (const auto& field : fields) line += " " + std::string{field.key} + "=" + field.value;
        lines.push_back(line);
    }
};

core::Task<void> until_cancelled(std::vector<std::string>& events, std::string name) {
    events.push_back("start " + name);
    asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::hours{1}};
    try {
        co_await timer.async_wait(asio::use_awaitable);
    } catch (const boost::system::system_error&) {
        events.push_back("end " + name);
        throw;
    }
}

core::Task<void> note(std::vector<std::string>& events, std::string name) {
    events.push_back(name);
    co_return;
}

core::Task<void> fail() {
    asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::milliseconds{1}};
    co_await timer.async_wait(asio::use_awaitable);
    throw std::runtime_error("boom");
}

core::Task<void> deaf() {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::milliseconds{300}};
    co_await timer.async_wait(asio::use_awaitable);
}

int run(asio::io_context& io, Lifecycle& lifecycle, std::function<void()> started) {
    int code = -1;
    asio::co_spawn(io, lifecycle.run(std::move(started), [] {}),
                   [&code](const std::exception_ptr& failure, int result) {
                       if (!failure) code = result;
                   });
    io.run();
    return code;
}

}  // namespace

TEST_CASE("lifecycle: a stop on request -> reverse order, drained before cancelled, exit 0") {
    asio::io_context io;
    Recorder log;
    std::vector<std::string> events;
    std::vector<Part> parts;
    parts.push_back({"a", [&events] { return until_cancelled(events, "a"); }});
    parts.push_back({"b", [&events] { return until_cancelled(events, "b"); },
                     [&events] { return note(events, "drain b"); }});
    Lifecycle lifecycle{io.get_executor(), std::move(parts), log};
    const int code = run(io, lifecycle, [&] {
        asio::post(io, [&] { lifecycle.request_stop("test"); });
    });
    CHECK(code == 0);
    CHECK(events == std::vector<std::string>{"start a", "start b", "drain b", "end b", "end a"});
}

TEST_CASE("lifecycle: a part that throws -> the others stop, the reason is logged, exit 1") {
    asio::io_context io;
    Recorder log;
    std::vector<std::string> events;
    std::vector<Part> parts;
    parts.push_back({"a", [&events] { return until_cancelled(events, "a"); }});
    parts.push_back({"bad", [] { return fail(); }});
    Lifecycle lifecycle{io.get_executor(), std::move(parts), log};
    CHECK(run(io, lifecycle, [] {}) == 1);
    CHECK(events == std::vector<std::string>{"start a", "end a"});
    REQUIRE_FALSE(log.lines.empty());
    CHECK(log.lines[0] == "error: a part of the daemon ended on its own part=bad why=boom");
}

TEST_CASE("lifecycle: a part that does not obey -> exit 1 after the limit, not never") {
    asio::io_context io;
    Recorder log;
    std::vector<Part> parts;
    parts.push_back({"deaf", [] { return deaf(); }});
    Lifecycle lifecycle{io.get_executor(), std::move(parts), log, core::Millis{20}};
    const int code = run(io, lifecycle, [&] {
        asio::post(io, [&] { lifecycle.request_stop("test"); });
    });
    CHECK(code == 1);
    CHECK(log.lines.back() == "error: a part of the daemon did not stop in time part=deaf");
}

}  // namespace depositd
