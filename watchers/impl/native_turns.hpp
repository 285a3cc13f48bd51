#pragma once

#include "core/chain_types.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace watchers {

//! Up to which block nothing that an address holds was unexplained.
struct LastExplained {
    std::uint64_t height = 0;
    core::Instant mined_at;
};

//! One look at balances, at the end of a batch. It counts once the batch is committed.
struct NativeLooked {
    struct Turn {
        core::Tick at;
        //! After whom the next part begins; none: nobody could be asked, the same part has its turn again.
        std::optional<core::ReceiverId> next_after;
        bool last_part = false;
    };
    core::BlockRef block;
    std::vector<core::Address> explained;    //!< what they hold is what the rows say
    std::vector<core::Address> unexplained;  //!< it is not, or is not known
    std::optional<Turn> turn;
};

//! Whose turn it is among the receivers whose session asks for something else than coin: somebody may
//! send them coin all the same, and a contract's call shows only in the balance. And what is known of
//! each address that was looked at lately, in turn or not. By our own monotonic clock: what blocks say of
//! time may be invented. Lost with the process: the next look knows less about when coin came.
class NativeTurns {
  public:
    //! Receivers in one turn.
    static constexpr std::size_t kPart = 100;
    //! Between two: 10,000 receivers have their turn in less than two hours.
    static constexpr core::Millis kBetween{60'000};

    //! After whom the part begins that has its turn; none while the last turn is younger than a minute.
    std::optional<core::ReceiverId> due(core::Tick now) const;
    //! A batch with this look was committed.
    void committed(const NativeLooked& look);
    //! The chain was taken back: what was seen above does not count.
    void back_to(const core::BlockRef& ancestor);
    std::optional<LastExplained> last_explained(const core::Address& address) const;

  private:
    struct Known {
        LastExplained last;
        std::uint64_t round = 0;  //!< of the last look, whatever it found
    };
    core::ReceiverId after_;
    std::optional<core::Tick> last_turn_;
    std::uint64_t round_ = 0;
    std::map<core::Address, Known> known_;
};

}  // namespace watchers
