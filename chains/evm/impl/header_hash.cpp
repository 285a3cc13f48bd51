#include "chains/evm/impl/header_hash.hpp"

#include "chains/evm/rlp.hpp"

#include <vector>

namespace chains::evm::impl {

core::BlockHash header_hash(const HeaderFields& header) {
    std::vector<core::Bytes> items{rlp_string(header.parent.view()),
                                   rlp_string(header.uncles.view()),
                                   rlp_string(header.miner.view()),
                                   rlp_string(header.state_root.view()),
                                   rlp_string(header.transactions_root.view()),
                                   rlp_string(header.receipts_root.view()),
                                   rlp_string(header.bloom.bytes),
                                   rlp_number(header.difficulty),
                                   rlp_number(header.height),
                                   rlp_number(header.gas_limit),
                                   rlp_number(header.gas_used),
                                   rlp_number(header.timestamp),
                                   rlp_string(header.extra),
                                   rlp_string(header.mix.view()),
                                   rlp_string(header.nonce)};
    if (header.base_fee) items.push_back(rlp_number(*header.base_fee));
    if (header.withdrawals_root) items.push_back(rlp_string(header.withdrawals_root->view()));
    if (header.blob_gas_used) items.push_back(rlp_number(*header.blob_gas_used));
    if (header.excess_blob_gas) items.push_back(rlp_number(*header.excess_blob_gas));
    if (header.beacon_root) items.push_back(rlp_string(header.beacon_root->view()));
    if (header.requests_hash) items.push_back(rlp_string(header.requests_hash->view()));
    return core::BlockHash{crypto::keccak256(rlp_list(items)).bytes};
}

}  // namespace chains::evm::impl
