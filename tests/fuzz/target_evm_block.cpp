// Blocks and heads as a node tells them.

#include "tests/fuzz/evm_inputs.hpp"

namespace fuzz_evm_block {

using namespace chains::evm::impl;
using fuzz::json;
using fuzz::must_be_bytes;
using fuzz::must_be_quantity;

bool same(const BlockHead& a, const BlockHead& b) {
    return a.ref == b.ref && a.bloom == b.bloom && a.receipts_root == b.receipts_root &&
           a.proof == b.proof && a.base_fee == b.base_fee;
}

void compare_head(const json& block, const BlockHead& head) {
    must_be_quantity(block, "number", core::Units{head.ref.height});
    must_be_bytes(block, "hash", head.ref.hash);
    must_be_bytes(block, "parentHash", head.ref.parent);
    MUST(head.ref.mined_at.unix_seconds() >= 0);
    must_be_quantity(block, "timestamp",
                     core::Units{static_cast<std::uint64_t>(head.ref.mined_at.unix_seconds())});
    const auto bloom = core::from_hex(fuzz::text_of(block, "logsBloom"));
    MUST(bloom && core::to_hex(*bloom) == core::to_hex(head.bloom.bytes));
    if (head.base_fee) must_be_quantity(block, "baseFeePerGas", *head.base_fee);
    if (head.proof == HeaderProof::kHash) must_be_bytes(block, "receiptsRoot", head.receipts_root);
}

void compare_transactions(const json& block, const BlockBody& body) {
    const json& list = block["transactions"];
    MUST(list.is_array() && list.size() == body.tx_hashes.size());
    std::set<chains::evm::Bytes32> once;
    for (std::size_t i = 0; i < list.size(); ++i) {
        must_be_bytes(list[i], "hash", body.tx_hashes[i]);
        MUST(once.insert(body.tx_hashes[i]).second);
    }
    MUST(body.wanted.size() == list.size());
    for (const TxLine& tx : body.wanted) {
        const json& told = list[tx.index];
        MUST(tx.hash == body.tx_hashes[tx.index]);
        must_be_bytes(told, "from", tx.from);
        must_be_quantity(told, "value", tx.value);
        must_be_quantity(told, "nonce", core::Units{tx.nonce});
        if (tx.to.empty()) {
            MUST(!told.contains("to") || told["to"].is_null());
        } else {
            must_be_bytes(told, "to", tx.to);
        }
    }
}

//! Neither the order of the fields nor how the text is laid out matters.
void again(Decoder& decoder, const json& block, const BlockBody& body) {
    const fuzz::Padded text{block.dump()};
    const auto other = decoder.block(text.view(), fuzz::Everyone{});
    MUST(other && same(other->head, body.head) && other->tx_hashes == body.tx_hashes &&
         other->wanted == body.wanted);
}

void check(Decoder& decoder, std::string_view input, const BlockBody& body) {
    const json block = fuzz::loose(input);
    if (block.is_discarded()) return;
    fuzz::must_not_repeat(input, {"number", "hash", "parentHash", "timestamp", "logsBloom",
                                  "transactions", "baseFeePerGas"});
    compare_head(block, body.head);
    const auto shape = fuzz::shape_of(input);
    if (shape.repeats || shape.depth > 32) return;
    compare_transactions(block, body);
    // A field that only the header's hash needs is not read when its digits are escaped.
    if (input.find('\\') == std::string_view::npos) again(decoder, block, body);
}

}  // namespace fuzz_evm_block

FUZZ_TARGET(evm_block) {
    using namespace fuzz_evm_block;
    static Decoder decoder;
    const fuzz::Padded text{input};
    const auto head = decoder.head(text.view());
    const auto body = decoder.block(text.view(), fuzz::Everyone{});
    if (!head) MUST(fuzz::is_node_error(head.error().code));
    if (!body) return MUST(fuzz::is_node_error(body.error().code));
    MUST(head && same(*head, body->head));
    const auto some = decoder.block(text.view(), fuzz::SomeOfThem{});
    MUST(some && some->tx_hashes == body->tx_hashes && some->wanted.size() <= body->wanted.size());
    check(decoder, input, *body);
}
