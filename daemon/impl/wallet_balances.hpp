#pragma once

#include "api/ports.hpp"
#include "core/clock.hpp"
#include "db/database.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace depositd {

//! Reads what strangers' wallets hold, from any one endpoint at the block we have read last. A
//! watcher needs the same endpoints: each chain has a small budget of its own, of which one session
//! gets a part only, what goes beyond it is not answered, and the same is not read twice within a
//! few seconds.
class WalletBalances final : public api::Wallets {
  public:
    using Read = std::function<core::Task<core::Expected<core::Units>>(core::AssetId, core::Address,
                                                                       core::BlockRef)>;
    struct Chain {
        core::ChainId id;
        Read read;
    };
    //! The last block of a chain that was read.
    using Tip = std::function<core::Task<core::Expected<core::BlockRef>>(core::ChainId)>;

    WalletBalances(std::vector<Chain> chains, Tip tip, core::Clock& clock);

    core::Task<std::optional<core::Units>> balance(core::AssetId asset, core::Address owner,
                                                   core::SessionId asked_by) override;

    static constexpr core::Millis kFresh{5'000};
    static constexpr int kAtOnce = 4;           //!< of one chain
    static constexpr int kAtOnceOfSession = 2;  //!< of those, for one session
    static constexpr core::Millis kWindow{5'000};
    static constexpr int kPerWindow = 10;          //!< of one chain
    static constexpr int kPerWindowOfSession = 3;  //!< of those, for one session
    static constexpr std::size_t kRemembered = 1'000;

  private:
    struct Known {
        core::Tick at;
        std::optional<core::Units> units;  //!< none: nobody could tell
    };

    //! Readings: all of them, and whose they are. No session without one is in it.
    struct Readings {
        int all = 0;
        std::map<core::SessionId, int> of_session = {};
        int of(const core::SessionId& session) const;
        void add(const core::SessionId& session);
        void remove(const core::SessionId& session);
    };
    class UnderWay;

    //! A chain and what was spent of its budget.
    struct Desk {
        Chain chain;
        Readings under_way = {};
        core::Tick window = {};
        Readings in_window = {};
    };

    Desk* desk_of(const core::ChainId& chain);
    static bool may_read(Desk& desk, const core::SessionId& session, core::Tick now);
    void remember(std::string key, Known known);

    std::vector<Desk> desks_;  //!< never grows: readings under way refer to it
    Tip tip_;
    core::Clock& clock_;
    std::map<std::string, Known> known_;
};

//! kNotFound before the first block of the chain was read.
core::Task<core::Expected<core::BlockRef>> last_block(db::Database& database, core::ChainId chain);

}  // namespace depositd
