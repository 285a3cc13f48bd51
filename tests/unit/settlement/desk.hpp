#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>


#include "db/database.hpp"
#include "settlement/context.hpp"
#include "settlement/driver.hpp"
#include "settlement/executor.hpp"
#include "tests/support/fake_sender.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/null_sinks.hpp"
#include "tests/support/sessions.hpp"

namespace support {

inline const core::ChainId kChain{"eip155:31337"};
inline const core::AssetId kNative{"eip155:31337/slip44:60"};

chains::ChainInfo test_chain();

//! Settlement on an in-memory store, a node that is scripted, and a clock that is turned by hand. It
//! plays the watcher: deposits and mined transactions are written as the watcher would.
class Desk {
  public:
    Desk();
    ~Desk();

    template <class T>
    T run(core::Task<T> task) {
        std::optional<T> out;
        core::asio::co_spawn(
            ioc_, std::move(task), [&](std::exception_ptr failure, T value) {
                if (failure) std::rethrow_exception(failure);
                out = std::move(value);
            });
        ioc_.restart();
        ioc_.run();
        return std::move(*out);
    }
    template <class R, class F>
    R write(F job) {
        return run(database->write<R>(std::move(job))).value();
    }
    template <class R, class F>
    R read(F job) {
        return run(database->read<R>(std::move(job))).value();
    }

    //! A session that waits for 100 units of kToken, with a receiver.
    core::SessionId open(session::Session session = open_session());
    core::Address receiver(const core::SessionId& id);

    //! A deposit seen in a block, and its fact. The id stays the same when it is told again.
    core::DepositId detect(const core::SessionId& id, std::uint64_t amount,
                           const core::AssetId& asset = kToken, std::int64_t at_second = 500);
    core::DepositId redetect(const db::Deposit& deposit);
    void confirm(std::vector<core::DepositId> deposits);
    void orphan(core::DepositId deposit, bool was_confirmed);
    //! Detected, confirmed and driven.
    core::DepositId pay(const core::SessionId& id, std::uint64_t amount);

    //! Nothing that bids less is mined.
    core::Units base_fee;
    //! What is on the wire and not mined yet is mined, in order; `finalise` makes it final too.
    std::size_t mine(bool finalise = true, bool success = true);
    //! Transfers of tokens are mined and fail.
    bool transfers_fail = false;
    //! What they move of their amount; none: all of it.
    std::optional<std::uint64_t> transfer_moves;
    //! What a contract that is called takes of the allowance; none: all of it.
    std::optional<std::uint64_t> call_takes;
    //! And of kOtherToken, which nobody allowed.
    std::uint64_t call_takes_other = 0;
    //! And gives back of the same token; the payer's own contract, for one.
    std::uint64_t call_gives_back = 0;
    //! What a call takes, it takes without using its allowance.
    bool call_needs_no_allowance = false;
    //! So many approvals of something are mined and fail.
    unsigned approvals_fail = 0;
    //! Calls are mined and fail.
    bool calls_fail = false;
    //! So many approvals of nothing are mined and fail.
    unsigned clearings_fail = 0;
    //! The contract takes of its allowance in a transaction of its own.
    void pull(const core::SessionId& id, const core::Address& contract, std::uint64_t amount);
    std::uint64_t allowance(const core::SessionId& id, const core::Address& contract);
    std::uint64_t holds(const core::Address& owner, const core::AssetId& asset = kToken) const;
    //! Payouts on the chain are stopped; or let go on.
    void halt();
    void acknowledge();
    //! All our transactions leave the chain, final or not, its nonces begin anew, and it is halted for it.
    void lose_all();
    //! The same once more, as they were, and final; `takes`: what of it a call takes now.
    void mine_lost_again(std::optional<std::uint64_t> takes = std::nullopt);
    //! One that is not on the chain, as it is given here, and final.
    void mine_again(const db::OwnTx& tx);
    //! A transaction that we did not sign takes that much coin from one of our addresses, as fees.
    void take_coin(const core::Address& owner, const core::Units& fee);
    //! Somebody else used a key of ours.
    void mine_foreign(const core::Address& sender, std::uint64_t nonce);

    std::size_t drive();
    //! One look of the executor, by a fresh one when `restart`: nothing may depend on its memory.
    void pass(bool restart = true);
    //! Looks, mines and drives until nothing is active.
    void settle(int rounds_max = 20);

    db::SessionRow row(const core::SessionId& id);
    session::State state(const core::SessionId& id) { return row(id).session.state; }
    std::vector<db::PayoutFull> payouts(const core::SessionId& id);
    db::AccountBalance balance(const std::string& account, const core::AssetId& asset = kToken);
    std::vector<db::Deposit> deposits(const core::SessionId& id);

  private:
    core::asio::io_context ioc_;

  public:
    ManualClock clock{ioc_.get_executor(), core::Instant::from_unix_seconds(600)};
    RecordingLog log;
    NullMetrics metrics;
    settlement::DirectRouter router;
    std::unique_ptr<db::Database> database;
    std::unique_ptr<settlement::Context> context;
    FakeSigner signer;
    FakeSender sender{test_chain()};
    FakeSender sibling{test_chain()};
    settlement::PayoutPace pace;

  private:
    void tell(db::Fact fact);
    void record_own(db::OwnTx tx, bool finalise);
    //! What the tokens' contracts make of it.
    void book_on_chain(const db::OwnTx& own, const chains::TxOrder& order);

    std::map<std::string, db::Deposit> on_chain_;  //!< deposits that stand, by key
    std::map<std::pair<core::AssetId, core::Address>, std::uint64_t> gone_;
    std::map<std::pair<core::Address, core::Address>, std::uint64_t> allowed_;  //!< owner, spender

    std::unique_ptr<settlement::Driver> driver_;
    std::unique_ptr<settlement::Executor> executor_;
    std::uint64_t next_height_ = 10;
    int next_session_ = 1;
    int next_tx_ = 1;
    std::size_t mined_up_to_ = 0;
};

}  // namespace support
