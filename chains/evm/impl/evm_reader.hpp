#pragma once

#include "chains/evm/impl/block_draft.hpp"
#include "chains/evm/impl/endpoint_gate.hpp"
#include "chains/evm/impl/quirks.hpp"
#include "chains/evm/impl/rpc_decode.hpp"
#include "chains/ports/reader.hpp"

#include <map>
#include <string>
#include <vector>

namespace chains::evm::impl {

//! chains::ChainReader over JSON-RPC. Its parts: evm_reader.cpp (one block), reader_range.cpp
//! (catching up), reader_heads.cpp (where the chain stands), reader_doubt.cpp (is nothing really nothing?), reader_state.cpp (balances,
//! corroboration of deposits), reader_own.cpp (corroboration of the rest, second readings),
//! reader_absent.cpp (corroboration of what is not there).
class EvmReader final : public ChainReader {
  public:
    EvmReader(ChainInfo chain, std::uint64_t number, net::EndpointPool& pool, core::Clock& clock,
              core::Log& log);

    const ChainInfo& info() const override { return info_; }
    core::Task<core::Expected<Heads>> heads() override;
    core::Task<core::Expected<core::BlockRef>> block_at(std::uint64_t height) override;
    core::Task<core::Expected<BlockScan>> scan_block(std::uint64_t height,
                                                     const WatchFilter& filter) override;
    core::Task<core::Expected<std::vector<BlockScan>>> scan_range(
        std::uint64_t from, std::uint64_t to, const WatchFilter& filter) override;
    core::Task<core::Expected<std::vector<core::Units>>> native_balances(
        std::vector<core::Address> addresses, core::BlockRef at) override;
    core::Task<core::Expected<core::Units>> balance_of(core::AssetId asset, core::Address owner,
                                                       core::BlockRef at) override;
    core::Task<core::Expected<core::BlockRef>> agreed_block(std::uint64_t height,
                                                        unsigned endpoints) override;
    core::Task<core::Expected<core::Done>> corroborate(core::BlockRef block, TransferSeen transfer,
                                                       unsigned endpoints) override;
    core::Task<core::Expected<core::Done>> corroborate_absent(core::BlockRef block,
                                                              TransferSeen transfer,
                                                              unsigned endpoints) override;
    core::Task<core::Expected<core::Done>> corroborate_own(core::BlockRef block, OwnTxSeen tx,
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
                                                           core::BlockRef at) override;
    core::Task<core::Expected<AgreedBalance>> agreed_balance(core::AssetId asset,
                                                             core::Address owner, core::BlockRef at,
                                                             unsigned endpoints) override;
    core::Task<core::Expected<std::vector<BlockScan>>> scan_range_elsewhere(
        std::uint64_t from, std::uint64_t to, const WatchFilter& filter,
        std::vector<std::string> other_than) override;
    core::Task<core::Expected<std::optional<core::BlockRef>>> block_of(core::TxId tx) override;

  private:
    using Receipts = std::map<Bytes32, Receipt>;
    //! How much a block has to prove.
    enum class Depth {
        kHead,   //!< everything: it is read once, and credited from
        kFinal,  //!< what is suspicious, and what pays us: read in bulk
    };
    enum class Others { kNobody, kAgree, kDiffer };
    //! One scan_range call, shared by its workers.
    struct RangeJob {
        std::uint64_t next = 0;
        std::uint64_t last = 0;
        const WatchFilter* filter = nullptr;
        std::map<std::uint64_t, std::vector<BlockScan>> pieces;
        std::optional<core::Error> failed;
    };

    core::Task<core::Expected<Heads>> heads_of_one();
    //! The highest block that enough endpoints call final; `claimed` is one endpoint's word.
    core::Task<std::optional<core::BlockRef>> agreed_final(core::BlockRef claimed,
                                                           core::BlockRef latest);
    struct Claim {
        std::size_t endpoint = 0;
        core::BlockRef ref;
    };
    //! What each endpoint that can be asked says, the highest first.
    core::Task<std::vector<Claim>> survey_heads(std::string_view tag);
    //! Doubts those whose head is far from where the others' are, or is another block.
    core::Task<void> compare_heads();
    //! Keeps the heads that nobody else tells, to be looked for once the chain is well past them.
    void keep_lone_heads(const std::vector<Claim>& claims, std::uint64_t reference);
    core::Task<void> judge_lone_heads(std::uint64_t reference);
    void note_head(std::size_t endpoint, bool was_there, const core::BlockRef& head);
    //! Doubts the one that calls its head final, again and again, where the others do not.
    void judge_finals(const std::vector<Claim>& claims, const core::BlockRef& latest);
    core::Task<core::Expected<core::BlockRef>> header(net::RpcCall call);
    core::Task<core::Expected<BlockScan>> read_block(std::uint64_t height,
                                                     const WatchFilter& filter);

    //! kMalformed is the endpoint's fault: it is doubted and named.
    core::Error unusable(const net::RpcReply& reply, core::Error error);
    core::Error misled(const net::RpcReply& reply, core::Error error);
    core::Error elsewhere(std::size_t endpoint, const core::BlockHash& block);
    //! Somebody was blamed since, so that others are asked first now.
    bool may_try_again(std::uint64_t blames_before, std::size_t turn) const;
    struct WantedReceipt {
        Bytes32 tx;
        core::BlockHash block;
    };

    // References among the next ones point into the frame of the coroutine that awaits them.
    core::Task<core::Expected<core::Done>> fetch_receipts(std::vector<WantedReceipt> wanted,
                                                         Receipts& into);
    core::Task<core::Expected<core::Done>> settle(BlockDraft& draft, Depth depth,
                                                  const WatchFilter& filter, Receipts& known);
    core::Task<core::Expected<bool>> prove(BlockDraft& draft, const WatchFilter& filter,
                                           Receipts& known);
    core::Task<core::Expected<core::Done>> agree_on_payments(const BlockDraft& draft,
                                                             std::size_t told_by,
                                                             const WatchFilter& filter);
    core::Task<Others> ask_others(BlockDraft& draft, const WatchFilter& filter);
    core::Task<core::Expected<WholeProof>> read_whole(BlockDraft& draft, const WatchFilter& filter);
    core::Task<core::Expected<std::vector<Receipt>>> receipts_of_block(const BlockDraft& draft);
    void adopt(BlockDraft& draft, const std::vector<Receipt>& receipts, WholeProof proof,
               const WatchFilter& filter);
    //! Those that may be asked one by one, `first` first and the ones of its operator last.
    std::vector<std::size_t> endpoints_from(std::size_t first) const;
    //! kMalformed, and quarantine, when the header can't be what it says.
    core::Expected<core::Done> accept(const BlockHead& head, const net::RpcReply& reply);
    core::Expected<core::Done> take_logs(BlockDraft& draft, const net::RpcReply& reply,
                                         const WatchFilter& filter);

    core::Task<void> range_worker(RangeJob& job);
    core::Task<core::Expected<std::vector<BlockScan>>> read_piece(std::uint64_t first,
                                                                  std::uint64_t last,
                                                                  const WatchFilter& filter);
    core::Expected<std::vector<BlockDraft>> drafts_of(const std::vector<net::RpcReply>& replies,
                                                      std::uint64_t first, std::size_t count,
                                                      const WatchFilter& filter);
    core::Task<core::Expected<core::Done>> read_logs(std::vector<BlockDraft>& drafts,
                                                     std::size_t begin, std::size_t end,
                                                     const WatchFilter& filter);
    core::Expected<core::Done> take_range_logs(std::vector<BlockDraft>& drafts, std::size_t begin,
                                               std::size_t end, const net::RpcReply& reply,
                                               const WatchFilter& filter);
    //! `endpoint` has the blocks.
    core::Task<core::Expected<std::vector<BlockScan>>> complete(std::vector<BlockDraft>& drafts,
                                                                std::size_t endpoint,
                                                                const WatchFilter& filter,
                                                                Depth depth = Depth::kFinal);
    void adapt_piece(std::size_t bytes);

    core::Task<core::Expected<std::vector<core::Units>>> balances_by_code(
        std::vector<core::Address> addresses, core::BlockRef at);
    core::Task<core::Expected<std::vector<core::Units>>> balances_one_by_one(
        std::vector<core::Address> addresses, core::BlockRef at);
    core::Expected<net::RpcCall> balance_call(const core::AssetId& asset, const core::Address& owner,
                                              const core::BlockRef& at) const;
    core::Expected<core::Units> balance_in(const core::AssetId& asset, std::string_view json);
    core::Task<core::Expected<core::Done>> stands(core::BlockRef block, unsigned endpoints);
    //! The same, with the block's time unless that is zero.
    core::Task<core::Expected<core::Done>> stands_since(core::BlockRef block, unsigned endpoints);
    net::Normaliser hash_and_time(std::uint64_t height);
    core::Task<core::Expected<core::Done>> reached(net::RpcCall call, unsigned endpoints,
                                                   net::Normaliser yes_or_no, std::string what);
    core::Task<core::Expected<std::vector<BlockScan>>> read_piece_from(std::uint64_t first,
                                                                       std::uint64_t last,
                                                                       const WatchFilter& filter,
                                                                       std::size_t endpoint);
    core::Task<core::Expected<core::Done>> agree_on(net::RpcCall call, unsigned endpoints,
                                                    net::Normaliser normaliser,
                                                    std::string expected,
                                                    net::CallOptions options = {});

    ChainInfo info_;
    Quirks quirks_;
    ListedTokens tokens_;
    EndpointGate gate_;
    core::Log& log_;
    Decoder decoder_;
    core::Clock& clock_;
    bool wants_finalized_ = false;
    unsigned final_quorum_ = 1;  //!< of the strictest tier that wants finality
    std::optional<core::BlockRef> final_agreed_;
    std::string final_waits_for_;
    std::optional<core::Tick> final_asked_;
    std::optional<core::Tick> compared_;
    std::map<std::size_t, core::BlockRef> lone_heads_;     //!< by endpoint
    std::map<std::size_t, std::uint8_t> heads_not_there_;  //!< by endpoint, a bit for each of the last
    std::map<std::size_t, unsigned> finals_ahead_;         //!< by endpoint, in a row
    std::optional<std::pair<std::size_t, core::BlockHash>> misplaced_;
    bool deployless_refused_ = false;
    std::size_t piece_blocks_ = 25;  //!< per request while catching up; follows the answers' size
};

}  // namespace chains::evm::impl
