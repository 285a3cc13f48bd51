#include "tests/support/fake_chain.hpp"

#include "core/check.hpp"

#include <algorithm>

namespace support {
namespace {

//! splitmix64: well spread, the same everywhere.
std::uint64_t mix(std::uint64_t x) {
    x += 0x9E3779B97F4A7C15ULL;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

core::Bytes noise(std::uint64_t seed, std::size_t size) {
    core::Bytes out(size);
    for (std::size_t i = 0; i < size; ++i) {
        out[i] = static_cast<std::uint8_t>(mix(seed * 131 + i / 8) >> (8 * (i % 8)));
    }
    return out;
}

void move_units(std::map<std::pair<core::Address, std::string>, core::Units>& balances,
                const core::Address& owner, const std::string& asset, const core::Units& units,
                bool in) {
    core::Units& held = balances[{owner, asset}];
    // Outsiders' balances are not kept: they go down to nothing at most.
    const auto after = in ? held.plus(units) : held.minus(units);
    held = after ? *after : core::Units{};
}

}  // namespace

FakeChain::FakeChain(chains::ChainInfo info, core::Instant genesis_at) : info_{std::move(info)} {
    Block genesis;
    genesis.ref.hash.bytes.fill(0x67);
    genesis.ref.mined_at = genesis_at;
    genesis.balances = std::make_shared<const Balances>();
    blocks_.push_back(std::move(genesis));
}

void FakeChain::add_block(FakeContent content) {
    Block block;
    const Block& parent = blocks_.back();
    block.ref.height = parent.ref.height + 1;
    block.ref.parent = parent.ref.hash;
    block.ref.mined_at = parent.ref.mined_at + interval_;
    const auto hash = noise(mix(block.ref.height) ^ mix(branch_ + 77), 32);
    std::copy(hash.begin(), hash.end(), block.ref.hash.bytes.begin());
    block.transfers = content.transfers;
    const bool quiet = content.transfers.empty() && content.txs.empty() && faucet_.empty() &&
                       content.hidden_credits.empty() && content.hidden_debits.empty();
    if (quiet) {
        block.balances = parent.balances;
        blocks_.push_back(std::move(block));
        return;
    }
    auto balances = std::make_shared<Balances>(*parent.balances);
    for (const chains::OwnTxSeen& tx : content.txs) {
        move_units(*balances, tx.sender, info_.native_asset.text(), tx.fee, false);
        if (!tx.success) continue;
        block.transfers.insert(block.transfers.end(), tx.transfers.begin(), tx.transfers.end());
        if (!tx.native_value.is_zero()) {
            block.transfers.push_back({tx.tx, chains::kNativePosition,
                                       chains::TransferKind::kNative, info_.native_asset, tx.sender,
                                       tx.to, tx.native_value});
        }
    }
    for (const chains::TransferSeen& transfer : block.transfers) {
        move_units(*balances, transfer.from, transfer.asset.text(), transfer.units, false);
        move_units(*balances, transfer.to, transfer.asset.text(), transfer.units, true);
    }
    for (const auto& [to, units] : content.hidden_credits) {
        move_units(*balances, to, info_.native_asset.text(), units, true);
    }
    for (const auto& [from, units] : content.hidden_debits) {
        move_units(*balances, from, info_.native_asset.text(), units, false);
    }
    for (const auto& [to, asset, units] : faucet_) {
        move_units(*balances, to, asset.text(), units, true);
    }
    faucet_.clear();
    block.balances = std::move(balances);
    block.content = std::move(content);
    blocks_.push_back(std::move(block));
}

core::BlockRef FakeChain::mine(FakeContent content) {
    std::move(pending_.transfers.begin(), pending_.transfers.end(),
              std::back_inserter(content.transfers));
    std::move(pending_.txs.begin(), pending_.txs.end(), std::back_inserter(content.txs));
    pending_ = {};
    add_block(std::move(content));
    return tip();
}

void FakeChain::mine_empty(std::uint64_t blocks) {
    for (std::uint64_t i = 0; i < blocks; ++i) mine();
}

void FakeChain::pend(chains::OwnTxSeen tx) { pending_.txs.push_back(std::move(tx)); }
void FakeChain::pend(chains::TransferSeen transfer) {
    pending_.transfers.push_back(std::move(transfer));
}

std::vector<FakeContent> FakeChain::reorg(std::uint64_t depth, std::vector<FakeContent> instead) {
    CHECK(depth < blocks_.size(), "the first block of a chain stays");
    std::vector<FakeContent> lost;
    for (std::size_t i = blocks_.size() - depth; i < blocks_.size(); ++i) {
        lost.push_back(blocks_[i].content);
    }
    blocks_.resize(blocks_.size() - depth);
    ++branch_;
    for (FakeContent& content : instead) add_block(std::move(content));
    return lost;
}

std::vector<FakeContent> FakeChain::reorg_empty(std::uint64_t depth, std::uint64_t blocks) {
    return reorg(depth, std::vector<FakeContent>(blocks));
}

void FakeChain::set_head_jitter(std::uint64_t blocks, std::uint64_t seed) {
    jitter_ = blocks;
    jitter_state_ = seed;
}

void FakeChain::fail_next(core::Errc code, unsigned times, std::string method) {
    faults_.push_back({code, times, std::move(method)});
}

void FakeChain::set_balance_told(const core::Address& address,
                                 std::optional<core::Expected<core::Units>> told) {
    told_balances_.erase(address);
    if (told) told_balances_.emplace(address, std::move(*told));
}

void FakeChain::fund(const core::Address& to, const core::AssetId& asset,
                     const core::Units& units) {
    faucet_.emplace_back(to, asset, units);
}

std::uint64_t FakeChain::node_head() const {
    const std::uint64_t head = blocks_.back().ref.height;
    return head > lag_ ? head - lag_ : 0;
}

std::optional<core::BlockRef> FakeChain::finalized() const {
    if (!finalized_lag_) return std::nullopt;
    const std::uint64_t head = node_head();
    std::uint64_t height = head > *finalized_lag_ ? head - *finalized_lag_ : 0;
    if (finalized_frozen_) height = std::min(height, *finalized_frozen_);
    return blocks_[height].ref;
}

core::Units FakeChain::balance(const core::Address& owner, const core::AssetId& asset) const {
    const auto& balances = *blocks_.back().balances;
    const auto found = balances.find({owner, asset.text()});
    return found == balances.end() ? core::Units{} : found->second;
}

std::uint64_t FakeChain::nonce_at(const core::Address& sender, std::uint64_t height) const {
    std::uint64_t nonce = 0;
    for (std::size_t i = 0; i < blocks_.size() && i <= height; ++i) {
        for (const auto& tx : blocks_[i].content.txs) nonce += tx.sender == sender ? 1 : 0;
    }
    return nonce;
}

std::optional<chains::OwnTxSeen> FakeChain::mined(const core::TxId& id) const {
    for (const Block& block : blocks_) {
        for (const auto& tx : block.content.txs) {
            if (tx.tx == id) return tx;
        }
    }
    return std::nullopt;
}

std::optional<core::Error> FakeChain::fault(const char* method) {
    for (auto at = faults_.begin(); at != faults_.end(); ++at) {
        if (!at->method.empty() && at->method != method) continue;
        const core::Error error{at->code, std::string{"scripted failure of "} + method};
        if (--at->times == 0) faults_.erase(at);
        return error;
    }
    return std::nullopt;
}

core::Expected<const FakeChain::Block*> FakeChain::known(std::uint64_t height) const {
    if (height > node_head()) {
        return core::Error{core::Errc::kNotReady, "the node does not have the block yet"};
    }
    return &blocks_[height];
}

core::Expected<const FakeChain::Block*> FakeChain::known(const core::BlockRef& ref) const {
    auto block = known(ref.height);
    if (block && (**block).ref.hash != ref.hash) {
        return core::Error{core::Errc::kReorged, "the block is not on the node's chain"};
    }
    return block;
}

chains::BlockScan FakeChain::scan(const Block& block, const chains::WatchFilter& filter,
                                  bool blind) const {
    chains::BlockScan out;
    out.block = block.ref;
    out.endpoint = "fake";
    out.log_count = static_cast<std::uint32_t>(block.transfers.size());
    out.tx_count = static_cast<std::uint32_t>(block.content.txs.size());
    out.evidence =
        out.log_count == 0 ? chains::Evidence::kBloomExcludes : chains::Evidence::kLogsAgree;
    if (blind) return out;
    for (const auto& transfer : block.transfers) {
        if (filter.is_ours(transfer.to)) out.deposits.push_back(transfer);
    }
    for (const auto& tx : block.content.txs) {
        if (filter.is_ours(tx.sender)) out.own.push_back(tx);
    }
    return out;
}

core::Task<core::Expected<chains::Heads>> FakeChain::heads() {
    ++calls_.heads;
    if (auto error = fault("heads")) co_return *error;
    std::uint64_t height = node_head();
    if (jitter_ > 0) {
        jitter_state_ = mix(jitter_state_);
        const std::uint64_t below = jitter_state_ % (jitter_ + 1);
        height = height > below ? height - below : 0;
    }
    chains::Heads heads;
    heads.latest = blocks_[height].ref;
    heads.finalized = finalized();
    if (heads.finalized && heads.finalized->height > height) heads.finalized = heads.latest;
    co_return heads;
}

core::Task<core::Expected<core::BlockRef>> FakeChain::block_at(std::uint64_t height) {
    ++calls_.block_at;
    if (auto error = fault("block_at")) co_return *error;
    auto block = known(height);
    if (!block) co_return block.error();
    core::BlockRef ref = (**block).ref;
    ref.mined_at = ref.mined_at + block_told_late_;
    co_return ref;
}

core::Task<core::Expected<chains::BlockScan>> FakeChain::scan_block(
    std::uint64_t height, const chains::WatchFilter& filter) {
    ++calls_.scan_block;
    if (auto error = fault("scan_block")) co_return *error;
    auto block = known(height);
    if (!block) co_return block.error();
    auto out = scan(**block, filter, blind_);
    if (teller_) teller_(out);
    if (on_scan_) on_scan_(height);
    co_return out;
}

core::Task<core::Expected<std::vector<chains::BlockScan>>> FakeChain::scan_range(
    std::uint64_t from, std::uint64_t to, const chains::WatchFilter& filter) {
    ++calls_.scan_range;
    if (auto error = fault("scan_range")) co_return *error;
    std::vector<chains::BlockScan> out;
    for (std::uint64_t height = from; height <= to; ++height) {
        auto block = known(height);
        if (!block) co_return block.error();
        out.push_back(scan(**block, filter, blind_));
        if (teller_) teller_(out.back());
        if (on_scan_) on_scan_(height);
    }
    co_return out;
}

core::Task<core::Expected<std::vector<core::Units>>> FakeChain::native_balances(
    std::vector<core::Address> addresses, core::BlockRef at) {
    ++calls_.native_balances;
    if (auto error = fault("native_balances")) co_return *error;
    auto block = known(at);
    if (!block) co_return block.error();
    if (state_depth_ && at.height + *state_depth_ < node_head()) {
        co_return core::Error{core::Errc::kNotReady, "the state of the block is gone"};
    }
    std::vector<core::Units> out;
    for (const core::Address& address : addresses) {
        const auto told = told_balances_.find(address);
        if (told != told_balances_.end()) {
            if (!told->second) co_return told->second.error();
            out.push_back(*told->second);
            continue;
        }
        const auto found = (**block).balances->find({address, info_.native_asset.text()});
        out.push_back(found == (**block).balances->end() ? core::Units{} : found->second);
    }
    co_return out;
}

core::Task<core::Expected<core::Units>> FakeChain::balance_of(core::AssetId asset,
                                                              core::Address owner,
                                                              core::BlockRef at) {
    ++calls_.balance_of;
    if (auto error = fault("balance_of")) co_return *error;
    auto block = known(at);
    if (!block) co_return block.error();
    const auto found = (**block).balances->find({owner, asset.text()});
    co_return found == (**block).balances->end() ? core::Units{} : found->second;
}

core::Expected<core::Done> FakeChain::quorum(const char* method, unsigned endpoints) {
    if (auto error = fault(method)) return *error;
    if (endpoints <= agreeing_) return core::Done{};
    return core::Error{core::Errc::kNoQuorum,
                       std::to_string(agreeing_) + " of " + std::to_string(endpoints) + " agree"};
}

core::Task<core::Expected<core::BlockRef>> FakeChain::agreed_block(std::uint64_t height,
                                                                   unsigned endpoints) {
    ++calls_.corroborate;
    if (auto agreed = quorum("agreed_block", endpoints); !agreed) co_return agreed.error();
    auto block = known(height);
    if (!block) co_return block.error();
    core::BlockRef ref = (**block).ref;
    ref.parent = {};
    co_return ref;
}

core::Task<core::Expected<core::Done>> FakeChain::corroborate(core::BlockRef at,
                                                              chains::TransferSeen transfer,
                                                              unsigned endpoints) {
    ++calls_.corroborate;
    if (auto agreed = quorum("corroborate", endpoints); !agreed) co_return agreed.error();
    auto block = known(at);
    if (!block) co_return block.error();
    const auto& all = (**block).transfers;
    const bool residual = transfer.kind == chains::TransferKind::kNativeResidual;
    const bool dated = !residual && at.mined_at != core::Instant{};
    if (dated && at.mined_at != (**block).ref.mined_at) {
        co_return core::Error{core::Errc::kReorged, "the block was mined at another time"};
    }
    if (residual || std::find(all.begin(), all.end(), transfer) != all.end()) {
        co_return core::Done{};
    }
    const auto lie = invented_.find(at.height);
    const bool vouched = lie != invented_.end() && lie->second == transfer;
    if (vouched && endpoints <= 1) co_return core::Done{};
    // Nobody has a word on a transaction that he does not know.
    const auto same_tx = [&](const auto& one) { return one.tx == transfer.tx; };
    if (std::none_of(all.begin(), all.end(), same_tx)) {
        co_return core::Error{core::Errc::kNoQuorum, "the transaction is not known"};
    }
    co_return core::Error{core::Errc::kReorged, "the block does not hold the transfer"};
}

core::Task<core::Expected<core::Done>> FakeChain::corroborate_absent(core::BlockRef at,
                                                                     chains::TransferSeen transfer,
                                                                     unsigned endpoints) {
    ++calls_.corroborate_absent;
    if (auto agreed = quorum("corroborate_absent", endpoints); !agreed) co_return agreed.error();
    auto block = known(at);
    if (!block) co_return block.error();
    const auto same = [&](const chains::TransferSeen& one) {
        return one.tx == transfer.tx && one.position == transfer.position && one.to == transfer.to;
    };
    const auto& all = (**block).transfers;
    const auto& txs = (**block).content.txs;
    const auto same_tx = [&](const auto& one) { return one.tx == transfer.tx; };
    const bool there = transfer.to.empty() ? std::any_of(txs.begin(), txs.end(), same_tx) ||
                                                 std::any_of(all.begin(), all.end(), same_tx)
                                           : std::any_of(all.begin(), all.end(), same);
    if (!there) co_return core::Done{};
    co_return core::Error{core::Errc::kReorged, "the block holds it"};
}

core::Task<core::Expected<core::Done>> FakeChain::corroborate_own(core::BlockRef at,
                                                                  chains::OwnTxSeen tx,
                                                                  unsigned endpoints) {
    ++calls_.corroborate_own;
    if (auto agreed = quorum("corroborate_own", endpoints); !agreed) co_return agreed.error();
    auto block = known(at);
    if (!block) co_return block.error();
    const auto same = [&](const chains::OwnTxSeen& other) {
        return other.tx == tx.tx && other.sender == tx.sender && other.nonce == tx.nonce &&
               other.success == tx.success && other.fee == tx.fee && other.to == tx.to &&
               other.native_value == tx.native_value && other.transfers == tx.transfers;
    };
    const auto& all = (**block).content.txs;
    const auto same_tx = [&](const auto& one) { return one.tx == tx.tx; };
    if (denied_ != tx.tx && std::none_of(all.begin(), all.end(), same_tx)) {
        co_return core::Error{core::Errc::kNoQuorum, "the transaction is not known"};
    }
    if (denied_ == tx.tx || std::none_of(all.begin(), all.end(), same)) {
        co_return core::Error{core::Errc::kReorged, "the block does not hold the transaction"};
    }
    co_return core::Done{};
}

core::Task<core::Expected<core::Done>> FakeChain::corroborate_nonce(core::Address sender,
                                                                    std::uint64_t nonce,
                                                                    bool finalized,
                                                                    unsigned endpoints) {
    ++calls_.corroborate_nonce;
    if (auto agreed = quorum("corroborate_nonce", endpoints); !agreed) co_return agreed.error();
    const auto final_block = this->finalized();
    const std::uint64_t own = finalized && final_block ? final_block->height : node_head();
    const std::uint64_t height = std::min(own, others_finalized_.value_or(own));
    if (nonce_at(sender, height) <= nonce) {
        co_return core::Error{core::Errc::kNotReady, "the nonce is not used up yet"};
    }
    co_return core::Done{};
}

core::Task<core::Expected<core::Done>> FakeChain::corroborate_final(std::uint64_t height,
                                                                    unsigned endpoints) {
    ++calls_.corroborate_final;
    if (auto agreed = quorum("corroborate_final", endpoints); !agreed) co_return agreed.error();
    const auto own = finalized();
    if (!own || height > std::min(own->height, others_finalized_.value_or(own->height))) {
        co_return core::Error{core::Errc::kNotReady, "the block is not final yet"};
    }
    co_return core::Done{};
}

core::Task<core::Expected<core::Done>> FakeChain::corroborate_balance(core::BlockRef at,
                                                                      core::Address owner,
                                                                      core::Units units,
                                                                      unsigned endpoints) {
    ++calls_.corroborate_balance;
    if (auto agreed = quorum("corroborate_balance", endpoints); !agreed) co_return agreed.error();
    auto block = known(at);
    if (!block) co_return block.error();
    const auto found = (**block).balances->find({owner, info_.native_asset.text()});
    const core::Units held = found == (**block).balances->end() ? core::Units{} : found->second;
    if (held != units || (denied_from_ && at.height >= *denied_from_)) {
        co_return core::Error{core::Errc::kReorged, "the balance is another"};
    }
    co_return core::Done{};
}

core::Task<core::Expected<chains::AgreedBalance>> FakeChain::agreed_balance(
    core::AssetId asset, core::Address owner, core::BlockRef at, unsigned endpoints) {
    if (auto agreed = quorum("agreed_balance", endpoints); !agreed) co_return agreed.error();
    auto held = co_await balance_of(std::move(asset), owner, at);
    if (!held) co_return held.error();
    co_return chains::AgreedBalance{*held, {"fake"}, {}};
}

core::Task<core::Expected<std::vector<chains::BlockScan>>> FakeChain::scan_range_elsewhere(
    std::uint64_t from, std::uint64_t to, const chains::WatchFilter& filter,
    std::vector<std::string> other_than) {
    ++calls_.scan_range_elsewhere;
    if (auto error = fault("scan_range_elsewhere")) co_return *error;
    std::string asked;
    for (const char* name : {"third", "fake", "second"}) {
        const bool there = name[0] == 's' ? second_ : name[0] == 'f' || third_;
        const bool wanted = std::find(other_than.begin(), other_than.end(), name) == other_than.end();
        if (there && wanted) asked = name;
    }
    if (!second_ || asked.empty()) {
        co_return core::Error{core::Errc::kUnsupported, "there is no other endpoint"};
    }
    std::vector<chains::BlockScan> out;
    for (std::uint64_t height = from; height <= to; ++height) {
        auto block = known(height);
        if (!block) co_return block.error();
        out.push_back(scan(**block, filter, false));
        out.back().endpoint = asked;
        const auto invented = invented_.find(height);
        if (asked == "second" && invented != invented_.end()) {
            out.back().deposits.push_back(invented->second);
        }
    }
    co_return out;
}

core::Task<core::Expected<std::optional<core::BlockRef>>> FakeChain::block_of(core::TxId tx) {
    ++calls_.block_of;
    if (auto error = fault("block_of")) co_return *error;
    for (std::uint64_t height = 0; height <= node_head(); ++height) {
        const Block& block = blocks_[height];
        const bool in_txs = std::any_of(block.content.txs.begin(), block.content.txs.end(),
                                        [&](const auto& own) { return own.tx == tx; });
        const bool in_transfers = std::any_of(block.transfers.begin(), block.transfers.end(),
                                              [&](const auto& seen) { return seen.tx == tx; });
        if (in_txs || in_transfers) co_return std::optional<core::BlockRef>{block.ref};
    }
    co_return std::optional<core::BlockRef>{};
}

chains::ChainInfo fake_chain_info(std::uint64_t number, chains::CreditTier tier) {
    chains::ChainInfo info;
    info.id = core::ChainId::eip155(number);
    info.name = "Fake " + std::to_string(number);
    info.native_symbol = "ETH";
    info.native_asset = core::AssetId{info.id.text() + "/slip44:60"};
    info.credit = {tier};
    info.payout_final = tier;
    info.payout_final.endpoints = 1;
    const core::Address usdc = fake_address(0x05DC0000 + number);
    chains::TokenInfo native;
    native.asset = info.native_asset;
    native.symbol = "ETH";
    native.decimals = 18;
    chains::TokenInfo token;
    token.asset = core::AssetId{info.id.text() + "/erc20:" + usdc.hex0x()};
    token.symbol = "USDC";
    token.decimals = 6;
    token.contract = usdc;
    info.tokens = {native, token};
    return info;
}

core::Address fake_address(std::uint64_t number) {
    return *core::Address::from_bytes(noise(mix(number) ^ 0xADD0, 20));
}

core::TxId fake_tx(std::uint64_t number) {
    return *core::TxId::from_bytes(noise(mix(number) ^ 0x7A00, 32));
}

chains::TransferSeen token_transfer(const chains::ChainInfo& info, core::TxId tx, core::Address to,
                                    std::uint64_t units, std::uint32_t position) {
    return {tx,
            position,
            chains::TransferKind::kToken,
            info.tokens.at(1).asset,
            fake_address(999),
            to,
            core::Units{units}};
}

chains::TransferSeen native_transfer(const chains::ChainInfo& info, core::TxId tx, core::Address to,
                                     std::uint64_t units) {
    return {tx,
            chains::kNativePosition,
            chains::TransferKind::kNative,
            info.native_asset,
            fake_address(999),
            to,
            core::Units{units}};
}

}  // namespace support
