#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chains/ports/agreed_balance.hpp"
#include "chains/ports/chain_info.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"
#include "core/units.hpp"

namespace chains {

//! Where the chain stands, from one endpoint.
struct Heads {
    core::BlockRef latest;
    //! The node's `finalized` block; none when the chain or node has no such tag.
    std::optional<core::BlockRef> finalized;
    //! Why `finalized` is behind what a node claims; empty when it is not.
    std::string final_waits_for;
};

//! Whose transfers are wanted. Asked once per transfer of a block: must be fast and not block.
struct WatchFilter {
    virtual ~WatchFilter() = default;
    //! An address we issued or pay from.
    virtual bool is_ours(const core::Address& address) const = 0;
};

enum class TransferKind : int {
    kToken = 1,           //!< a Transfer log of an allow-listed contract
    kNative = 2,          //!< the value of a successful transaction
    kNativeResidual = 3,  //!< a balance difference no transaction explains (contract-made transfer)
};

//! Money that moved to one of our addresses, in a successful transaction.
struct TransferSeen {
    core::TxId tx;
    //! Ordinal inside the transaction: log index minus the receipt's first log index, so that it
    //! survives being mined again elsewhere. Native value: 0xFFFFFFFF.
    std::uint32_t position = 0;
    TransferKind kind = TransferKind::kToken;
    core::AssetId asset;
    core::Address from;
    core::Address to;
    core::Units units;

    friend bool operator==(const TransferSeen&, const TransferSeen&) = default;
};
inline constexpr std::uint32_t kNativePosition = 0xFFFFFFFF;

//! A mined transaction sent from one of our addresses, whoever signed it.
struct OwnTxSeen {
    core::TxId tx;
    core::Address sender;
    std::uint64_t nonce = 0;
    bool success = false;
    core::Units fee;           //!< native coin the sender paid, all parts (also a rollup's L1 part)
    core::Address to;          //!< empty for a contract creation
    core::Units native_value;  //!< moved only when `success`
    //! Token transfers out of `sender` that the receipt's logs show, allow-listed contracts only.
    std::vector<TransferSeen> transfers;
};

//! Why the logs of a block are believed to be all. Stored: pinned numbers.
enum class Evidence : int {
    kLogsAgree = 1,       //!< the weak one: what came does not contradict the bloom filter
    kBloomExcludes = 2,   //!< the header's bloom filter excludes every listed contract
    kSecondEndpoint = 3,  //!< the bloom said maybe; another endpoint gave the same logs
    kReceipts = 4,        //!< receipts of the whole block were read and their root matches the header
};

//! One block, read whole for the watched addresses.
struct BlockScan {
    core::BlockRef block;
    std::vector<TransferSeen> deposits;
    std::vector<OwnTxSeen> own;
    Evidence evidence = Evidence::kLogsAgree;
    std::string endpoint;      //!< the configured name, never a URL
    std::uint32_t log_count = 0;
    std::uint32_t tx_count = 0;
    std::uint32_t zero_transfers = 0;  //!< of nothing, to one of our addresses; not in `deposits`
};

//! What one chain tells the watchers. Every call has its own deadline inside; a failure is never an
//! empty answer: kNotReady means the node does not know yet, kReorged that the block is gone.
class ChainReader {
  public:
    virtual ~ChainReader() = default;

    virtual const ChainInfo& info() const = 0;

    virtual core::Task<core::Expected<Heads>> heads() = 0;

    //! The header at a height on the node's best chain.
    virtual core::Task<core::Expected<core::BlockRef>> block_at(std::uint64_t height) = 0;

    //! Reads the block at `height` whole: header with transactions, then logs by that header's hash.
    virtual core::Task<core::Expected<BlockScan>> scan_block(std::uint64_t height,
                                                             const WatchFilter& filter) = 0;

    //! Blocks from…to, in order, each linked to the one before; only for heights at or below
    //! finality. Splits itself on providers' limits. `pipeline` requests are in flight at once.
    virtual core::Task<core::Expected<std::vector<BlockScan>>> scan_range(
        std::uint64_t from, std::uint64_t to, const WatchFilter& filter) = 0;

    //! Native balances at exactly this block.
    virtual core::Task<core::Expected<std::vector<core::Units>>> native_balances(
        std::vector<core::Address> addresses, core::BlockRef at) = 0;

    //! Balance of an asset of one address at exactly this block, by the word of as many endpoints as
    //! the fate of our own transactions takes.
    virtual core::Task<core::Expected<core::Units>> balance_of(core::AssetId asset,
                                                               core::Address owner,
                                                               core::BlockRef at) = 0;

    //! The same by the word of any one endpoint: nothing may follow from it but a question to more.
    virtual core::Task<core::Expected<core::Units>> balance_by_one(core::AssetId asset,
                                                                   core::Address owner,
                                                                   core::BlockRef at) = 0;

    //! What `endpoints` distinct endpoints, or all where there are fewer, say of it. kNoQuorum, naming
    //! who said what, when too few say the same; otherwise errors as balance_of().
    virtual core::Task<core::Expected<AgreedBalance>> agreed_balance(core::AssetId asset,
                                                                     core::Address owner,
                                                                     core::BlockRef at,
                                                                     unsigned endpoints) = 0;

    //! Do `endpoints` distinct endpoints say that `block` is on the chain at its height and that it
    //! holds `transfer`? kNoQuorum when too few answered, kReorged when they agree that it is not so.
    //! That it was mined at `block.mined_at` is asked too, unless that is zero.
    //! Of a residual only the block's hash is asked about: its balance is agreed on when it is booked.
    virtual core::Task<core::Expected<core::Done>> corroborate(core::BlockRef block,
                                                               TransferSeen transfer,
                                                               unsigned endpoints) = 0;

    //! Do they say that `block` is on the chain at its height, and does not hold `transfer`: its transaction
    //! is not in there (all that is asked when `to` is empty), failed, or paid somebody else? That somebody
    //! does not know it is no word against it. kReorged when they agree that it is not so; else as above.
    virtual core::Task<core::Expected<core::Done>> corroborate_absent(core::BlockRef block,
                                                                      TransferSeen transfer,
                                                                      unsigned endpoints) = 0;

    //! The block at `height`, of which they say the same hash and time; without its parent. kNoQuorum as above.
    virtual core::Task<core::Expected<core::BlockRef>> agreed_block(std::uint64_t height,
                                                                    unsigned endpoints) = 0;

    //! The same about a transaction of ours, as it was read: sender, nonce, receiver, value, success,
    //! fee and the transfers out of the sender. Errors as corroborate().
    virtual core::Task<core::Expected<core::Done>> corroborate_own(core::BlockRef block,
                                                                   OwnTxSeen tx,
                                                                   unsigned endpoints) = 0;

    //! Do `endpoints` distinct endpoints say that nonce `nonce` of `sender` is used up for good: in
    //! their own finalized state (`finalized`), or in their latest one where finality is a matter of
    //! depth? kNotReady when they agree that it is not yet.
    virtual core::Task<core::Expected<core::Done>> corroborate_nonce(core::Address sender,
                                                                     std::uint64_t nonce,
                                                                     bool finalized,
                                                                     unsigned endpoints) = 0;

    //! Is the finalized block of `endpoints` distinct endpoints at or above `height`, by their own
    //! word? kNotReady when they agree that it is not yet.
    virtual core::Task<core::Expected<core::Done>> corroborate_final(std::uint64_t height,
                                                                     unsigned endpoints) = 0;

    //! Do `endpoints` distinct endpoints say that `owner` held exactly `units` of native coin at
    //! `at`? Errors as corroborate().
    virtual core::Task<core::Expected<core::Done>> corroborate_balance(core::BlockRef at,
                                                                       core::Address owner,
                                                                       core::Units units,
                                                                       unsigned endpoints) = 0;

    //! Reads a range like scan_range, but from one endpoint that is called none of `other_than`.
    //! kUnsupported when there is no other one.
    virtual core::Task<core::Expected<std::vector<BlockScan>>> scan_range_elsewhere(
        std::uint64_t from, std::uint64_t to, const WatchFilter& filter,
        std::vector<std::string> other_than) = 0;

    //! Where a transaction is mined now; none when the node does not know it (which proves nothing).
    virtual core::Task<core::Expected<std::optional<core::BlockRef>>> block_of(core::TxId tx) = 0;
};

}  // namespace chains
