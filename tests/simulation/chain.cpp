#include "tests/simulation/chain.hpp"

#include "chains/crypto/keccak.hpp"
#include "core/check.hpp"

#include <algorithm>

namespace simulation {
namespace {

constexpr std::uint64_t kBaseFeeMin = 7;

core::Address address_from(std::string_view seed) {
    const auto hash = chains::crypto::keccak256(core::bytes_of(seed));
    return *core::Address::from_bytes(hash.view().last(20));
}

}  // namespace

std::size_t Chain::HashOfHash::operator()(const core::BlockHash& hash) const {
    std::uint64_t head = 0;
    std::memcpy(&head, hash.bytes.data(), sizeof head);
    return head;
}

Chain::Chain(ChainOptions options)
    : options_{std::move(options)},
      base_fee_goal_{options_.base_fee},
      thief_{address_from("thief")},
      wallet_{address_from("wallet")} {
    contracts_.tokens = options_.tokens;
    contracts_.others[wallet_] = {.bytes = {0x57}, .hands_on = true};
    Draft genesis;
    genesis.block.receipts_root = *chains::evm::Bytes32::from_hex(kEmptyRootHex);
    genesis.block.timestamp = static_cast<std::uint64_t>(options_.genesis.unix_seconds());
    genesis.block.base_fee = options_.base_fee;
    state_.open(0);
    for (const Allocation& one : options_.genesis_balances) {
        const StateKey key = StateKey::balance(one.asset, one.owner);
        state_.set(key, state_.get(key) + one.units.raw());
    }
    seal(std::move(genesis));
}

core::BlockRef Chain::mine(core::Instant now) {
    Draft draft = open_block(static_cast<std::uint64_t>(std::max<std::int64_t>(
        now.unix_seconds(), static_cast<std::int64_t>(blocks_[tip_id()].timestamp))));
    apply_grants(draft, grants_);
    grants_.clear();
    fill(draft);
    const BlockId id = seal(std::move(draft));
    move_finality();
    return blocks_[id].ref();
}

Chain::Draft Chain::open_block(std::uint64_t timestamp) {
    const Block& parent = blocks_[tip_id()];
    Draft draft;
    draft.block.parent = parent.hash;
    draft.block.parent_id = tip_id();
    draft.block.receipts_root = *chains::evm::Bytes32::from_hex(kEmptyRootHex);
    draft.block.height = parent.height + 1;
    draft.block.timestamp = std::max(timestamp, parent.timestamp);
    draft.block.base_fee = parent.base_fee_next;
    draft.block.branch = branch_;
    state_.open(draft.block.height);
    return draft;
}

BlockId Chain::seal(Draft draft) {
    const auto id = static_cast<BlockId>(blocks_.size());
    Block& block = draft.block;
    const auto body = std::make_shared<BlockBody>(std::move(draft.body));
    body->changes = state_.close();
    std::vector<std::uint64_t> types;
    for (const Included& included : body->txs) {
        types.push_back(txs_[included.tx].type);
        for (const LogRecord& log : included.logs) add_to_bloom(body->bloom, log);
        block.gas_used = included.gas_cumulative;
    }
    if (!body->txs.empty()) block.receipts_root = receipts_root_of(body->txs, types);
    const bool is_empty = body->txs.empty() && body->grants.empty() && body->changes.empty();
    if (!is_empty) block.body = body;
    block.hash = hash_of(block, options_.gas_limit);
    block.base_fee_next = base_fee_after(block);
    for (Moved& move : body->moves) move.block = block.hash;
    by_hash_.emplace(block.hash, id);
    blocks_.push_back(std::move(block));
    canonical_.push_back(id);
    index_body(id);
    return id;
}

void Chain::index_body(BlockId id) {
    const auto& body = blocks_[id].body;
    if (!body) return;
    for (std::uint32_t i = 0; i < body->txs.size(); ++i) {
        Tx& tx = txs_[body->txs[i].tx];
        tx.places.push_back({id, i});
        sent_txs_[tx.from].push_back({id, i});
    }
    for (std::uint32_t i = 0; i < body->moves.size(); ++i) {
        const Moved& move = body->moves[i];
        if (!move.to.empty()) received_[move.to].push_back({id, i});
        if (!move.from.empty()) sent_[move.from].push_back({id, i});
    }
}

void Chain::drop_tip() {
    const BlockId id = tip_id();
    canonical_.pop_back();
    const auto& body = blocks_[id].body;
    if (!body) return;
    state_.undo(body->changes);
    for (const Included& included : body->txs) sent_txs_[txs_[included.tx].from].pop_back();
    for (const Moved& move : body->moves) {
        if (!move.to.empty()) received_[move.to].pop_back();
        if (!move.from.empty()) sent_[move.from].pop_back();
    }
}

void Chain::move_finality() {
    if (finality_stalled_ || height() < options_.finality_depth) return;
    const std::uint64_t reached = height() - options_.finality_depth;
    finalized_ = std::max(finalized_, reached - reached % options_.finality_step);
}

void Chain::set_base_fee(std::uint64_t wei, bool at_once) {
    base_fee_goal_ = std::max(wei, kBaseFeeMin);
    if (at_once) blocks_[tip_id()].base_fee_next = base_fee_goal_;
}

std::uint64_t Chain::base_fee_after(const Block& block) const {
    const std::uint64_t now = block.base_fee;
    const std::uint64_t gas_goal = options_.gas_limit / 2;
    if (block.gas_used > gas_goal) {
        const U256 more = U256{now} * (block.gas_used - gas_goal) / gas_goal / 8;
        return now + std::max<std::uint64_t>(1, static_cast<std::uint64_t>(more));
    }
    const std::uint64_t step = std::max<std::uint64_t>(1, now / 8);
    if (now < base_fee_goal_) return std::min(base_fee_goal_, now + step);
    return std::max(base_fee_goal_, now > step ? now - step : 0);
}

bool Chain::is_canonical(const core::BlockHash& hash) const {
    const auto id = find_block(hash);
    return id && is_canonical(*id);
}

core::Units Chain::balance(const core::Address& owner, Asset asset) const {
    return core::Units{state_.get(StateKey::balance(asset, owner))};
}

std::uint64_t Chain::nonce(const core::Address& owner) const {
    return static_cast<std::uint64_t>(state_.get(StateKey::nonce(owner)));
}

std::optional<core::BlockRef> Chain::where(const core::TxId& tx) const {
    const auto index = find_tx(tx);
    const auto found = index ? place(*index, tip_id()) : std::nullopt;
    if (!found) return std::nullopt;
    return blocks_[found->block].ref();
}

std::vector<Moved> Chain::moves_in(const ByAddress& index, const core::Address& address) const {
    std::vector<Moved> out;
    const auto found = index.find(address);
    if (found == index.end()) return out;
    for (const Ref& ref : found->second) out.push_back(blocks_[ref.block].body->moves[ref.index]);
    return out;
}

std::vector<Moved> Chain::moves_to(const core::Address& recipient) const {
    return moves_in(received_, recipient);
}

std::vector<Moved> Chain::moves_from(const core::Address& sender) const {
    return moves_in(sent_, sender);
}

const std::vector<Moved>& Chain::moves_at(std::uint64_t height) const {
    static const std::vector<Moved> kNone;
    const auto& body = blocks_[canonical_[height]].body;
    return body ? body->moves : kNone;
}

std::vector<SentTx> Chain::sent_by(const core::Address& sender) const {
    std::vector<SentTx> out;
    const auto found = sent_txs_.find(sender);
    if (found == sent_txs_.end()) return out;
    for (const Ref& ref : found->second) {
        const Block& block = blocks_[ref.block];
        const Included& included = block.body->txs[ref.index];
        out.push_back({txs_[included.tx].id, included.nonce, included.success,
                       core::Units{U256{included.gas_price} * included.gas_used}, block.height,
                       block.hash});
    }
    return out;
}

std::optional<BlockId> Chain::find_block(const core::BlockHash& hash) const {
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end()) return std::nullopt;
    return found->second;
}

std::optional<BlockId> Chain::ancestor(BlockId head, std::uint64_t height) const {
    while (!is_canonical(head) && blocks_[head].height > height) head = blocks_[head].parent_id;
    if (blocks_[head].height < height) return std::nullopt;
    if (blocks_[head].height == height) return head;
    return canonical_[height];
}

std::optional<TxIndex> Chain::find_tx(const core::TxId& id) const {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return std::nullopt;
    return found->second;
}

std::optional<Tx::Place> Chain::place(TxIndex tx, BlockId head) const {
    for (const Tx::Place& one : txs_[tx].places) {
        if (ancestor(head, blocks_[one.block].height) == one.block) return one;
    }
    return std::nullopt;
}

U256 Chain::state(const StateKey& key, BlockId at) const {
    while (!is_canonical(at)) {
        const Block& block = blocks_[at];
        if (block.body) {
            for (const StateChange& change : block.body->changes) {
                if (change.key == key) return change.value;
            }
        }
        at = block.parent_id;
    }
    return state_.get_at(key, blocks_[at].height);
}

bool Chain::has_state(BlockId at) const {
    return blocks_[at].height + options_.state_depth >= height();
}

}  // namespace simulation
