#pragma once

#include <cstdint>
#include <string>

#include "core/bytes.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"
#include "core/units.hpp"

namespace chains {

//! Which of our keys. Stored: pinned numbers.
enum class KeyRole : int {
    kReceiver = 1,    //!< m/44'/60'/0'/0/index
    kTreasury = 2,    //!< m/44'/60'/1'/0/0
    kGasStation = 3,  //!< m/44'/60'/2'/0/0
};

struct KeyRef {
    KeyRole role = KeyRole::kReceiver;
    std::uint32_t index = 0;
    friend bool operator==(const KeyRef&, const KeyRef&) = default;
};

//! What a transaction does, in words every family has. Stored: pinned numbers.
enum class CallKind : int {
    kNativeTransfer = 1,
    kTokenTransfer = 2,
    kApprove = 3,  //!< `recipient` may spend `units` of `asset`
    kCall = 4,     //!< calls `recipient` with `data`
    kNoop = 5,     //!< sends nothing to itself, to use up a nonce
};

struct TxOrder {
    CallKind kind = CallKind::kNativeTransfer;
    core::AssetId asset;
    core::Address sender;
    core::Address recipient;
    core::Units units;
    core::Bytes data;
};

//! Wei per gas. Legacy chains use max_fee as the gas price.
struct GasPrice {
    core::Units max_fee;
    core::Units max_priority_fee;
    //! The chain has no base fee: sign type 0 (UnsignedTx::legacy) and pay max_fee.
    bool legacy = false;
    friend bool operator==(const GasPrice&, const GasPrice&) = default;
};

//! One transaction, complete but for the signature. Its identity on EVM is (chain, sender, nonce).
struct UnsignedTx {
    core::ChainId chain;
    TxOrder order;
    std::uint64_t nonce = 0;
    std::uint64_t gas_limit = 0;
    GasPrice price;
    bool legacy = false;  //!< type 0 instead of EIP-1559
};

struct SignedTx {
    core::TxId id;
    core::Bytes raw;
};

//! What a signature is asked for, so that a signer with its own limits can judge it.
struct SigningRequest {
    UnsignedTx tx;
    KeyRef key;
    core::PayoutId payout;
    std::string leg;  //!< "delivery", "refund", …
};

//! The only thing that sees keys. Takes a whole typed transaction, never a digest; signing the same
//! request twice gives the same bytes (RFC 6979). Fails with kRefused when its own rules say no.
class Signer {
  public:
    virtual ~Signer() = default;
    virtual core::Task<core::Expected<SignedTx>> sign(SigningRequest request) = 0;
    //! Would its own rules let an order like this one pass? For asking before a nonce is reserved:
    //! one that is never signed for is a gap. sign() asks again. kRefused says why not.
    virtual core::Expected<core::Done> allows(const TxOrder&) const { return core::Done{}; }
    //! The address of a key.
    virtual core::Expected<core::Address> address_of(KeyRef key) const = 0;
};

}  // namespace chains
