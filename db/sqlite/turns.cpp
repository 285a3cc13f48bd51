#include "db/sqlite/turns.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <boost/asio/post.hpp>

namespace db::sqlite {

//! What stands in the loop. When the loop goes without running it, the callers go with it: nothing of
//! theirs may outlive their loop.
class Turns::Turn {
  public:
    explicit Turn(std::shared_ptr<State> state) : state_{std::move(state)} {}
    Turn(Turn&&) = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
        if (!state_) return;
        state_->called = false;
        const auto forgotten = std::exchange(state_->waiting, {});
    }
    void operator()() { std::exchange(state_, nullptr)->run(); }

  private:
    std::shared_ptr<State> state_;
};

Turns::Turns(std::unique_ptr<WriteJobs> writes, std::unique_ptr<Connection> reader)
    : state_{std::make_shared<State>()} {
    state_->writes = std::move(writes);
    state_->reads = reader ? std::make_unique<ReadJobs>(std::move(reader))
                           : std::make_unique<ReadJobs>(state_->writes->connection());
}

Turns::~Turns() {
    if (!state_->stopped) {
        state_->reads->connection().keep_log();
        state_->writes->connection().keep_log();
    }
    state_->stopped = true;
    state_->reads.reset();
    state_->writes.reset();
}

bool Turns::push(Ticket& ticket) {
    if (state_->stopped) return false;
    if (!state_->called) {
        core::asio::post(ticket.waiter->executor(), Turn{state_});
        state_->called = true;
    }
    state_->waiting.push_back(std::move(ticket));
    return true;
}

void Turns::stop() {
    state_->run();
    state_->stopped = true;
    state_->reads.reset();
}

void Turns::State::run() {
    called = false;
    auto taken = std::exchange(waiting, {});
    if (!writes) {
        for (Ticket& ticket : taken) {
            ticket.waiter->complete(Error{Errc::kCancelled, "the store is closed"});
        }
        return;
    }
    auto next = std::stable_partition(taken.begin(), taken.end(),
                                      [](const Ticket& ticket) { return ticket.reads; });
    std::for_each(taken.begin(), next, [this](Ticket& ticket) { reads->run(ticket); });
    while (next != taken.end()) {
        const auto left = static_cast<std::size_t>(std::distance(next, taken.end()));
        const auto end = next + static_cast<std::ptrdiff_t>(std::min(left, kBatchMax));
        std::vector<Ticket> batch{std::move_iterator{next}, std::move_iterator{end}};
        writes->run(batch);
        next = end;
    }
}

}  // namespace db::sqlite
