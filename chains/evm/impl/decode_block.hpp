#pragma once

#include "chains/evm/impl/json_fields.hpp"
#include "chains/evm/impl/rpc_decode.hpp"

namespace chains::evm::impl {

// Parts of Decoder; they throw what Decoder turns into kMalformed.

TxLine read_tx(od::object object);
//! `filter` null: the transactions are skipped.
BlockBody read_block(od::object object, const WatchFilter* filter);

}  // namespace chains::evm::impl
