#pragma once

#include "chains/ports/chain_info.hpp"

#include <algorithm>
#include <cstdint>

namespace chains::evm::impl {

//! Where a chain departs from Ethereum in what the reader and the sender rely on.
struct Quirks {
    //! Headers and receipts of Ethereum's types are hashed as on Ethereum: whoever tells them so
    //! that the hashes do not fit lies. Elsewhere that only means that they prove nothing.
    bool is_standard = false;
    //! The header's bloom filter leaves out logs of system transactions (Polygon's state sync), so
    //! that it can't excuse an empty answer.
    bool bloom_is_partial = false;
    //! An OP-stack chain: a transaction also pays for its bytes on L1 (GasPriceOracle predeploy).
    bool has_l1_fee = false;
    //! Fees are paid in a token, there is no native coin to top up with: we do not pay out here.
    bool fees_in_token = false;
};

Quirks quirks_of(std::uint64_t chain_number);

//! So many blocks honest endpoints of one chain may be apart: a few, and more where they come fast.
inline std::uint64_t blocks_apart(const ChainInfo& info) {
    return 3 + 3'000 / std::max<std::uint64_t>(1, info.block_ms);
}

}  // namespace chains::evm::impl
