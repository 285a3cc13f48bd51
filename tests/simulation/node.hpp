#pragma once

#include "tests/simulation/lies.hpp"
#include "tests/simulation/render.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

struct NodeOptions {
    std::uint64_t lag = 0;             //!< blocks behind the chain's head
    std::uint64_t state_depth = 0;     //!< forgets states older than that; 0: as the chain
    std::uint64_t logs_range_max = 0;  //!< blocks in one eth_getLogs; 0: any
};

struct HttpAnswer {
    int status = 200;
    std::string body;  //!< with net::kJsonPadding of spare capacity
};

//! One endpoint: what it has seen of the chain, and whether it tells so.
class Node {
  public:
    explicit Node(Chain& chain, NodeOptions options = {});

    //! One call or a batch, as JSON-RPC 2.0.
    HttpAnswer answer(std::string_view body);

    void set_lag(std::uint64_t blocks) { options_.lag = blocks; }
    //! Stays at the head that it has, also when a reorganisation drops it, until unpin().
    void pin() { pinned_ = head(); }
    void pin(const core::BlockHash& head) { pinned_ = chain_.find_block(head); }
    void unpin() { pinned_.reset(); }

    void set_lie(Lie lie, bool lying = true);
    bool lies(Lie lie) const { return lies_[static_cast<std::size_t>(lie)]; }
    void tell_the_truth() { lies_.reset(); }
    void set_targets(std::vector<core::Address> receivers) { targets_ = std::move(receivers); }

    //! Its head, lies aside.
    BlockId head() const;
    //! Calls answered, those in batches one by one.
    std::uint64_t calls() const { return calls_; }

  private:
    struct Fault {
        int code = 0;
        std::string message;
        std::string data = {};  //!< hex digits with 0x, or empty
    };
    //! None: the result was appended.
    using Outcome = std::optional<Fault>;
    using Method = Outcome (Node::*)(const Json& params, std::string& out);
    static Method method_of(std::string_view name);

    void answer_one(const Json& call, std::string& out);

    // Blocks as this node sees them; those above kFutureBlocks are made up.
    static constexpr BlockId kFutureBlocks = 0x8000'0000;
    const Block& block(BlockId id) const {
        return id < kFutureBlocks ? chain_.block(id) : future_[id - kFutureBlocks];
    }
    BlockId told_head();
    std::optional<BlockId> at_height(std::uint64_t height);
    //! A tag or a number.
    std::optional<BlockId> at_tag(std::string_view tag);
    //! Also {"blockHash":"0x…"}. Where there is a fault, the second is it.
    std::pair<std::optional<BlockId>, Outcome> at_place(const Json& place);
    std::pair<std::optional<BlockId>, Outcome> state_at(const Json& place);
    std::optional<BlockId> by_hash(const Json& hash) const;
    std::uint64_t finalized_height() const;

    Outcome chain_id(const Json& params, std::string& out);
    Outcome block_number(const Json& params, std::string& out);
    Outcome block_by_number(const Json& params, std::string& out);
    Outcome block_by_hash(const Json& params, std::string& out);
    Outcome logs(const Json& params, std::string& out);
    Outcome receipt(const Json& params, std::string& out);
    Outcome block_receipts(const Json& params, std::string& out);
    Outcome transaction(const Json& params, std::string& out);
    Outcome balance(const Json& params, std::string& out);
    Outcome code(const Json& params, std::string& out);
    Outcome transaction_count(const Json& params, std::string& out);
    Outcome call(const Json& params, std::string& out);
    Outcome estimate_gas(const Json& params, std::string& out);
    Outcome fee_history(const Json& params, std::string& out);
    Outcome gas_price(const Json& params, std::string& out);
    Outcome priority_fee(const Json& params, std::string& out);
    Outcome send_raw(const Json& params, std::string& out);

    Outcome tell_block(std::optional<BlockId> id, bool full, std::string& out);
    std::optional<std::size_t> position_of(const Block& block, const core::TxId& id) const;
    Outcome run_call(const Json& params, BlockId at, Effects& effects);
    Outcome balances(core::ByteView code, BlockId at, std::string& out) const;
    U256 told_balance(Asset asset, const core::Address& owner, BlockId at) const;
    std::uint64_t told_fee(std::uint64_t wei) const {
        return lies(Lie::kHighFee) ? wei * 1'000'000 : wei;
    }

    // What a liar makes of a block.
    enum class Facet { kBlock, kLogs, kReceipts };
    bool is_target(const core::Address& who) const;
    core::Address first_target() const;
    bool alters(Facet facet) const;
    Block altered(const Block& block, Facet facet);
    void alter_logs(BlockBody& body, Facet facet) const;
    void alter_txs(BlockBody& body, Facet facet);
    void omit(BlockBody& body) const;
    //! The true transaction beside which this one was invented.
    std::optional<TxIndex> extra_of(const core::TxId& id) const;
    void imagine_future(BlockId from);
    core::BlockHash told_hash(const core::BlockHash& hash) const;
    bool is_gap(const Block& block) const { return lies(Lie::kGap) && block.height % 3 == 1; }
    Outcome preconfirm(TxIndex index, std::string& out);

    Chain& chain_;
    NodeOptions options_;
    TxSource txs_;
    std::optional<BlockId> pinned_;
    Lies lies_;
    std::optional<BlockId> stale_;
    std::vector<core::Address> targets_;
    std::uint64_t calls_ = 0;

    std::vector<Block> future_;
    BlockId future_from_ = kNoBlock;

    //! Texts of true blocks, the latest ones.
    struct Text {
        BlockId id = kNoBlock;
        bool full = false;
        std::string json;
    };
    std::array<Text, 256> texts_;
};

}  // namespace simulation
