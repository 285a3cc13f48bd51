#pragma once

#include <cstddef>
#include <vector>

#include "core/expected.hpp"
#include "core/task.hpp"
#include "settlement/context.hpp"
#include "settlement/session_events.hpp"

namespace settlement {

//! Ends what nobody paid for. A session's deadline has passed when every chain it can be paid on has
//! been read past it by block time, so that a deposit mined in time is never late because we were.
class Deadlines {
  public:
    explicit Deadlines(const Context& context) : context_{context}, events_{context} {}

    core::Task<void> run();
    //! The number of sessions that moved.
    core::Task<core::Expected<std::size_t>> look_once();

  private:
    core::Expected<std::vector<core::SessionId>> due(db::UnitOfWork& work) const;

    const Context& context_;
    SessionEvents events_;
    bool is_all_moved_ = false;  //!< of the last look
};

}  // namespace settlement
