#include "chains/evm/impl/evm_reader.hpp"

#include "chains/evm/impl/reader_sinks.hpp"
#include "chains/evm/impl/rpc_params.hpp"
#include "chains/evm/profiles.hpp"
#include "chains/evm/reader.hpp"
#include "core/check.hpp"

#include <algorithm>

namespace chains::evm::impl {

EvmReader::EvmReader(ChainInfo chain, std::uint64_t number, net::EndpointPool& pool,
                     core::Clock& clock, core::Log& log)
    : info_{std::move(chain)},
      quirks_{quirks_of(number)},
      tokens_{info_},
      gate_{pool, number, clock, log},
      log_{log},
      clock_{clock} {
    std::vector<CreditTier> tiers = info_.credit;
    tiers.push_back(info_.payout_final);
    for (const CreditTier& tier : tiers) {
        if (!tier.finalized_tag) continue;
        wants_finalized_ = true;
        final_quorum_ = std::max(final_quorum_, tier.endpoints);
    }
}

core::Task<core::Expected<core::BlockRef>> EvmReader::header(net::RpcCall call) {
    const auto reply = co_await gate_.call(std::move(call));
    if (!reply) co_return reply.error();
    const auto json = reply->result();
    if (!json) co_return json.error();
    const auto head = decoder_.head(*json);
    if (!head) co_return unusable(*reply, head.error());
    if (auto good = accept(*head, *reply); !good) co_return good.error();
    co_return head->ref;
}

core::Expected<core::Done> EvmReader::accept(const BlockHead& head, const net::RpcReply& reply) {
    if (head.proof != HeaderProof::kWrong || !quirks_.is_standard) return core::Done{};
    const std::string what = "gave a header whose fields do not make up its hash";
    log_.error("an endpoint's header contradicts itself", {{"chain", info_.id.text()},
                                                           {"endpoint", gate_.name_of(reply)},
                                                           {"height", head.ref.height}});
    // The only endpoint is not believed either; but left alone it could not be heard when it is well.
    if (gate_.pool().size() > 1) gate_.pool().quarantine(reply.endpoint, what);
    return gate_.blame(reply.endpoint, {core::Errc::kMalformed, what});
}

core::Error EvmReader::unusable(const net::RpcReply& reply, core::Error error) {
    if (error.code != core::Errc::kMalformed) return error;
    return gate_.blame(reply.endpoint, std::move(error));
}

bool EvmReader::may_try_again(std::uint64_t blames_before, std::size_t turn) const {
    return gate_.blames() != blames_before && turn < gate_.pool().size();
}

core::Task<core::Expected<core::BlockRef>> EvmReader::block_at(std::uint64_t height) {
    for (std::size_t turn = 1;; ++turn) {
        const auto blames = gate_.blames();
        auto ref = co_await header(call_block(hex_number(height), false));
        if (ref && ref->height != height) {
            co_return core::Error{core::Errc::kMalformed, "the node gave another height"};
        }
        if (ref || !may_try_again(blames, turn)) co_return ref;
    }
}

core::Expected<core::Done> EvmReader::take_logs(BlockDraft& draft, const net::RpcReply& reply,
                                                const WatchFilter& filter) {
    const auto json = reply.result();
    if (!json) return json.error();
    draft.set_logs_from(reply.endpoint);
    BlockSink sink{draft, tokens_, quirks_, filter};
    auto taken = decoder_.logs(*json, sink);
    if (taken) return taken;
    return misled(reply, taken.error());
}

//! Asked by block hash, or below finality, there is one right answer, so that a log of another block,
//! or one taken back, is none.
core::Error EvmReader::misled(const net::RpcReply& reply, core::Error error) {
    if (error.code == core::Errc::kNotReady) return error;
    return gate_.blame(reply.endpoint, std::move(error));
}

core::Task<core::Expected<core::Done>> EvmReader::fetch_receipts(std::vector<WantedReceipt> wanted,
                                                                 Receipts& into) {
    std::vector<net::RpcCall> calls;
    for (const WantedReceipt& one : wanted) calls.push_back(call_receipt(one.tx.view()));
    if (calls.empty()) co_return core::Done{};
    const auto replies = co_await gate_.call_batch(std::move(calls));
    if (!replies) co_return replies.error();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const net::RpcReply& reply = (*replies)[i];
        const auto json = reply.result();
        if (!json) co_return json.error();
        auto receipt = decoder_.receipt(*json);
        if (!receipt) co_return unusable(reply, receipt.error());
        if (receipt->block_hash.bytes != wanted[i].block.bytes) {
            co_return elsewhere(reply.endpoint, wanted[i].block);
        }
        into.insert_or_assign(wanted[i].tx, std::move(*receipt));
    }
    co_return core::Done{};
}

//! A reorg does that once. Whoever says it again of the same block stands alone with it.
core::Error EvmReader::elsewhere(std::size_t endpoint, const core::BlockHash& block) {
    core::Error error{core::Errc::kReorged, "a receipt names another block"};
    const std::pair said{endpoint, block};
    if (misplaced_ == said) return gate_.blame(endpoint, std::move(error));
    misplaced_ = said;
    return error;
}

core::Task<core::Expected<BlockScan>> EvmReader::scan_block(std::uint64_t height,
                                                            const WatchFilter& filter) {
    for (std::size_t turn = 1;; ++turn) {
        const auto blames = gate_.blames();
        auto scan = co_await read_block(height, filter);
        if (scan || !may_try_again(blames, turn)) co_return scan;
    }
}

core::Task<core::Expected<BlockScan>> EvmReader::read_block(std::uint64_t height,
                                                            const WatchFilter& filter) {
    const auto first = co_await gate_.call(call_block(hex_number(height), true));
    if (!first) co_return first.error();
    const auto json = first->result();
    if (!json) co_return json.error();
    auto body = decoder_.block(*json, filter);
    if (!body) co_return unusable(*first, body.error());
    if (auto good = accept(body->head, *first); !good) co_return good.error();
    if (body->head.ref.height != height) {
        co_return unusable(*first, {core::Errc::kMalformed, "the node gave another height"});
    }
    std::vector<BlockDraft> drafts;
    drafts.emplace_back(std::move(*body), gate_.name_of(*first));

    // By hash, so it does not matter who answers: a node without this block gives an error.
    if (!tokens_.entries().empty()) {
        const auto logs = co_await gate_.call(call_logs_of_block(drafts[0].ref().hash, tokens_));
        if (!logs) co_return logs.error();
        core::Expected<core::Done> taken;
        if (is_split(*logs)) {
            const auto whole = co_await read_whole(drafts[0], filter);
            if (!whole) co_return whole.error();
            taken = core::Done{};
        } else {
            taken = take_logs(drafts[0], *logs, filter);
        }
        if (!taken) co_return taken.error();
    }
    auto scans = co_await complete(drafts, first->endpoint, filter, Depth::kHead);
    if (!scans) co_return scans.error();
    co_return std::move(scans->front());
}

core::Task<core::Expected<std::vector<BlockScan>>> EvmReader::complete(
    std::vector<BlockDraft>& drafts, std::size_t endpoint, const WatchFilter& filter, Depth depth) {
    Receipts receipts;
    for (BlockDraft& draft : drafts) {
        if (!draft.logs_from()) draft.set_logs_from(endpoint);
        const auto settled = co_await settle(draft, depth, filter, receipts);
        if (!settled) co_return settled.error();
        const auto paid = co_await agree_on_payments(draft, endpoint, filter);
        if (!paid) co_return paid.error();
    }
    std::vector<WantedReceipt> wanted;
    for (const BlockDraft& draft : drafts) {
        for (const Bytes32& tx : draft.receipts_needed()) {
            if (receipts.count(tx) == 0) wanted.push_back({tx, draft.ref().hash});
        }
    }
    const auto fetched = co_await fetch_receipts(std::move(wanted), receipts);
    if (!fetched) co_return fetched.error();
    std::vector<BlockScan> scans;
    scans.reserve(drafts.size());
    for (const BlockDraft& draft : drafts) {
        auto scan = draft.finish(receipts, tokens_, filter, info_.scan_native);
        // A log that its own receipt does not hold.
        if (!scan && scan.error().code == core::Errc::kMalformed) {
            co_return gate_.blame(*draft.logs_from(), scan.error());
        }
        if (!scan) co_return scan.error();
        scans.push_back(std::move(*scan));
    }
    co_return scans;
}

core::Task<core::Expected<std::optional<core::BlockRef>>> EvmReader::block_of(core::TxId tx) {
    using Found = std::optional<core::BlockRef>;
    const auto reply = co_await gate_.call(call_receipt(tx.view()));
    if (!reply) co_return reply.error();
    const auto json = reply->result();
    if (!json) co_return json.error();
    const auto receipt = decoder_.receipt(*json);
    if (!receipt && receipt.error().code == core::Errc::kNotReady) co_return Found{};
    if (!receipt) co_return receipt.error();
    // A receipt may be a pre-confirmation: it counts once its block stands on the chain [F12].
    const auto ref = co_await block_at(receipt->height);
    if (!ref && ref.error().code == core::Errc::kNotReady) co_return Found{};
    if (!ref) co_return ref.error();
    if (ref->hash.bytes != receipt->block_hash.bytes) co_return Found{};
    co_return Found{*ref};
}

}  // namespace chains::evm::impl

std::unique_ptr<chains::ChainReader> chains::evm::make_reader(ChainInfo chain,
                                                              net::EndpointPool& pool,
                                                              core::Clock& clock, core::Log& log,
                                                              core::Metrics&) {
    const auto number = chain_number(chain.id);
    CHECK(number.has_value(), "the EVM reader is for eip155 chains");
    return std::make_unique<impl::EvmReader>(std::move(chain), *number, pool, clock, log);
}
