#include "watchers/poll.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace watchers {

namespace asio = core::asio;

Pacer::Pacer(asio::any_io_executor executor, core::Clock& clock, core::Millis interval,
             core::Millis longest)
    : executor_{std::move(executor)},
      clock_{clock},
      interval_{interval},
      longest_{std::max(longest, interval)},
      pause_{interval},
      rhythm_{interval},
      gate_{std::make_shared<Gate>(executor_)} {}

void Pacer::failed() {
    pause_ = std::min(longest_, std::max(pause_ * 2, core::Millis{100}));
    rhythm_.interrupted();
}

core::Millis Pacer::pause() const {
    return pause_ == interval_ ? rhythm_.pause(clock_.tick()) : pause_;
}

void Pacer::nudge() {
    asio::post(executor_, [gate = gate_] {
        gate->nudged = true;
        gate->timer.cancel();
    });
}

core::Task<void> Pacer::wait_nudge() {
    auto gate = gate_;
    if (gate->nudged) co_return;
    gate->timer.expires_at(asio::steady_timer::time_point::max());
    boost::system::error_code cancelled;
    co_await gate->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

core::Task<void> Pacer::rest() {
    using namespace asio::experimental::awaitable_operators;
    const core::Millis length = pause();
    co_await (clock_.sleep_for(length) || wait_nudge());
    gate_->nudged = false;
}

core::Task<core::Expected<chains::Heads>> poll_heads(chains::ChainReader& reader) {
    auto heads = co_await reader.heads();
    if (!heads) co_return heads.error();
    const auto& final = heads->finalized;
    if (final && final->height == heads->latest.height && final->hash != heads->latest.hash) {
        co_return core::Error{core::Errc::kMalformed,
                              "two hashes for one height among the node's heads"};
    }
    co_return heads;
}

}  // namespace watchers
