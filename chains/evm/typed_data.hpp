#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "chains/crypto/digest.hpp"
#include "chains/evm/word.hpp"

namespace chains::evm {

// https://eips.ethereum.org/EIPS/eip-712

struct TypedDataDomain {
    std::string name;
    std::string version;
    std::uint64_t chain_id = 0;
    core::Address verifying_contract;
};

//! EIP712Domain(string name,string version,uint256 chainId,address verifyingContract): what a
//! token's DOMAIN_SEPARATOR() has to answer before anything is signed for it.
crypto::Digest domain_separator(const TypedDataDomain& domain);

//! EIP712Domain(string name,string version,address verifyingContract,bytes32 salt), the salt being
//! the chain id: tokens bridged to Polygon PoS.
crypto::Digest domain_separator_salted(const TypedDataDomain& domain);

//! keccak256(19 01 ‖ separator ‖ struct hash): what is signed.
crypto::Digest typed_data_digest(const crypto::Digest& separator,
                                 const crypto::Digest& struct_hash);

//! https://eips.ethereum.org/EIPS/eip-3009
enum class AuthorizationKind { kTransfer, kReceive };

struct TransferAuthorization {
    core::Address from;
    core::Address to;
    core::Units value;
    std::uint64_t valid_after = 0;   //!< unix seconds; valid when now is later
    std::uint64_t valid_before = 0;  //!< unix seconds; valid when now is earlier
    Bytes32 nonce;                   //!< any number used once by `from`
};
crypto::Digest struct_hash(AuthorizationKind kind, const TransferAuthorization& message);

struct CancelAuthorization {
    core::Address authorizer;
    Bytes32 nonce;
};
crypto::Digest struct_hash(const CancelAuthorization& message);

//! https://eips.ethereum.org/EIPS/eip-2612
struct Permit {
    core::Address owner;
    core::Address spender;
    core::Units value;
    core::Units nonce;     //!< the owner's next one
    core::Units deadline;  //!< unix seconds
};
crypto::Digest struct_hash(const Permit& message);

}  // namespace chains::evm
