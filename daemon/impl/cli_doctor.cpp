#include <algorithm>
#include <filesystem>
#include <set>

#include <CLI/CLI.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "chains/evm/address.hpp"
#include "chains/evm/profiles.hpp"
#include "daemon/impl/chain_settings.hpp"
#include "daemon/impl/cli_context.hpp"
#include "daemon/impl/probe.hpp"

namespace depositd {

namespace {

constexpr core::Millis kSkewMax{30'000};

//! Looks at everything an operator can get wrong, and tells each finding in one line.
class Doctor {
  public:
    Doctor(CliContext& context, const Config& config) : context_{context}, config_{config} {}

    int examine() {
        check_storage();
        auto infos = chain_infos_of(config_);
        if (!infos) {
            bad(infos.error().message);
            return finish();
        }
        check_config_file();
        const auto keys = check_keys(*infos);
        const auto http = net::make_curl_http_client(context_.io.get_executor(), {}, *context_.log);
        auto chains = make_chains(config_, *http, context_.around());
        if (!chains) {
            bad(chains.error().message);
            return finish();
        }
        for (std::size_t i = 0; i < chains->size(); ++i) {
            check_chain(config_.chains[i], (*chains)[i], keys ? keys->operators : no_addresses_);
        }
        return finish();
    }

  private:
    void line(const char* mark, const std::string& text) {
        findings_.push_back({{"result", mark}, {"text", text}});
        if (!context_.json) context_.out << mark << "  " << text << "\n" << std::flush;
    }
    void good(const std::string& text) { line("ok  ", text); }
    void warn(const std::string& text) { line("warn", text); }
    void bad(const std::string& text) {
        line("FAIL", text);
        ++failures_;
    }

    int finish() {
        if (context_.json) {
            context_.out << findings_.dump(2) << "\n";
        } else if (failures_ == 0) {
            context_.out << "\nnothing keeps the daemon from working\n";
        } else {
            context_.out << "\n" << failures_ << " problems\n";
        }
        return failures_ == 0 ? kExitOk : kExitFinding;
    }

    void check_storage() {
        namespace fs = std::filesystem;
        const fs::path file{config_.storage.path};
        const fs::path folder = file.parent_path().empty() ? fs::path{"."} : file.parent_path();
        std::error_code failed;
        if (!fs::is_directory(folder, failed)) return bad("storage: no folder " + folder.string());
        if (access(folder.c_str(), W_OK) != 0) {
            return bad("storage: " + folder.string() + " cannot be written by this user");
        }
        struct stat info {};
        if (stat(file.c_str(), &info) == 0 && (info.st_mode & 0077) != 0) {
            warn("storage: others may read " + file.string() + "; run chmod 600 on it");
        }
        const auto space = fs::space(folder, failed);
        if (!failed && space.available < 1024ULL * 1024 * 1024) {
            warn("storage: less than 1 GiB is free in " + folder.string());
        } else {
            good("storage: " + file.string());
        }
    }

    void check_config_file() {
        struct stat info {};
        if (stat(context_.config_path.c_str(), &info) == 0 && (info.st_mode & 0022) != 0) {
            bad("config: others may write " + context_.config_path + ", and with it decide who is paid");
        } else {
            good("config: " + context_.config_path);
        }
    }

    std::optional<Keys> check_keys(const std::vector<chains::ChainInfo>& infos) {
        auto keys = load_keys(config_, infos, context_.sources, context_.rng);
        if (!keys) {
            bad("keys: " + keys.error().message);
            return std::nullopt;
        }
        if (keys->signer == nullptr) {
            warn("keys: no mnemonic_file: deposits are watched, nothing is paid");
        } else {
            good("keys: the account public key belongs to the mnemonic; gas station " +
                 chains::evm::checksummed(keys->operators.back()));
        }
        return std::move(*keys);
    }

    void check_chain(const ChainSettings& settings, ChainParts& chain,
                     const std::vector<core::Address>& operators) {
        const std::string name = chain.info.id.text();
        std::set<std::string> operator_names;
        for (const auto& endpoint : settings.endpoints) operator_names.insert(endpoint.operator_name);
        if (operator_names.size() < 2) {
            const bool refused = chain.info.is_mainnet && !settings.allow_single_endpoint;
            warn(name + ": endpoints of one operator only, a lie cannot be told from the truth" +
                 (refused ? "; payouts are refused unless allow_single_endpoint is set" : ""));
        }
        bool answers = false;
        for (std::size_t i = 0; i < chain.pool->size(); ++i) {
            answers = check_endpoint(chain, i) || answers;
        }
        if (!answers) return bad(name + ": no endpoint is usable");
        if (config_.limits.allow_calls) {
            check_rehearsals(chain, settings.quorum.value_or(chain.info.payout_final.endpoints),
                             operator_names.size());
        }
        for (const chains::TokenInfo& token : chain.info.tokens) {
            if (!token.contract.empty()) check_token(chain, token);
        }
        if (!operators.empty()) check_gas_station(chain, operators.back());
    }

    //! Without rehearsals no call is made: every session with calldata would be paid and bounce.
    void check_rehearsals(ChainParts& chain, std::size_t quorum, std::size_t operators) {
        const std::string name = chain.info.id.text();
        const auto statuses = chain.pool->status();
        std::set<std::string> able;
        for (std::size_t i = 0; i < chain.pool->size(); ++i) {
            const auto done = context_.wait(probe_rehearsal(*chain.pool, i));
            if (done) {
                able.insert(statuses[i].operator_name);
            } else {
                warn(name + " " + chain.pool->name(i) + ": cannot rehearse calls (eth_simulateV1): " +
                     done.error().message);
            }
        }
        const std::size_t needed = std::max(quorum, std::min<std::size_t>(operators, 2));
        if (able.size() < needed) {
            return bad(name + ": limits.allow_calls is set, and " + std::to_string(able.size()) + " of " +
                       std::to_string(needed) + " operators rehearse calls (eth_simulateV1): every " +
                       "session with calldata would bounce");
        }
        good(name + ": calls can be rehearsed");
    }

    bool check_endpoint(ChainParts& chain, std::size_t index) {
        const std::string name = chain.info.id.text() + " " + chain.pool->name(index);
        const auto facts = context_.wait(probe_endpoint(*chain.pool, index));
        if (!facts) {
            bad(name + ": " + facts.error().message);
            return false;
        }
        const auto expected = chains::evm::chain_number(chain.info.id);
        if (!expected || *expected != facts->chain_number) {
            bad(name + ": serves chain " + std::to_string(facts->chain_number));
            return false;
        }
        const bool wants_tag = chain.info.payout_final.finalized_tag ||
                               chain.info.credit.back().finalized_tag;
        if (wants_tag && !facts->finalized) {
            bad(name + ": has no finalized tag, so nothing would ever be credited; set finalized_tag = "
                       "false with enough confirmations if the chain has none");
        }
        const core::Millis skew = facts->latest_mined_at - context_.clock.now();
        const core::Millis age = -skew;
        if (skew > kSkewMax) {
            bad(name + ": its newest block is " + std::to_string(skew.count() / 1000) +
                " s in the future: this host's clock is behind");
        } else if (chain.info.is_mainnet &&
                   age > core::Millis{static_cast<std::int64_t>(chain.info.block_ms) * 20} + kSkewMax) {
            warn(name + ": its newest block is " + std::to_string(age.count() / 1000) +
                 " s old: the node is behind, or this host's clock ahead");
        }
        good(name + ": block " + std::to_string(facts->latest) +
             (facts->finalized ? ", final " + std::to_string(*facts->finalized) : ""));
        return true;
    }

    void check_token(ChainParts& chain, const chains::TokenInfo& token) {
        const std::string name = chain.info.id.text() + " " + token.symbol;
        if (const auto why = refused_token(chain.info.id, token.contract); !why.empty()) {
            return bad(name + ": is refused: " + std::string{why});
        }
        const auto facts = context_.wait(probe_token(*chain.pool, token.contract));
        if (!facts) return bad(name + ": " + facts.error().message);
        if (facts->decimals != token.decimals) {
            return bad(name + ": the contract has " + std::to_string(facts->decimals) +
                       " decimals, configured are " + std::to_string(token.decimals));
        }
        if (facts->symbol != token.symbol) {
            return warn(name + ": the contract calls itself " + facts->symbol);
        }
        good(name + ": " + std::to_string(token.decimals) + " decimals");
    }

    void check_gas_station(ChainParts& chain, const core::Address& station) {
        const std::string name = chain.info.id.text() + " gas station " +
                                 chains::evm::checksummed(station);
        const auto balance = context_.wait(chain.sender->native_balance(station));
        if (!balance) return bad(name + ": " + balance.error().message);
        const std::string text = balance->token_decimal(chain.info.native_decimals) + " " +
                                 chain.info.native_symbol;
        if (balance->is_zero()) {
            bad(name + ": holds nothing; receivers of tokens cannot be given gas");
        } else {
            good(name + ": " + text);
        }
    }

    CliContext& context_;
    const Config& config_;
    const std::vector<core::Address> no_addresses_;
    nlohmann::json findings_ = nlohmann::json::array();
    int failures_ = 0;
};

}  // namespace

void add_doctor_command(CLI::App& app, CliContext& context) {
    auto* doctor = app.add_subcommand("doctor", "Check files, keys, nodes, tokens, clock and gas");
    doctor->footer("Example:\n  depositd doctor --config ./depositd.toml\n\n"
                   "Asks every node. Changes nothing. Exit code 1 when something has to be mended.");
    doctor->callback([&context] {
        context.chosen = [&context] {
            const auto config = context.config();
            if (!config) return int{kExitUsage};
            return Doctor{context, *config}.examine();
        };
    });
}

}  // namespace depositd
