#include "chains/evm/abi.hpp"
#include "chains/evm/profiles.hpp"
#include "chains/evm/signer.hpp"

namespace chains::evm {
namespace {

core::Expected<core::Address> contract_of(const core::AssetId& asset) {
    if (asset.asset_namespace() != "erc20") {
        return core::invalid("not an ERC-20 token: " + asset.text());
    }
    auto contract = core::Address::from_hex(asset.asset_reference());
    if (!contract || contract->view().size() != kAddressSize) {
        return core::invalid("not a contract's address: " + asset.text());
    }
    return contract;
}

bool is_account(const core::Address& address) {
    return address.view().size() == kAddressSize && !address.is_zero();
}

core::Expected<CallParts> token_call(const TxOrder& order, std::string_view signature) {
    const auto contract = contract_of(order.asset);
    if (!contract) return contract.error();
    std::vector<AbiValue> arguments;
    arguments.push_back(AbiValue::address(order.recipient));
    arguments.push_back(AbiValue::number(order.units));
    return CallParts{.to = *contract, .value = {}, .data = encode_call(signature, arguments)};
}

}  // namespace

core::Expected<CallParts> build_call(const TxOrder& order) {
    if (!is_account(order.sender)) return core::invalid("an order needs a sender");
    if (order.kind == CallKind::kNoop) return CallParts{order.sender, {}, {}};
    if (!is_account(order.recipient)) return core::invalid("an order needs a recipient");
    switch (order.kind) {
        case CallKind::kNativeTransfer:
            if (!order.asset.is_native()) return core::invalid("the asset is not the native coin");
            return CallParts{order.recipient, order.units, order.data};
        case CallKind::kTokenTransfer: return token_call(order, "transfer(address,uint256)");
        case CallKind::kApprove: return token_call(order, "approve(address,uint256)");
        case CallKind::kCall:
            return CallParts{order.recipient, order.asset.is_native() ? order.units : core::Units{},
                             order.data};
        case CallKind::kNoop: break;
    }
    return core::invalid("not a kind of call");
}

core::Expected<core::Bytes> build_call_data(const TxOrder& order) {
    auto parts = build_call(order);
    if (!parts) return parts.error();
    return std::move(parts->data);
}

core::Expected<Transaction> build_transaction(const UnsignedTx& tx) {
    const auto number = chain_number(tx.chain);
    if (!number) return number.error();
    if (*number == 0) return core::invalid("chain 0 has no replay protection");
    if (!tx.order.asset.empty() && tx.order.asset.chain() != tx.chain) {
        return core::invalid("the order's asset lives on another chain");
    }
    if (tx.gas_limit == 0) return core::invalid("a transaction needs gas");
    auto parts = build_call(tx.order);
    if (!parts) return parts.error();
    if (tx.legacy) {
        return Transaction{LegacyTransaction{.chain_id = *number,
                                             .nonce = tx.nonce,
                                             .gas_price = tx.price.max_fee,
                                             .gas_limit = tx.gas_limit,
                                             .to = parts->to,
                                             .value = parts->value,
                                             .data = std::move(parts->data)}};
    }
    if (tx.price.max_priority_fee > tx.price.max_fee) {
        return core::invalid("the tip is above the fee cap");
    }
    return Transaction{DynamicFeeTransaction{.chain_id = *number,
                                             .nonce = tx.nonce,
                                             .max_priority_fee_per_gas = tx.price.max_priority_fee,
                                             .max_fee_per_gas = tx.price.max_fee,
                                             .gas_limit = tx.gas_limit,
                                             .to = parts->to,
                                             .value = parts->value,
                                             .data = std::move(parts->data),
                                             .access_list = {}}};
}

}  // namespace chains::evm
