#include "daemon/system.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/random.h>
#include <systemd/sd-daemon.h>

#include "core/check.hpp"

namespace depositd {

core::Instant SystemClock::now() const {
    using namespace std::chrono;
    return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

core::Tick SystemClock::tick() const {
    using namespace std::chrono;
    return {duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count()};
}

core::Task<void> SystemClock::sleep_for(core::Millis duration) {
    core::asio::steady_timer timer{co_await core::asio::this_coro::executor, duration};
    co_await timer.async_wait(core::asio::use_awaitable);
}

void SystemRng::fill(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const ssize_t got = getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        CHECK(got > 0, "getrandom failed");
        out = out.subspan(static_cast<std::size_t>(got));
    }
}

void SystemdNotifier::ready() const { sd_notify(0, "READY=1"); }
void SystemdNotifier::stopping() const { sd_notify(0, "STOPPING=1"); }
void SystemdNotifier::status(const std::string& text) const {
    sd_notify(0, ("STATUS=" + text).c_str());
}
void SystemdNotifier::watchdog() const { sd_notify(0, "WATCHDOG=1"); }

std::optional<core::Millis> SystemdNotifier::watchdog_period() const {
    std::uint64_t micros = 0;
    if (sd_watchdog_enabled(0, &micros) <= 0) return std::nullopt;
    return core::Millis{static_cast<std::int64_t>(micros / 3000)};
}

}  // namespace depositd
