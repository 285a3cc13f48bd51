#pragma once

#include "chains/crypto/bip32.hpp"
#include "chains/crypto/secret.hpp"
#include "chains/evm/transaction.hpp"
#include "chains/ports/signer.hpp"
#include "core/rng.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chains::evm {

//! What an order is on the wire.
struct CallParts {
    core::Address to;
    core::Units value;  //!< wei
    core::Bytes data;
};

//! kNativeTransfer: value to the recipient, data passed on. kTokenTransfer, kApprove: a call of the
//! token's contract ("eip155:N/erc20:0x…"). kCall: data to the recipient, `units` as value when the
//! asset is native, otherwise none. kNoop: nothing to the sender itself. kInvalid for an order that
//! makes no sense: zero recipient, a token kind with a native asset, an asset of another family.
core::Expected<CallParts> build_call(const TxOrder& order);
//! The data of it alone.
core::Expected<core::Bytes> build_call_data(const TxOrder& order);

//! The transaction that will be signed. kInvalid also for no gas, a tip above the fee cap, an asset
//! of another chain.
core::Expected<Transaction> build_transaction(const UnsignedTx& tx);

//! Signs in this process. For development and for single-host use: a separate process with its own
//! limits is the port's other implementation.
//!
//! Keys: m/44'/60'/0'/0/index (receiver), m/44'/60'/1'/0/0 (treasury), m/44'/60'/2'/0/0 (gas
//! station). One signer serves all EVM chains. sign() refuses (kRefused) when the order's sender is
//! not the key's address, and recovers the sender from the finished bytes before it returns them.
class LocalSigner final : public Signer {
  public:
    //! 16 to 64 bytes; wiped when this returns.
    static core::Expected<std::unique_ptr<LocalSigner>> from_seed(crypto::SecretBytes seed,
                                                                  core::Rng& rng);
    //! BIP-39, English.
    static core::Expected<std::unique_ptr<LocalSigner>> from_mnemonic(crypto::SecretBytes mnemonic,
                                                                      std::string_view passphrase,
                                                                      core::Rng& rng);

    core::Task<core::Expected<SignedTx>> sign(SigningRequest request) override;
    core::Expected<core::Address> address_of(KeyRef key) const override;

    //! "xpub…" of m/44'/60'/0', for EvmReceiverDeriver.
    std::string receivers_xpub() const;

    LocalSigner(crypto::Secp256k1 curve, crypto::ExtendedPrivateKey account,
                crypto::ExtendedPrivateKey receivers, crypto::SecretKey treasury,
                crypto::SecretKey gas_station);

  private:
    core::Expected<crypto::SecretKey> key_of(KeyRef key) const;

    crypto::Secp256k1 curve_;
    crypto::ExtendedPrivateKey account_;
    crypto::ExtendedPrivateKey receivers_;  //!< their parent
    crypto::SecretKey treasury_;
    crypto::SecretKey gas_station_;
};

}  // namespace chains::evm
