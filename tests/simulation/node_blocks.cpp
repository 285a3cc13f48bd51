#include "tests/simulation/node.hpp"

#include <algorithm>

namespace simulation {
namespace {

//! Where addresses or topics are given, one of them has to be it.
template <class Value>
bool matches(const std::vector<Value>& wanted, const Value& value) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

template <class Value>
std::vector<Value> values_of(const Json& json) {
    std::vector<Value> out;
    const auto take = [&](const Json& one) {
        if (auto value = Value::from_hex(one.text())) out.push_back(*value);
    };
    if (json.is_string()) take(json);
    for (const Json& one : json.items()) take(one);
    return out;
}

struct LogFilter {
    explicit LogFilter(const Json& filter)
        : addresses{values_of<core::Address>(filter.field("address"))} {
        const Json list = filter.field("topics");
        for (std::size_t i = 0; i < topics.size(); ++i) {
            topics[i] = values_of<chains::evm::Bytes32>(list.item(i));
        }
    }
    bool wants(const LogRecord& log) const {
        return matches(addresses, log.contract) && matches(topics[0], topic_of(log)) &&
               matches(topics[1], chains::evm::word_of(log.a)) &&
               matches(topics[2], chains::evm::word_of(log.b));
    }
    std::vector<core::Address> addresses;
    std::array<std::vector<chains::evm::Bytes32>, 3> topics;
};

void append_logs(std::string& out, const TxSource& txs, const Block& block, const LogFilter& filter,
                 const LogLook& look) {
    for (std::size_t i = 0; i < block.txs().size(); ++i) {
        const auto& logs = block.txs()[i].logs;
        for (std::size_t k = 0; k < logs.size(); ++k) {
            if (!filter.wants(logs[k])) continue;
            if (out.back() != '[') out += ',';
            append_log(out, txs, block, i, k, look);
        }
    }
}

}  // namespace

Node::Outcome Node::chain_id(const Json&, std::string& out) {
    out += '"';
    append_quantity(out, chain_.options().number + (lies(Lie::kChainSwap) ? 1U : 0U));
    out += '"';
    return std::nullopt;
}

Node::Outcome Node::block_number(const Json&, std::string& out) {
    out += '"';
    append_quantity(out, block(told_head()).height);
    out += '"';
    return std::nullopt;
}

Node::Outcome Node::tell_block(std::optional<BlockId> id, bool full, std::string& out) {
    if (!id || is_gap(block(*id))) {
        out += "null";
        return std::nullopt;
    }
    const std::uint64_t gas_limit = chain_.options().gas_limit;
    if (*id >= kFutureBlocks || alters(Facet::kBlock)) {
        append_block(out, txs_, altered(block(*id), Facet::kBlock), full, gas_limit);
        return std::nullopt;
    }
    const Block& told = block(*id);
    // Without transactions both forms are the same.
    full = full && !told.txs().empty();
    Text& text = texts_[*id % texts_.size()];
    if (text.id != *id || text.full != full) {
        text.id = *id;
        text.full = full;
        text.json.clear();
        append_block(text.json, txs_, told, full, gas_limit);
    }
    out += text.json;
    return std::nullopt;
}

Node::Outcome Node::block_by_number(const Json& params, std::string& out) {
    const std::string_view tag = params.item(0).text();
    if (tag.empty()) return Fault{-32602, "invalid argument 0: no block"};
    return tell_block(at_tag(tag), params.item(1).is_true(), out);
}

Node::Outcome Node::block_by_hash(const Json& params, std::string& out) {
    return tell_block(by_hash(params.item(0)), params.item(1).is_true(), out);
}

Node::Outcome Node::logs(const Json& params, std::string& out) {
    const Json filter = params.item(0);
    if (!filter.is_object()) return Fault{-32602, "invalid argument 0: no filter"};
    const Json hash = filter.field("blockHash");
    std::vector<BlockId> blocks;
    if (hash.exists()) {
        const auto id = by_hash(hash);
        if (!id || is_gap(block(*id))) return Fault{-32000, "unknown block"};
        blocks.push_back(*id);
    } else {
        const auto from = at_tag(filter.field("fromBlock").text());
        const auto to = at_tag(filter.field("toBlock").text());
        if (!from || !to) return Fault{-32000, "block range extends beyond current head block"};
        const std::uint64_t first = block(*from).height;
        const std::uint64_t last = block(*to).height;
        if (last < first) return Fault{-32602, "invalid block range params"};
        if (options_.logs_range_max != 0 && last - first >= options_.logs_range_max) {
            return Fault{
                -32005, "query exceeds max block range " + std::to_string(options_.logs_range_max)};
        }
        for (std::uint64_t height = first; height <= last; ++height) {
            blocks.push_back(*at_height(height));
        }
    }
    out += '[';
    const bool none = std::all_of(blocks.begin(), blocks.end(),
                                  [&](BlockId id) { return block(id).txs().empty(); });
    if (!none && !lies(Lie::kEmptyLogs)) {
        const LogFilter wanted{filter};
        for (const BlockId id : blocks) {
            if (block(id).txs().empty()) continue;
            const LogLook look{lies(Lie::kRemovedFlag), told_hash(block(id).hash)};
            if (alters(Facet::kLogs)) {
                append_logs(out, txs_, altered(block(id), Facet::kLogs), wanted, look);
            } else {
                append_logs(out, txs_, block(id), wanted, look);
            }
        }
    }
    out += ']';
    return std::nullopt;
}

Node::Outcome Node::receipt(const Json& params, std::string& out) {
    const auto id = core::TxId::from_hex(params.item(0).text());
    if (!id) return Fault{-32602, "invalid argument 0: no hash"};
    const auto invented_by = extra_of(*id);
    const auto index = invented_by ? invented_by : chain_.find_tx(*id);
    const auto place = index ? chain_.place(*index, head()) : std::nullopt;
    if (!place && index && lies(Lie::kPreconfirmation) && chain_.is_waiting(*index)) {
        return preconfirm(*index, out);
    }
    if (!place || lies(Lie::kNullReceipt)) {
        out += "null";
        return std::nullopt;
    }
    const Block& true_block = chain_.block(place->block);
    const core::BlockHash hash = told_hash(true_block.hash);
    if (!alters(Facet::kReceipts)) {
        append_receipt(out, txs_, true_block, hash, place->index);
        return std::nullopt;
    }
    const Block told = altered(true_block, Facet::kReceipts);
    const auto found = position_of(told, *id);
    if (found) {
        append_receipt(out, txs_, told, hash, *found);
    } else {
        out += "null";
    }
    return std::nullopt;
}

Node::Outcome Node::block_receipts(const Json& params, std::string& out) {
    const Json which = params.item(0);
    std::optional<BlockId> id = which.is_object() ? at_place(which).first : by_hash(which);
    if (!id && which.is_string()) id = at_tag(which.text());
    if (!id || lies(Lie::kNullReceipt) || is_gap(block(*id))) {
        out += "null";
        return std::nullopt;
    }
    const Block told =
        alters(Facet::kReceipts) ? altered(block(*id), Facet::kReceipts) : block(*id);
    const core::BlockHash hash = told_hash(block(*id).hash);
    out += '[';
    for (std::size_t i = 0; i < told.txs().size(); ++i) {
        if (i > 0) out += ',';
        append_receipt(out, txs_, told, hash, i);
    }
    out += ']';
    return std::nullopt;
}

Node::Outcome Node::transaction(const Json& params, std::string& out) {
    const auto id = core::TxId::from_hex(params.item(0).text());
    if (!id) return Fault{-32602, "invalid argument 0: no hash"};
    const auto invented_by = extra_of(*id);
    const auto index = invented_by ? invented_by : chain_.find_tx(*id);
    const auto place = index ? chain_.place(*index, head()) : std::nullopt;
    if (!place) {
        // Mined where this node has not come yet: it still waits here.
        const bool waits =
            index && (chain_.is_waiting(*index) || chain_.place(*index, chain_.tip_id()));
        if (waits) {
            append_tx(out, txs_[*index], nullptr, nullptr, 0);
        } else {
            out += "null";
        }
        return std::nullopt;
    }
    const Block& true_block = chain_.block(place->block);
    const Block told = alters(Facet::kBlock) ? altered(true_block, Facet::kBlock) : true_block;
    const auto found = position_of(told, *id);
    if (found) {
        const Included& included = told.txs()[*found];
        append_tx(out, txs_[included.tx], &told, &included, *found);
    } else {
        out += "null";
    }
    return std::nullopt;
}

std::optional<std::size_t> Node::position_of(const Block& block, const core::TxId& id) const {
    for (std::size_t i = 0; i < block.txs().size(); ++i) {
        if (txs_[block.txs()[i].tx].id == id) return i;
    }
    return std::nullopt;
}

}  // namespace simulation
