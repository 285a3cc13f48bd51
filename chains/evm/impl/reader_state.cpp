#include "chains/evm/abi.hpp"
#include "chains/evm/impl/evm_reader.hpp"
#include "chains/evm/impl/rpc_params.hpp"

#include <algorithm>

namespace chains::evm::impl {
namespace {

using Text = core::Expected<std::string>;

core::Error malformed_state(const char* what) { return {core::Errc::kMalformed, what}; }

std::string transfer_text(const core::BlockHash& block, const TransferLog& log,
                          std::uint32_t position) {
    return block.hex0x() + "/" + std::to_string(position) + "/" + log.contract.hex0x() + "/" +
           log.from.hex0x() + "/" + log.to.hex0x() + "/" + log.units.decimal();
}

core::BlockHash block_hash_of(const Bytes32& word) { return {word.bytes}; }

std::string hash_and_time_text(const core::BlockRef& block) {
    return block.hash.hex0x() + "/" + std::to_string(block.mined_at.unix_seconds());
}

}  // namespace

core::Task<core::Expected<std::vector<core::Units>>> EvmReader::native_balances(
    std::vector<core::Address> addresses, core::BlockRef at) {
    if (addresses.empty()) co_return std::vector<core::Units>{};
    if (!deployless_refused_) {
        auto balances = co_await balances_by_code(addresses, at);
        if (balances || core::is_transient(balances.error().code)) co_return balances;
        deployless_refused_ = true;
        log_.info("a node refuses to read balances in one call",
                  {{"chain", info_.id.text()}, {"why", balances.error().message}});
    }
    co_return co_await balances_one_by_one(std::move(addresses), at);
}

core::Task<core::Expected<std::vector<core::Units>>> EvmReader::balances_by_code(
    std::vector<core::Address> addresses, core::BlockRef at) {
    std::vector<net::RpcCall> calls;
    for (std::size_t begin = 0; begin < addresses.size(); begin += kBalancesPerCall) {
        const std::size_t count = std::min(kBalancesPerCall, addresses.size() - begin);
        const std::span<const core::Address> part{addresses.data() + begin, count};
        const CallShape shape{.from = {}, .to = {}, .value = {}, .data = balances_init_code(part)};
        calls.push_back(call_eth_call(shape, at_block(at.hash)));
    }
    const auto replies = co_await gate_.call_batch(std::move(calls));
    if (!replies) co_return replies.error();
    std::vector<core::Units> balances;
    balances.reserve(addresses.size());
    for (const net::RpcReply& reply : *replies) {
        const auto json = reply.result();
        if (!json) co_return json.error();
        const auto words = decoder_.data(*json);
        if (!words) co_return words.error();
        if (words->size() % Bytes32::kSize != 0) co_return malformed_state("balances cut off");
        for (std::size_t i = 0; i < words->size(); i += Bytes32::kSize) {
            balances.push_back(
                *core::Units::from_big_endian(core::ByteView{*words}.subspan(i, Bytes32::kSize)));
        }
    }
    if (balances.size() != addresses.size()) {
        // Some nodes run no constructor in eth_call and answer with nothing.
        co_return core::Error{core::Errc::kUnsupported, "not one balance for each address"};
    }
    co_return balances;
}

core::Task<core::Expected<std::vector<core::Units>>> EvmReader::balances_one_by_one(
    std::vector<core::Address> addresses, core::BlockRef at) {
    std::vector<net::RpcCall> calls;
    for (const core::Address& address : addresses) {
        calls.push_back(call_balance(address, at_block(at.hash)));
    }
    const auto replies = co_await gate_.call_batch(std::move(calls));
    if (!replies) co_return replies.error();
    std::vector<core::Units> balances;
    for (const net::RpcReply& reply : *replies) {
        const auto json = reply.result();
        if (!json) co_return json.error();
        const auto balance = decoder_.quantity(*json);
        if (!balance) co_return balance.error();
        balances.push_back(*balance);
    }
    co_return balances;
}

core::Expected<net::RpcCall> EvmReader::balance_call(const core::AssetId& asset,
                                                     const core::Address& owner,
                                                     const core::BlockRef& at) const {
    const TokenInfo* token = info_.token(asset);
    if (token == nullptr) {
        return core::Error{core::Errc::kUnsupported, "not a listed asset: " + asset.text()};
    }
    if (asset == info_.native_asset) return call_balance(owner, at_block(at.hash));
    std::vector<AbiValue> arguments;
    arguments.push_back(AbiValue::address(owner));
    const CallShape shape{.from = {},
                          .to = token->contract,
                          .value = {},
                          .data = encode_call("balanceOf(address)", arguments)};
    return call_eth_call(shape, at_block(at.hash));
}

core::Expected<core::Units> EvmReader::balance_in(const core::AssetId& asset,
                                                  std::string_view json) {
    if (asset == info_.native_asset) return decoder_.quantity(json);
    const auto returned = decoder_.data(json);
    if (!returned) return returned.error();
    if (returned->empty()) {
        // At a block before its deployment a contract answers with nothing, for ever.
        return core::Error{core::Errc::kNotFound, "no contract answers at this block"};
    }
    if (returned->size() != Bytes32::kSize) return malformed_state("balanceOf gave no word");
    return AbiReader{*returned}.units(0);
}

core::Task<core::Expected<core::Units>> EvmReader::balance_of(core::AssetId asset,
                                                              core::Address owner,
                                                              core::BlockRef at) {
    const auto agreed =
        co_await agreed_balance(std::move(asset), owner, at, info_.payout_final.endpoints);
    if (!agreed) co_return agreed.error();
    co_return agreed->units;
}

core::Task<core::Expected<core::Units>> EvmReader::balance_by_one(core::AssetId asset,
                                                                  core::Address owner,
                                                                  core::BlockRef at) {
    auto call = balance_call(asset, owner, at);
    if (!call) co_return call.error();
    const auto reply = co_await gate_.call(std::move(*call));
    if (!reply) co_return reply.error();
    const auto json = reply->result();
    if (!json) co_return json.error();
    co_return balance_in(asset, *json);
}

core::Task<core::Expected<AgreedBalance>> EvmReader::agreed_balance(core::AssetId asset,
                                                                    core::Address owner,
                                                                    core::BlockRef at,
                                                                    unsigned endpoints) {
    auto call = balance_call(asset, owner, at);
    if (!call) co_return call.error();
    const net::Normaliser text = [this, asset](std::string_view json) -> core::Expected<std::string> {
        const auto held = balance_in(asset, json);
        if (!held && held.error().code == core::Errc::kNotFound) return std::string{"none"};
        if (!held) return held.error();
        return held->decimal();
    };
    const std::size_t quorum = std::clamp<std::size_t>(endpoints, 1, gate_.pool().size());
    auto agreed = co_await gate_.agree(std::move(*call), quorum, text);
    if (!agreed) co_return agreed.error();
    const auto json = agreed->reply.result();
    if (!json) co_return json.error();
    const auto held = balance_in(asset, *json);
    if (!held) co_return held.error();
    co_return AgreedBalance{*held, std::move(agreed->agreed), std::move(agreed->disagreed)};
}

core::Task<core::Expected<core::Done>> EvmReader::agree_on(net::RpcCall call, unsigned endpoints,
                                                           net::Normaliser normaliser,
                                                           std::string expected,
                                                           net::CallOptions options) {
    const auto agreed = co_await gate_.agree(std::move(call), endpoints, normaliser, options);
    if (!agreed) co_return agreed.error();
    const auto json = agreed->reply.result();
    if (!json) co_return json.error();
    const auto text = normaliser(*json);
    if (!text) co_return text.error();
    if (!expected.empty() && *text != expected) {
        co_return core::Error{core::Errc::kReorged, "the endpoints agree on something else"};
    }
    co_return core::Done{};
}

//! Not every chain's headers can be hashed here: the time is compared like the hash.
net::Normaliser EvmReader::hash_and_time(std::uint64_t height) {
    return [this, height](std::string_view json) -> core::Expected<std::string> {
        const auto head = decoder_.head(json);
        if (!head) return head.error();
        if (head->ref.height != height) return malformed_state("a block of another height");
        return hash_and_time_text(head->ref);
    };
}

core::Task<core::Expected<core::BlockRef>> EvmReader::agreed_block(std::uint64_t height,
                                                                   unsigned endpoints) {
    const auto agreed = co_await gate_.agree(call_block(hex_number(height), false), endpoints,
                                             hash_and_time(height));
    if (!agreed) co_return agreed.error();
    const auto json = agreed->reply.result();
    if (!json) co_return json.error();
    const auto head = decoder_.head(*json);
    if (!head) co_return head.error();
    core::BlockRef block = head->ref;
    block.parent = {};  // one endpoint's word
    co_return block;
}

core::Task<core::Expected<core::Done>> EvmReader::stands_since(core::BlockRef block,
                                                              unsigned endpoints) {
    if (block.mined_at == core::Instant{}) co_return co_await stands(block, endpoints);
    co_return co_await agree_on(call_block(hex_number(block.height), false), endpoints,
                                hash_and_time(block.height), hash_and_time_text(block));
}

core::Task<core::Expected<core::Done>> EvmReader::corroborate(core::BlockRef block,
                                                              TransferSeen transfer,
                                                              unsigned endpoints) {
    // The balance was agreed on when the residual was booked (corroborate_balance): the block's hash
    // stands for its state, and most nodes have forgotten that state when the block is final.
    if (transfer.kind == TransferKind::kNativeResidual) co_return co_await stands(block, endpoints);

    const auto on_chain = co_await stands_since(block, endpoints);
    if (!on_chain) co_return on_chain.error();

    const bool is_token = transfer.kind == TransferKind::kToken;
    const std::uint32_t position = transfer.position;
    const net::Normaliser receipt_text = [this, is_token, position](std::string_view json) -> Text {
        const auto receipt = decoder_.receipt(json);
        if (!receipt) return receipt.error();
        const core::BlockHash hash = block_hash_of(receipt->block_hash);
        if (!receipt->success) return hash.hex0x() + "/failed";
        if (!is_token) return hash.hex0x() + "/good";
        for (const TransferLog& log : receipt->transfers) {
            const std::uint32_t at = log.log_index - *receipt->first_log;
            if (at == position) return transfer_text(hash, log, at);
        }
        return hash.hex0x() + "/no such log";
    };
    const TokenInfo* token = info_.token(transfer.asset);
    if (is_token && token == nullptr) {
        co_return core::Error{core::Errc::kUnsupported, "not a listed asset"};
    }
    const TransferLog log{.contract = is_token ? token->contract : core::Address{},
                          .log_index = 0,
                          .from = transfer.from,
                          .to = transfer.to,
                          .units = transfer.units};
    const std::string expected =
        is_token ? transfer_text(block.hash, log, position) : block.hash.hex0x() + "/good";
    const auto mined =
        co_await agree_on(call_receipt(transfer.tx.view()), endpoints, receipt_text, expected);
    if (!mined || is_token) co_return mined;

    const net::Normaliser payment = [this](std::string_view json) -> Text {
        const auto tx = decoder_.transaction(json);
        if (!tx) return tx.error();
        return tx->from.hex0x() + "/" + tx->to.hex0x() + "/" + tx->value.decimal();
    };
    co_return co_await agree_on(
        call_transaction(transfer.tx.view()), endpoints, payment,
        transfer.from.hex0x() + "/" + transfer.to.hex0x() + "/" + transfer.units.decimal());
}

}  // namespace chains::evm::impl
