#include "daemon/config.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include <boost/asio/ip/address.hpp>

#include "chains/crypto/bip32.hpp"
#include "chains/evm/address.hpp"
#include "chains/evm/profiles.hpp"
#include "core/check.hpp"
#include "daemon/impl/config_values.hpp"

namespace depositd {

namespace {

using Problems = std::vector<ConfigProblem>;

void report(Problems& problems, SourcePlace place, std::string message) {
    problems.push_back({place.line, place.column, std::move(message)});
}

const ConfigTable& section(const std::vector<ConfigTable>& tables, std::string_view path) {
    for (const ConfigTable& table : tables) {
        if (table.section() == path) return table;
    }
    CHECK(false, path);
}

bool is_loopback(const ListenAddress& listen) {
    return boost::asio::ip::make_address(listen.host).is_loopback();
}

ServerConfig server_of(const ConfigTable& table, Problems& problems) {
    ServerConfig out;
    if (auto listen = parse_listen(table.text("public_listen"))) out.public_listen = *listen;
    if (auto listen = parse_listen(table.text("operator_listen"))) {
        out.operator_listen = *listen;
        if (!is_loopback(*listen) && !table.has("operator_token_file")) {
            report(problems, table.place_of("operator_listen"),
                   "server.operator_listen must be a loopback address, or server.operator_token_file "
                   "be set");
        }
    }
    out.operator_token_file = table.text("operator_token_file");
    if (out.public_listen.port != 0 && out.public_listen.text() == out.operator_listen.text()) {
        report(problems, table.place_of("operator_listen"),
               "server.operator_listen must differ from server.public_listen");
    }
    out.public_base_url = table.text("public_base_url");
    while (out.public_base_url.ends_with('/')) out.public_base_url.pop_back();
    out.session_ttl_s = table.integer("session_ttl_s");
    out.requests_per_second_per_ip = table.integer("requests_per_second_per_ip");
    out.request_burst_per_ip = table.integer("request_burst_per_ip");
    out.requests_per_second_per_key = table.integer("requests_per_second_per_key");
    out.request_burst_per_key = table.integer("request_burst_per_key");
    out.connections_max = table.integer("connections_max");
    return out;
}

KeysConfig keys_of(const ConfigTable& table, Problems& problems) {
    KeysConfig out;
    out.evm_account_xpub = table.text("evm_account_xpub");
    out.mnemonic_file = table.text("mnemonic_file");
    if (!out.evm_account_xpub.empty()) {
        const auto key = chains::crypto::ExtendedPublicKey::from_text(out.evm_account_xpub);
        if (!key) {
            report(problems, table.place_of("evm_account_xpub"),
                   "keys.evm_account_xpub: " + key.error().message);
        } else if (key->origin().depth != 3) {
            report(problems, table.place_of("evm_account_xpub"),
                   "keys.evm_account_xpub must be the key of m/44'/60'/0' (depth 3), this one has depth " +
                       std::to_string(key->origin().depth));
        }
    }
    if (!table.mentions("evm_account_xpub") && !table.mentions("mnemonic_file")) {
        report(problems, table.place(),
               "[keys] needs evm_account_xpub (watch only) or mnemonic_file; `depositd keys xpub` makes "
               "the first from the second");
    }
    return out;
}

std::vector<std::pair<std::string, std::string>> headers_of(const ConfigTable& table,
                                                            const ConfigSources& sources,
                                                            Problems& problems) {
    std::vector<std::pair<std::string, std::string>> out;
    const auto path = table.maybe_text("headers_file");
    if (!path) return out;
    const auto content = sources.file(*path);
    if (!content) {
        report(problems, table.place_of("headers_file"),
               "chain.endpoint.headers_file: cannot read " + *path);
        return out;
    }
    std::size_t number = 0;
    for (std::size_t at = 0; at < content->size();) {
        const std::size_t end = std::min(content->find('\n', at), content->size());
        std::string line = content->substr(at, end - at);
        at = end + 1;
        ++number;
        if (line.ends_with('\r')) line.pop_back();
        if (line.empty()) continue;
        const auto colon = line.find(": ");
        if (colon == std::string::npos || colon == 0) {
            report(problems, table.place_of("headers_file"),
                   *path + ": line " + std::to_string(number) + " is not of the form `Name: value`");
            continue;
        }
        out.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    return out;
}

TokenSettings token_of(const ConfigTable& table, const core::ChainId& chain, Problems& problems) {
    TokenSettings out;
    out.symbol = table.text("symbol");
    out.decimals = static_cast<unsigned>(table.integer("decimals"));
    out.stray_min = table.text("stray_min");
    out.gasless = table.text("gasless");
    if (table.flag("fee_on_transfer")) {
        report(problems, table.place_of("fee_on_transfer"),
               "chain.token.fee_on_transfer: such tokens are refused, because less arrives than the "
               "transfer says");
    }
    if (!out.stray_min.empty() && !core::Units::from_token_decimal(out.stray_min, out.decimals)) {
        report(problems, table.place_of("stray_min"),
               "chain.token.stray_min has more decimals than the token");
    }
    if (!table.has("address")) return out;
    auto address = chains::evm::parse_address(table.text("address"));
    if (!address) {
        report(problems, table.place_of("address"), "chain.token.address: " + address.error().message);
        return out;
    }
    out.address = *address;
    if (const auto why = refused_token(chain, out.address); !why.empty()) {
        report(problems, table.place_of("address"),
               "chain.token " + out.symbol + " is refused: " + std::string{why});
    }
    return out;
}

template <class T>
std::optional<T> number_of(const ConfigTable& table, std::string_view key) {
    const auto value = table.maybe_integer(key);
    if (!value) return std::nullopt;
    return static_cast<T>(*value);
}

ChainSettings chain_of(const ConfigTable& table, const ConfigSources& sources, Problems& problems) {
    ChainSettings out;
    if (auto id = core::ChainId::from_text(table.text("id"))) out.id = *id;
    if (!out.id.empty() && out.id.name_space() != "eip155") {
        report(problems, table.place_of("id"),
               "chain.id: chains of the family " + std::string{out.id.name_space()} +
                   " are not offered; EVM chains are written eip155:<number>");
    } else if (!out.id.empty() && !chains::evm::chain_number(out.id)) {
        // Two spellings of one number would watch one chain twice.
        report(problems, table.place_of("id"),
               "chain.id " + out.id.text() +
                   " is no EVM chain: the number has digits only and no leading zero");
    }
    out.name = table.maybe_text("name");
    out.native_symbol = table.maybe_text("native_symbol");
    out.explorer_url = table.maybe_text("explorer_url");
    while (out.explorer_url && out.explorer_url->ends_with('/')) out.explorer_url->pop_back();
    out.mainnet = table.maybe_flag("mainnet");
    out.scan_native = table.maybe_flag("scan_native");
    out.poll_ms = table.maybe_integer("poll_ms");
    out.confirmations = number_of<std::uint64_t>(table, "confirmations");
    out.finalized_tag = table.maybe_flag("finalized_tag");
    out.start_height = number_of<std::uint64_t>(table, "start_height");
    out.quorum = number_of<unsigned>(table, "quorum");
    out.allow_single_endpoint = table.flag("allow_single_endpoint");
    out.max_fee_gwei = number_of<std::uint64_t>(table, "max_fee_gwei");

    std::set<std::string> names;
    std::set<core::Address> contracts;
    for (const ConfigTable& child : table.children) {
        if (child.section() == "chain.endpoint") {
            EndpointSettings endpoint;
            endpoint.name = child.maybe_text("name").value_or(
                "rpc" + std::to_string(out.endpoints.size() + 1));
            endpoint.url = child.text("url");
            endpoint.operator_name = child.maybe_text("operator").value_or(endpoint.name);
            endpoint.rate_per_second = child.integer("rate_per_second");
            endpoint.headers = headers_of(child, sources, problems);
            if (!names.insert(endpoint.name).second) {
                report(problems, child.place_of("name"),
                       "chain.endpoint.name " + endpoint.name + " is used twice on this chain");
            }
            out.endpoints.push_back(std::move(endpoint));
        } else {
            TokenSettings token = token_of(child, out.id, problems);
            if (!token.address.empty() && !contracts.insert(token.address).second) {
                report(problems, child.place_of("address"),
                       "chain.token.address is listed twice on this chain");
            }
            out.tokens.push_back(std::move(token));
        }
    }
    if (out.endpoints.empty()) {
        report(problems, table.place(), "[[chain]] " + out.id.text() + " has no [[chain.endpoint]]");
    }
    if (out.quorum && *out.quorum > out.endpoints.size()) {
        report(problems, table.place_of("quorum"),
               "chain.quorum asks for more endpoints than are configured");
    }
    return out;
}

std::optional<std::string> read_small_file(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in) return std::nullopt;
    std::string out{std::istreambuf_iterator<char>{in}, {}};
    if (in.bad()) return std::nullopt;
    return out;
}

}  // namespace

std::string ListenAddress::text() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

ConfigSources system_sources() {
    return {[](const std::string& name) -> std::optional<std::string> {
                // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here ever calls setenv.
                const char* value = std::getenv(name.c_str());
                if (value == nullptr) return std::nullopt;
                return std::string{value};
            },
            read_small_file};
}

ConfigResult parse_config(std::string_view toml, const ConfigSources& sources) {
    ConfigResult out;
    const std::vector<ConfigTable> tables = read_tables(toml, sources, out.problems);
    if (tables.empty()) return out;

    Config config;
    config.server = server_of(section(tables, "server"), out.problems);
    const ConfigTable& storage = section(tables, "storage");
    config.storage = {storage.text("path"), static_cast<unsigned>(storage.integer("readers"))};
    const ConfigTable& log = section(tables, "log");
    config.log = {log.text("level"),
                  log.text("format") == "json" ? LogFormat::kJson : LogFormat::kConsole};
    config.keys = keys_of(section(tables, "keys"), out.problems);
    const ConfigTable& limits = section(tables, "limits");
    config.limits = {number_of<std::uint64_t>(limits, "payout_whole_tokens_max"),
                     static_cast<std::uint64_t>(limits.integer("max_fee_gwei")),
                     limits.integer("reconcile_s"), limits.flag("allow_calls"),
                     static_cast<std::uint64_t>(limits.integer("call_gas_max"))};
    const ConfigTable& webhooks = section(tables, "webhooks");
    config.webhooks = {webhooks.flag("allow_private"), webhooks.integer("timeout_s"),
                       webhooks.integer("retry_first_s")};

    std::set<core::ChainId> ids;
    for (const ConfigTable& table : tables) {
        if (table.section() != "chain") continue;
        config.chains.push_back(chain_of(table, sources, out.problems));
        const core::ChainId& id = config.chains.back().id;
        if (!id.empty() && !ids.insert(id).second) {
            report(out.problems, table.place_of("id"), "chain.id " + id.text() + " is configured twice");
        }
    }
    if (config.chains.empty()) {
        report(out.problems, {}, "there is no [[chain]]: nothing would be watched");
    }
    std::stable_sort(out.problems.begin(), out.problems.end(),
                     [](const auto& a, const auto& b) { return a.line < b.line; });
    if (out.problems.empty()) out.config = std::move(config);
    return out;
}

ConfigResult load_config(const std::string& path, const ConfigSources& sources) {
    const auto content = sources.file(path);
    if (content) return parse_config(*content, sources);
    ConfigResult out;
    out.problems.push_back({0, 0, "cannot read this file; give its path with --config"});
    return out;
}

std::string describe(const std::vector<ConfigProblem>& problems, std::string_view file_name) {
    std::string out;
    for (const ConfigProblem& problem : problems) {
        out += file_name;
        if (problem.line != 0) {
            out += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
        }
        out += ": " + problem.message + "\n";
    }
    return out;
}

std::string_view refused_token(const core::ChainId& chain, const core::Address& contract) {
    struct Refused {
        std::string_view chain;
        std::string_view address;
        std::string_view why;
    };
    static constexpr Refused kRefused[] = {
        {"eip155:1", "0x45804880de22913dafe09f4980848ece6ecbaf78", "PAXG takes a fee of transfers"},
        {"eip155:1", "0xa7de087329bfcda5639247f96140f9dabe3deed1", "STA burns part of every transfer"},
        {"eip155:1", "0xae7ab96520de3a18e5e111b5eaab095312d7fe84", "stETH changes balances by itself"},
        {"eip155:1", "0xd46ba6d942050d489dbd938a2c909a5d5039a161", "AMPL changes balances by itself"},
    };
    const std::string address = contract.hex0x();
    for (const Refused& refused : kRefused) {
        if (refused.chain == chain.text() && refused.address == address) return refused.why;
    }
    return {};
}

}  // namespace depositd
