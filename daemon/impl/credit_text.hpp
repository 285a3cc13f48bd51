#pragma once

#include "chains/ports/chain_info.hpp"
#include "db/types.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace depositd {

//! What the credit policy still asks for before a detected deposit counts, for people; empty when nothing.
//! `tip`: the chain was read up to there; `final`: the highest block that is known to be final.
std::string credit_waits_for(const chains::ChainInfo& info, const db::Deposit& deposit,
                             std::uint64_t tip, std::optional<std::uint64_t> final);

}  // namespace depositd
