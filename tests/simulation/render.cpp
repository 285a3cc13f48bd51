#include "tests/simulation/render.hpp"

namespace simulation {
namespace {

constexpr std::string_view kZeroWord =
    "0000000000000000000000000000000000000000000000000000000000000000";

void field(std::string& out, std::string_view name) {
    out += ",\"";
    out += name;
    out += "\":";
}

void hex_field(std::string& out, std::string_view name, core::ByteView bytes) {
    field(out, name);
    append_hash(out, bytes);
}

template <class Number>
void number_field(std::string& out, std::string_view name, const Number& number) {
    field(out, name);
    out += '"';
    append_quantity(out, number);
    out += '"';
}

void text_field(std::string& out, std::string_view name, std::string_view digits) {
    field(out, name);
    out += "\"0x";
    out += digits;
    out += '"';
}

void append_bloom(std::string& out, std::string_view name, const Bloom* bloom) {
    static const std::string kZeros(512, '0');
    field(out, name);
    out += "\"0x";
    if (bloom == nullptr) {
        out += kZeros;
    } else {
        append_hex(out, *bloom);
    }
    out += '"';
}

}  // namespace

void append_hash(std::string& out, core::ByteView bytes) {
    out += "\"0x";
    append_hex(out, bytes);
    out += '"';
}

void append_block(std::string& out, const TxSource& txs, const Block& block, bool full,
                  std::uint64_t gas_limit) {
    const std::array<std::uint8_t, 4> extra{static_cast<std::uint8_t>(block.branch >> 24),
                                            static_cast<std::uint8_t>(block.branch >> 16),
                                            static_cast<std::uint8_t>(block.branch >> 8),
                                            static_cast<std::uint8_t>(block.branch)};
    out += R"({"difficulty":"0x0")";
    number_field(out, "baseFeePerGas", block.base_fee);
    text_field(out, "blobGasUsed", "0");
    text_field(out, "excessBlobGas", "0");
    hex_field(out, "extraData", extra);
    number_field(out, "gasLimit", gas_limit);
    number_field(out, "gasUsed", block.gas_used);
    hex_field(out, "hash", block.hash.view());
    append_bloom(out, "logsBloom", block.body ? &block.body->bloom : nullptr);
    text_field(out, "miner", kZeroWord.substr(24));
    text_field(out, "mixHash", kZeroWord);
    text_field(out, "nonce", kZeroWord.substr(48));
    number_field(out, "number", block.height);
    text_field(out, "parentBeaconBlockRoot", kZeroWord);
    hex_field(out, "parentHash", block.parent.view());
    hex_field(out, "receiptsRoot", block.receipts_root.view());
    text_field(out, "requestsHash", kRequestsHex);
    text_field(out, "sha3Uncles", kUnclesHex);
    text_field(out, "size", "220");
    text_field(out, "stateRoot", kZeroWord);
    number_field(out, "timestamp", block.timestamp);
    field(out, "transactions");
    out += '[';
    const auto& included = block.txs();
    for (std::size_t i = 0; i < included.size(); ++i) {
        if (i > 0) out += ',';
        const Tx& tx = txs[included[i].tx];
        if (full) {
            append_tx(out, tx, &block, &included[i], i);
        } else {
            append_hash(out, tx.id.view());
        }
    }
    out += ']';
    text_field(out, "transactionsRoot", kEmptyRootHex);
    out += R"(,"uncles":[],"withdrawals":[])";
    text_field(out, "withdrawalsRoot", kEmptyRootHex);
    out += '}';
}

void append_tx(std::string& out, const Tx& tx, const Block* block, const Included* included,
               std::size_t index) {
    out += R"({"hash":)";
    append_hash(out, tx.id.view());
    field(out, "blockHash");
    if (block == nullptr) {
        out += R"(null,"blockNumber":null,"transactionIndex":null)";
    } else {
        append_hash(out, block->hash.view());
        number_field(out, "blockNumber", block->height);
        number_field(out, "transactionIndex", std::uint64_t{index});
        number_field(out, "gasPrice", included->gas_price);
    }
    hex_field(out, "from", tx.from.view());
    number_field(out, "gas", tx.gas_limit);
    number_field(out, "maxFeePerGas", tx.fee_max);
    number_field(out, "maxPriorityFeePerGas", tx.tip_max);
    hex_field(out, "input", tx.data);
    number_field(out, "nonce", included != nullptr ? included->nonce : tx.nonce);
    field(out, "to");
    if (tx.to.empty()) {
        out += "null";
    } else {
        append_hash(out, tx.to.view());
    }
    number_field(out, "type", tx.type);
    number_field(out, "value", tx.value);
    out += R"(,"accessList":[],"v":"0x0","r":"0x1","s":"0x1"})";
}

void append_receipt(std::string& out, const TxSource& txs, const Block& block,
                    const core::BlockHash& told, std::size_t index) {
    const Included& included = block.txs()[index];
    const Tx& tx = txs[included.tx];
    const Bloom bloom = bloom_of(included.logs);
    out += R"({"blockHash":)";
    append_hash(out, told.view());
    number_field(out, "blockNumber", block.height);
    field(out, "contractAddress");
    out += "null";
    number_field(out, "cumulativeGasUsed", included.gas_cumulative);
    number_field(out, "effectiveGasPrice", included.gas_price);
    hex_field(out, "from", tx.from.view());
    number_field(out, "gasUsed", included.gas_used);
    field(out, "logs");
    out += '[';
    for (std::size_t i = 0; i < included.logs.size(); ++i) {
        if (i > 0) out += ',';
        append_log(out, txs, block, index, i, {false, told});
    }
    out += ']';
    append_bloom(out, "logsBloom", &bloom);
    text_field(out, "status", included.success ? "1" : "0");
    field(out, "to");
    if (tx.to.empty()) {
        out += "null";
    } else {
        append_hash(out, tx.to.view());
    }
    hex_field(out, "transactionHash", tx.id.view());
    number_field(out, "transactionIndex", std::uint64_t{index});
    number_field(out, "type", tx.type);
    out += '}';
}

void append_log(std::string& out, const TxSource& txs, const Block& block, std::size_t index,
                std::size_t i, const LogLook& look) {
    const Included& included = block.txs()[index];
    const LogRecord& log = included.logs[i];
    out += R"({"address":)";
    append_hash(out, log.contract.view());
    hex_field(out, "blockHash", look.block.view());
    number_field(out, "blockNumber", block.height);
    field(out, "data");
    out += "\"0x";
    append_word(out, log.units);
    out += '"';
    number_field(out, "logIndex", std::uint64_t{included.first_log} + i);
    field(out, "removed");
    out += look.removed ? "true" : "false";
    field(out, "topics");
    out += '[';
    append_hash(out, topic_of(log).view());
    for (const core::Address& who : {log.a, log.b}) {
        out += ",\"0x";
        out += kZeroWord.substr(40);
        append_hex(out, who.view());
        out += '"';
    }
    out += ']';
    hex_field(out, "transactionHash", txs[included.tx].id.view());
    number_field(out, "transactionIndex", std::uint64_t{index});
    out += '}';
}

}  // namespace simulation
