#include "chains/evm/impl/block_draft.hpp"

#include "chains/evm/logs.hpp"
#include "chains/evm/receipts_root.hpp"
#include "core/check.hpp"

#include <algorithm>

namespace chains::evm::impl {
namespace {

core::Error lie(std::string what) {
    return {core::Errc::kMalformed, "the node contradicts the block's header: " + std::move(what)};
}

//! Above this many of 2,048 bits "maybe" means little; a quarter lets 1.6 % through by chance.
constexpr unsigned kTellingOnesMax = Bloom::kSize * 8 / 4;

bool is_block(const Bytes32& hash, const core::BlockHash& block) {
    return hash.bytes == block.bytes;
}

Bytes32 root_of(const std::vector<Receipt>& receipts) {
    std::vector<core::Bytes> values;
    values.reserve(receipts.size());
    for (const Receipt& receipt : receipts) values.push_back(receipt.consensus);
    return ordered_trie_root(values);
}

//! The trie does not hold the logs' numbers, but they follow from it.
bool are_numbered(const std::vector<Receipt>& receipts) {
    std::uint32_t next = 0;
    for (const Receipt& receipt : receipts) {
        if (receipt.log_count == 0) continue;
        if (!receipt.logs_in_a_row || *receipt.first_log != next) return false;
        next += receipt.log_count;
    }
    return true;
}

//! Two logs of one number in a transaction would be two deposits of one name.
bool has_number_twice(const std::vector<Receipt>& receipts) {
    std::set<std::uint32_t> numbers;
    for (const Receipt& receipt : receipts) {
        for (const TransferLog& log : receipt.transfers) {
            if (!numbers.insert(log.log_index).second) return true;
        }
    }
    return false;
}

bool are_ethereum(const std::vector<Receipt>& receipts) {
    return std::all_of(receipts.begin(), receipts.end(),
                       [](const Receipt& receipt) { return is_ethereum_type(receipt.type); });
}

}  // namespace

core::TxId tx_id_from(const Bytes32& hash) { return *core::TxId::from_bytes(hash.view()); }

ListedTokens::ListedTokens(const ChainInfo& chain)
    : native_asset_{chain.native_asset},
      transfer_probe_{Bloom::probe_of(erc20_transfer_topic().view())} {
    for (const TokenInfo& token : chain.tokens) {
        if (token.contract.empty()) continue;
        entries_.push_back({token.contract, token.asset, Bloom::probe_of(token.contract.view())});
    }
}

const ListedTokens::Entry* ListedTokens::find(const core::Address& contract) const {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.contract == contract; });
    return found == entries_.end() ? nullptr : &*found;
}

core::Expected<core::Done> BlockDraft::take_log(const LogLine& log, const ListedTokens& tokens,
                                                const Quirks& quirks, const WatchFilter& filter) {
    if (!is_block(log.block_hash, ref().hash) || log.height != ref().height) {
        return lie("a log of another block");
    }
    if (log.removed) return core::Error{core::Errc::kReorged, "a log was marked as removed"};
    const ListedTokens::Entry* token = tokens.find(log.contract);
    if (token == nullptr || log.topic_count == 0 || log.topics[0] != erc20_transfer_topic()) {
        return lie("a log nobody asked for");
    }
    if (log.tx_index >= body_.tx_hashes.size() || body_.tx_hashes[log.tx_index] != log.tx) {
        return lie("a log of a transaction that is not in the block");
    }
    if (!quirks.bloom_is_partial && !(body_.head.bloom.may_hold(token->probe) &&
                                      body_.head.bloom.may_hold(tokens.transfer_probe()))) {
        return lie("a log that the bloom filter excludes");
    }
    if (!log_indices_.insert(log.log_index).second) return lie("two logs of one number");
    ++log_count_;
    contracts_seen_.insert(log.contract);
    if (log.topic_count != 3) return core::Done{};  // ERC-721 has four; no listed token means that
    const auto to = address_of(log.topics[2]);
    if (!to || !filter.is_ours(*to)) return core::Done{};
    std::array<std::uint8_t, 32> word;
    if (!core::read_hex(log.data_hex, word)) return core::Done{};
    const auto transfer = decode_erc20_transfer(std::span{log.topics}.first(3), word);
    if (!transfer) return core::Done{};
    if (transfer->value.is_zero()) {
        ++zero_transfers_;
        return core::Done{};
    }
    hits_.push_back({log.tx, log.tx_index, log.log_index, log.contract, token->asset,
                     transfer->from, transfer->to, transfer->value});
    return core::Done{};
}

void BlockDraft::forget_logs() {
    hits_.clear();
    contracts_seen_.clear();
    log_indices_.clear();
    log_count_ = 0;
    zero_transfers_ = 0;
    is_whole_ = false;
}

bool BlockDraft::same_logs(const BlockDraft& other) const {
    const auto has = [&](const TokenHit& hit) {
        return std::find(other.hits_.begin(), other.hits_.end(), hit) != other.hits_.end();
    };
    return log_indices_ == other.log_indices_ && hits_.size() == other.hits_.size() &&
           std::all_of(hits_.begin(), hits_.end(), has);
}

bool BlockDraft::has_no_log_beside(const BlockDraft& other) const {
    const auto among = [&](const TokenHit& hit) {
        return std::find(other.hits_.begin(), other.hits_.end(), hit) != other.hits_.end();
    };
    return std::includes(other.log_indices_.begin(), other.log_indices_.end(),
                         log_indices_.begin(), log_indices_.end()) &&
           std::all_of(hits_.begin(), hits_.end(), among);
}

BloomVerdict BlockDraft::judge(const ListedTokens& tokens, const Quirks& quirks) const {
    const Bloom& bloom = body_.head.bloom;
    if (log_count_ == 0 && quirks.bloom_is_partial && !tokens.entries().empty() &&
        !body_.tx_hashes.empty()) {
        return BloomVerdict::kDoubtful;
    }
    const bool telling = log_count_ == 0 || bloom.ones() <= kTellingOnesMax;
    if (telling && bloom.may_hold(tokens.transfer_probe())) {
        for (const ListedTokens::Entry& token : tokens.entries()) {
            if (bloom.may_hold(token.probe) && contracts_seen_.count(token.contract) == 0) {
                return BloomVerdict::kDoubtful;
            }
        }
    }
    return log_count_ == 0 ? BloomVerdict::kExcludes : BloomVerdict::kAgrees;
}

bool BlockDraft::pays_us(const WatchFilter& filter, bool or_tokens) const {
    if (or_tokens && !hits_.empty()) return true;
    return std::any_of(body_.wanted.begin(), body_.wanted.end(), [&](const TxLine& tx) {
        return !tx.value.is_zero() && !tx.to.empty() && filter.is_ours(tx.to);
    });
}

std::set<Bytes32> BlockDraft::receipts_needed() const {
    std::set<Bytes32> needed;
    for (const TxLine& tx : body_.wanted) needed.insert(tx.hash);
    for (const TokenHit& hit : hits_) {
        if (hit.tx_index != 0) needed.insert(hit.tx);
    }
    return needed;
}

core::Expected<WholeProof> BlockDraft::check_whole(const std::vector<Receipt>& receipts,
                                                   const Quirks& quirks) const {
    if (receipts.size() != body_.tx_hashes.size()) {
        return core::Error{core::Errc::kNotReady, "receipts of a part of the block only"};
    }
    Bloom rebuilt;
    for (std::size_t i = 0; i < receipts.size(); ++i) {
        const Receipt& receipt = receipts[i];
        if (!is_block(receipt.block_hash, ref().hash) || receipt.tx != body_.tx_hashes[i] ||
            receipt.tx_index != i) {
            return lie("a receipt of another block");
        }
        for (std::size_t b = 0; b < Bloom::kSize; ++b) rebuilt.bytes[b] |= receipt.bloom.bytes[b];
    }
    const auto known = [](const Receipt& receipt) { return !receipt.consensus.empty(); };
    if (header_is_proven() && std::all_of(receipts.begin(), receipts.end(), known)) {
        const bool proven = root_of(receipts) == body_.head.receipts_root;
        if (proven && are_numbered(receipts)) return WholeProof::kRoot;
        if (quirks.is_standard && are_ethereum(receipts)) {
            return lie("receipts that are not the block's");
        }
    }
    const bool complete =
        quirks.bloom_is_partial ? body_.head.bloom.is_within(rebuilt) : body_.head.bloom == rebuilt;
    if (!complete) return lie("the receipts' logs do not make up the bloom filter");
    if (has_number_twice(receipts)) return lie("two logs of one number");
    return WholeProof::kBloom;
}

void BlockDraft::take_logs_of(const std::vector<Receipt>& receipts, const ListedTokens& tokens,
                              const WatchFilter& filter) {
    forget_logs();
    is_whole_ = true;
    for (const Receipt& receipt : receipts) {
        for (const TransferLog& log : receipt.transfers) {
            const ListedTokens::Entry* token = tokens.find(log.contract);
            if (token == nullptr) continue;
            ++log_count_;
            log_indices_.insert(log.log_index);
            contracts_seen_.insert(log.contract);
            if (!filter.is_ours(log.to)) continue;
            if (log.units.is_zero()) {
                ++zero_transfers_;
                continue;
            }
            hits_.push_back({receipt.tx, receipt.tx_index, log.log_index, log.contract,
                             token->asset, log.from, log.to, log.units});
        }
    }
}

core::Expected<const Receipt*> BlockDraft::receipt_of(
    const Bytes32& tx, const std::map<Bytes32, Receipt>& receipts) const {
    const auto found = receipts.find(tx);
    if (found == receipts.end()) {
        return core::Error{core::Errc::kNotReady, "a receipt is not there yet"};
    }
    const Receipt& receipt = found->second;
    if (receipt.tx != tx) return lie("a receipt of another transaction");
    if (!is_block(receipt.block_hash, ref().hash)) {
        return core::Error{core::Errc::kReorged, "a receipt names another block"};
    }
    return &receipt;
}

core::Expected<TransferSeen> BlockDraft::token_deposit(
    const TokenHit& hit, const std::map<Bytes32, Receipt>& receipts) const {
    std::uint32_t first = 0;  // the first transaction's logs start the block's numbering
    if (hit.tx_index != 0) {
        const auto receipt = receipt_of(hit.tx, receipts);
        if (!receipt) return receipt.error();
        if (!(*receipt)->success) return lie("a log of a failed transaction");
        const auto& logs = (*receipt)->transfers;
        const bool is_there = std::any_of(logs.begin(), logs.end(), [&](const TransferLog& log) {
            return log.log_index == hit.log_index && log.contract == hit.contract &&
                   log.from == hit.from && log.to == hit.to && log.units == hit.units;
        });
        if (!is_there || !(*receipt)->first_log) return lie("a log that its receipt does not hold");
        first = *(*receipt)->first_log;
    }
    return TransferSeen{.tx = tx_id_from(hit.tx),
                        .position = hit.log_index - first,
                        .kind = TransferKind::kToken,
                        .asset = hit.asset,
                        .from = hit.from,
                        .to = hit.to,
                        .units = hit.units};
}

core::Expected<OwnTxSeen> BlockDraft::own_tx(const TxLine& tx, const Receipt& receipt,
                                             const ListedTokens& tokens) {
    const auto gas = receipt.gas_used.to_u64();
    if (!gas) return lie("gas beyond 64 bits");
    const auto l2_fee = receipt.gas_price.times(*gas);
    if (!l2_fee) return lie("a fee beyond 256 bits");
    const auto fee = l2_fee->plus(receipt.l1_fee);
    if (!fee) return lie("a fee beyond 256 bits");
    OwnTxSeen own{.tx = tx_id_from(tx.hash),
                  .sender = tx.from,
                  .nonce = tx.nonce,
                  .success = receipt.success,
                  .fee = *fee,
                  .to = tx.to,
                  .native_value = tx.value,
                  .transfers = {}};
    for (const TransferLog& log : receipt.transfers) {
        const ListedTokens::Entry* token = tokens.find(log.contract);
        if (token == nullptr || (log.from != tx.from && log.to != tx.from)) continue;
        own.transfers.push_back({.tx = own.tx,
                                 .position = log.log_index - *receipt.first_log,
                                 .kind = TransferKind::kToken,
                                 .asset = token->asset,
                                 .from = log.from,
                                 .to = log.to,
                                 .units = log.units});
    }
    return own;
}

core::Expected<BlockScan> BlockDraft::finish(const std::map<Bytes32, Receipt>& receipts,
                                             const ListedTokens& tokens, const WatchFilter& filter,
                                             bool scan_native) const {
    BlockScan scan{.block = ref(),
                   .deposits = {},
                   .own = {},
                   .evidence = evidence_,
                   .endpoint = endpoint_,
                   .log_count = log_count_,
                   .tx_count = static_cast<std::uint32_t>(body_.tx_hashes.size()),
                   .zero_transfers = zero_transfers_};
    for (const TokenHit& hit : hits_) {
        auto deposit = token_deposit(hit, receipts);
        if (!deposit) return deposit.error();
        scan.deposits.push_back(std::move(*deposit));
    }
    for (const TxLine& tx : body_.wanted) {
        const auto receipt = receipt_of(tx.hash, receipts);
        if (!receipt) return receipt.error();
        const bool pays_us = !tx.value.is_zero() && !tx.to.empty() && filter.is_ours(tx.to);
        if (scan_native && pays_us && (*receipt)->success) {
            scan.deposits.push_back({.tx = tx_id_from(tx.hash),
                                     .position = kNativePosition,
                                     .kind = TransferKind::kNative,
                                     .asset = tokens.native_asset(),
                                     .from = tx.from,
                                     .to = tx.to,
                                     .units = tx.value});
        }
        if (!filter.is_ours(tx.from)) continue;
        auto own = own_tx(tx, **receipt, tokens);
        if (!own) return own.error();
        scan.own.push_back(std::move(*own));
    }
    return scan;
}

}  // namespace chains::evm::impl
