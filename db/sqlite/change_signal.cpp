#include "db/sqlite/change_signal.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace db::sqlite {

namespace asio = core::asio;

//! Registered before the revision is looked at, so that no commit falls between.
class Signal::Place {
  public:
    Place(std::shared_ptr<State> state, const asio::any_io_executor& executor, Concern concern)
        : state_{std::move(state)},
          gate_{std::make_shared<Gate>(executor, Gate::time_point::max())} {
        const std::lock_guard lock{state_->mutex};
        at_ = state_->waiting.insert(state_->waiting.end(), {concern, gate_});
    }
    ~Place() {
        const std::lock_guard lock{state_->mutex};
        state_->waiting.erase(at_);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    Gate& gate() { return *gate_; }
    bool is_over(std::uint64_t seen) const {
        const std::lock_guard lock{state_->mutex};
        return state_->newest[static_cast<std::size_t>(at_->concern)] > seen;
    }

  private:
    std::shared_ptr<State> state_;
    std::shared_ptr<Gate> gate_;
    std::list<Waiting>::iterator at_;
};

core::Task<std::uint64_t> Signal::wait(std::uint64_t seen, core::Millis at_most,
                                       Concern concern) {
    using namespace asio::experimental::awaitable_operators;
    const auto state = state_;
    Place place{state, co_await asio::this_coro::executor, concern};
    if (place.is_over(seen)) co_return state->revision;
    boost::system::error_code ignored;
    auto woken = place.gate().async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    auto slept = clock_.sleep_for(at_most);
    co_await (std::move(woken) || std::move(slept));
    co_return state->revision;
}

void Signal::bump(Touched touched) {
    const std::lock_guard lock{state_->mutex};
    const std::uint64_t now = ++state_->revision;
    for (std::size_t i = 0; i < kConcerns; ++i) {
        if (touched.concerns(static_cast<Concern>(i))) state_->newest[i] = now;
    }
    for (const Waiting& one : state_->waiting) {
        if (!touched.concerns(one.concern)) continue;
        asio::post(one.gate->get_executor(),
                   [gate = one.gate] { gate->expires_at(Gate::time_point::min()); });
    }
}

}  // namespace db::sqlite
