#include "chains/evm/impl/evm_reader.hpp"
#include "chains/evm/impl/reader_sinks.hpp"
#include "chains/evm/impl/rpc_params.hpp"

#include <algorithm>

namespace chains::evm::impl {
namespace {

//! The node does not offer it, or not to us: asking again changes nothing.
bool is_impossible(core::Errc code) {
    return code == core::Errc::kUnsupported || code == core::Errc::kRefused ||
           code == core::Errc::kUnauthorized || code == core::Errc::kTooLarge ||
           code == core::Errc::kSplit;
}

}  // namespace

// No logs may mean "none" or "I don't know", and some logs may be a part of them [F01][F02][F03].
// The header's bloom filter excludes deposits for free most of the time. Where it does not, the
// block's receipts are hashed up to the header at the head; where that is impossible, another
// endpoint has to have the same logs.

core::Task<core::Expected<core::Done>> EvmReader::settle(BlockDraft& draft, Depth depth,
                                                         const WatchFilter& filter,
                                                         Receipts& known) {
    if (draft.is_whole()) co_return core::Done{};
    if (draft.pays_us(filter, true)) depth = Depth::kHead;
    const BloomVerdict verdict = draft.judge(tokens_, quirks_);
    const bool excluded = verdict == BloomVerdict::kExcludes;
    if (excluded) {
        const bool nothing_to_prove = draft.header_is_proven() || tokens_.entries().empty();
        if (nothing_to_prove) draft.set_evidence(Evidence::kBloomExcludes);
        // A transaction of ours, or one that pays us coin, turns on its receipt alone.
        if (depth == Depth::kFinal || draft.body().wanted.empty()) co_return core::Done{};
    }
    const bool is_doubtful = verdict == BloomVerdict::kDoubtful;
    if (!is_doubtful && depth == Depth::kFinal) co_return core::Done{};
    std::optional<core::Error> not_now;
    const bool wanted = info_.prove_receipts || gate_.pool().size() == 1;
    if (depth == Depth::kHead && draft.header_is_proven() && wanted) {
        const auto proven = co_await prove(draft, filter, known);
        if (!proven && proven.error().code == core::Errc::kMalformed) co_return proven.error();
        if (proven && *proven) co_return core::Done{};
        if (!proven) not_now = proven.error();
    }
    if (excluded) {
        if (not_now) co_return *not_now;
        co_return core::Done{};
    }
    const Others others = co_await ask_others(draft, filter);
    if (others == Others::kAgree) {
        draft.set_evidence(Evidence::kSecondEndpoint);
        co_return core::Done{};
    }
    if (not_now) co_return *not_now;
    if (others == Others::kNobody && !is_doubtful) co_return core::Done{};
    const auto whole = co_await read_whole(draft, filter);
    if (!whole) co_return whole.error();
    if (others == Others::kDiffer && *whole != WholeProof::kRoot) {
        co_return core::Error{core::Errc::kNoQuorum, "endpoints disagree about a block's logs"};
    }
    co_return core::Done{};
}

std::vector<std::size_t> EvmReader::endpoints_from(std::size_t first) const {
    const auto statuses = gate_.pool().status();
    std::vector<std::size_t> usable;
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        if (statuses[i].healthy || (i == first && !statuses[i].quarantined)) usable.push_back(i);
    }
    const std::string& own_operator = statuses[first].operator_name;
    std::stable_partition(usable.begin(), usable.end(), [&](std::size_t i) {
        return i == first || statuses[i].operator_name != own_operator;
    });
    std::stable_partition(usable.begin(), usable.end(), [&](std::size_t i) { return i == first; });
    std::stable_partition(usable.begin(), usable.end(),
                          [&](std::size_t i) { return !statuses[i].doubted; });
    return usable;
}

//! True: the block's receipts are read and hash up to the header. False: nobody can prove that
//! here. kMalformed when all who could contradict the header, otherwise what keeps them from it.
core::Task<core::Expected<bool>> EvmReader::prove(BlockDraft& draft, const WatchFilter& filter,
                                                  Receipts& known) {
    std::optional<core::Error> lie;
    std::optional<core::Error> not_now;
    std::vector<std::size_t> liars;
    std::vector<std::size_t> unknowing;
    for (const std::size_t endpoint : endpoints_from(*draft.logs_from())) {
        net::CallOptions options;
        options.endpoint = endpoint;
        const auto reply = co_await gate_.call(call_block_receipts(draft.ref().hash), options);
        if (!reply || !reply->ok()) {
            const core::Error error = reply ? reply->result().error() : reply.error();
            if (!is_impossible(error.code)) not_now = error;
            continue;
        }
        auto receipts = decoder_.receipts(*reply->result());
        if (!receipts) {
            const auto error = unusable(*reply, receipts.error());
            if (error.code == core::Errc::kNotReady) {
                not_now = error;
                unknowing.push_back(reply->endpoint);
            }
            continue;
        }
        const auto whole = draft.check_whole(*receipts, quirks_);
        if (whole && *whole == WholeProof::kBloom) co_return false;
        if (whole) {
            for (const std::size_t other : unknowing) gate_.pool().outdone(other, "receipts");
            for (const std::size_t liar : liars) {
                gate_.pool().quarantine(liar, "gave receipts that are not in the block's header");
            }
            adopt(draft, *receipts, *whole, filter);
            const auto needed = draft.receipts_needed();
            for (Receipt& receipt : *receipts) {
                if (needed.count(receipt.tx) == 0) continue;
                const Bytes32 tx = receipt.tx;
                known.insert_or_assign(tx, std::move(receipt));
            }
            co_return true;
        }
        if (whole.error().code != core::Errc::kMalformed) {
            not_now = whole.error();
            continue;
        }
        log_.error("an endpoint's receipts contradict the block's header",
                   {{"chain", info_.id.text()},
                    {"height", draft.ref().height},
                    {"endpoint", gate_.name_of(*reply)}});
        lie = gate_.blame(reply->endpoint, whole.error());
        // Proven once somebody else's do fit: when nobody's do the fault may be ours.
        liars.push_back(reply->endpoint);
    }
    // Off the standard chains a block's receipts may lack what its filter holds.
    if (lie && quirks_.is_standard) co_return *lie;
    if (not_now) co_return *not_now;
    co_return false;
}

// Receipts prove that a transaction succeeded, not what it was: a payment of coin stands in the
// block alone, and the header is not read for it. Where there is somebody else, he has to tell the
// same.
core::Task<core::Expected<core::Done>> EvmReader::agree_on_payments(const BlockDraft& draft,
                                                                    std::size_t told_by,
                                                                    const WatchFilter& filter) {
    if (!info_.scan_native || !draft.pays_us(filter, false)) co_return core::Done{};
    std::vector<std::pair<std::size_t, BlockBody>> others;
    std::optional<core::Error> not_now;
    for (const std::size_t other : endpoints_from(told_by)) {
        if (other == told_by) continue;
        net::CallOptions options;
        options.endpoint = other;
        const auto reply = co_await gate_.call(call_block_by_hash(draft.ref().hash, true), options);
        if (!reply || !reply->ok()) continue;
        auto body = decoder_.block(*reply->result(), filter);
        if (!body) {
            // Who is known to be behind has nothing to say; the others will have it in a moment.
            const bool behind = gate_.pool().status()[other].doubted;
            const core::Error error = unusable(*reply, body.error());
            if (error.code == core::Errc::kNotReady && !behind) not_now = error;
            continue;
        }
        if (!accept(body->head, *reply) || body->head.ref.hash != draft.ref().hash) continue;
        if (draft.same_payments(*body)) {
            for (const auto& [liar, told] : others) {
                gate_.pool().doubt(liar, "outvoted", "payments of " + draft.ref().hash.hex0x());
            }
            co_return core::Done{};
        }
        log_.warn("endpoints disagree about a block's payments",
                  {{"chain", info_.id.text()},
                   {"height", draft.ref().height},
                   {"first", gate_.pool().name(told_by)},
                   {"other", gate_.name_of(*reply)}});
        const auto same = [&](const auto& one) { return one.second.wanted == body->wanted; };
        if (std::any_of(others.begin(), others.end(), same)) {
            const core::Error alone{core::Errc::kMalformed, "told payments that two others deny"};
            co_return gate_.blame(told_by, alone);
        }
        others.emplace_back(other, std::move(*body));
    }
    if (not_now) co_return *not_now;
    if (others.empty()) co_return core::Done{};
    co_return core::Error{core::Errc::kNoQuorum, "endpoints disagree about a block's payments"};
}

core::Task<EvmReader::Others> EvmReader::ask_others(BlockDraft& draft, const WatchFilter& filter) {
    const std::size_t first = *draft.logs_from();
    std::vector<BlockDraft> said{draft};
    for (const std::size_t other : endpoints_from(first)) {
        if (other == first) continue;
        net::CallOptions options;
        options.endpoint = other;
        const auto reply =
            co_await gate_.call(call_logs_of_block(draft.ref().hash, tokens_), options);
        if (!reply || !reply->ok()) continue;
        BlockDraft second = draft;
        second.forget_logs();
        if (!take_logs(second, *reply, filter)) continue;
        second.set_endpoint(gate_.name_of(*reply));
        const auto same = std::find_if(
            said.begin(), said.end(), [&](const BlockDraft& one) { return one.same_logs(second); });
        if (same != said.end()) {
            if (same != said.begin()) draft = std::move(*same);
            co_return Others::kAgree;
        }
        log_.warn("endpoints disagree about a block's logs", {{"chain", info_.id.text()},
                                                              {"height", draft.ref().height},
                                                              {"first", gate_.pool().name(first)},
                                                              {"logs", draft.log_count()},
                                                              {"other", gate_.name_of(*reply)},
                                                              {"other_logs", second.log_count()}});
        said.push_back(std::move(second));
    }
    co_return said.size() == 1 ? Others::kNobody : Others::kDiffer;
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
    std::vector<WantedReceipt> wanted;
    for (const Bytes32& tx : draft.body().tx_hashes) wanted.push_back({tx, draft.ref().hash});
    const auto fetched = co_await fetch_receipts(std::move(wanted), by_tx);
    if (!fetched) co_return fetched.error();
    std::vector<Receipt> receipts;
    for (const Bytes32& tx : draft.body().tx_hashes) receipts.push_back(by_tx.at(tx));
    co_return receipts;
}

void EvmReader::adopt(BlockDraft& draft, const std::vector<Receipt>& receipts, WholeProof proof,
                      const WatchFilter& filter) {
    const BlockDraft given = draft;
    draft.take_logs_of(receipts, tokens_, filter);
    draft.set_evidence(Evidence::kReceipts);
    if (!given.logs_from() || draft.same_logs(given)) return;
    log_.warn("a block's receipts hold other logs than were given",
              {{"chain", info_.id.text()},
               {"height", draft.ref().height},
               {"endpoint", gate_.pool().name(*given.logs_from())},
               {"logs", given.log_count()},
               {"in_receipts", draft.log_count()}});
    // Receipts that only fit the filter may be the ones that lie.
    if (proof != WholeProof::kRoot) return;
    // Fewer may be an index that is being written; one that is not there was invented.
    const bool invented = !given.has_no_log_beside(draft);
    gate_.pool().doubt(*given.logs_from(), invented ? "invented" : "incomplete",
                       "logs of block " + std::to_string(draft.ref().height));
    if (invented) {
        gate_.pool().quarantine(*given.logs_from(), "gave logs that are not in the block");
    }
}

core::Task<core::Expected<WholeProof>> EvmReader::read_whole(BlockDraft& draft,
                                                             const WatchFilter& filter) {
    const auto receipts = co_await receipts_of_block(draft);
    if (!receipts) co_return receipts.error();
    const auto whole = draft.check_whole(*receipts, quirks_);
    if (!whole) co_return whole.error();
    adopt(draft, *receipts, *whole, filter);
    // Another log with the same bits would not be missed.
    if (*whole == WholeProof::kBloom) draft.set_evidence(Evidence::kLogsAgree);
    co_return *whole;
}

}  // namespace chains::evm::impl
