#pragma once

#include "chains/evm/impl/block_draft.hpp"

#include <vector>

namespace chains::evm::impl {

//! Logs of one block.
struct BlockSink final : LogSink {
    BlockSink(BlockDraft& d, const ListedTokens& t, const Quirks& q, const WatchFilter& f)
        : draft{d}, tokens{t}, quirks{q}, filter{f} {}
    core::Expected<core::Done> take(const LogLine& log) override {
        return draft.take_log(log, tokens, quirks, filter);
    }
    BlockDraft& draft;
    const ListedTokens& tokens;
    const Quirks& quirks;
    const WatchFilter& filter;
};

//! Logs of blocks in a row, each to its own.
struct BlocksSink final : LogSink {
    BlocksSink(std::vector<BlockDraft>& d, const ListedTokens& t, const Quirks& q,
               const WatchFilter& f)
        : drafts{d}, tokens{t}, quirks{q}, filter{f} {}
    core::Expected<core::Done> take(const LogLine& log) override {
        const std::uint64_t first = drafts.front().ref().height;
        if (log.height < first || log.height - first >= drafts.size()) {
            return core::Error{core::Errc::kMalformed, "a log from outside the range asked for"};
        }
        return drafts[log.height - first].take_log(log, tokens, quirks, filter);
    }
    std::vector<BlockDraft>& drafts;
    const ListedTokens& tokens;
    const Quirks& quirks;
    const WatchFilter& filter;
};

}  // namespace chains::evm::impl
