#pragma once

#include "core/expected.hpp"
#include "tests/simulation/block.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace simulation {

struct Allocation {
    Asset asset = kNative;
    core::Address owner;
    core::Units units;
};

struct ChainOptions {
    std::uint64_t number = 31337;
    core::Instant genesis = core::Instant::from_unix_seconds(1'700'000'000);
    std::uint64_t block_ms = 12'000;
    std::uint64_t finality_depth = 64;
    std::uint64_t finality_step = 1;          //!< 32: by epochs
    std::uint64_t base_fee = 10'000'000'000;  //!< wei per gas; where it goes back to
    std::uint64_t tip = 1'000'000'000;        //!< what others pay, what nodes propose
    std::uint64_t gas_limit = 30'000'000;     //!< of a block
    std::uint64_t state_depth = 320;          //!< older states are forgotten
    std::vector<Token> tokens;
    std::vector<Allocation> genesis_balances;
};

//! A transfer that somebody unknown makes, without a signature. Coin that he does not have is never
//! mined, tokens that he does not have fail on the chain.
struct Payment {
    Asset asset = kNative;
    core::Address from;
    core::Address to;
    core::Units units;
    std::uint64_t tip = 2'000'000'000;
    std::uint64_t fee_max = 0;  //!< 0: any
    bool pays_fee = false;      //!< true where the sender's balance is looked at
    bool fails = false;         //!< too little gas: mined, and moves nothing
    bool by_contract = false;   //!< coin that no transaction names the recipient of
};

//! What a reorganisation does to one transaction of the blocks that it drops.
enum class Fate {
    kSamePlace,     //!< mined at the same height again
    kElsewhere,     //!< one block later, behind those that are there
    kPool,          //!< waits for the next block
    kGone,          //!< forgotten; may be sent again
    kDoubleSpent,   //!< its money went elsewhere at the same height; never to be mined again
    kOtherAttempt,  //!< another known one of its sender and nonce in its place
};

struct DroppedTx {
    core::TxId id;
    core::Address from;
    core::Address to;
    std::uint64_t height = 0;
    bool synthetic = false;
};
using ReorgPlan = std::function<Fate(const DroppedTx&)>;

struct ReorgReport {
    core::BlockRef fork;  //!< the last block that both have
    core::BlockRef old_tip;
    core::BlockRef new_tip;
    std::vector<std::pair<DroppedTx, Fate>> fates;
};

//! A transaction of one sender, where it is now.
struct SentTx {
    core::TxId id;
    std::uint64_t nonce = 0;
    bool success = false;
    core::Units fee;
    std::uint64_t height = 0;
    core::BlockHash block;
};

//! The truth about one EVM chain. Nothing in it is random, and time comes in with mine().
//!
//! A block's header hashes like Ethereum's, with bloom filter and receipts root; the state root and
//! the transactions root are constants. The base fee goes by an eighth per block to where it is
//! told to be, or up by EIP-1559 after a full block.
class Chain {
  public:
    explicit Chain(ChainOptions options);

    const ChainOptions& options() const { return options_; }
    Contracts& contracts() { return contracts_; }
    const Contracts& contracts() const { return contracts_; }
    TokenBehaviour& behaviour(Asset token) { return contracts_.tokens[token - 1].behaviour; }

    // Blocks.
    core::BlockRef mine(core::Instant now);
    //! The new branch is `extra` blocks longer; the plan is asked once for each transaction
    //! dropped, in their order, and what it sends to a place where it can't be mined any more goes
    //! to the pool. Grants come again at their heights. kRefused below the finalized block unless
    //! `may_break_finality`.
    core::Expected<ReorgReport> reorg(std::uint64_t depth, const ReorgPlan& plan, core::Instant now,
                                      bool may_break_finality = false, std::uint64_t extra = 1);
    //! Its blocks have no room for what waits and pays fees: others bid more.
    void set_full(bool full) { is_full_ = full; }
    void stall_finality(bool stalled) { finality_stalled_ = stalled; }
    //! Where the base fee goes, by an eighth per block, or at once from the next block on.
    void set_base_fee(std::uint64_t wei, bool at_once = false);

    // Transactions.
    core::TxId pay(const Payment& payment);
    //! Coin or tokens that appear (disappear) with the next block without any transaction.
    void grant(Asset asset, const core::Address& owner, const core::Units& units);
    void take(Asset asset, const core::Address& owner, const core::Units& units);
    struct Submitted {
        core::TxId id;
        std::string error;  //!< in geth's words; empty: in the pool
    };
    //! As a node says it whose head is `view`.
    Submitted submit(core::ByteView raw, BlockId view);
    void evict(const core::TxId& tx);            //!< forgets it, as a pool does
    void hold(const core::TxId& tx, bool held);  //!< stays, but nobody sees or mines it
    void hold_sender(const core::Address& sender, bool held);
    void force(
        const core::TxId& tx);  //!< into the next block if at all possible, also a replaced one
    void set_tip_min(std::uint64_t wei) { tip_min_ = wei; }
    //! Waiting in the pool, in the order of arrival; those held are among them.
    std::vector<core::TxId> waiting() const;

    // The truth, on the canonical chain.
    core::BlockRef tip() const { return block(tip_id()).ref(); }
    std::uint64_t height() const { return canonical_.size() - 1; }
    std::uint64_t finalized_height() const { return finalized_; }
    core::BlockRef finalized() const { return block(canonical_[finalized_]).ref(); }
    bool is_canonical(const core::BlockHash& hash) const;
    core::BlockRef block_at(std::uint64_t height) const { return block(canonical_[height]).ref(); }
    core::Units balance(const core::Address& owner, Asset asset) const;
    std::uint64_t nonce(const core::Address& owner) const;
    //! Where it is mined now.
    std::optional<core::BlockRef> where(const core::TxId& tx) const;
    //! By height, then by order in the block.
    std::vector<Moved> moves_to(const core::Address& recipient) const;
    std::vector<Moved> moves_from(const core::Address& sender) const;
    const std::vector<Moved>& moves_at(std::uint64_t height) const;
    std::vector<SentTx> sent_by(const core::Address& sender) const;
    core::Address thief() const { return thief_; }  //!< to whom the double-spent money goes

    // For nodes.
    const Block& block(BlockId id) const { return blocks_[id]; }
    BlockId tip_id() const { return canonical_.back(); }
    BlockId canonical(std::uint64_t height) const { return canonical_[height]; }
    bool is_canonical(BlockId id) const {
        const std::uint64_t height = blocks_[id].height;
        return height < canonical_.size() && canonical_[height] == id;
    }
    std::optional<BlockId> find_block(const core::BlockHash& hash) const;
    //! The block at `height` on the branch that ends in `head`.
    std::optional<BlockId> ancestor(BlockId head, std::uint64_t height) const;
    const Tx& tx(TxIndex index) const { return txs_[index]; }
    std::optional<TxIndex> find_tx(const core::TxId& id) const;
    //! Where it is mined on the branch that ends in `head`.
    std::optional<Tx::Place> place(TxIndex tx, BlockId head) const;
    bool is_waiting(TxIndex tx) const;
    //! Transactions of this sender in a row from `nonce` on that wait.
    std::uint64_t waiting_from(const core::Address& sender, std::uint64_t nonce) const;
    U256 state(const StateKey& key, BlockId at) const;
    bool has_state(BlockId at) const;

  private:
    enum class Inclusion { kDone, kLater, kNever };
    struct Draft {
        Block block;
        BlockBody body;
        std::uint32_t logs = 0;
    };
    Draft open_block(std::uint64_t timestamp);
    void apply_grants(Draft& draft, const std::vector<Move>& grants);
    Inclusion include(Draft& draft, TxIndex index);
    void apply(Draft& draft, const Tx& tx, Included& included);
    void record_moves(Draft& draft, const Tx& tx, const Effects& effects, bool success);
    BlockId seal(Draft draft);
    void drop_tip();
    std::uint64_t base_fee_after(const Block& block) const;
    void index_body(BlockId id);
    void move_finality();

    TxIndex add_tx(Tx tx);
    TxIndex payment_tx(const Payment& payment);
    std::uint64_t tip_of(const Tx& tx, std::uint64_t base_fee) const;
    void fill(Draft& draft);
    void pool_add(TxIndex index);
    void pool_remove(TxIndex index);
    bool is_held(TxIndex index) const;
    std::string refusal_of(const Tx& tx, BlockId view) const;
    TxIndex conflict_of(TxIndex index);
    TxIndex other_attempt(TxIndex index) const;
    std::string next_seed(const char* what);

    struct Ref {
        BlockId block;
        std::uint32_t index;
    };
    struct HashOfHash {
        std::size_t operator()(const core::BlockHash& hash) const;
    };
    using ByAddress = std::unordered_map<core::Address, std::vector<Ref>>;
    std::vector<Moved> moves_in(const ByAddress& index, const core::Address& address) const;

    ChainOptions options_;
    Contracts contracts_;
    State state_;
    std::deque<Block> blocks_;
    std::vector<BlockId> canonical_;
    std::unordered_map<core::BlockHash, BlockId, HashOfHash> by_hash_;
    std::uint64_t finalized_ = 0;
    bool is_full_ = false;
    bool finality_stalled_ = false;
    std::uint64_t base_fee_goal_ = 0;
    std::uint32_t branch_ = 0;

    std::deque<Tx> txs_;
    std::unordered_map<core::TxId, TxIndex> by_id_;
    std::map<std::pair<core::Address, std::uint64_t>, std::vector<TxIndex>> attempts_;
    std::map<core::Address, std::map<std::uint64_t, TxIndex>> pool_;
    std::set<TxIndex> synthetic_pool_;
    std::set<TxIndex> held_;
    std::set<core::Address> held_senders_;
    std::set<TxIndex> forced_;
    std::vector<Move> grants_;
    std::uint64_t tip_min_ = 1;
    std::uint64_t seeds_ = 0;
    core::Address thief_;
    core::Address wallet_;  //!< the contract that hands coin on

    ByAddress received_;
    ByAddress sent_;
    ByAddress sent_txs_;
};

}  // namespace simulation
