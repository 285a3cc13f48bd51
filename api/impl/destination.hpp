#pragma once

#include "api/errors.hpp"
#include "api/ports.hpp"
#include "session/types.hpp"

#include <nlohmann/json.hpp>

#include <optional>

namespace api::impl {

Checked<session::Destination> parse_destination(const nlohmann::json& body, const Chains& chains,
                                                const OwnAddresses& own);

//! None when it is not given: what cannot be delivered is then held until an operator acts.
Checked<std::optional<core::Address>> parse_refund_address(const nlohmann::json& body,
                                                           const core::ChainId& chain,
                                                           const Chains& chains,
                                                           const OwnAddresses& own);

}  // namespace api::impl
