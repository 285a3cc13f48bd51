#pragma once

#include "chains/evm/impl/rpc_decode.hpp"
#include "chains/ports/signer.hpp"

#include <optional>

namespace chains::evm::impl {

//! What the nodes say about prices; none where they do not offer the method.
struct FeeFacts {
    std::optional<FeeHistory> history;
    std::optional<core::Units> gas_price;
    std::optional<core::Units> tip;
};

//! Twice the next base fee plus a tip; the median of recent tips, or what the node proposes.
//! Without a base fee the chain is a legacy one and pays the gas price. kHalted when the next
//! block's price is above `cap`; between that and twice the base fee, max_fee is cut to the cap.
core::Expected<GasPrice> price_from(const FeeFacts& facts, const core::Units& cap);

//! geth replaces a transaction when both parts are at least 10 % higher; a price of a few wei is
//! raised by one at least [F34]. kHalted above `cap`.
core::Expected<GasPrice> bumped(const GasPrice& price, const GasPrice& suggested,
                                const core::Units& cap);

}  // namespace chains::evm::impl
