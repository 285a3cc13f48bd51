#pragma once

#include <span>

#include "chains/evm/word.hpp"

namespace chains::evm {

//! keccak256("Transfer(address,address,uint256)"), topic 0. ERC-721 has the same one with a fourth
//! topic.
const Bytes32& erc20_transfer_topic();

struct Erc20Transfer {
    core::Address from;
    core::Address to;
    core::Units value;
};

//! kMalformed unless there are exactly three topics, the first of them the right one, the others
//! addresses with their upper 12 bytes zero, and exactly 32 bytes of data. Anything looser would
//! let a token that is none credit a deposit.
core::Expected<Erc20Transfer> decode_erc20_transfer(std::span<const Bytes32> topics,
                                                    core::ByteView data);

}  // namespace chains::evm
