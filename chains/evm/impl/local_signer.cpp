#include "chains/crypto/bip39.hpp"
#include "chains/evm/address.hpp"
#include "chains/evm/signer.hpp"

namespace chains::evm {
namespace {

constexpr std::string_view kReceiversPath = "m/44'/60'/0'";
constexpr std::string_view kTreasuryPath = "m/44'/60'/1'/0/0";
constexpr std::string_view kGasStationPath = "m/44'/60'/2'/0/0";

core::Error refused(std::string why) { return {core::Errc::kRefused, std::move(why)}; }

}  // namespace

LocalSigner::LocalSigner(crypto::Secp256k1 curve, crypto::ExtendedPrivateKey account,
                         crypto::ExtendedPrivateKey receivers, crypto::SecretKey treasury,
                         crypto::SecretKey gas_station)
    : curve_{std::move(curve)},
      account_{std::move(account)},
      receivers_{std::move(receivers)},
      treasury_{std::move(treasury)},
      gas_station_{std::move(gas_station)} {}

core::Expected<std::unique_ptr<LocalSigner>> LocalSigner::from_seed(crypto::SecretBytes seed,
                                                                    core::Rng& rng) {
    crypto::Secp256k1 curve{rng};
    const auto master = crypto::ExtendedPrivateKey::from_seed(seed.view());
    if (!master) return master.error();
    auto account = master->derive(curve, kReceiversPath);
    if (!account) return account.error();
    auto receivers = account->derive(curve, "0");
    if (!receivers) return receivers.error();
    const auto treasury = master->derive(curve, kTreasuryPath);
    if (!treasury) return treasury.error();
    const auto gas_station = master->derive(curve, kGasStationPath);
    if (!gas_station) return gas_station.error();
    return std::make_unique<LocalSigner>(std::move(curve), std::move(*account),
                                         std::move(*receivers), treasury->key().clone(), gas_station->key().clone());
}

core::Expected<std::unique_ptr<LocalSigner>> LocalSigner::from_mnemonic(
    crypto::SecretBytes mnemonic, std::string_view passphrase, core::Rng& rng) {
    const core::ByteView view = mnemonic.view();
    const std::string_view words{reinterpret_cast<const char*>(view.data()), view.size()};
    auto seed = crypto::bip39_seed(words, passphrase);
    if (!seed) return seed.error();
    return from_seed(std::move(*seed), rng);
}

core::Expected<crypto::SecretKey> LocalSigner::key_of(KeyRef key) const {
    switch (key.role) {
        case KeyRole::kReceiver: {
            if (key.index >= crypto::kHardened) return core::invalid("no such receiver");
            const auto child = receivers_.child(curve_, key.index);
            if (!child) return child.error();
            return child->key().clone();
        }
        case KeyRole::kTreasury:
            if (key.index != 0) return core::invalid("there is one treasury key");
            return treasury_.clone();
        case KeyRole::kGasStation:
            if (key.index != 0) return core::invalid("there is one gas station key");
            return gas_station_.clone();
    }
    return core::invalid("not a role of a key");
}

core::Expected<core::Address> LocalSigner::address_of(KeyRef key) const {
    const auto secret = key_of(key);
    if (!secret) return secret.error();
    return evm::address_of(curve_.public_key_of(*secret));
}

std::string LocalSigner::receivers_xpub() const { return account_.neuter(curve_).text(); }

core::Task<core::Expected<SignedTx>> LocalSigner::sign(SigningRequest request) {
    const auto secret = key_of(request.key);
    if (!secret) co_return secret.error();
    const core::Address signer = evm::address_of(curve_.public_key_of(*secret));
    if (request.tx.order.sender != signer) {
        co_return refused("the order's sender is not the key's address");
    }
    const auto tx = build_transaction(request.tx);
    if (!tx) co_return tx.error();
    const auto signature = curve_.sign_recoverable(signing_hash(*tx), *secret);
    SignedTx out;
    out.raw = encode_raw(*tx, signature);
    // What leaves is read back as the network will read it.
    const auto read_back = decode_raw(out.raw);
    if (!read_back) co_return refused("the signed bytes do not decode");
    if (read_back->sender != signer || read_back->tx != *tx) {
        co_return refused("the signed bytes say something else");
    }
    out.id = read_back->id;
    co_return out;
}

}  // namespace chains::evm
