#pragma once

#include <array>
#include <atomic>
#include <list>
#include <mutex>

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
    std::uint64_t revision() const override { return state_->revision.load(); }
    //! From any thread. Each gate is touched on its owner's executor only.
    void bump(Touched touched);

  private:
    using Gate = core::asio::steady_timer;
    struct Waiting {
        Concern concern;
        std::shared_ptr<Gate> gate;
    };
    //! Shared with those who wait: they may go after the store.
    struct State {
        std::atomic<std::uint64_t> revision{0};
        std::mutex mutex;
        std::array<std::uint64_t, kConcerns> newest{};  //!< revision that concerned whom
        std::list<Waiting> waiting;
    };
    class Place;

    core::Clock& clock_;
    std::shared_ptr<State> state_{std::make_shared<State>()};
};

}  // namespace db::sqlite
