#pragma once

#include "chains/ports/reader.hpp"
#include "core/chain_types.hpp"
#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "core/time.hpp"
#include "db/database.hpp"
#include "watchers/impl/native_sums.hpp"
#include "watchers/impl/native_turns.hpp"
#include "watchers/impl/residual.hpp"
#include "watchers/scan.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace watchers {

//! Looks, at the end of one batch, for native coin that no transaction explains: who waits for it and
//! whose turn it is, what they hold, since which block, and whether as many endpoints say so as the
//! amount's tier wants. State is young: what is not agreed on now could not be asked about when it is
//! final.
class NativeLook {
  public:
    //! `batch` and `turns` outlive it.
    NativeLook(chains::ChainReader& reader, db::Database& db, core::Clock& clock, const Batch& batch,
               std::shared_ptr<NativeSums> sums, const NativeTurns& turns)
        : reader_{reader},
          db_{db},
          clock_{clock},
          batch_{batch},
          sums_{std::move(sums)},
          turns_{turns} {}

    //! The balances at the batch's last block. What is over and not agreed on is left out, and the
    //! reading is not complete when somebody waits for it. An error about one address concerns that
    //! address alone.
    core::Task<core::Expected<Balances>> read();
    //! Why the reading is not complete; empty otherwise.
    const std::string& waiting() const { return waiting_; }

  private:
    //! An address that is looked at, and what it has to do with coin.
    struct Watched {
        core::Address address;
        core::Instant issued_at;
        bool expecting = false;  //!< its session waits for coin, or got some
        bool asked_for = false;  //!< it was issued for coin: looked at with each batch ever since
        std::optional<core::Units> expected;  //!< before the batch
    };
    //! Blocks that can be probed: 0 is the one before the batch, then the batch's.
    struct Known {
        core::BlockRef tip;
        core::BlockRef read_to;
        std::vector<Watched> watched;  //!< who is expecting comes first
        std::size_t expecting = 0;
        std::optional<NativeLooked::Turn> turn;
    };
    //! What the address should hold and what it spent, after each probed block.
    struct Books {
        std::vector<core::Units> in;
        std::vector<core::Units> out;
    };
    //! Nothing was unexplained at this height; none: it was never looked at. What is not there yet may have
    //! been paid at `since` at the earliest; none: with the block above.
    struct Floor {
        std::optional<std::uint64_t> height;
        std::optional<core::Instant> since;
    };
    struct Payment {
        core::BlockRef block;
        chains::TransferSeen seen;
    };

    static core::Expected<Known> load(db::UnitOfWork& work, const core::ChainId& chain,
                                      const core::AssetId& native, NativeSums& sums,
                                      std::optional<core::ReceiverId> turn_after, core::Tick now);
    core::Task<core::Expected<std::vector<core::Units>>> ask(std::size_t begin, std::size_t end);
    //! What each of them holds; none where nobody can tell.
    core::Task<core::Expected<std::vector<std::optional<core::Units>>>> ask_all();
    core::Task<void> ask_in_turn(std::vector<std::optional<core::Units>>& held);
    core::Task<core::Expected<core::Done>> look_at(const Watched& one, core::Units holds,
                                                   Balances& balances);
    //! Does it wait for the rest to be told?
    void not_now(const Watched& one, std::string why, Balances& balances);
    //! Are there payments in coin that others do not agree on yet? What a balance shows beyond them may be
    //! what they were told too small by.
    core::Task<core::Expected<bool>> rests_on_one_word(core::Address address);
    core::Expected<Books> books_of(const core::Address& address, const core::Units& before) const;
    const core::BlockRef& block(std::size_t index) const {
        return index == 0 ? known_.tip : batch_.scans[index - 1].block;
    }
    //! held + out − in, nothing when that is not above zero.
    static core::Expected<core::Units> over(const core::Units& held, const core::Units& in,
                                            const core::Units& out);
    Floor floor_of(const Watched& one) const;
    //! What is over after a block; none when its state is gone.
    core::Task<std::optional<core::Units>> over_at(core::Address address, const Books& books,
                                                   std::size_t index);
    core::Task<core::Expected<std::vector<Residual>>> date(const Watched& one, const Books& books,
                                                           core::Units total);
    core::Task<core::Expected<core::Instant>> time_after(std::int64_t index, Floor floor);
    core::Task<core::Expected<core::Done>> agree(core::Address address, const Books& books,
                                                 std::vector<Residual> residuals);

    chains::ChainReader& reader_;
    db::Database& db_;
    core::Clock& clock_;
    const Batch& batch_;
    std::shared_ptr<NativeSums> sums_;
    const NativeTurns& turns_;
    Known known_;
    std::size_t probes_ = 0;
    std::string waiting_;
};

}  // namespace watchers
