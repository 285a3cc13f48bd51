#include "chains/evm/address_codec.hpp"
#include "chains/evm/signer.hpp"
#include "daemon/assemble.hpp"
#include "daemon/impl/capped_signer.hpp"
#include "daemon/secrets.hpp"

namespace depositd {

core::Expected<Keys> load_keys(const Config& config, const std::vector<chains::ChainInfo>& infos,
                               const ConfigSources& sources, core::Rng& rng) {
    Keys out;
    std::string xpub = config.keys.evm_account_xpub;
    if (!config.keys.mnemonic_file.empty()) {
        SecretFileRules rules{sources.env("CREDENTIALS_DIRECTORY"), false};
        for (const chains::ChainInfo& info : infos) {
            rules.credential_required = rules.credential_required || info.is_mainnet;
        }
        auto words = read_secret_file(config.keys.mnemonic_file, rules);
        if (!words) return words.error();
        auto signer = chains::evm::LocalSigner::from_mnemonic(std::move(*words), "", rng);
        if (!signer) {
            return core::invalid(config.keys.mnemonic_file + ": " + signer.error().message);
        }
        const std::string own_xpub = (*signer)->receivers_xpub();
        if (xpub.empty()) xpub = own_xpub;
        if (xpub != own_xpub) {
            return core::invalid("keys.evm_account_xpub does not belong to keys.mnemonic_file: money "
                                 "sent to its addresses could not be moved");
        }
        for (const auto role : {chains::KeyRole::kTreasury, chains::KeyRole::kGasStation}) {
            auto address = (*signer)->address_of({role, 0});
            if (!address) return address.error();
            out.operators.push_back(*address);
        }
        out.signer = std::move(*signer);
        if (config.limits.payout_whole_tokens_max) {
            out.signer = std::make_unique<CappedSigner>(
                std::move(out.signer), *config.limits.payout_whole_tokens_max, infos);
        }
    }
    auto deriver = chains::evm::EvmReceiverDeriver::from_xpub(xpub);
    if (!deriver) return deriver.error();
    out.deriver = std::make_unique<chains::evm::EvmReceiverDeriver>(std::move(*deriver));
    return out;
}

}  // namespace depositd
