#include "chains/crypto/keccak.hpp"
#include "chains/evm/abi.hpp"
#include "chains/evm/transaction.hpp"
#include "core/check.hpp"
#include "tests/simulation/chain.hpp"

#include <algorithm>

namespace simulation {
namespace {

using chains::evm::AbiValue;

constexpr std::uint64_t kPaymentGas = 100'000;
constexpr std::uint64_t kTooLittleGas = 20'000;

std::uint64_t capped(const core::Units& units) {
    const auto small = units.to_u64();
    return small ? *small : ~std::uint64_t{0};
}

Tx tx_of(const chains::evm::SignedTransaction& decoded) {
    Tx out;
    out.id = decoded.id;
    out.from = decoded.sender;
    const auto take = [&](const auto& tx) {
        out.nonce = tx.nonce;
        out.gas_limit = tx.gas_limit;
        if (tx.to) out.to = *tx.to;
        out.value = tx.value.raw();
        out.data = tx.data;
    };
    if (const auto* legacy = std::get_if<chains::evm::LegacyTransaction>(&decoded.tx)) {
        take(*legacy);
        out.type = 0;
        out.fee_max = out.tip_max = capped(legacy->gas_price);
    } else {
        const auto& dynamic = std::get<chains::evm::DynamicFeeTransaction>(decoded.tx);
        take(dynamic);
        out.fee_max = capped(dynamic.max_fee_per_gas);
        out.tip_max = capped(dynamic.max_priority_fee_per_gas);
    }
    return out;
}

core::Bytes transfer_data(const core::Address& to, const core::Units& units) {
    std::vector<AbiValue> arguments;
    arguments.push_back(AbiValue::address(to));
    arguments.push_back(AbiValue::number(units));
    return chains::evm::encode_call("transfer(address,uint256)", arguments);
}

U256 cost_of(const Tx& tx) { return U256{tx.fee_max} * tx.gas_limit + tx.value; }

bool is_ten_percent_more(std::uint64_t now, std::uint64_t before) {
    return U256{now} * 100 >= U256{before} * 110;
}

}  // namespace

std::string Chain::next_seed(const char* what) {
    return what + std::to_string(options_.number) + "/" + std::to_string(++seeds_);
}

TxIndex Chain::add_tx(Tx tx) {
    const auto index = static_cast<TxIndex>(txs_.size());
    by_id_.emplace(tx.id, index);
    if (!tx.synthetic) attempts_[{tx.from, tx.nonce}].push_back(index);
    txs_.push_back(std::move(tx));
    return index;
}

TxIndex Chain::payment_tx(const Payment& payment) {
    Tx tx;
    const std::string seed = next_seed("payment ");
    tx.id = *core::TxId::from_bytes(chains::crypto::keccak256(core::bytes_of(seed)).view());
    tx.from = payment.from;
    tx.synthetic = true;
    tx.pays_fee = payment.pays_fee;
    tx.gas_limit = payment.fails ? kTooLittleGas : kPaymentGas;
    tx.fee_max = payment.fee_max;
    tx.tip_max = payment.tip;
    CHECK(!tx.pays_fee || tx.fee_max != 0, "who pays a fee must say how much at most");
    if (payment.asset == kNative) {
        tx.to = payment.by_contract ? wallet_ : payment.to;
        if (payment.by_contract) tx.data.assign(payment.to.view().begin(), payment.to.view().end());
        tx.value = payment.units.raw();
    } else {
        tx.to = contracts_.token(payment.asset).contract;
        tx.data = transfer_data(payment.to, payment.units);
    }
    return add_tx(std::move(tx));
}

core::TxId Chain::pay(const Payment& payment) {
    const TxIndex index = payment_tx(payment);
    pool_add(index);
    return txs_[index].id;
}

void Chain::grant(Asset asset, const core::Address& owner, const core::Units& units) {
    grants_.push_back({asset, {}, owner, units.raw()});
}

void Chain::take(Asset asset, const core::Address& owner, const core::Units& units) {
    grants_.push_back({asset, owner, {}, units.raw()});
}

Chain::Submitted Chain::submit(core::ByteView raw, BlockId view) {
    Submitted out;
    out.id = chains::evm::tx_id_of(raw);
    auto known = find_tx(out.id);
    if (!known) {
        const auto decoded = chains::evm::decode_raw(raw);
        if (!decoded) {
            out.error = decoded.error().code == core::Errc::kUnsupported
                            ? "transaction type not supported"
                            : "rlp: " + decoded.error().message;
            return out;
        }
        const std::uint64_t number =
            std::visit([](const auto& tx) { return tx.chain_id; }, decoded->tx);
        if (number != options_.number) {
            out.error = "invalid sender: invalid chain id for signer: have " +
                        std::to_string(number) + " want " + std::to_string(options_.number);
            return out;
        }
        Tx tx = tx_of(*decoded);
        out.error = refusal_of(tx, view);
        if (!out.error.empty()) return out;
        known = add_tx(std::move(tx));
    } else if (is_waiting(*known)) {
        out.error = "already known";
        return out;
    } else {
        out.error = refusal_of(txs_[*known], view);
        if (!out.error.empty()) return out;
    }
    // A node that is behind takes what the chain has used up already; it comes to nothing.
    if (txs_[*known].nonce >= nonce(txs_[*known].from)) pool_add(*known);
    return out;
}

std::string Chain::refusal_of(const Tx& tx, BlockId view) const {
    if (tx.gas_limit > options_.gas_limit) return "exceeds block gas limit";
    if (tx.tip_max > tx.fee_max) {
        return "max priority fee per gas higher than max fee per gas: address " + tx.from.hex0x();
    }
    if (tx.gas_limit < kTransferGas) {
        return "intrinsic gas too low: gas " + std::to_string(tx.gas_limit) +
               ", minimum needed 21000";
    }
    if (tx.tip_max < tip_min_) {
        return "transaction underpriced: gas tip cap " + std::to_string(tx.tip_max) +
               ", minimum needed " + std::to_string(tip_min_);
    }
    const auto next = static_cast<std::uint64_t>(state(StateKey::nonce(tx.from), view));
    if (tx.nonce < next) {
        return "nonce too low: next nonce " + std::to_string(next) + ", tx nonce " +
               std::to_string(tx.nonce);
    }
    U256 queued = 0;
    if (const auto waiting = pool_.find(tx.from); waiting != pool_.end()) {
        for (const auto& [nonce, index] : waiting->second) {
            if (nonce != tx.nonce) {
                queued += cost_of(txs_[index]);
                continue;
            }
            const Tx& old = txs_[index];
            if (!is_ten_percent_more(tx.fee_max, old.fee_max) ||
                !is_ten_percent_more(tx.tip_max, old.tip_max)) {
                return "replacement transaction underpriced";
            }
        }
    }
    const U256 cost = queued + cost_of(tx);
    const U256 held = state(StateKey::balance(kNative, tx.from), view);
    if (held < cost) {
        return "insufficient funds for gas * price + value: balance " +
               core::Units{held}.decimal() + ", tx cost " + core::Units{cost}.decimal() +
               ", overshot " + core::Units{U256{cost - held}}.decimal();
    }
    return {};
}

void Chain::pool_add(TxIndex index) {
    const Tx& tx = txs_[index];
    if (tx.dead) return;
    if (tx.synthetic) {
        synthetic_pool_.insert(index);
    } else {
        pool_[tx.from][tx.nonce] = index;
    }
}

void Chain::pool_remove(TxIndex index) {
    const Tx& tx = txs_[index];
    synthetic_pool_.erase(index);
    const auto waiting = pool_.find(tx.from);
    if (waiting == pool_.end()) return;
    auto& by_nonce = waiting->second;
    const auto own = by_nonce.find(tx.nonce);
    if (!tx.synthetic && own != by_nonce.end() && own->second == index) by_nonce.erase(own);
    // Whatever the chain has used up waits in vain.
    const auto next = static_cast<std::uint64_t>(state_.get(StateKey::nonce(tx.from)));
    by_nonce.erase(by_nonce.begin(), by_nonce.lower_bound(next));
    if (by_nonce.empty()) pool_.erase(waiting);
}

bool Chain::is_waiting(TxIndex index) const {
    if (is_held(index)) return false;
    if (synthetic_pool_.contains(index)) return true;
    const auto waiting = pool_.find(txs_[index].from);
    if (waiting == pool_.end()) return false;
    const auto found = waiting->second.find(txs_[index].nonce);
    return found != waiting->second.end() && found->second == index;
}

std::uint64_t Chain::waiting_from(const core::Address& sender, std::uint64_t nonce) const {
    const auto waiting = pool_.find(sender);
    if (waiting == pool_.end()) return 0;
    std::uint64_t count = 0;
    auto at = waiting->second.find(nonce);
    while (at != waiting->second.end() && at->first == nonce + count && !is_held(at->second)) {
        ++count;
        ++at;
    }
    return count;
}

bool Chain::is_held(TxIndex index) const {
    return held_.contains(index) || held_senders_.contains(txs_[index].from);
}

void Chain::evict(const core::TxId& tx) {
    if (const auto index = find_tx(tx)) pool_remove(*index);
}

void Chain::hold(const core::TxId& tx, bool held) {
    const auto index = find_tx(tx);
    if (!index) return;
    if (held) {
        held_.insert(*index);
    } else {
        held_.erase(*index);
    }
}

void Chain::hold_sender(const core::Address& sender, bool held) {
    if (held) {
        held_senders_.insert(sender);
    } else {
        held_senders_.erase(sender);
    }
}

void Chain::force(const core::TxId& tx) {
    if (const auto index = find_tx(tx)) forced_.insert(*index);
}

std::vector<core::TxId> Chain::waiting() const {
    std::vector<TxIndex> all{synthetic_pool_.begin(), synthetic_pool_.end()};
    for (const auto& [sender, by_nonce] : pool_) {
        for (const auto& [nonce, index] : by_nonce) all.push_back(index);
    }
    std::sort(all.begin(), all.end());
    std::vector<core::TxId> out;
    for (const TxIndex index : all) out.push_back(txs_[index].id);
    return out;
}

}  // namespace simulation
