#include "chains/evm/impl/evm_reader.hpp"
#include "chains/evm/impl/rpc_params.hpp"

#include <algorithm>
#include <utility>

// A payment that one endpoint invented: who never heard of its transaction can say nothing of it, but
// every endpoint can tell which transactions a block holds.

namespace chains::evm::impl {
namespace {

using Text = core::Expected<std::string>;

constexpr std::string_view kThere = "there";
constexpr std::string_view kNotThere = "not there";

Text text_of(bool there) { return std::string{there ? kThere : kNotThere}; }

struct Nobody final : WatchFilter {
    bool is_ours(const core::Address&) const override { return false; }
};

bool holds(const Receipt& receipt, const TransferSeen& transfer, const core::Address& contract) {
    if (!receipt.success) return false;
    if (transfer.kind == TransferKind::kNative) return true;
    return std::ranges::any_of(receipt.transfers, [&](const TransferLog& log) {
        return log.log_index - *receipt.first_log == transfer.position &&
               log.contract == contract && log.to == transfer.to;
    });
}

}  // namespace

core::Task<core::Expected<core::Done>> EvmReader::corroborate_absent(core::BlockRef block,
                                                                     TransferSeen transfer,
                                                                     unsigned endpoints) {
    const bool is_token = transfer.kind == TransferKind::kToken;
    const TokenInfo* token = info_.token(transfer.asset);
    if (transfer.kind == TransferKind::kNativeResidual || (is_token && token == nullptr)) {
        co_return core::Error{core::Errc::kUnsupported, "nothing tells that this is not there"};
    }
    const auto on_chain = co_await stands(block, endpoints);
    if (!on_chain) co_return on_chain.error();

    const net::Normaliser listed = [this, block, transfer](std::string_view json) -> Text {
        const auto body = decoder_.block(json, Nobody{});
        if (!body) return body.error();
        if (body->head.ref.hash != block.hash) {
            return core::Error{core::Errc::kMalformed, "another block than the one asked for"};
        }
        return text_of(std::ranges::any_of(body->tx_hashes, [&](const Bytes32& tx) {
            return std::ranges::equal(tx.bytes, transfer.tx.view());
        }));
    };
    const std::string absent{kNotThere};
    const auto in_list =
        co_await agree_on(call_block_by_hash(block.hash, true), endpoints, listed, absent);
    const bool only_listed = transfer.to.empty();
    if (in_list || only_listed || in_list.error().code != core::Errc::kReorged) co_return in_list;

    const core::Address contract = is_token ? token->contract : core::Address{};
    // An endpoint on another fork has the transaction in another block, where it may have failed.
    const net::Normaliser in_receipt = [this, block, transfer,
                                        contract](std::string_view json) -> Text {
        const auto receipt = decoder_.receipt(json);
        if (!receipt) return receipt.error();
        if (receipt->block_hash.bytes != block.hash.bytes) {
            return core::Error{core::Errc::kMalformed, "the receipt of another block"};
        }
        return text_of(holds(*receipt, transfer, contract));
    };
    const auto receipt =
        co_await agree_on(call_receipt(transfer.tx.view()), endpoints, in_receipt, absent);
    if (receipt || receipt.error().code != core::Errc::kReorged || is_token) co_return receipt;

    const net::Normaliser paid = [this, transfer](std::string_view json) -> Text {
        const auto tx = decoder_.transaction(json);
        if (!tx) return tx.error();
        return text_of(tx->to == transfer.to && !tx->value.is_zero());
    };
    co_return co_await agree_on(call_transaction(transfer.tx.view()), endpoints, paid, absent);
}

}  // namespace chains::evm::impl
