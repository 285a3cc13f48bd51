#include "chains/evm/impl/evm_reader.hpp"
#include "chains/evm/impl/reader_sinks.hpp"
#include "chains/evm/impl/rpc_params.hpp"

namespace chains::evm::impl {

// An answer without logs may mean "none" or "I don't know" [F01][F02][F03]. The header's bloom
// filter tells the two apart for free most of the time; where it says "maybe", somebody else is
// asked, or the whole block's receipts are.

core::Task<core::Expected<core::Done>> EvmReader::settle_doubt(BlockDraft& draft,
                                                               std::size_t endpoint,
                                                               const WatchFilter& filter) {
    switch (draft.judge(tokens_, quirks_)) {
        case BloomVerdict::kAgrees: co_return core::Done{};
        case BloomVerdict::kExcludes:
            draft.set_evidence(Evidence::kBloomExcludes);
            co_return core::Done{};
        case BloomVerdict::kDoubtful: break;
    }
    if (draft.evidence() == Evidence::kReceipts) co_return core::Done{};
    const auto settled = co_await ask_others(draft, endpoint, filter);
    if (!settled) co_return settled.error();
    if (*settled) co_return core::Done{};
    co_return co_await read_whole(draft, filter);
}

//! False when nobody else answered, or what came differs and still leaves a doubt.
core::Task<core::Expected<bool>> EvmReader::ask_others(BlockDraft& draft, std::size_t endpoint,
                                                       const WatchFilter& filter) {
    const auto statuses = gate_.pool().status();
    for (std::size_t other = 0; other < statuses.size(); ++other) {
        if (other == endpoint || statuses[other].quarantined || !statuses[other].healthy) continue;
        net::CallOptions options;
        options.endpoint = other;
        const auto reply =
            co_await gate_.call(call_logs_of_block(draft.ref().hash, tokens_), options);
        if (!reply || !reply->ok()) continue;
        BlockDraft second = draft;
        second.forget_logs();
        if (!take_logs(second, *reply, filter)) continue;
        if (second.log_count() == draft.log_count()) {
            draft.set_evidence(Evidence::kSecondEndpoint);
            co_return true;
        }
        log_.warn("endpoints disagree about a block's logs", {{"chain", info_.id.text()},
                                                              {"height", draft.ref().height},
                                                              {"other", statuses[other].name},
                                                              {"logs", draft.log_count()},
                                                              {"other_logs", second.log_count()}});
        if (second.log_count() > draft.log_count()) {
            second.set_endpoint(statuses[other].name);
            draft = std::move(second);
        }
        co_return draft.judge(tokens_, quirks_) == BloomVerdict::kAgrees;
    }
    co_return false;
}

core::Task<core::Expected<std::vector<Receipt>>> EvmReader::receipts_of_block(
    const BlockDraft& draft) {
    const auto reply = co_await gate_.call(call_block_receipts(draft.ref().hash));
    if (!reply) co_return reply.error();
    if (reply->ok()) co_return decoder_.receipts(*reply->result());
    if (reply->code() != core::Errc::kUnsupported && reply->code() != core::Errc::kRefused) {
        co_return reply->result().error();
    }
    // Nodes without the method give the same one by one.
    Receipts by_tx;
    const auto fetched = co_await fetch_receipts(draft.body().tx_hashes, by_tx);
    if (!fetched) co_return fetched.error();
    std::vector<Receipt> receipts;
    for (const Bytes32& tx : draft.body().tx_hashes) receipts.push_back(by_tx.at(tx));
    co_return receipts;
}

core::Task<core::Expected<core::Done>> EvmReader::read_whole(BlockDraft& draft,
                                                             const WatchFilter& filter) {
    const auto receipts = co_await receipts_of_block(draft);
    if (!receipts) co_return receipts.error();
    if (auto whole = draft.check_whole(*receipts, quirks_); !whole) co_return whole.error();
    const std::uint32_t before = draft.log_count();
    draft.take_logs_of(*receipts, tokens_, filter);
    draft.set_evidence(Evidence::kReceipts);
    if (draft.log_count() != before) {
        log_.info("a block's receipts hold more than its logs said",
                  {{"chain", info_.id.text()},
                   {"height", draft.ref().height},
                   {"logs", before},
                   {"in_receipts", draft.log_count()}});
    }
    co_return core::Done{};
}

}  // namespace chains::evm::impl
