#pragma once

#include "chains/ports/reader.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "core/time.hpp"
#include "db/database.hpp"
#include "watchers/impl/residual.hpp"
#include "watchers/scan.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace watchers {

//! What is kept from look to look. For one look at a time.
//!
//! What addresses should hold by the rows, while no row that says so changes; and whose turn it is among the
//! receivers whose session asks for something else than coin: somebody may send them coin all the same,
//! and a contract's call shows only in the balance.
class NativeSums {
  public:
    //! Of these addresses, as of the view that `work` has.
    core::Expected<std::vector<std::optional<core::Units>>> of(
        db::UnitOfWork& work, const core::ChainId& chain, const core::AssetId& native,
        const std::vector<core::Address>& addresses);
    //! The next part of all receivers of sessions that are open or ended not before `ended_after`; nothing
    //! while the last part is younger than a minute of the chain's time.
    core::Expected<std::vector<core::Address>> turn(db::UnitOfWork& work, std::string_view family,
                                                    core::Instant mined_at,
                                                    core::Instant ended_after);

  private:
    std::int64_t changes_ = -1;
    std::map<core::Address, std::optional<core::Units>> sums_;
    core::ReceiverId turn_after_;
    core::Instant next_turn_;
};

//! Looks, at the end of one batch, for native coin that no transaction explains: who waits for it,
//! what they hold, since which block, and whether as many endpoints say so as the amount's tier
//! wants. State is young: what is not agreed on now could not be asked about when it is final.
class NativeLook {
  public:
    //! `batch` outlives it.
    NativeLook(chains::ChainReader& reader, db::Database& db, const Batch& batch,
               std::shared_ptr<NativeSums> sums)
        : reader_{reader}, db_{db}, batch_{batch}, sums_{std::move(sums)} {}

    //! The balances at the batch's last block. What is over and not agreed on is left out, and the
    //! reading is not complete.
    core::Task<core::Expected<Balances>> read();
    //! Why the reading is not complete; empty otherwise.
    const std::string& waiting() const { return waiting_; }

  private:
    //! Blocks that can be probed: 0 is the one before the batch, then the batch's.
    struct Known {
        core::BlockRef tip;
        core::BlockRef read_to;
        std::vector<core::Address> addresses;
        std::size_t expecting = 0;  //!< so many of them, the first, wait for coin
        std::vector<std::optional<core::Units>> expected;  //!< before the batch
    };
    //! What the address should hold and what it spent, after each probed block.
    struct Books {
        std::vector<core::Units> in;
        std::vector<core::Units> out;
    };

    static core::Expected<Known> load(db::UnitOfWork& work, const core::ChainId& chain,
                                      const core::AssetId& native, NativeSums& sums);
    struct Payment {
        core::BlockRef block;
        chains::TransferSeen seen;
    };
    //! Are there payments in coin that others do not agree on yet? What a balance shows beyond them may be
    //! what they were told too small by.
    core::Task<core::Expected<bool>> rests_on_one_word(core::Address address);
    core::Expected<Books> books_of(const core::Address& address, const core::Units& before) const;
    const core::BlockRef& block(std::size_t index) const {
        return index == 0 ? known_.tip : batch_.scans[index - 1].block;
    }
    //! What is over after a block; none when its state is gone.
    core::Task<std::optional<core::Units>> over_at(core::Address address, const Books& books,
                                                   std::size_t index);
    core::Task<core::Expected<std::vector<Residual>>> date(core::Address address,
                                                           const Books& books, core::Units total);
    core::Task<core::Expected<core::Instant>> time_after(std::int64_t index);
    core::Task<core::Expected<core::Done>> agree(core::Address address, const Books& books,
                                                 std::vector<Residual> residuals);

    chains::ChainReader& reader_;
    db::Database& db_;
    const Batch& batch_;
    std::shared_ptr<NativeSums> sums_;
    Known known_;
    std::size_t probes_ = 0;
    std::string waiting_;
};

}  // namespace watchers
