// The operator's file: either a configuration or what is wrong with it, and never a secret in words.

#include "chains/crypto/bip32.hpp"
#include "chains/evm/profiles.hpp"
#include "daemon/config.hpp"
#include "tests/fuzz/target.hpp"

#include <set>
#include <string>

namespace fuzz_config {

using namespace depositd;

constexpr std::string_view kSecret = "hunter2-0f9a";

//! What is in files and in $KEY is secret, other variables are parts of paths.
ConfigSources sources() {
    const auto env = [](const std::string& name) -> std::optional<std::string> {
        if (name == "KEY") return std::string{kSecret};
        if (name == "HOME") return "/home/shop";
        return std::nullopt;
    };
    const auto file = [](const std::string& path) -> std::optional<std::string> {
        if (path == "none") return std::nullopt;
        if (path == "headers") return "Authorization: " + std::string{kSecret} + "\nX: y\n";
        if (path == "broken") return std::string{kSecret};
        return "https://node.example/" + std::string{kSecret} + "\n";
    };
    return {env, file};
}

//! A path that is made of a secret is shown all the same.
bool is_typed(std::string_view text) {
    if (text.find(kSecret) != std::string_view::npos) return true;
    for (auto at = text.find("KEY"); at != std::string_view::npos; at = text.find("KEY", at + 1)) {
        const std::size_t line = text.rfind('\n', at) + 1;
        if (!text.substr(line).starts_with("url = \"http")) return true;
    }
    return false;
}

void check_chain(const ChainSettings& chain) {
    const auto number = chains::evm::chain_number(chain.id);
    MUST(number && core::ChainId::eip155(*number) == chain.id);
    MUST(!chain.endpoints.empty());
    std::set<std::string> names;
    for (const EndpointSettings& endpoint : chain.endpoints) {
        MUST(!endpoint.name.empty() && !endpoint.url.empty());
        MUST(names.insert(endpoint.name).second);
        MUST(endpoint.rate_per_second >= 0);
    }
    std::set<std::string> contracts;
    for (const TokenSettings& token : chain.tokens) {
        MUST(!token.symbol.empty() && token.decimals <= 77);
        MUST(token.address.view().size() == 20 && contracts.insert(token.address.hex0x()).second);
        MUST(refused_token(chain.id, token.address).empty());
    }
}

void check(const Config& config) {
    MUST(config.server.public_listen.port != 0 && config.server.operator_listen.port != 0);
    MUST(config.server.public_listen.text() != config.server.operator_listen.text());
    MUST(config.server.session_ttl_s > 0 && config.server.connections_max > 0);
    MUST(!config.storage.path.empty());
    MUST(!config.keys.evm_account_xpub.empty() || !config.keys.mnemonic_file.empty());
    if (!config.keys.evm_account_xpub.empty()) {
        MUST(chains::crypto::ExtendedPublicKey::from_text(config.keys.evm_account_xpub));
    }
    MUST(!config.chains.empty());
    std::set<std::string> ids;
    for (const ChainSettings& chain : config.chains) {
        MUST(ids.insert(chain.id.text()).second);
        check_chain(chain);
    }
}

//! What is shown is the configuration: read again, it is the same.
void check_shown(const Config& config) {
    std::string text = config_in_effect(config);
    const std::string shown = text;
    constexpr std::string_view kHidden = "# url and headers are not shown";
    for (auto at = text.find(kHidden); at != std::string::npos; at = text.find(kHidden)) {
        text.replace(at, kHidden.size(), "url = \"http://127.0.0.1:1\"");
    }
    const auto again = parse_config(text, sources());
    MUST(again.config);
    MUST(config_in_effect(*again.config) == shown);
}

}  // namespace fuzz_config

FUZZ_TARGET(config) {
    using namespace fuzz_config;
    const ConfigResult result = parse_config(input, sources());
    MUST(result.config.has_value() == result.problems.empty());
    const std::string said = describe(result.problems, "depositd.toml");
    const bool typed = is_typed(input);
    MUST(typed || said.find(kSecret) == std::string::npos);
    if (!result.config) return MUST(!said.empty());
    check(*result.config);
    MUST(typed || config_in_effect(*result.config).find(kSecret) == std::string::npos);
    if (input.find("are not shown") == std::string_view::npos) check_shown(*result.config);
}
