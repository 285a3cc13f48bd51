#pragma once

#include "db/sqlite/jobs.hpp"

namespace db::sqlite {

//! Workers without threads: what waits is run at the next turn of the first caller's loop, reads before
//! writes, each in the order they came. Everything on one thread.
class Turns final : public Workers {
  public:
    //! Without a reader, reads run on the writer's connection.
    Turns(std::unique_ptr<WriteJobs> writes, std::unique_ptr<Connection> reader);
    //! As a process that is killed: what waits is not run, the log is not folded.
    ~Turns() override;
    bool push(Ticket& ticket) override;
    bool failed() const override { return state_->writes->failed(); }
    void stop() override;
    Connection& connection() override { return state_->writes->connection(); }

  private:
    //! Shared with the turn that is to come: the store and the loop may go in either order.
    struct State {
        std::unique_ptr<WriteJobs> writes;
        std::unique_ptr<ReadJobs> reads;
        std::vector<Ticket> waiting;
        bool called = false;
        bool stopped = false;
        void run();
    };
    class Turn;

    std::shared_ptr<State> state_;
};

}  // namespace db::sqlite
