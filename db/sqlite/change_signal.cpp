#include "db/sqlite/change_signal.hpp"

#include <algorithm>
#include <utility>

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
    Place(std::shared_ptr<State> state, const asio::any_io_executor& executor, Concern concern,
          std::optional<core::SessionId> session)
        : state_{std::move(state)},
          gate_{std::make_shared<Gate>(executor, Gate::time_point::max())} {
        const std::lock_guard lock{state_->mutex};
        at_ = state_->waiting.insert(state_->waiting.end(),
                                     {concern, std::move(session), gate_});
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
        if (!at_->session) return state_->newest[static_cast<std::size_t>(at_->concern)] > seen;
        if (state_->forgotten > seen) return true;
        return std::any_of(state_->changed.begin(), state_->changed.end(),
                           [&](const Changed& one) {
                               return one.revision > seen && one.session == *at_->session;
                           });
    }

  private:
    std::shared_ptr<State> state_;
    std::shared_ptr<Gate> gate_;
    std::list<Waiting>::iterator at_;
};

core::Task<std::uint64_t> Signal::wait(std::uint64_t seen, core::Millis at_most,
                                       Concern concern) {
    co_return co_await wait_at(state_, seen, at_most, concern, std::nullopt);
}

core::Task<std::uint64_t> Signal::wait_for_session(std::uint64_t seen, core::Millis at_most,
                                                   core::SessionId session) {
    std::optional<core::SessionId> one{std::move(session)};
    co_return co_await wait_at(state_, seen, at_most, Concern::kSessions, std::move(one));
}

core::Task<std::uint64_t> Signal::wait_at(std::shared_ptr<State> state, std::uint64_t seen,
                                          core::Millis at_most, Concern concern,
                                          std::optional<core::SessionId> session) {
    using namespace asio::experimental::awaitable_operators;
    Place place{state, co_await asio::this_coro::executor, concern, std::move(session)};
    if (place.is_over(seen)) co_return state->revision;
    boost::system::error_code ignored;
    auto woken = place.gate().async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    auto slept = clock_.sleep_for(at_most);
    co_await (std::move(woken) || std::move(slept));
    co_return state->revision;
}

void Signal::bump(const Touched& touched) {
    const std::lock_guard lock{state_->mutex};
    const std::uint64_t now = ++state_->revision;
    for (std::size_t i = 0; i < kConcerns; ++i) {
        if (touched.concerns(static_cast<Concern>(i))) state_->newest[i] = now;
    }
    if (touched.every_session()) state_->forgotten = now;
    for (const core::SessionId& session : touched.sessions()) {
        if (state_->changed.size() >= kRemembered) {
            state_->forgotten = std::max(state_->forgotten, state_->changed.front().revision);
            state_->changed.pop_front();
        }
        state_->changed.push_back({now, session});
    }
    for (const Waiting& one : state_->waiting) {
        if (one.session ? !touched.concerns(*one.session) : !touched.concerns(one.concern)) {
            continue;
        }
        asio::post(one.gate->get_executor(),
                   [gate = one.gate] { gate->expires_at(Gate::time_point::min()); });
    }
}

}  // namespace db::sqlite
