#include "tests/support/fake_sender.hpp"

#include <functional>

namespace support {

using core::Errc;
using core::Error;
using core::Expected;
using core::Task;

namespace {
constexpr std::uint64_t kGas = 50'000;
Error gone() { return Error{Errc::kUnreachable, "the node is gone"}; }
}  // namespace

core::TxId FakeSigner::id_of(const core::Bytes& raw) {
    const std::string text{raw.begin(), raw.end()};
    core::Bytes id(32);
    for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t hash = std::hash<std::string>{}(text + std::to_string(i));
        std::memcpy(id.data() + 8 * i, &hash, 8);
    }
    return core::TxId::from_bytes(id).value();
}

Expected<core::Done> FakeSigner::allows(const chains::TxOrder& order) const {
    const bool gives = order.kind == chains::CallKind::kCall ||
                       (order.kind == chains::CallKind::kApprove && !order.units.is_zero());
    if (refuse_calls && gives) return Error{Errc::kRefused, "calls of contracts are off"};
    if (!cap || order.asset.is_native() || order.units <= *cap) return core::Done{};
    return Error{Errc::kRefused, "above the signer's cap"};
}

Task<Expected<chains::SignedTx>> FakeSigner::sign(chains::SigningRequest request) {
    if (refuse) co_return Error{Errc::kRefused, "over the signer's limit"};
    if (auto may = allows(request.tx.order); !may) co_return may.error();
    const chains::UnsignedTx& tx = request.tx;
    const std::string text = std::to_string(static_cast<int>(tx.order.kind)) + "|" +
                             tx.order.sender.hex0x() + "|" + std::to_string(tx.nonce) + "|" +
                             tx.order.recipient.hex0x() + "|" + tx.order.units.decimal() + "|" +
                             tx.order.asset.text() + "|" + tx.price.max_fee.decimal();
    chains::SignedTx out;
    out.raw = core::Bytes{text.begin(), text.end()};
    out.id = id_of(out.raw);
    by_id_[out.id] = tx;
    co_return out;
}

core::Address FakeSigner::gas_station() {
    return core::Address::from_bytes(core::Bytes(20, 0x65)).value();
}

Expected<core::Address> FakeSigner::address_of(chains::KeyRef key) const {
    if (key.role == chains::KeyRole::kGasStation) return gas_station();
    return Error{Errc::kNotFound, "the fake signer only knows the gas station"};
}

Task<Expected<chains::Simulation>> FakeSender::simulate(chains::TxOrder order,
                                                         std::uint64_t at_least_height) {
    ++simulations;
    if (unreachable) co_return gone();
    if (head < at_least_height) co_return Error{Errc::kNotReady, "the node is behind"};
    if (const auto found = refuses.find(order.recipient); found != refuses.end()) {
        co_return chains::Simulation{false, found->second, 0, {}};
    }
    if (order.kind == chains::CallKind::kApprove && order.units.is_zero() &&
        refuses_clearings.contains(order.recipient)) {
        co_return chains::Simulation{false, "the token is paused", 0, {}};
    }
    if (order.kind == chains::CallKind::kCall) {
        if (simulation_error_of_calls && !is_rehearsing_) co_return *simulation_error_of_calls;
        const auto found = refuses_calls.find(order.recipient);
        if (found != refuses_calls.end()) co_return chains::Simulation{false, found->second, 0, {}};
    }
    if (order.kind == chains::CallKind::kApprove && !order.units.is_zero() &&
        refuses_approvals.contains(order.recipient)) {
        co_return chains::Simulation{false, "there is an allowance already", 0, {}};
    }
    co_return chains::Simulation{true, "", kGas, {}};
}

Task<Expected<chains::Simulation>> FakeSender::rehearse(std::vector<chains::TxOrder> orders,
                                                        std::uint64_t at_least_height) {
    ++rehearsals;
    if (rehearsal_error) co_return *rehearsal_error;
    const chains::TxOrder last = orders.back();
    is_rehearsing_ = true;
    auto answer = co_await simulate(last, at_least_height);
    is_rehearsing_ = false;
    if (!answer || !answer->would_succeed) co_return answer;
    if (!last.asset.is_native()) {
        const core::Units takes = rehearsed_takes ? core::Units{*rehearsed_takes} : last.units;
        if (!takes.is_zero()) answer->moves.push_back({last.asset, last.recipient, takes});
    }
    if (rehearsed_back > 0) {
        answer->moves.push_back({last.asset, last.sender, core::Units{rehearsed_back}, true});
    }
    answer->moves.insert(answer->moves.end(), rehearsed_others.begin(), rehearsed_others.end());
    co_return answer;
}

Task<Expected<chains::Holding>> FakeSender::holding(core::AssetId asset, core::Address owner,
                                                    core::Address spender, core::BlockRef) {
    if (unreachable) co_return gone();
    if (holding_error) co_return *holding_error;
    if (!holds) co_return Error{Errc::kUnsupported, "no contract here"};
    co_return holds(asset, owner, spender);
}

Task<Expected<chains::GasPrice>> FakeSender::suggest_price() {
    if (unreachable) co_return gone();
    co_return chains::GasPrice{gas_price, core::Units{1}};
}

Task<Expected<core::Units>> FakeSender::cost_max(chains::UnsignedTx tx) {
    auto fee = tx.price.max_fee.times(tx.gas_limit);
    if (!fee) co_return fee.error();
    const bool is_paid = tx.order.kind == chains::CallKind::kNativeTransfer ||
                         tx.order.kind == chains::CallKind::kCall;
    if (is_paid && tx.order.asset.is_native()) co_return fee->plus(tx.order.units);
    co_return *fee;
}

Expected<chains::GasPrice> FakeSender::bump(const chains::GasPrice& price,
                                            const chains::GasPrice& suggested) const {
    auto fee = price.max_fee.mul_ratio_ceil(11, 10);
    if (!fee) return fee.error();
    return chains::GasPrice{std::max(*fee, suggested.max_fee), core::Units{2}};
}

Task<Expected<std::uint64_t>> FakeSender::nonce_final(core::Address sender) {
    if (unreachable) co_return gone();
    co_return nonces[sender];
}
Task<Expected<std::uint64_t>> FakeSender::nonce_latest(core::Address sender) {
    co_return co_await nonce_final(sender);
}
Task<Expected<core::Units>> FakeSender::native_balance(core::Address) {
    if (unreachable) co_return gone();
    co_return station_balance;
}
Task<Expected<bool>> FakeSender::has_code(core::Address address) {
    if (unreachable) co_return gone();
    co_return contracts.contains(address);
}
Task<Expected<chains::SendReport>> FakeSender::send(core::Bytes raw) {
    sent.push_back(raw);
    if (lose_replies) co_return Error{Errc::kTimeout, "no reply within 10 s"};
    if (answers_unaffordable) {
        co_return chains::SendReport{chains::SendOutcome::kUnaffordable, "insufficient funds"};
    }
    co_return chains::SendReport{chains::SendOutcome::kAccepted, "accepted"};
}

}  // namespace support
