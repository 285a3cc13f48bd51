#pragma once

#include "api/ports.hpp"
#include "api/session_view.hpp"
#include "session/types.hpp"

#include <nlohmann/json.hpp>

#include <optional>

// What a payer's page is told beyond the session itself: what a wallet could pay with, and the menu
// of the SDK's modal. Pure.
namespace api {

//! What has still to come: the asked amount without what came in time. None when what is asked is
//! not fixed.
std::optional<core::Units> still_asked(const session::Session& session);

//! Does its amount count as dollars? The modal knows no other money, and we ask nobody for prices.
bool is_dollar(const TokenFacts& token);

//! One way for a wallet to pay: {chainId, tokenAddress, tokenSymbol, requiredUnits, balanceUnits?}.
nlohmann::json token_option(const TokenFacts& token, std::uint64_t chain_number,
                            const std::optional<core::Units>& asked,
                            const std::optional<core::Units>& balance);

//! The same as the modal wants it: {balance, required, minimumRequired, fees, disabledReason?}. The
//! token must be a dollar.
nlohmann::json wallet_option(const TokenFacts& token, std::uint64_t chain_number,
                             const std::optional<core::Units>& asked,
                             const std::optional<core::Units>& balance);

//! The modal's menu: the connected wallet and the address, on the one chain where paying counts.
//! `payable`: the session takes a payment and has an address; else the menu is empty, and the modal
//! shows the status.
nlohmann::json nav_tree(const SessionFacts& facts, const Chains& chains, bool payable);

}  // namespace api
