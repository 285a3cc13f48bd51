#include "chains/evm/impl/evm_reader.hpp"
#include "chains/evm/impl/reader_sinks.hpp"
#include "chains/evm/impl/rpc_params.hpp"
#include "core/check.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <array>

namespace chains::evm::impl {
namespace {

constexpr core::Millis kRangeTimeout{60'000};
//! Answers between these sizes keep three workers busy without much memory.
constexpr std::size_t kPieceBytesLow = 256 * 1024;
constexpr std::size_t kPieceBytesHigh = 1024 * 1024;
//! With the range's logs one more call: a hundred, what the pool sends in one request by default.
constexpr std::size_t kPieceBlocksMax = 99;

net::CallOptions piece_options() {
    net::CallOptions options;
    options.timeout = kRangeTimeout;
    return options;
}

}  // namespace

core::Task<core::Expected<std::vector<BlockScan>>> EvmReader::scan_range(
    std::uint64_t from, std::uint64_t to, const WatchFilter& filter) {
    using namespace core::asio::experimental::awaitable_operators;
    CHECK(from <= to, "a range has a first and a last block");
    RangeJob job{.next = from, .last = to, .filter = &filter, .pieces = {}, .failed = {}};
    if (to - from < piece_blocks_) {
        co_await range_worker(job);
    } else {
        co_await (range_worker(job) && range_worker(job) && range_worker(job));
    }
    if (job.failed) co_return *job.failed;
    std::vector<BlockScan> scans;
    scans.reserve(to - from + 1);
    for (auto& [first, piece] : job.pieces) {
        if (!scans.empty() && piece.front().block.parent != scans.back().block.hash) {
            co_return core::Error{core::Errc::kReorged, "blocks of a range do not link"};
        }
        std::move(piece.begin(), piece.end(), std::back_inserter(scans));
    }
    CHECK(scans.size() == to - from + 1);
    co_return scans;
}

core::Task<void> EvmReader::range_worker(RangeJob& job) {
    while (!job.failed && job.next <= job.last) {
        const std::uint64_t first = job.next;
        const std::uint64_t last = std::min<std::uint64_t>(job.last, first + piece_blocks_ - 1);
        job.next = last + 1;
        const auto blames = gate_.blames();
        auto piece = co_await read_piece(first, last, *job.filter);
        for (std::size_t turn = 1; !piece && may_try_again(blames, turn); ++turn) {
            piece = co_await read_piece(first, last, *job.filter);
        }
        if (!piece) {
            if (!job.failed) job.failed = piece.error();
            co_return;
        }
        job.pieces.emplace(first, std::move(*piece));
    }
}

void EvmReader::adapt_piece(std::size_t bytes) {
    const std::size_t most = std::min<std::size_t>(kPieceBlocksMax, info_.range_blocks_max);
    if (bytes > kPieceBytesHigh) piece_blocks_ = std::max<std::size_t>(1, piece_blocks_ / 2);
    if (bytes < kPieceBytesLow) piece_blocks_ = std::min(most, piece_blocks_ * 2);
}

core::Task<core::Expected<std::vector<BlockScan>>> EvmReader::read_piece(
    std::uint64_t first, std::uint64_t last, const WatchFilter& filter) {
    const auto count = static_cast<std::size_t>(last - first + 1);
    std::vector<net::RpcCall> calls;
    for (std::uint64_t height = first; height <= last; ++height) {
        calls.push_back(call_block(hex_number(height), true));
    }
    const bool with_logs = !tokens_.entries().empty();
    if (with_logs) calls.push_back(call_logs_of_range(first, last, tokens_));
    auto replies = co_await gate_.call_batch(std::move(calls), piece_options());
    if (!replies) co_return replies.error();

    auto drafts = drafts_of(*replies, first, count, filter);
    if (!drafts) co_return drafts.error();
    std::size_t bytes = 0;
    for (const net::RpcReply& reply : *replies) {
        if (const auto json = reply.result()) bytes += json->size();
    }
    adapt_piece(bytes);
    const std::size_t endpoint = replies->front().endpoint;
    if (with_logs) {
        const net::RpcReply logs = replies->back();
        replies->clear();
        core::Expected<core::Done> taken;
        if (is_split(logs)) {
            taken = co_await read_logs(*drafts, 0, count, filter);
        } else {
            taken = take_range_logs(*drafts, 0, count, logs, filter);
        }
        if (!taken) co_return taken.error();
    }
    replies->clear();
    co_return co_await complete(*drafts, endpoint, filter);
}

core::Expected<std::vector<BlockDraft>> EvmReader::drafts_of(
    const std::vector<net::RpcReply>& replies, std::uint64_t first, std::size_t count,
    const WatchFilter& filter) {
    std::vector<BlockDraft> drafts;
    drafts.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto json = replies[i].result();
        if (!json) return json.error();
        auto body = decoder_.block(*json, filter);
        if (!body) return unusable(replies[i], body.error());
        if (auto good = accept(body->head, replies[i]); !good) return good.error();
        if (body->head.ref.height != first + i) {
            return unusable(replies[i],
                            {core::Errc::kMalformed, "the node gave another height"});
        }
        if (!drafts.empty() && body->head.ref.parent != drafts.back().ref().hash) {
            return core::Error{core::Errc::kReorged, "blocks of a range do not link"};
        }
        drafts.emplace_back(std::move(*body), gate_.name_of(replies[i]));
    }
    return drafts;
}

core::Expected<core::Done> EvmReader::take_range_logs(std::vector<BlockDraft>& drafts,
                                                      std::size_t begin, std::size_t end,
                                                      const net::RpcReply& reply,
                                                      const WatchFilter& filter) {
    const auto json = reply.result();
    if (!json) return json.error();
    for (std::size_t i = begin; i < end; ++i) drafts[i].set_logs_from(reply.endpoint);
    BlocksSink sink{drafts, tokens_, quirks_, filter};
    auto taken = decoder_.logs(*json, sink);
    if (taken) return taken;
    return misled(reply, taken.error());
}

core::Task<core::Expected<core::Done>> EvmReader::read_logs(std::vector<BlockDraft>& drafts,
                                                            std::size_t begin, std::size_t end,
                                                            const WatchFilter& filter) {
    if (end - begin == 1) {
        BlockDraft& draft = drafts[begin];
        const auto reply =
            co_await gate_.call(call_logs_of_block(draft.ref().hash, tokens_), piece_options());
        if (!reply) co_return reply.error();
        if (is_split(*reply)) {
            const auto whole = co_await read_whole(draft, filter);
            if (!whole) co_return whole.error();
            co_return core::Done{};
        }
        co_return take_logs(draft, *reply, filter);
    }
    const std::size_t middle = begin + (end - begin) / 2;
    const std::array<std::size_t, 3> cuts{begin, middle, end};
    for (std::size_t half = 0; half < 2; ++half) {
        const std::size_t from = cuts[half];
        const std::size_t to = cuts[half + 1];
        const auto reply = co_await gate_.call(
            call_logs_of_range(drafts[from].ref().height, drafts[to - 1].ref().height, tokens_),
            piece_options());
        if (!reply) co_return reply.error();
        core::Expected<core::Done> taken;
        if (is_split(*reply)) {
            taken = co_await read_logs(drafts, from, to, filter);
        } else {
            taken = take_range_logs(drafts, from, to, *reply, filter);
        }
        if (!taken) co_return taken.error();
    }
    co_return core::Done{};
}

}  // namespace chains::evm::impl
