#pragma once

#include "chains/ports/reader.hpp"
#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "db/database.hpp"

#include <optional>
#include <string>

namespace watchers {

//! A session ends unpaid only when several endpoints know a block of ours that was mined after its
//! deadline. One that is alone for a while may invent blocks without the payment in them.
class DeadlineBlocks {
  public:
    DeadlineBlocks(chains::ChainReader& reader, db::Database& db, core::Clock& clock,
                   core::Millis retry)
        : reader_{reader}, db_{db}, clock_{clock}, retry_{retry} {}

    //! Seeks agreement for the deadlines that our blocks have passed since. Endpoints that do not agree
    //! are no error: they are asked again later.
    core::Task<core::Expected<core::Done>> agree();
    //! Why deadlines wait; empty when they do not.
    const std::string& waiting() const { return waiting_; }

  private:
    //! Our block with the time that several tell of it: one may have told another.
    core::Task<core::Expected<core::BlockRef>> as_agreed(core::BlockRef block);
    core::Task<core::Expected<std::optional<core::BlockRef>>> next();

    chains::ChainReader& reader_;
    db::Database& db_;
    core::Clock& clock_;
    core::Millis retry_;
    std::optional<core::Tick> retry_at_;
    std::string waiting_;
};

}  // namespace watchers
