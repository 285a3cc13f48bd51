#pragma once

#include "core/bytes.hpp"

#include <optional>
#include <string>

namespace chains::evm {

//! Longest data of a call that is made for a session. A node's pool takes 128 KiB; nobody needs it.
inline constexpr std::size_t kCallDataMax = 24 * 1024;

//! The function that this data calls, when it is one that moves tokens of the caller or lets others
//! move them. Receivers never call these: what else lies on one is not the session's to give away. The
//! contracts of listed tokens are refused whatever the data is; this is for all the others.
std::optional<std::string> forbidden_function(core::ByteView data);

}  // namespace chains::evm
