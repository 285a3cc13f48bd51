#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include <boost/asio/steady_timer.hpp>

#include "core/clock.hpp"
#include "db/database.hpp"
#include "db/sqlite/connection.hpp"

namespace db::sqlite {

class Signal final : public ChangeSignal {
  public:
    explicit Signal(core::Clock& clock) : clock_{clock} {}
    core::Task<std::uint64_t> wait(std::uint64_t seen, core::Millis at_most,
                                   Concern concern) override;
    core::Task<std::uint64_t> wait_for_session(std::uint64_t seen, core::Millis at_most,
                                               core::SessionId session) override;
    std::uint64_t revision() const override { return state_->revision.load(); }
    //! From any thread. Each gate is touched on its owner's executor only.
    void bump(const Touched& touched);

  private:
    using Gate = core::asio::steady_timer;
    struct Waiting {
        Concern concern;
        std::optional<core::SessionId> session;  //!< of all that the concern is about, this one
        std::shared_ptr<Gate> gate;
    };
    //! A session, and the newest of the remembered revisions that changed it.
    struct Changed {
        std::uint64_t revision = 0;
        core::SessionId session;
    };
    static constexpr std::size_t kRemembered = 1'024;
    //! Shared with those who wait: they may go after the store.
    struct State {
        std::atomic<std::uint64_t> revision{0};
        std::mutex mutex;
        std::array<std::uint64_t, kConcerns> newest{};  //!< revision that concerned whom
        std::list<Waiting> waiting;
        std::deque<Changed> changed;  //!< oldest first
        std::uint64_t forgotten = 0;  //!< up to here any session may have changed
    };
    class Place;

    core::Task<std::uint64_t> wait_at(std::shared_ptr<State> state, std::uint64_t seen,
                                      core::Millis at_most, Concern concern,
                                      std::optional<core::SessionId> session);

    core::Clock& clock_;
    std::shared_ptr<State> state_{std::make_shared<State>()};
};

}  // namespace db::sqlite
