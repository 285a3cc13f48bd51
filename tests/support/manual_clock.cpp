#include "tests/support/manual_clock.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace support {

namespace asio = core::asio;

ManualClock::ManualClock(asio::any_io_executor executor, core::Instant start)
    : executor_{std::move(executor)}, now_{start} {}

core::Task<void> ManualClock::sleep_for(core::Millis duration) {
    if (duration <= core::Millis{0}) co_return;
    auto sleeper = std::make_shared<Sleeper>(executor_);
    const auto place = sleepers_.emplace(now_ + duration, sleeper);
    boost::system::error_code ended;
    co_await sleeper->gate.async_wait(asio::redirect_error(asio::use_awaitable, ended));
    if (sleeper->woken) co_return;
    sleepers_.erase(place);
    throw boost::system::system_error{asio::error::operation_aborted};
}

void ManualClock::wake_due() {
    while (!sleepers_.empty() && sleepers_.begin()->first <= now_) {
        const auto sleeper = sleepers_.begin()->second;
        sleepers_.erase(sleepers_.begin());
        sleeper->woken = true;
        sleeper->gate.cancel();
    }
}

void ManualClock::advance(core::Millis by) {
    now_ = now_ + by;
    wake_due();
}

bool ManualClock::jump_to_next_sleeper() {
    if (sleepers_.empty()) return false;
    now_ = sleepers_.begin()->first;
    wake_due();
    return true;
}

void run_until(asio::io_context& ioc, ManualClock& clock, core::Instant until) {
    do {
        ioc.restart();
        while (ioc.poll() > 0) {
        }
    } while (clock.now() < until && clock.jump_to_next_sleeper());
}

}  // namespace support
