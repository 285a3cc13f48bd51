#include "tests/simulation/host_clock.hpp"

#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

namespace simulation {

namespace asio = core::asio;
using boost::system::error_code;

struct HostClock::Sleeper {
    virtual ~Sleeper() = default;
    virtual void wake(error_code why) = 0;
};

HostClock::HostClock(asio::any_io_executor executor, core::Instant now, core::Millis offset)
    : executor_{std::move(executor)}, now_{now}, offset_{offset} {}

HostClock::~HostClock() = default;

core::Task<void> HostClock::sleep_for(core::Millis duration) {
    if (duration <= core::Millis{0}) co_return;
    auto lie_down = [this](auto handler, Place place) {
        using Handler = decltype(handler);
        struct Waiting final : Sleeper {
            Waiting(asio::any_io_executor on, Handler h) : executor{std::move(on)}, handler{std::move(h)} {}
            void wake(error_code why) override {
                asio::post(executor, [handler = std::move(handler), why]() mutable {
                    std::move(handler)(why);
                });
            }
            asio::any_io_executor executor;
            Handler handler;
        };
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
            slot.assign([this, place](asio::cancellation_type) {
                const auto found = sleepers_.find(place);
                if (found == sleepers_.end()) return;
                const auto sleeper = std::move(found->second);
                sleepers_.erase(found);
                sleeper->wake(asio::error::operation_aborted);
            });
        }
        sleepers_.emplace(place, std::make_shared<Waiting>(executor_, std::move(handler)));
    };
    const Place place{(now_ + duration).unix_ms, sequence_++};
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void(error_code)>(
        lie_down, asio::use_awaitable, place);
}

std::optional<core::Instant> HostClock::next() const {
    if (sleepers_.empty()) return std::nullopt;
    return core::Instant{sleepers_.begin()->first.first};
}

void HostClock::clear() {
    while (!sleepers_.empty()) {
        const auto sleeper = std::move(sleepers_.begin()->second);
        sleepers_.erase(sleepers_.begin());
    }
}

void HostClock::advance(core::Instant now) {
    now_ = now;
    while (!sleepers_.empty() && sleepers_.begin()->first.first <= now_.unix_ms) {
        const auto sleeper = std::move(sleepers_.begin()->second);
        sleepers_.erase(sleepers_.begin());
        sleeper->wake({});
    }
}

}  // namespace simulation
