#pragma once

#include "chains/evm/impl/quirks.hpp"
#include "chains/evm/impl/rpc_decode.hpp"
#include "chains/ports/chain_info.hpp"
#include "chains/ports/reader.hpp"

#include <boost/container/flat_set.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace chains::evm::impl {

//! The allow-list as the log reader needs it. The contract address is a token's only identity: a
//! log of any other contract, also of EIP-7708's system address 0xff…fe, is not looked at.
class ListedTokens {
  public:
    struct Entry {
        core::Address contract;
        core::AssetId asset;
        Bloom::Probe probe;
    };
    explicit ListedTokens(const ChainInfo& chain);

    const Entry* find(const core::Address& contract) const;
    const std::vector<Entry>& entries() const { return entries_; }
    const Bloom::Probe& transfer_probe() const { return transfer_probe_; }
    const core::AssetId& native_asset() const { return native_asset_; }

  private:
    core::AssetId native_asset_;
    std::vector<Entry> entries_;
    Bloom::Probe transfer_probe_;
};

//! What the header's bloom filter says about the logs that came.
enum class BloomVerdict {
    kAgrees,    //!< logs came, and nothing hints at more
    kExcludes,  //!< none came and there can't be one
    kDoubtful,  //!< there may be logs that did not come
};

//! What a set of receipts proves about the block.
enum class WholeProof {
    kRoot,   //!< they are the block's: their trie's root is in the header whose hash was checked
    kBloom,  //!< the bloom filter rebuilt from their logs is the header's, no more than that
};

//! One block while it is read: header and transactions first, then logs, then receipts. Pure: what
//! a node said is checked here against the header, the transport is somewhere else.
class BlockDraft {
  public:
    BlockDraft(BlockBody body, std::string endpoint)
        : body_{std::move(body)}, endpoint_{std::move(endpoint)} {}

    const core::BlockRef& ref() const { return body_.head.ref; }
    const BlockBody& body() const { return body_; }

    //! One log of the answer. kMalformed when it is not of this block, not of one of its
    //! transactions, not what was asked for, or excluded by the bloom filter: whoever says so lies
    //! or is broken.
    core::Expected<core::Done> take_log(const LogLine& log, const ListedTokens& tokens,
                                        const Quirks& quirks, const WatchFilter& filter);

    BloomVerdict judge(const ListedTokens& tokens, const Quirks& quirks) const;

    //! Is there coin for one of our addresses in it, or (`or_tokens`) a token's transfer to one?
    bool pays_us(const WatchFilter& filter, bool or_tokens) const;
    //! Of two tellings of one block: are the transactions that matter to us the same?
    bool same_payments(const BlockBody& other) const { return body_.wanted == other.wanted; }

    //! Transactions whose receipts finish() needs: native value to us, our own, and token transfers
    //! whose position can't be told without (all but those of the first transaction).
    std::set<Bytes32> receipts_needed() const;

    //! Does this set of receipts hold the whole block? Same count, same transactions, this block,
    //! and the trie's root or at least the bloom filter. kNotReady for a part of them, kMalformed
    //! when they contradict the header.
    core::Expected<WholeProof> check_whole(const std::vector<Receipt>& receipts,
                                           const Quirks& quirks) const;
    //! Forgets the logs that came and takes those of the whole block's receipts instead.
    void take_logs_of(const std::vector<Receipt>& receipts, const ListedTokens& tokens,
                      const WatchFilter& filter);

    //! Checks each receipt against block and log. kNotReady when one is missing, kReorged when it
    //! names another block.
    core::Expected<BlockScan> finish(const std::map<Bytes32, Receipt>& receipts,
                                     const ListedTokens& tokens, const WatchFilter& filter,
                                     bool scan_native) const;

    void set_evidence(Evidence evidence) { evidence_ = evidence; }
    Evidence evidence() const { return evidence_; }
    std::uint32_t log_count() const { return log_count_; }
    //! Drops logs, to read them again from elsewhere.
    void forget_logs();
    //! Did the two take the same logs, number for number, and find the same deposits in them?
    bool same_logs(const BlockDraft& other) const;
    //! Are all these logs, and the deposits in them, among those of `other`?
    bool has_no_log_beside(const BlockDraft& other) const;

    //! The hash of the header was checked against its fields.
    bool header_is_proven() const { return body_.head.proof == HeaderProof::kHash; }
    //! The logs are those of the whole block's receipts.
    bool is_whole() const { return is_whole_; }

    //! Which endpoint gave the logs; none while nobody was asked.
    void set_logs_from(std::size_t endpoint) { logs_from_ = endpoint; }
    std::optional<std::size_t> logs_from() const { return logs_from_; }
    void set_endpoint(std::string endpoint) { endpoint_ = std::move(endpoint); }

  private:
    struct TokenHit {
        Bytes32 tx;
        std::uint32_t tx_index = 0;
        std::uint32_t log_index = 0;
        core::Address contract;
        core::AssetId asset;
        core::Address from;
        core::Address to;
        core::Units units;
        friend bool operator==(const TokenHit&, const TokenHit&) = default;
    };
    core::Expected<TransferSeen> token_deposit(const TokenHit& hit,
                                               const std::map<Bytes32, Receipt>& receipts) const;
    core::Expected<const Receipt*> receipt_of(const Bytes32& tx,
                                              const std::map<Bytes32, Receipt>& receipts) const;
    static core::Expected<OwnTxSeen> own_tx(const TxLine& tx, const Receipt& receipt,
                                            const ListedTokens& tokens);

    BlockBody body_;
    std::string endpoint_;
    std::vector<TokenHit> hits_;
    std::set<core::Address> contracts_seen_;
    boost::container::flat_set<std::uint32_t> log_indices_;
    std::uint32_t log_count_ = 0;
    std::uint32_t zero_transfers_ = 0;
    std::optional<std::size_t> logs_from_;
    bool is_whole_ = false;
    Evidence evidence_ = Evidence::kLogsAgree;
};

core::TxId tx_id_from(const Bytes32& hash);

}  // namespace chains::evm::impl
