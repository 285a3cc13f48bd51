#include "daemon/impl/call_guard.hpp"

#include "chains/evm/call_rules.hpp"

namespace depositd {
namespace {

using chains::CallKind;
using core::Done;
using core::Error;
using core::Expected;

Error refused(std::string why) { return Error{core::Errc::kRefused, std::move(why)}; }

bool is_call(const chains::TxOrder& order) { return order.kind == CallKind::kCall; }
bool is_approval(const chains::TxOrder& order) { return order.kind == CallKind::kApprove; }
//! Lets a contract have something.
bool gives(const chains::TxOrder& order) {
    return is_call(order) || (is_approval(order) && !order.units.is_zero());
}

//! Data makes a call of every transfer.
Expected<Done> is_without_data(const chains::TxOrder& order) {
    if (is_call(order) || order.data.empty()) return Done{};
    return refused("data goes with calls only");
}

//! Does the payout's session name just this?
Expected<Done> named_by(const session::Session& session, const db::Payout& payout,
                        const chains::TxOrder& order) {
    const session::Destination& to = session.destination;
    if (to.calldata.empty()) return refused("the session calls no contract");
    if (payout.leg != db::Leg::kDelivery) return refused("contracts are called by deliveries only");
    if (order.sender != payout.sender) return refused("the payout is another address's");
    if (order.recipient != to.address) return refused("the session names another contract");
    if (order.asset != to.asset || order.asset != payout.asset) {
        return refused("the session is delivered in another asset");
    }
    if (order.units > payout.units) return refused("more than the payout has");
    if (is_call(order) && order.data != to.calldata) {
        return refused("the session calls with other data");
    }
    return Done{};
}

}  // namespace

core::Task<Expected<chains::SignedTx>> CallGuard::sign(chains::SigningRequest request) {
    const chains::TxOrder& order = request.tx.order;
    if (is_call(order) || is_approval(order)) {
        if (request.key.role != chains::KeyRole::kReceiver) {
            co_return refused("only receivers call contracts and allow them anything");
        }
    }
    if (auto plain = is_without_data(order); !plain) co_return plain.error();
    if (gives(order)) {
        if (auto may = may_be_called(order); !may) co_return may.error();
        if (request.leg != to_string(db::Leg::kDelivery)) {
            co_return refused("contracts are called by deliveries only");
        }
        auto own = co_await is_sessions_own(request);
        if (!own) co_return own.error();
    }
    co_return co_await inner_->sign(std::move(request));
}

Expected<Done> CallGuard::allows(const chains::TxOrder& order) const {
    if (auto plain = is_without_data(order); !plain) return plain.error();
    if (gives(order)) {
        if (auto may = may_be_called(order); !may) return may.error();
    }
    return inner_->allows(order);
}

Expected<Done> CallGuard::may_be_called(const chains::TxOrder& order) const {
    if (!calls_allowed_) return refused("calls of contracts are off: limits.allow_calls");
    for (const chains::ChainInfo& chain : chains_) {
        if (chain.id != order.asset.chain() || chain.token_at(order.recipient) == nullptr) continue;
        return refused("receivers never call the contract of a token: " + order.recipient.hex0x());
    }
    if (!is_call(order)) return Done{};
    if (order.data.empty() || order.data.size() > chains::evm::kCallDataMax) {
        return refused("a call without data, or with more than is ever called with");
    }
    if (const auto function = chains::evm::forbidden_function(order.data)) {
        return refused("receivers never call " + *function);
    }
    return Done{};
}

core::Task<Expected<Done>> CallGuard::is_sessions_own(const chains::SigningRequest& request) const {
    const core::PayoutId id = request.payout;
    const chains::TxOrder order = request.tx.order;
    auto job = database_.read<Done>([id, order](db::UnitOfWork& work) -> Expected<Done> {
        auto full = work.payouts().load(id);
        if (!full) return full.error();
        if (!*full || !(**full).payout.session) return refused("the payout has no session");
        const db::Payout& payout = (**full).payout;
        auto row = work.sessions().load(*payout.session);
        if (!row) return row.error();
        if (!*row) return refused("the payout's session is not there");
        return named_by((**row).session, payout, order);
    });
    co_return co_await std::move(job);
}

}  // namespace depositd
