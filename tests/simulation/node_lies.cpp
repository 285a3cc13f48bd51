#include "chains/crypto/keccak.hpp"
#include "tests/simulation/node.hpp"

#include <algorithm>

namespace simulation {
namespace {

constexpr std::size_t kFuture = 20;
constexpr unsigned kTimes = 1'000;

// Kinds of TxSource::fake_of.
constexpr int kMoreValue = 0;
constexpr int kExtra = 1;
constexpr int kLess = 2;

core::Address stranger() {
    const auto hash = chains::crypto::keccak256(core::bytes_of("stranger"));
    return *core::Address::from_bytes(hash.view().last(20));
}

core::BlockHash flipped(core::BlockHash hash) {
    hash.bytes[0] = static_cast<std::uint8_t>(hash.bytes[0] ^ 0x55);
    return hash;
}

}  // namespace

std::string_view name_of(Lie lie) {
    static constexpr std::array<std::string_view, kLieCount> kNames{"stale head",
                                                                    "future head",
                                                                    "empty logs",
                                                                    "log subset",
                                                                    "extra log",
                                                                    "wrong amount",
                                                                    "wrong token",
                                                                    "removed flag",
                                                                    "forged receipt",
                                                                    "preconfirmation",
                                                                    "null receipt",
                                                                    "wrong block hash",
                                                                    "false hash",
                                                                    "false parent",
                                                                    "nonce low",
                                                                    "nonce high",
                                                                    "already known",
                                                                    "swallow",
                                                                    "refuse",
                                                                    "high fee",
                                                                    "balance",
                                                                    "finalized ahead",
                                                                    "gap",
                                                                    "omit transaction",
                                                                    "chain swap",
                                                                    "wrong value",
                                                                    "extra transaction",
                                                                    "less value",
                                                                    "wrong fee",
                                                                    "html",
                                                                    "truncated",
                                                                    "too many requests",
                                                                    "server error",
                                                                    "empty body"};
    return kNames[static_cast<std::size_t>(lie)];
}

void Node::set_lie(Lie lie, bool lying) {
    if (lie == Lie::kStaleHead && lying && !lies(lie)) stale_ = head();
    lies_.set(static_cast<std::size_t>(lie), lying);
}

bool Node::is_target(const core::Address& who) const {
    return targets_.empty() || std::find(targets_.begin(), targets_.end(), who) != targets_.end();
}

core::Address Node::first_target() const {
    return targets_.empty() ? stranger() : targets_.front();
}

core::BlockHash Node::told_hash(const core::BlockHash& hash) const {
    return lies(Lie::kWrongBlockHash) ? flipped(hash) : hash;
}

bool Node::alters(Facet facet) const {
    if (lies_.none()) return false;
    switch (facet) {
        case Facet::kBlock:
            return lies(Lie::kFalseHash) || lies(Lie::kFalseParent) ||
                   lies(Lie::kOmitTransaction) || lies(Lie::kWrongValue) ||
                   lies(Lie::kLessValue) || lies(Lie::kExtraTransaction);
        case Facet::kLogs:
            return lies(Lie::kLogSubset) || lies(Lie::kExtraLog) || lies(Lie::kWrongAmount) ||
                   lies(Lie::kWrongToken) || lies(Lie::kOmitTransaction);
        case Facet::kReceipts:
            return lies(Lie::kForgedReceipt) || lies(Lie::kWrongAmount) || lies(Lie::kWrongToken) ||
                   lies(Lie::kOmitTransaction) || lies(Lie::kExtraTransaction) ||
                   lies(Lie::kWrongFee);
    }
    return false;
}

// Header and filter stay as they are: nobody can change what is hashed.
Block Node::altered(const Block& block, Facet facet) {
    Block out = block;
    if (block.body && !block.body->txs.empty()) {
        auto body = std::make_shared<BlockBody>(*block.body);
        alter_logs(*body, facet);
        alter_txs(*body, facet);
        out.body = std::move(body);
    }
    if (facet == Facet::kBlock && lies(Lie::kFalseHash)) out.hash = flipped(out.hash);
    if (facet == Facet::kBlock && lies(Lie::kFalseParent)) {
        out.parent = flipped(out.parent);
        out.hash = hash_of(out, chain_.options().gas_limit);
    }
    return out;
}

void Node::alter_logs(BlockBody& body, Facet facet) const {
    if (facet == Facet::kBlock) return;
    const bool in_logs = facet == Facet::kLogs;
    const auto& tokens = chain_.contracts().tokens;
    for (Included& included : body.txs) {
        if (in_logs && lies(Lie::kLogSubset)) {
            std::erase_if(included.logs, [&](const LogRecord& log) { return is_target(log.b); });
        }
        if (!in_logs && lies(Lie::kForgedReceipt)) included.success = true;
        if (!in_logs && lies(Lie::kWrongFee)) included.gas_price *= kTimes;
        const bool more = lies(Lie::kWrongAmount) || (!in_logs && lies(Lie::kForgedReceipt));
        for (LogRecord& log : included.logs) {
            if (!is_target(log.b)) continue;
            if (more) log.units *= kTimes;
            if (!lies(Lie::kWrongToken)) continue;
            const Asset asset = chain_.contracts().asset_at(log.contract);
            log.contract = tokens[asset % tokens.size()].contract;
        }
    }
    if (in_logs && lies(Lie::kExtraLog) && !tokens.empty()) {
        const U256 units = U256{1'000'000'000'000U};
        body.txs.back().logs.push_back(
            {tokens.front().contract, stranger(), first_target(), units, false});
    }
}

void Node::omit(BlockBody& body) const {
    std::erase_if(body.txs, [&](const Included& included) {
        const Tx& tx = txs_[included.tx];
        return is_target(tx.to) ||
               std::any_of(included.logs.begin(), included.logs.end(),
                           [&](const LogRecord& log) { return is_target(log.b); });
    });
}

void Node::alter_txs(BlockBody& body, Facet facet) {
    if (lies(Lie::kOmitTransaction)) omit(body);
    if (body.txs.empty()) return;
    const TxIndex last = body.txs.back().tx;
    const bool more = lies(Lie::kWrongValue);
    if ((more || lies(Lie::kLessValue)) && facet == Facet::kBlock) {
        for (Included& included : body.txs) {
            const Tx& tx = txs_[included.tx];
            if (tx.value == 0 || !is_target(tx.to)) continue;
            included.tx = txs_.fake_of(included.tx, more ? kMoreValue : kLess, [more](Tx& fake) {
                fake.value = more ? fake.value * kTimes : fake.value / kTimes;
            });
        }
    }
    if (lies(Lie::kExtraTransaction) && facet != Facet::kLogs) {
        Included included = body.txs.back();
        included.tx = txs_.fake_of(last, kExtra, [this](Tx& fake) {
            fake.id = *core::TxId::from_bytes(chains::crypto::keccak256(fake.id.view()).view());
            fake.from = stranger();
            fake.to = first_target();
            fake.value = U256{1'000'000'000'000'000'000U};
            fake.data.clear();
        });
        included.success = true;
        included.first_log += static_cast<std::uint32_t>(included.logs.size());
        included.logs.clear();
        included.gas_used = kTransferGas;
        included.gas_cumulative += kTransferGas;
        body.txs.push_back(std::move(included));
    }
}

std::optional<TxIndex> Node::extra_of(const core::TxId& id) const {
    if (!lies(Lie::kExtraTransaction)) return std::nullopt;
    return txs_.original_of(id, kExtra);
}

void Node::imagine_future(BlockId from) {
    if (future_from_ == from) return;
    future_from_ = from;
    future_.clear();
    Block last = chain_.block(from);
    for (std::size_t i = 0; i < kFuture; ++i) {
        Block next;
        next.parent = last.hash;
        next.receipts_root = *chains::evm::Bytes32::from_hex(kEmptyRootHex);
        next.height = last.height + 1;
        next.timestamp = last.timestamp + chain_.options().block_ms / 1'000;
        next.base_fee = next.base_fee_next = last.base_fee_next;
        next.branch = 0xFFFF'FFFF;
        next.hash = hash_of(next, chain_.options().gas_limit);
        last = next;
        future_.push_back(std::move(next));
    }
}

Node::Outcome Node::preconfirm(TxIndex index, std::string& out) {
    const Tx& tx = txs_[index];
    const Block& top = chain_.block(head());
    Block next;
    next.height = top.height + 1;
    next.hash = core::BlockHash{chains::crypto::keccak256(tx.id.view()).bytes};
    auto body = std::make_shared<BlockBody>();
    Included included;
    included.tx = index;
    included.success = true;
    included.gas_used = included.gas_cumulative = kTokenGas;
    included.gas_price = top.base_fee_next;
    if (const auto intent = intent_of(chain_.contracts(), {tx.from, tx.to, tx.value, tx.data});
        intent && intent->asset != kNative) {
        included.logs.push_back({tx.to, intent->from, intent->to, intent->units, false});
    }
    body->txs.push_back(std::move(included));
    next.body = std::move(body);
    append_receipt(out, txs_, next, next.hash, 0);
    return std::nullopt;
}

}  // namespace simulation
