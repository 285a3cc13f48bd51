#include "chains/evm/typed_data.hpp"

#include <initializer_list>
#include <string_view>

#include "chains/crypto/keccak.hpp"

namespace chains::evm {

namespace {

crypto::Digest hash_of(std::string_view text) { return crypto::keccak256(core::bytes_of(text)); }

// keccak256(type hash ‖ words)
crypto::Digest hash_struct(std::string_view type, std::initializer_list<Bytes32> words) {
    const crypto::Digest type_hash = hash_of(type);
    core::Bytes joined(type_hash.bytes.begin(), type_hash.bytes.end());
    for (const Bytes32& word : words) {
        joined.insert(joined.end(), word.bytes.begin(), word.bytes.end());
    }
    return crypto::keccak256(joined);
}

Bytes32 word_of(const crypto::Digest& digest) { return Bytes32{digest.bytes}; }
Bytes32 word_of(std::uint64_t number) { return chains::evm::word_of(core::Units{number}); }
using chains::evm::word_of;

}  // namespace

crypto::Digest domain_separator(const TypedDataDomain& domain) {
    return hash_struct(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
        {word_of(hash_of(domain.name)), word_of(hash_of(domain.version)), word_of(domain.chain_id),
         word_of(domain.verifying_contract)});
}

crypto::Digest domain_separator_salted(const TypedDataDomain& domain) {
    return hash_struct(
        "EIP712Domain(string name,string version,address verifyingContract,bytes32 salt)",
        {word_of(hash_of(domain.name)), word_of(hash_of(domain.version)),
         word_of(domain.verifying_contract), word_of(domain.chain_id)});
}

crypto::Digest typed_data_digest(const crypto::Digest& separator,
                                 const crypto::Digest& struct_hash) {
    constexpr std::uint8_t kPrefix[] = {0x19, 0x01};
    return crypto::keccak256({kPrefix, separator.view(), struct_hash.view()});
}

crypto::Digest struct_hash(AuthorizationKind kind, const TransferAuthorization& message) {
    const std::string_view type =
        kind == AuthorizationKind::kTransfer
            ? "TransferWithAuthorization(address from,address to,uint256 value,"
              "uint256 validAfter,uint256 validBefore,bytes32 nonce)"
            : "ReceiveWithAuthorization(address from,address to,uint256 value,"
              "uint256 validAfter,uint256 validBefore,bytes32 nonce)";
    return hash_struct(type, {word_of(message.from), word_of(message.to), word_of(message.value),
                              word_of(message.valid_after), word_of(message.valid_before),
                              message.nonce});
}

crypto::Digest struct_hash(const CancelAuthorization& message) {
    return hash_struct("CancelAuthorization(address authorizer,bytes32 nonce)",
                       {word_of(message.authorizer), message.nonce});
}

crypto::Digest struct_hash(const Permit& message) {
    return hash_struct(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)",
        {word_of(message.owner), word_of(message.spender), word_of(message.value),
         word_of(message.nonce), word_of(message.deadline)});
}

}  // namespace chains::evm
