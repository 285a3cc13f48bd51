#include "chains/evm/impl/evm_reader.hpp"
#include "chains/evm/impl/reader_sinks.hpp"
#include "chains/evm/impl/rpc_params.hpp"
#include "core/check.hpp"

#include <algorithm>
#include <utility>

namespace chains::evm::impl {
namespace {

using Text = core::Expected<std::string>;

constexpr core::Millis kOwnPieceTimeout{30'000};
constexpr std::uint64_t kPieceBlocks = 50;

//! Fee and token transfers out of the sender and to it, in the words that all endpoints must share.
std::string own_text(const std::string& block, bool success, const core::Units& fee,
                     std::vector<std::string> transfers) {
    std::sort(transfers.begin(), transfers.end());
    std::string text = block + (success ? "/good/" : "/failed/") + fee.decimal();
    for (const std::string& transfer : transfers) text += "/" + transfer;
    return text;
}

std::string own_transfer_text(const std::string& asset, std::uint32_t position,
                              const core::Address& from, const core::Address& to,
                              const core::Units& units) {
    return std::to_string(position) + ":" + asset + ":" + from.hex0x() + ":" + to.hex0x() + ":" +
           units.decimal();
}

Text receipt_text(const Receipt& receipt, const core::Address& sender, const ListedTokens& tokens) {
    const auto gas = receipt.gas_used.to_u64();
    if (!gas) return core::Error{core::Errc::kMalformed, "gas beyond 64 bits"};
    const auto gas_fee = receipt.gas_price.times(*gas);
    if (!gas_fee) return core::Error{core::Errc::kMalformed, "a fee beyond 256 bits"};
    const auto fee = gas_fee->plus(receipt.l1_fee);
    if (!fee) return core::Error{core::Errc::kMalformed, "a fee beyond 256 bits"};
    std::vector<std::string> transfers;
    for (const TransferLog& log : receipt.transfers) {
        const ListedTokens::Entry* token = tokens.find(log.contract);
        if (token == nullptr || (log.from != sender && log.to != sender)) continue;
        transfers.push_back(own_transfer_text(token->asset.text(),
                                              log.log_index - *receipt.first_log, log.from, log.to,
                                              log.units));
    }
    return own_text(core::BlockHash{receipt.block_hash.bytes}.hex0x(), receipt.success, *fee,
                    std::move(transfers));
}

std::string order_text(const core::Address& from, std::uint64_t nonce, const core::Address& to,
                       const core::Units& value) {
    return from.hex0x() + "/" + std::to_string(nonce) + "/" + to.hex0x() + "/" + value.decimal();
}

}  // namespace

core::Task<core::Expected<core::Done>> EvmReader::stands(core::BlockRef block, unsigned endpoints) {
    const net::Normaliser hash_of = [this](std::string_view json) -> Text {
        const auto head = decoder_.head(json);
        if (!head) return head.error();
        return head->ref.hash.hex0x();
    };
    co_return co_await agree_on(call_block(hex_number(block.height), false), endpoints, hash_of,
                                block.hash.hex0x());
}

core::Task<core::Expected<core::Done>> EvmReader::corroborate_own(core::BlockRef block,
                                                                  OwnTxSeen tx,
                                                                  unsigned endpoints) {
    const auto on_chain = co_await stands(block, endpoints);
    if (!on_chain) co_return on_chain.error();

    const core::Address sender = tx.sender;
    const net::Normaliser mined = [this, sender](std::string_view json) -> Text {
        const auto receipt = decoder_.receipt(json);
        if (!receipt) return receipt.error();
        return receipt_text(*receipt, sender, tokens_);
    };
    std::vector<std::string> transfers;
    for (const TransferSeen& transfer : tx.transfers) {
        transfers.push_back(own_transfer_text(transfer.asset.text(), transfer.position,
                                              transfer.from, transfer.to, transfer.units));
    }
    const std::string receipt =
        own_text(block.hash.hex0x(), tx.success, tx.fee, std::move(transfers));
    const auto agreed = co_await agree_on(call_receipt(tx.tx.view()), endpoints, mined, receipt);
    if (!agreed) co_return agreed.error();

    const net::Normaliser order = [this](std::string_view json) -> Text {
        const auto line = decoder_.transaction(json);
        if (!line) return line.error();
        return order_text(line->from, line->nonce, line->to, line->value);
    };
    co_return co_await agree_on(call_transaction(tx.tx.view()), endpoints, order,
                                order_text(tx.sender, tx.nonce, tx.to, tx.native_value));
}

core::Task<core::Expected<core::Done>> EvmReader::reached(net::RpcCall call, unsigned endpoints,
                                                          net::Normaliser yes_or_no,
                                                          std::string what) {
    // Who is behind says no, and is no liar.
    net::CallOptions options;
    options.doubt_outvoted = false;
    auto agreed =
        co_await agree_on(std::move(call), endpoints, std::move(yes_or_no), "yes", options);
    if (!agreed && agreed.error().code == core::Errc::kReorged) {
        co_return core::Error{core::Errc::kNotReady, "the endpoints agree: " + what};
    }
    co_return agreed;
}

core::Task<core::Expected<core::Done>> EvmReader::corroborate_nonce(core::Address sender,
                                                                    std::uint64_t nonce,
                                                                    bool finalized,
                                                                    unsigned endpoints) {
    const net::Normaliser is_used = [this, nonce](std::string_view json) -> Text {
        const auto count = decoder_.quantity(json);
        if (!count) return count.error();
        return std::string{*count > core::Units{nonce} ? "yes" : "no"};
    };
    co_return co_await reached(call_nonce(sender, at_tag(finalized ? "finalized" : "latest")),
                               endpoints, is_used, "the nonce is not used up yet");
}

core::Task<core::Expected<core::Done>> EvmReader::corroborate_final(std::uint64_t height,
                                                                    unsigned endpoints) {
    const net::Normaliser is_final = [this, height](std::string_view json) -> Text {
        const auto head = decoder_.head(json);
        if (!head) return head.error();
        return std::string{head->ref.height >= height ? "yes" : "no"};
    };
    co_return co_await reached(call_block("finalized", false), endpoints, is_final,
                               "the block is not final yet");
}

core::Task<core::Expected<core::Done>> EvmReader::corroborate_balance(core::BlockRef at,
                                                                      core::Address owner,
                                                                      core::Units units,
                                                                      unsigned endpoints) {
    const auto on_chain = co_await stands(at, endpoints);
    if (!on_chain) co_return on_chain.error();
    const net::Normaliser balance = [this](std::string_view json) -> Text {
        const auto held = decoder_.quantity(json);
        if (!held) return held.error();
        return held->decimal();
    };
    co_return co_await agree_on(call_balance(owner, at_block(at.hash)), endpoints, balance,
                                units.decimal());
}

core::Task<core::Expected<std::vector<BlockScan>>> EvmReader::scan_range_elsewhere(
    std::uint64_t from, std::uint64_t to, const WatchFilter& filter,
    std::vector<std::string> other_than) {
    CHECK(from <= to, "a range has a first and a last block");
    const auto statuses = gate_.pool().status();
    std::optional<std::size_t> endpoint;
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        const auto& one = statuses[i];
        if (one.quarantined || std::ranges::find(other_than, one.name) != other_than.end()) continue;
        const auto rank = [](const net::EndpointStatus& of) {
            return (of.healthy ? 0 : 2) + (of.doubted ? 1 : 0);
        };
        if (!endpoint || rank(one) < rank(statuses[*endpoint])) endpoint = i;
    }
    if (!endpoint) co_return core::Error{core::Errc::kUnsupported, "there is no other endpoint"};
    std::vector<BlockScan> scans;
    for (std::uint64_t first = from; first <= to; first += kPieceBlocks) {
        const std::uint64_t last = std::min(to, first + kPieceBlocks - 1);
        auto piece = co_await read_piece_from(first, last, filter, *endpoint);
        if (!piece) co_return piece.error();
        if (!scans.empty() && piece->front().block.parent != scans.back().block.hash) {
            co_return core::Error{core::Errc::kReorged, "blocks of a range do not link"};
        }
        std::move(piece->begin(), piece->end(), std::back_inserter(scans));
    }
    co_return scans;
}

//! Logs are asked for by block hash, so that no provider has a reason to split the answer.
core::Task<core::Expected<std::vector<BlockScan>>> EvmReader::read_piece_from(
    std::uint64_t first, std::uint64_t last, const WatchFilter& filter, std::size_t endpoint) {
    net::CallOptions options;
    options.timeout = kOwnPieceTimeout;
    options.endpoint = endpoint;
    const auto count = static_cast<std::size_t>(last - first + 1);
    std::vector<net::RpcCall> block_calls;
    for (std::uint64_t height = first; height <= last; ++height) {
        block_calls.push_back(call_block(hex_number(height), true));
    }
    const auto bodies = co_await gate_.call_batch(std::move(block_calls), options);
    if (!bodies) co_return bodies.error();
    auto drafts = drafts_of(*bodies, first, count, filter);
    if (!drafts) co_return drafts.error();
    if (!tokens_.entries().empty()) {
        std::vector<net::RpcCall> log_calls;
        for (const BlockDraft& draft : *drafts) {
            log_calls.push_back(call_logs_of_block(draft.ref().hash, tokens_));
        }
        const auto logs = co_await gate_.call_batch(std::move(log_calls), options);
        if (!logs) co_return logs.error();
        for (std::size_t i = 0; i < count; ++i) {
            auto taken = take_logs((*drafts)[i], (*logs)[i], filter);
            if (!taken) co_return taken.error();
        }
    }
    co_return co_await complete(*drafts, endpoint, filter);
}

}  // namespace chains::evm::impl
