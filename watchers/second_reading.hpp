#pragma once

#include "chains/ports/reader.hpp"
#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/task.hpp"
#include "db/database.hpp"
#include "watchers/watch_set.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace watchers {

//! Reads blocks once more when they are final, from another endpoint than the first time: a node may
//! have lost logs of old blocks for ever, and what it says of them agrees with itself [F03]. What was
//! missing is recorded as Replay does it. Remembers how far it is; with one endpoint it does nothing.
class SecondReading {
  public:
    SecondReading(chains::ChainReader& reader, db::Database& db, WatchSet& watch,
                  core::Clock& clock, core::Log& log, core::Metrics& metrics,
                  unsigned range_batch = 200);

    //! One batch after the other, with a rest between them. Ends by cancellation only.
    core::Task<void> run();
    //! One batch. False when there was nothing to read.
    core::Task<core::Expected<bool>> step();

  private:
    struct Stretch;
    using Scans = std::vector<chains::BlockScan>;
    core::Task<core::Expected<bool>> read(Stretch stretch);
    core::Task<core::Expected<std::vector<chains::BlockScan>>> read_elsewhere(Stretch stretch);
    //! Reads blocks that seem to hold something new once more, the way the head is read: with proof by
    //! receipts or a second endpoint. One endpoint's word for a range is not enough to credit.
    core::Task<core::Expected<core::Done>> make_sure(std::shared_ptr<Scans> scans);
    //! Puts into `sure` what `told` alone says of what no receipt proves to be all, coin and transactions of
    //! ours, and several endpoints agree on: `sure` may come from who left it out or told it falsely.
    //! kNoQuorum when too few know of it: then it is neither kept nor passed over.
    core::Task<core::Expected<core::Done>> keep_agreed(const chains::BlockScan& told,
                                                       chains::BlockScan& sure);
    void note(const core::Error& error);

    chains::ChainReader& reader_;
    db::Database& db_;
    WatchSet& watch_;
    core::Clock& clock_;
    core::Log& log_;
    core::Metrics& metrics_;
    std::shared_ptr<const chains::ChainInfo> info_;
    std::uint64_t range_batch_;
    std::string told_;  //!< the last reason why it does not go on
    //! Who told the stretch from this height on in a way that nothing came of it: the next is asked.
    std::uint64_t in_vain_from_ = 0;
    std::vector<std::string> in_vain_;
};

}  // namespace watchers
