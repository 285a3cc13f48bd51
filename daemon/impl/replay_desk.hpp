#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <nlohmann/json.hpp>

#include "chains/ports/address_codec.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/task.hpp"
#include "db/database.hpp"
#include "watchers/replay.hpp"

namespace depositd {

//! Takes orders to read blocks again and works on them one after the other, beside the watchers.
//! Orders are few and by people: at most kWaitingMax wait, the last kKeptMax stay readable.
class ReplayDesk {
  public:
    static constexpr std::size_t kWaitingMax = 8;
    static constexpr std::size_t kKeptMax = 64;

    struct Chain {
        core::ChainId id;
        chains::ChainReader* reader = nullptr;
    };

    ReplayDesk(core::asio::any_io_executor executor, std::vector<Chain> chains, db::Database& database,
               watchers::WatchSet& watch, const chains::AddressCodec& codec, core::Clock& clock,
               core::Log& log);

    //! {"chain","from","to"} | {"tx","chain"?} | {"session","chain"?} → {"id", …}.
    core::Expected<nlohmann::json> start(const nlohmann::json& order);
    core::Expected<nlohmann::json> progress(const std::string& id) const;
    //! Works on orders until cancelled.
    core::Task<void> run();
    //! Works until nothing waits.
    core::Task<void> run_waiting();

  private:
    struct Order {
        std::string id;
        std::vector<Chain> chains;  //!< to look on
        watchers::ReplayRequest request;
        watchers::ReplayProgress progress;
        std::string chain;
        bool done = false;
        std::string error;
    };

    core::Expected<Order> parse(const nlohmann::json& order) const;
    core::Task<void> work(Order& order);
    nlohmann::json describe(const Order& order) const;

    std::vector<Chain> chains_;
    db::Database& database_;
    watchers::WatchSet& watch_;
    const chains::AddressCodec& codec_;
    core::Clock& clock_;
    core::Log& log_;
    core::asio::steady_timer wake_;
    std::int64_t next_id_ = 1;
    std::map<std::int64_t, Order> orders_;  //!< by number; std::map keeps addresses stable
    std::deque<std::int64_t> waiting_;
};

}  // namespace depositd
