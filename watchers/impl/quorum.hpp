#pragma once

#include "chains/ports/reader.hpp"
#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "core/time.hpp"
#include "db/database.hpp"
#include "watchers/impl/credit.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace watchers {

//! What is due but for the agreement of several endpoints, and who was asked when. Each item has
//! its own time of the next try: one that is never agreed on keeps nobody else waiting.
class QuorumDesk {
  public:
    QuorumDesk(chains::ChainReader& reader, db::Database& db, const chains::WatchFilter& filter,
               core::Clock& clock, core::Millis retry)
        : reader_{reader}, db_{db}, filter_{filter}, clock_{clock}, retry_{retry} {}

    //! After a commit: what still waits. What was agreed on is used now, or stands in a block that
    //! is gone.
    void want(const Credited& credited);
    bool wants_any() const { return !items_.empty(); }
    const std::shared_ptr<const Corroborated>& agreed() const { return agreed_; }

    struct Refusal {
        core::Error error;
        std::string text;  //!< what waits for what
        bool repeated = false;
        bool corrected = false;  //!< the row was false: it is what they agree on now, or gone
    };
    //! Asks about what is due, a bounded number of items in bounded time: scanning must not wait
    //! long for slow endpoints. Failures of the store only.
    core::Task<core::Expected<std::vector<Refusal>>> ask();
    //! The last refusal of the first item that still waits; empty when none was asked about.
    std::string waiting() const;

  private:
    //! Deposit or own transaction, its row's id and its block.
    struct Key {
        bool own = false;
        std::int64_t id = 0;
        core::BlockHash block;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    struct Item {
        Key key;
        std::optional<db::Deposit> deposit;
        std::optional<OwnToAgree> own;
    };
    struct Tried {
        std::optional<core::Tick> retry_at;
        bool content_agreed = false;  //!< block and content; finality or nonce still open
        std::string text;
    };

    core::Task<core::Expected<core::Done>> agree(Item item, core::BlockRef block, bool known);
    //! Mends the row when it is false. `refusal`: why they did not agree on it.
    core::Task<core::Expected<bool>> mend(Item item, core::BlockRef block, core::Errc refusal);
    //! They agree, and not on what the row says: when the only endpoint that could be reached told the
    //! block falsely, nobody else would ever write it anew. False when nothing else is agreed on.
    core::Task<core::Expected<bool>> correct(Item item);
    core::Task<core::Expected<bool>> correct_own_tx(db::OwnTx row, chains::BlockScan scan,
                                                    unsigned endpoints);
    core::Task<core::Expected<bool>> correct_transfer(db::Deposit row, chains::BlockScan scan,
                                                      unsigned endpoints);
    //! Takes back what several say is not in its block. It was told by one who was alone then, and who
    //! does not know a transaction has no word on it: else it would wait for agreement for ever.
    core::Task<core::Expected<bool>> take_back_absent(Item item, core::BlockRef block);
    core::Task<core::Expected<core::Done>> agree_on_final(chains::CreditTier tier,
                                                          std::uint64_t height);
    core::Task<core::Expected<std::optional<core::BlockRef>>> our_block(Item item);
    chains::CreditTier tier_of(const Item& item) const;

    chains::ChainReader& reader_;
    db::Database& db_;
    const chains::WatchFilter& filter_;
    core::Clock& clock_;
    core::Millis retry_;
    std::vector<Item> items_;
    std::map<Key, Tried> tried_;
    std::map<unsigned, std::uint64_t> final_for_;  //!< by number of endpoints: the height agreed on
    std::shared_ptr<const Corroborated> agreed_ = std::make_shared<const Corroborated>();
};

}  // namespace watchers
