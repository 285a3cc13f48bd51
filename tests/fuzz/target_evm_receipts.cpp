// One receipt, or a block's list of them.

#include "chains/crypto/keccak.hpp"
#include "chains/evm/receipts_root.hpp"
#include "chains/evm/rlp.hpp"
#include "tests/fuzz/evm_inputs.hpp"

namespace fuzz_evm_receipts {

using namespace chains::evm::impl;
using fuzz::json;
using fuzz::must_be_bytes;
using fuzz::must_be_quantity;

bool same(const Receipt& a, const Receipt& b) {
    return a.tx == b.tx && a.tx_index == b.tx_index && a.block_hash == b.block_hash &&
           a.height == b.height && a.success == b.success && a.gas_used == b.gas_used &&
           a.gas_price == b.gas_price && a.l1_fee == b.l1_fee && a.first_log == b.first_log &&
           a.log_count == b.log_count && a.transfers.size() == b.transfers.size() &&
           a.bloom == b.bloom && a.logs_in_a_row == b.logs_in_a_row && a.type == b.type &&
           a.consensus == b.consensus;
}

//! What the trie holds says the same as the fields.
void check_consensus(const Receipt& receipt) {
    if (receipt.consensus.empty()) return;
    core::ByteView body{receipt.consensus};
    if (receipt.type != 0) {
        MUST(body.front() == receipt.type);
        body = body.subspan(1);
    }
    const auto list = chains::evm::rlp_decode(body);
    MUST(list && list->is_list && (list->items.size() == 4 || list->items.size() == 6));
    const auto success = chains::evm::rlp_u64(list->items[0]);
    MUST(success && (*success == 1) == receipt.success);
    MUST(core::to_hex(list->items[2].bytes) == core::to_hex(receipt.bloom.bytes));
    MUST(list->items[3].is_list && list->items[3].items.size() == receipt.log_count);
}

void check_alone(const Receipt& receipt) {
    MUST(receipt.first_log.has_value() == (receipt.log_count > 0));
    MUST(receipt.transfers.size() <= receipt.log_count);
    for (const TransferLog& log : receipt.transfers) {
        MUST(log.log_index >= *receipt.first_log);
        const auto probe = Bloom::probe_of(log.contract.view());
        MUST(receipt.bloom.may_hold(probe));
        MUST(log.from.view().size() == 20 && log.to.view().size() == 20);
    }
    check_consensus(receipt);
}

//! A transfer, by the letter of ERC-20's event, read from the document.
bool is_transfer(const json& log) {
    const json& topics = log["topics"];
    const auto data = core::from_hex(fuzz::text_of(log, "data"));
    if (topics.size() != 3 || !data || data->size() != 32) return false;
    const auto first = core::from_hex(topics[0].get<std::string>());
    const auto name = chains::crypto::keccak256(core::bytes_of("Transfer(address,address,uint256)"));
    if (core::to_hex(*first) != core::to_hex(name.view())) return false;
    for (const std::size_t i : {1U, 2U}) {
        const auto word = core::from_hex(topics[i].get<std::string>());
        if (core::to_hex(*word).substr(0, 24) != std::string(24, '0')) return false;
    }
    return true;
}

void compare(const json& told, const Receipt& receipt) {
    must_be_bytes(told, "transactionHash", receipt.tx);
    must_be_bytes(told, "blockHash", receipt.block_hash);
    must_be_quantity(told, "transactionIndex", core::Units{std::uint64_t{receipt.tx_index}});
    must_be_quantity(told, "blockNumber", core::Units{receipt.height});
    must_be_quantity(told, "status", core::Units{std::uint64_t{receipt.success ? 1U : 0U}});
    must_be_quantity(told, "gasUsed", receipt.gas_used);
    must_be_quantity(told, "effectiveGasPrice", receipt.gas_price);
    const json& logs = told["logs"];
    MUST(logs.is_array() && logs.size() == receipt.log_count);
    std::size_t transfers = 0;
    for (const json& log : logs) {
        if (!is_transfer(log)) continue;
        MUST(transfers < receipt.transfers.size());
        const TransferLog& read = receipt.transfers[transfers++];
        must_be_bytes(log, "address", read.contract);
        must_be_quantity(log, "logIndex", core::Units{std::uint64_t{read.log_index}});
        MUST(core::Units::from_big_endian(*core::from_hex(fuzz::text_of(log, "data"))).value() ==
             read.units);
    }
    MUST(transfers == receipt.transfers.size());
}

void one(Decoder& decoder, std::string_view input, std::string_view text) {
    const auto receipt = decoder.receipt(text);
    if (!receipt) return MUST(fuzz::is_node_error(receipt.error().code));
    check_alone(*receipt);
    const json told = fuzz::loose(input);
    if (told.is_discarded()) return;
    const auto shape = fuzz::shape_of(input);
    fuzz::must_not_repeat(input, {"transactionHash", "transactionIndex", "blockHash", "blockNumber",
                                  "status", "gasUsed", "logs", "effectiveGasPrice", "l1Fee"});
    if (shape.repeats || shape.depth > 32) return;
    compare(told, *receipt);
    const fuzz::Padded list{"[" + told.dump() + "]"};
    const auto in_list = decoder.receipts(list.view());
    MUST(in_list && in_list->size() == 1 && same(in_list->front(), *receipt));
}

void many(Decoder& decoder, std::string_view input, std::string_view text) {
    const auto receipts = decoder.receipts(text);
    if (!receipts) return MUST(fuzz::is_node_error(receipts.error().code));
    for (const Receipt& receipt : *receipts) check_alone(receipt);
    const json told = fuzz::loose(input);
    if (told.is_discarded() || fuzz::shape_of(input).repeats) return;
    MUST(told.is_array() && told.size() == receipts->size());
    for (std::size_t i = 0; i < told.size(); ++i) compare(told[i], (*receipts)[i]);
}

}  // namespace fuzz_evm_receipts

FUZZ_TARGET(evm_receipts) {
    static chains::evm::impl::Decoder decoder;
    const fuzz::Padded text{input};
    fuzz_evm_receipts::one(decoder, input, text.view());
    fuzz_evm_receipts::many(decoder, input, text.view());
}
