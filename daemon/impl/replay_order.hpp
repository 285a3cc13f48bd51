#pragma once

#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "chains/ports/address_codec.hpp"
#include "core/ids.hpp"
#include "watchers/replay.hpp"

namespace depositd {

//! What an operator wants read again, and on which of the configured chains to look.
struct ReplayOrder {
    std::vector<core::ChainId> chains;
    watchers::ReplayRequest request;
};

//! {"chain","from","to"} | {"tx","chain"?} | {"session","chain"?}, and nothing of two of them at once:
//! an order that is half understood would read something else than was meant. kInvalid says what is
//! wrong.
core::Expected<ReplayOrder> parse_replay_order(const nlohmann::json& order,
                                               std::span<const core::ChainId> configured,
                                               const chains::AddressCodec& codec);

}  // namespace depositd
