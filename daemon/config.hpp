#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/chain_types.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"

namespace depositd {

struct ListenAddress {
    std::string host;  //!< an IP literal
    std::uint16_t port = 0;
    std::string text() const;
};

struct ServerConfig {
    ListenAddress public_listen;
    ListenAddress operator_listen;
    std::string operator_token_file;  //!< empty: no token is asked for
    std::string public_base_url;  //!< without trailing slash; empty: from public_listen
    std::int64_t session_ttl_s = 3600;
    std::int64_t requests_per_second_per_ip = 50;
    std::int64_t request_burst_per_ip = 200;
    std::int64_t requests_per_second_per_key = 200;
    std::int64_t request_burst_per_key = 1000;
    std::int64_t connections_max = 4096;
};

struct StorageConfig {
    std::string path;
    unsigned readers = 3;
};

enum class LogFormat { kConsole, kJson };

struct LogConfig {
    std::string level = "info";
    LogFormat format = LogFormat::kConsole;
};

struct KeysConfig {
    std::string evm_account_xpub;  //!< may be empty when there is a mnemonic
    std::string mnemonic_file;     //!< empty: watch only, nothing is paid
};

struct LimitsConfig {
    std::optional<std::uint64_t> payout_whole_tokens_max;
    std::uint64_t max_fee_gwei = 500;
    std::int64_t reconcile_s = 60;  //!< 0: never
    bool allow_calls = false;
    std::uint64_t call_gas_max = 1'000'000;
};

struct WebhooksConfig {
    bool allow_private = false;
    std::int64_t timeout_s = 10;
    std::int64_t retry_first_s = 60;
};

struct EndpointSettings {
    std::string name;
    std::string url;  //!< may hold a secret: never shown
    std::string operator_name;
    std::int64_t rate_per_second = 0;
    std::vector<std::pair<std::string, std::string>> headers;  //!< may hold secrets: never shown
};

struct TokenSettings {
    std::string symbol;
    core::Address address;
    unsigned decimals = 0;
    std::string stray_min;  //!< whole tokens, decimal text
    std::string gasless;    //!< "none", "eip3009", "eip2612"
};

//! What is set here wins over the built-in profile of the chain; what is absent comes from it.
struct ChainSettings {
    core::ChainId id;
    std::optional<std::string> name;
    std::optional<std::string> native_symbol;
    std::optional<std::string> explorer_url;  //!< without trailing slash
    std::optional<bool> mainnet;
    std::optional<bool> scan_native;
    std::optional<std::int64_t> poll_ms;
    std::optional<std::uint64_t> confirmations;
    std::optional<bool> finalized_tag;
    std::optional<std::uint64_t> start_height;
    std::optional<unsigned> quorum;
    bool allow_single_endpoint = false;
    std::optional<std::uint64_t> max_fee_gwei;
    std::vector<EndpointSettings> endpoints;
    std::vector<TokenSettings> tokens;
};

//! Everything the operator chose. Never changes after it was read.
struct Config {
    ServerConfig server;
    StorageConfig storage;
    LogConfig log;
    KeysConfig keys;
    LimitsConfig limits;
    WebhooksConfig webhooks;
    std::vector<ChainSettings> chains;
};

//! Something wrong with the file; line and column are 0 when there is no place to point at.
struct ConfigProblem {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string message;
};

//! Either a config or at least one problem.
struct ConfigResult {
    std::optional<Config> config;
    std::vector<ConfigProblem> problems;
};

//! The parser's view of the world outside the file, replaced in tests.
struct ConfigSources {
    //! Value of an environment variable, none when it is not set.
    std::function<std::optional<std::string>(const std::string& name)> env;
    //! Content of a small file, none when it cannot be read.
    std::function<std::optional<std::string>(const std::string& path)> file;
};
ConfigSources system_sources();

//! Reads and checks the whole text and reports everything that is wrong at once. Texts of problems
//! hold no URL and no header.
ConfigResult parse_config(std::string_view toml, const ConfigSources& sources);
ConfigResult load_config(const std::string& path, const ConfigSources& sources);

//! "depositd.toml:12:1: unknown key …", one per line.
std::string describe(const std::vector<ConfigProblem>& problems, std::string_view file_name);

//! Generated from the declared table: docs/CONFIG.md and config/depositd.example.toml.
std::string config_manual();
std::string config_example();

//! The settings in effect, defaults included, as TOML. URLs and headers are left out.
std::string config_in_effect(const Config& config);

//! Contracts that take a fee of every transfer or change balances by themselves: the sum that arrives
//! is not the sum in the log, so they are refused. The text says why; empty when nothing is known.
std::string_view refused_token(const core::ChainId& chain, const core::Address& contract);

}  // namespace depositd
