// A block read whole out of three answers, one a line: the block, its logs, its receipts. Whatever they
// say, what comes out is money to an address of ours, named once.

#include "chains/evm/impl/block_draft.hpp"
#include "chains/evm/impl/reader_sinks.hpp"
#include "chains/evm/profiles.hpp"
#include "chains/evm/receipts_root.hpp"
#include "tests/fuzz/evm_inputs.hpp"

namespace fuzz_evm_draft {

using namespace chains;
using namespace chains::evm::impl;

//! Lists the token of the recorded block.
const ChainInfo& chain() {
    static const ChainInfo info = [] {
        auto out = evm::generic_profile(31337, "Local");
        evm::add_token(out, "USDC", 6,
                       *core::Address::from_hex("0x008eb2b4909db972a400424984930d78479cc246"));
        return out;
    }();
    return info;
}

void check_scan(const BlockScan& scan, const BlockDraft& draft, const WatchFilter& filter) {
    std::set<std::pair<std::string, std::uint32_t>> named;
    for (const TransferSeen& seen : scan.deposits) {
        MUST(filter.is_ours(seen.to) && !seen.units.is_zero());
        MUST(named.emplace(seen.tx.hex0x(), seen.position).second);
        MUST((seen.position == kNativePosition) == (seen.kind == TransferKind::kNative));
        MUST(seen.asset.is_native() == (seen.kind == TransferKind::kNative));
        bool in_block = false;
        for (const auto& hash : draft.body().tx_hashes) {
            in_block = in_block || tx_id_from(hash) == seen.tx;
        }
        MUST(in_block);
    }
    std::set<std::string> own;
    for (const OwnTxSeen& seen : scan.own) {
        MUST(filter.is_ours(seen.sender) && own.insert(seen.tx.hex0x()).second);
        for (const TransferSeen& moved : seen.transfers) MUST(moved.from == seen.sender);
    }
    MUST(scan.block == draft.ref());
}

void finish(const BlockDraft& draft, const std::vector<Receipt>& receipts,
            const ListedTokens& tokens, const WatchFilter& filter) {
    std::map<evm::Bytes32, Receipt> by_tx;
    for (const Receipt& receipt : receipts) by_tx.emplace(receipt.tx, receipt);
    const auto scan = draft.finish(by_tx, tokens, filter, true);
    if (scan) return check_scan(*scan, draft, filter);
    MUST(fuzz::is_node_error(scan.error().code) || scan.error().code == core::Errc::kReorged);
}

void whole(BlockDraft draft, const std::vector<Receipt>& receipts, const ListedTokens& tokens,
           const Quirks& quirks, const WatchFilter& filter) {
    const auto proof = draft.check_whole(receipts, quirks);
    if (!proof) return MUST(fuzz::is_node_error(proof.error().code));
    if (*proof == WholeProof::kRoot) {
        std::vector<core::Bytes> values;
        for (const Receipt& receipt : receipts) values.push_back(receipt.consensus);
        MUST(draft.header_is_proven());
        MUST(evm::ordered_trie_root(values) == draft.body().head.receipts_root);
    }
    draft.take_logs_of(receipts, tokens, filter);
    finish(draft, receipts, tokens, filter);
}

void read(std::string_view block, std::string_view logs, std::string_view list,
          const Quirks& quirks) {
    static Decoder decoder;
    const ListedTokens tokens{chain()};
    const fuzz::SomeOfThem filter;
    auto body = decoder.block(fuzz::Padded{block}.view(), filter);
    if (!body) return;
    BlockDraft draft{std::move(*body), "told"};
    const auto receipts = decoder.receipts(fuzz::Padded{list}.view());
    if (receipts) whole(draft, *receipts, tokens, quirks, filter);
    BlockSink sink{draft, tokens, quirks, filter};
    const fuzz::Padded text{logs};
    if (!decoder.logs(text.view(), sink)) return;
    const auto verdict = draft.judge(tokens, quirks);
    MUST((verdict == BloomVerdict::kExcludes) ? draft.log_count() == 0 : true);
    MUST(draft.same_logs(draft) && draft.has_no_log_beside(draft));
    if (receipts) finish(draft, *receipts, tokens, filter);
}

}  // namespace fuzz_evm_draft

FUZZ_TARGET(evm_draft) {
    using namespace fuzz_evm_draft;
    const std::size_t first = input.find('\n');
    if (first == std::string_view::npos) return;
    const std::size_t second = input.find('\n', first + 1);
    if (second == std::string_view::npos) return;
    const auto block = input.substr(0, first);
    const auto logs = input.substr(first + 1, second - first - 1);
    const auto receipts = input.substr(second + 1);
    read(block, logs, receipts, {});
    read(block, logs, receipts, {.is_standard = true});
    read(block, logs, receipts, {.bloom_is_partial = true, .has_l1_fee = true});
}
