#pragma once

#include "chains/ports/reader.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace support {

//! What a block of a FakeChain holds, for everybody and not only for us.
struct FakeContent {
    std::vector<chains::TransferSeen> transfers;
    //! Transactions with a sender who may be ours. Their native value and their token transfers
    //! also show as transfers.
    std::vector<chains::OwnTxSeen> txs;
    //! Native coin moved by a contract: it shows in balances only.
    std::vector<std::pair<core::Address, core::Units>> hidden_credits;
    //! The same, taken away.
    std::vector<std::pair<core::Address, core::Units>> hidden_debits;
};

//! A scripted chain in memory, and a node that can be late, wrong-headed or out of order.
class FakeChain final : public chains::ChainReader {
  public:
    struct Calls {
        std::uint64_t heads = 0;
        std::uint64_t block_at = 0;
        std::uint64_t scan_block = 0;
        std::uint64_t scan_range = 0;
        std::uint64_t native_balances = 0;
        std::uint64_t balance_of = 0;
        std::uint64_t corroborate = 0;
        std::uint64_t corroborate_absent = 0;
        std::uint64_t corroborate_own = 0;
        std::uint64_t corroborate_nonce = 0;
        std::uint64_t corroborate_final = 0;
        std::uint64_t corroborate_balance = 0;
        std::uint64_t scan_range_elsewhere = 0;
        std::uint64_t block_of = 0;
        std::uint64_t total() const {
            return heads + block_at + scan_block + scan_range + native_balances + balance_of +
                   corroborate + corroborate_absent + corroborate_own + corroborate_nonce +
                   corroborate_final +
                   corroborate_balance + scan_range_elsewhere + block_of;
        }
    };

    //! Begins with an empty block of height 0, mined at `genesis_at`.
    explicit FakeChain(chains::ChainInfo info,
                       core::Instant genesis_at = core::Instant::from_unix_seconds(1'700'000'000));

    // ---- the script
    // -------------------------------------------------------------------------------

    //! Mines one block with this and with everything that pends.
    core::BlockRef mine(FakeContent content = {});
    void mine_empty(std::uint64_t blocks);
    //! Waits for the next block.
    void pend(chains::OwnTxSeen tx);
    void pend(chains::TransferSeen transfer);
    //! Takes back the last `depth` blocks and mines `instead`; gives what the lost blocks held.
    std::vector<FakeContent> reorg(std::uint64_t depth, std::vector<FakeContent> instead = {});
    //! As above with `blocks` empty ones instead.
    std::vector<FakeContent> reorg_empty(std::uint64_t depth, std::uint64_t blocks);

    //! `finalized` is this far below the head; none: the node has no such tag. Default 0.
    void set_finalized_lag(std::optional<std::uint64_t> blocks) { finalized_lag_ = blocks; }
    //! `finalized` stays at this height (or goes on when none).
    void freeze_finalized(std::optional<std::uint64_t> height) { finalized_frozen_ = height; }
    //! The node knows nothing of the last `blocks` blocks.
    void set_lag(std::uint64_t blocks) { lag_ = blocks; }
    //! heads() names a block up to `blocks` below the node's, in a fixed pseudo-random order.
    void set_head_jitter(std::uint64_t blocks, std::uint64_t seed = 1);
    //! The next `times` calls of this method ("scan_block"; "" is any) fail.
    void fail_next(core::Errc code, unsigned times = 1, std::string method = {});
    //! While blind, blocks come back without transfers and transactions, as from a broken index.
    void set_blind(bool blind) { blind_ = blind; }
    //! What the first endpoint makes of a block that is read from it; none: the truth. The others are
    //! not asked for what they read, and corroborate the truth.
    void set_teller(std::function<void(chains::BlockScan&)> teller) { teller_ = std::move(teller); }
    //! What the second endpoint invents at a height, when it alone is asked, and vouches for alone.
    void set_invented(std::uint64_t height, chains::TransferSeen seen) {
        invented_.emplace(height, std::move(seen));
    }
    //! How many endpoints agree with each other; more asked for is kNoQuorum. Default 100.
    void set_agreeing_endpoints(unsigned endpoints) { agreeing_ = endpoints; }
    //! The others' finalized block stands at this height, whatever heads() says.
    void set_others_finalized(std::optional<std::uint64_t> height) { others_finalized_ = height; }
    //! What the first endpoint said and the others do not: they deny this transaction of ours, or
    //! deny every balance that the first one saw at or after the height.
    void set_denied(std::optional<core::TxId> tx) { denied_ = tx; }
    void set_balances_denied_from(std::optional<std::uint64_t> height) { denied_from_ = height; }
    //! What is told of this address's native balance instead of the truth: another one, or an error that
    //! spoils the whole answer it is part of. None: the truth.
    void set_balance_told(const core::Address& address,
                          std::optional<core::Expected<core::Units>> told);
    //! There is a second endpoint, which reads everything also while the first is blind.
    void set_second_endpoint(bool there) { second_ = there; }
    //! And a third one beside it, which never invents anything.
    void set_third_endpoint(bool there) { third_ = there; }
    //! block_at() tells blocks so much later than they were mined.
    void set_block_told_late(core::Millis late) { block_told_late_ = late; }
    //! State older than this many blocks below the head is gone.
    void set_state_depth(std::optional<std::uint64_t> blocks) { state_depth_ = blocks; }
    //! Called when a block was read, before its answer is given.
    void on_scan(std::function<void(std::uint64_t)> hook) { on_scan_ = std::move(hook); }
    void set_block_interval(core::Millis interval) { interval_ = interval; }
    //! Balance out of nothing, in the next block: a faucet.
    void fund(const core::Address& to, const core::AssetId& asset, const core::Units& units);
    chains::ChainInfo& info_mut() { return info_; }

    // ---- the truth, for tests and fake senders
    // ------------------------------------------------------

    core::BlockRef tip() const { return blocks_.back().ref; }
    std::optional<core::BlockRef> finalized() const;
    core::BlockRef ref_at(std::uint64_t height) const { return blocks_.at(height).ref; }
    core::Units balance(const core::Address& owner, const core::AssetId& asset) const;
    //! Transactions mined from this sender up to a height.
    std::uint64_t nonce_at(const core::Address& sender, std::uint64_t height) const;
    std::optional<chains::OwnTxSeen> mined(const core::TxId& tx) const;
    const Calls& calls() const { return calls_; }
    void reset_calls() { calls_ = {}; }

    // ---- chains::ChainReader
    // ------------------------------------------------------------------------

    const chains::ChainInfo& info() const override { return info_; }
    core::Task<core::Expected<chains::Heads>> heads() override;
    core::Task<core::Expected<core::BlockRef>> block_at(std::uint64_t height) override;
    core::Task<core::Expected<chains::BlockScan>> scan_block(
        std::uint64_t height, const chains::WatchFilter& filter) override;
    core::Task<core::Expected<std::vector<chains::BlockScan>>> scan_range(
        std::uint64_t from, std::uint64_t to, const chains::WatchFilter& filter) override;
    core::Task<core::Expected<std::vector<core::Units>>> native_balances(
        std::vector<core::Address> addresses, core::BlockRef at) override;
    core::Task<core::Expected<core::Units>> balance_of(core::AssetId asset, core::Address owner,
                                                       core::BlockRef at) override;
    core::Task<core::Expected<core::BlockRef>> agreed_block(std::uint64_t height,
                                                            unsigned endpoints) override;
    core::Task<core::Expected<core::Done>> corroborate(core::BlockRef block,
                                                       chains::TransferSeen transfer,
                                                       unsigned endpoints) override;
    core::Task<core::Expected<core::Done>> corroborate_absent(core::BlockRef block,
                                                              chains::TransferSeen transfer,
                                                              unsigned endpoints) override;
    core::Task<core::Expected<core::Done>> corroborate_own(core::BlockRef block,
                                                           chains::OwnTxSeen tx,
                                                           unsigned endpoints) override;
    core::Task<core::Expected<core::Done>> corroborate_nonce(core::Address sender,
                                                             std::uint64_t nonce, bool finalized,
                                                             unsigned endpoints) override;
    core::Task<core::Expected<core::Done>> corroborate_final(std::uint64_t height,
                                                             unsigned endpoints) override;
    core::Task<core::Expected<core::Done>> corroborate_balance(core::BlockRef at,
                                                               core::Address owner,
                                                               core::Units units,
                                                               unsigned endpoints) override;
    core::Task<core::Expected<core::Units>> balance_by_one(core::AssetId asset, core::Address owner,
                                                           core::BlockRef at) override {
        return balance_of(std::move(asset), owner, at);
    }
    core::Task<core::Expected<chains::AgreedBalance>> agreed_balance(core::AssetId asset,
                                                                     core::Address owner,
                                                                     core::BlockRef at,
                                                                     unsigned endpoints) override;
    core::Task<core::Expected<std::vector<chains::BlockScan>>> scan_range_elsewhere(
        std::uint64_t from, std::uint64_t to, const chains::WatchFilter& filter,
        std::vector<std::string> other_than) override;
    core::Task<core::Expected<std::optional<core::BlockRef>>> block_of(core::TxId tx) override;

  private:
    using Balances = std::map<std::pair<core::Address, std::string>, core::Units>;
    struct Block {
        core::BlockRef ref;
        FakeContent content;
        //! Everything that moved, those of transactions among it.
        std::vector<chains::TransferSeen> transfers;
        std::shared_ptr<const Balances> balances;  //!< after the block
    };
    struct Fault {
        core::Errc code;
        unsigned times;
        std::string method;
    };

    void add_block(FakeContent content);
    std::uint64_t node_head() const;
    std::optional<core::Error> fault(const char* method);
    core::Expected<const Block*> known(std::uint64_t height) const;
    core::Expected<const Block*> known(const core::BlockRef& ref) const;
    core::Expected<core::Done> quorum(const char* method, unsigned endpoints);
    chains::BlockScan scan(const Block& block, const chains::WatchFilter& filter, bool blind) const;

    chains::ChainInfo info_;
    core::Millis interval_{12'000};
    std::vector<Block> blocks_;
    FakeContent pending_;
    std::vector<std::tuple<core::Address, core::AssetId, core::Units>> faucet_;
    std::uint64_t branch_ = 0;
    std::optional<std::uint64_t> finalized_lag_ = 0;
    std::optional<std::uint64_t> finalized_frozen_;
    std::uint64_t lag_ = 0;
    std::uint64_t jitter_ = 0;
    std::uint64_t jitter_state_ = 1;
    std::deque<Fault> faults_;
    unsigned agreeing_ = 100;
    std::optional<std::uint64_t> others_finalized_;
    std::optional<core::TxId> denied_;
    std::optional<std::uint64_t> denied_from_;
    bool second_ = false;
    bool third_ = false;
    std::map<core::Address, core::Expected<core::Units>> told_balances_;
    std::function<void(chains::BlockScan&)> teller_;
    core::Millis block_told_late_{0};
    std::optional<std::uint64_t> state_depth_;
    bool blind_ = false;
    std::map<std::uint64_t, chains::TransferSeen> invented_;
    std::function<void(std::uint64_t)> on_scan_;
    Calls calls_;
};

// ---- makers
// -----------------------------------------------------------------------------------------

//! Chain eip155:`number` with a native coin and one token "USDC" of 6 decimals; one credit tier:
//! `tier`.
chains::ChainInfo fake_chain_info(std::uint64_t number = 31337, chains::CreditTier tier = {});
//! A made-up address or transaction, the same for the same number.
core::Address fake_address(std::uint64_t number);
core::TxId fake_tx(std::uint64_t number);
chains::TransferSeen token_transfer(const chains::ChainInfo& info, core::TxId tx, core::Address to,
                                    std::uint64_t units, std::uint32_t position = 0);
chains::TransferSeen native_transfer(const chains::ChainInfo& info, core::TxId tx, core::Address to,
                                     std::uint64_t units);

}  // namespace support
