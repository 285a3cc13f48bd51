#include "daemon/lifecycle.hpp"

#include <algorithm>
#include <chrono>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace depositd {

namespace asio = core::asio;
using SteadyTime = std::chrono::steady_clock::time_point;

namespace {

//! A text of the exception, none for Asio's cancellation.
std::string text_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
        return error.code() == asio::error::operation_aborted ? "cancelled" : error.what();
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "an unknown exception";
    }
}

core::Task<void> wait_on(asio::steady_timer& timer) {
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

core::Task<void> wait_until(SteadyTime when) {
    asio::steady_timer timer{co_await asio::this_coro::executor, when};
    co_await wait_on(timer);
}

}  // namespace

struct Lifecycle::Running {
    Running(const Part& given, const asio::any_io_executor& executor)
        : part{given}, ended_gate{executor, SteadyTime::max()} {}
    const Part& part;
    asio::cancellation_signal cancel;
    asio::steady_timer ended_gate;  //!< expires when the part has ended
    bool ended = false;
};

Lifecycle::Lifecycle(asio::any_io_executor executor, std::vector<Part> parts, core::Log& log,
                     core::Millis stop_within)
    : executor_{executor},
      parts_{std::move(parts)},
      log_{log},
      stop_within_{stop_within},
      stop_gate_{executor, SteadyTime::max()} {}

Lifecycle::~Lifecycle() = default;

void Lifecycle::request_stop(std::string why) {
    if (stop_requested_) return;
    stop_requested_ = true;
    log_.info("stopping", {{"why", why}});
    stop_gate_.expires_at(SteadyTime::min());
}

void Lifecycle::start(const Part& part) {
    Running& running = running_.emplace_back(part, executor_);
    const auto ended = [this, &running](const std::exception_ptr& failure) {
        running.ended = true;
        running.ended_gate.expires_at(SteadyTime::min());
        if (stop_requested_) return;
        failed_ = true;
        log_.error("a part of the daemon ended on its own",
                   {{"part", running.part.name},
                    {"why", failure ? text_of(failure) : std::string{"it returned"}}});
        request_stop(running.part.name + " ended");
    };
    asio::co_spawn(executor_, part.run(),
                   asio::bind_cancellation_slot(running.cancel.slot(), ended));
}

core::Task<void> Lifecycle::wait_for_end_of(Running& running, SteadyTime until) {
    using namespace asio::experimental::awaitable_operators;
    if (running.ended) co_return;
    co_await (wait_on(running.ended_gate) || wait_until(until));
}

core::Task<void> Lifecycle::stop(Running& running, SteadyTime until) {
    if (!running.ended && running.part.drain) {
        std::exception_ptr failure;
        try {
            using namespace asio::experimental::awaitable_operators;
            co_await (running.part.drain() || wait_until(until));
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) {
            log_.warn("draining failed", {{"part", running.part.name}, {"why", text_of(failure)}});
        }
    }
    if (!running.ended) running.cancel.emit(asio::cancellation_type::all);
    co_await wait_for_end_of(running, until);
    if (!running.ended) {
        log_.error("a part of the daemon did not stop in time", {{"part", running.part.name}});
    }
}

core::Task<int> Lifecycle::run(std::function<void()> started, std::function<void()> stopping) {
    for (const Part& part : parts_) start(part);
    started();
    co_await wait_on(stop_gate_);
    stopping();
    const SteadyTime until = std::chrono::steady_clock::now() + stop_within_;
    for (auto running = running_.rbegin(); running != running_.rend(); ++running) {
        co_await stop(*running, until);
    }
    co_return failed_ || !all_ended() ? 1 : 0;
}

bool Lifecycle::all_ended() const {
    return std::all_of(running_.begin(), running_.end(),
                       [](const Running& running) { return running.ended; });
}

}  // namespace depositd
