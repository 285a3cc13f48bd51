#pragma once

#include "net/rpc_error.hpp"

#include <string>

namespace chains::evm::impl {

//! Why the virtual machine refused, for people: the text of Error(string), the meaning of a Panic,
//! or "custom error 0x…" in front of what the node said. The contract chose the text: it may lie,
//! and is cut at 200 bytes without control characters.
std::string revert_text(const net::RpcError& error);

}  // namespace chains::evm::impl
