#include "daemon/cli.hpp"

#include <fstream>

#include <CLI/CLI.hpp>

#include "chains/evm/address.hpp"
#include "chains/evm/signer.hpp"
#include "daemon/impl/cli_context.hpp"
#include "daemon/impl/suggest.hpp"
#include "daemon/secrets.hpp"
#include "daemon/serve.hpp"
#include "daemon/version.hpp"

namespace depositd {

namespace {

int write_doc(CliContext& context, const std::string& text, const std::string& file) {
    if (file.empty()) {
        context.out << text;
        return kExitOk;
    }
    std::ofstream out{file};
    out << text;
    if (out.flush()) return kExitOk;
    context.err << "cannot write " << file << "\n";
    return kExitFinding;
}

int print_xpub(CliContext& context, const std::string& file) {
    auto words = read_secret_file(file, {context.sources.env("CREDENTIALS_DIRECTORY"), false});
    if (!words) return context.failed(words.error());
    auto signer = chains::evm::LocalSigner::from_mnemonic(std::move(*words), "", context.rng);
    if (!signer) return context.failed(signer.error());
    const auto gas = (*signer)->address_of({chains::KeyRole::kGasStation, 0});
    const auto treasury = (*signer)->address_of({chains::KeyRole::kTreasury, 0});
    if (!gas) return context.failed(gas.error());
    if (!treasury) return context.failed(treasury.error());
    const std::string gas_text = chains::evm::checksummed(*gas);
    const std::string treasury_text = chains::evm::checksummed(*treasury);
    if (context.json) {
        context.out << nlohmann::json{{"evm_account_xpub", (*signer)->receivers_xpub()},
                                      {"gas_station", gas_text},
                                      {"treasury", treasury_text}}
                           .dump(2)
                    << "\n";
        return kExitOk;
    }
    context.out << "evm_account_xpub  " << (*signer)->receivers_xpub() << "\n"
                << "gas station       " << gas_text << "   (send native coin here: it pays for gas)\n"
                << "treasury          " << treasury_text << "\n";
    return kExitOk;
}

//! The first word that names no subcommand, told with what was probably meant.
bool told_unknown(const CLI::App& app, const std::vector<std::string>& arguments, std::ostream& err) {
    const CLI::App* at = &app;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word == "--config" || word == "-c") ++i;
        if (word.starts_with('-')) continue;
        std::vector<std::string> names;
        const CLI::App* next = nullptr;
        for (const CLI::App* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
            names.push_back(sub->get_name());
            if (sub->get_name() == word) next = sub;
        }
        if (names.empty()) return false;
        if (next == nullptr) {
            err << "unknown command: " << word << "\n";
            if (const std::string meant = closest(word, names); !meant.empty()) {
                err << "did you mean " << meant << "?\n";
            } else {
                err << "see depositd --help\n";
            }
            return true;
        }
        at = next;
    }
    return false;
}

}  // namespace

void add_config_commands(CLI::App& app, CliContext& context) {
    auto* serve_command = app.add_subcommand("serve", "Watch, settle and answer the API until stopped");
    serve_command->footer("Examples:\n  depositd serve --config /etc/depositd/depositd.toml\n\n"
                          "SIGTERM and SIGINT stop it: what is under way ends, at most ten seconds.");
    serve_command->callback([&context] {
        context.chosen = [&context] {
            const auto config = context.config();
            return config ? serve(*config) : kExitUsage;
        };
    });

    auto* config = app.add_subcommand("config", "Check, print and document the configuration");
    config->require_subcommand(1);
    auto* check = config->add_subcommand("check", "Read the file and tell everything that is wrong");
    check->footer("Example:\n  depositd config check --config ./depositd.toml");
    check->callback([&context] {
        context.chosen = [&context] {
            if (!context.config()) return kExitUsage;
            context.out << context.config_path << ": no problems\n";
            return kExitOk;
        };
    });
    auto* print = config->add_subcommand("print", "The settings in effect, without URLs and headers");
    print->callback([&context] {
        context.chosen = [&context] {
            const auto loaded = context.config();
            if (!loaded) return kExitUsage;
            context.out << config_in_effect(*loaded);
            return kExitOk;
        };
    });
    auto* docs = config->add_subcommand("docs", "The manual of every key");
    docs->footer("Examples:\n  depositd config docs\n  depositd config docs --example > depositd.toml\n"
                 "  depositd config docs --metrics --write docs/METRICS.md");
    struct Docs {
        bool example = false;
        bool metrics = false;
        std::string file;
    };
    auto wanted = std::make_shared<Docs>();
    docs->add_flag("--example", wanted->example, "An example file instead");
    docs->add_flag("--metrics", wanted->metrics, "The manual of the metrics instead");
    docs->add_option("--write", wanted->file, "Write to this file");
    docs->callback([&context, wanted] {
        context.chosen = [&context, wanted] {
            const std::string text = wanted->example   ? config_example()
                                     : wanted->metrics ? metrics_manual()
                                                       : config_manual();
            return write_doc(context, text, wanted->file);
        };
    });

    auto* keys = app.add_subcommand("keys", "What follows from the operator's words");
    keys->require_subcommand(1);
    auto* xpub = keys->add_subcommand("xpub", "The account public key and the operator's addresses");
    xpub->footer("Example:\n  depositd keys xpub --mnemonic-file ./words.txt\n\n"
                 "The words are never printed. The file must be readable by its owner alone.");
    auto file = std::make_shared<std::string>();
    xpub->add_option("--mnemonic-file", *file, "File with the BIP-39 words")->required();
    xpub->callback([&context, file] {
        context.chosen = [&context, file] { return print_xpub(context, *file); };
    });

    app.add_subcommand("version", "The version of this program")->callback([&context] {
        context.chosen = [&context] {
            context.out << "depositd " << kVersion << "\n";
            return kExitOk;
        };
    });
}

int run_cli(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    CliContext context{out, err};
    CLI::App app{"Watches deposit addresses and settles what arrives.", "depositd"};
    app.require_subcommand(1);
    app.fallthrough();
    app.add_option("-c,--config", context.config_path, "The configuration file")->capture_default_str();
    app.add_flag("--json", context.json, "Answer in JSON where a command offers it");
    app.footer("`depositd COMMAND --help` explains each with examples.\n"
               "Exit codes: 0 well, 1 failed or something was found, 2 wrong usage or configuration.");
    add_config_commands(app, context);
    add_tenant_commands(app, context);
    add_session_commands(app, context);
    add_payout_commands(app, context);
    add_chain_commands(app, context);
    add_doctor_command(app, context);

    if (told_unknown(app, arguments, err)) return kExitUsage;
    try {
        std::vector<std::string> reversed{arguments.rbegin(), arguments.rend()};
        app.parse(std::move(reversed));
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem, out, err) == 0 ? kExitOk : kExitUsage;
    }
    return context.chosen ? context.chosen() : kExitUsage;
}

}  // namespace depositd
