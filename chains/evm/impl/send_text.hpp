#pragma once

#include "chains/ports/sender.hpp"

#include <span>
#include <string_view>

namespace chains::evm::impl {

//! What a node's error text to eth_sendRawTransaction hints at. A hint schedules a look at the
//! chain and never decides anything [F35]; a text nobody knows is kUnclear.
SendOutcome classify_send_text(std::string_view message);

//! One outcome of several endpoints' answers: accepted by one is accepted; refused only when all
//! refuse.
SendReport merge_send_reports(std::span<const SendReport> reports);

}  // namespace chains::evm::impl
