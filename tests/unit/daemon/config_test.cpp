#include "daemon/config.hpp"

#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "daemon/impl/chain_settings.hpp"
#include "daemon/impl/config_table.hpp"

namespace depositd {

namespace {

constexpr const char* kXpub =
    "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8"
    "ddYM3PwnATt";

ConfigSources sources(std::map<std::string, std::string> env = {},
                      std::map<std::string, std::string> files = {}) {
    const auto lookup = [](std::map<std::string, std::string> table) {
        return [table](const std::string& key) -> std::optional<std::string> {
            const auto found = table.find(key);
            if (found == table.end()) return std::nullopt;
            return found->second;
        };
    };
    return {lookup(std::move(env)), lookup(std::move(files))};
}

std::string with_chain(const std::string& more) {
    return "[keys]\nevm_account_xpub = \"" + std::string{kXpub} +
           "\"\n[[chain]]\nid = 31337\n[[chain.endpoint]]\nurl = \"http://127.0.0.1:8545\"\n" + more;
}

std::string on_disk(const std::string& path) {
    std::ifstream in{std::string{DEPOSITD_SOURCE_DIR} + "/" + path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

bool mentions(const ConfigResult& result, std::string_view text) {
    return describe(result.problems, "f").find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("config: several mistakes -> all reported, each with its line") {
    const auto result = parse_config(
        "[server]\n"
        "public_listn = \"127.0.0.1:1\"\n"
        "session_ttl_s = \"3600\"\n"
        "operator_listen = \"localhost\"\n"
        "[loging]\n"
        "[[chain]]\n"
        "poll_ms = 1\n",
        sources());
    REQUIRE_FALSE(result.config);
    const std::string text = describe(result.problems, "f.toml");
    INFO(text);
    CHECK(text.find("f.toml:2:1: unknown key public_listn in [server]; did you mean public_listen?") !=
          std::string::npos);
    CHECK(text.find("f.toml:3:17: server.session_ttl_s must be a whole number") != std::string::npos);
    CHECK(text.find("f.toml:4:19: server.operator_listen must be an IP address") != std::string::npos);
    CHECK(text.find("unknown section [loging]; did you mean log?") != std::string::npos);
    CHECK(text.find("[chain] lacks the key id") != std::string::npos);
    CHECK(text.find("chain.poll_ms must be between 20 and 600000") != std::string::npos);
    CHECK(text.find("has no [[chain.endpoint]]") != std::string::npos);
    CHECK(text.find("[keys] needs evm_account_xpub") != std::string::npos);
}

TEST_CASE("config: broken TOML -> the place and no guesses") {
    const auto result = parse_config("[server]\npublic_listen = \n", sources());
    REQUIRE(result.problems.size() == 1);
    CHECK(result.problems[0].line == 2);
}

TEST_CASE("config: a known key in the wrong section -> says where it belongs") {
    const auto result = parse_config(with_chain("[storage]\nsession_ttl_s = 5\n"), sources());
    CHECK(mentions(result, "it belongs to [server]"));
}

TEST_CASE("config: the smallest file -> defaults") {
    const auto result = parse_config(with_chain(""), sources());
    INFO(describe(result.problems, "f"));
    REQUIRE(result.config);
    CHECK(result.config->server.public_listen.text() == "127.0.0.1:8080");
    CHECK(result.config->server.operator_listen.text() == "127.0.0.1:9090");
    CHECK(result.config->server.session_ttl_s == 3600);
    CHECK(result.config->storage.path == "/var/lib/depositd/depositd.db");
    REQUIRE(result.config->chains.size() == 1);
    CHECK(result.config->chains[0].id.text() == "eip155:31337");
    CHECK(result.config->chains[0].endpoints[0].name == "rpc1");
    CHECK_FALSE(result.config->chains[0].poll_ms);
}

TEST_CASE("config: an environment variable that is not set -> error, not an empty path") {
    const std::string text =
        "[keys]\nmnemonic_file = \"${CREDENTIALS_DIRECTORY}/words\"\n[[chain]]\nid = 1\n"
        "[[chain.endpoint]]\nurl = \"http://127.0.0.1:1/$KEY\"\n";
    const auto without = parse_config(text, sources());
    CHECK(mentions(without, "the environment variable CREDENTIALS_DIRECTORY is not set; systemd sets it"));
    CHECK(mentions(without, "the environment variable KEY is not set"));
    const auto with = parse_config(text, sources({{"CREDENTIALS_DIRECTORY", "/run/c"}, {"KEY", "k"}}));
    REQUIRE(with.config);
    CHECK(with.config->keys.mnemonic_file == "/run/c/words");
    CHECK(with.config->chains[0].endpoints[0].url == "http://127.0.0.1:1/k");
}

TEST_CASE("config: secrets in URL and headers -> read from files, never shown [F-secret]") {
    const auto result = parse_config(
        "[keys]\nevm_account_xpub = \"" + std::string{kXpub} +
            "\"\n[[chain]]\nid = 1\n[[chain.endpoint]]\nurl = \"file:/c/url\"\nheaders_file = \"/c/h\"\n",
        sources({}, {{"/c/url", "https://rpc.example/CANARY\n"}, {"/c/h", "Authorization: CANARY\n"}}));
    INFO(describe(result.problems, "f"));
    REQUIRE(result.config);
    CHECK(result.config->chains[0].endpoints[0].url == "https://rpc.example/CANARY");
    REQUIRE(result.config->chains[0].endpoints[0].headers.size() == 1);
    CHECK(config_in_effect(*result.config).find("CANARY") == std::string::npos);
}

TEST_CASE("config: a URL of another scheme -> refused without being shown") {
    const auto result = parse_config(
        "[[chain]]\nid = 1\n[[chain.endpoint]]\nurl = \"ftp://user:CANARY@host\"\n", sources());
    CHECK(mentions(result, "must start with http"));
    CHECK_FALSE(mentions(result, "CANARY"));
}

TEST_CASE("config: tokens that take a fee of transfers -> refused", "[F20]") {
    CHECK(mentions(parse_config(with_chain("[[chain.token]]\nsymbol = \"FEE\"\ndecimals = 18\nfee_on_transfer = "
                                           "true\naddress = \"0x5fbdb2315678afecb367f032d93f642f64180aa3\"\n"),
                                sources()),
                   "such tokens are refused"));
    const std::string paxg =
        "[keys]\nevm_account_xpub = \"" + std::string{kXpub} +
        "\"\n[[chain]]\nid = \"eip155:1\"\n[[chain.endpoint]]\nurl = \"http://127.0.0.1:1\"\n"
        "[[chain.token]]\nsymbol = \"PAXG\"\ndecimals = 18\n"
        "address = \"0x45804880De22913dAFE09f4980848ECE6EcbAf78\"\n";
    CHECK(mentions(parse_config(paxg, sources()), "PAXG takes a fee of transfers"));
}

TEST_CASE("config: a token address with a wrong checksum -> refused", "[F19]") {
    CHECK(mentions(parse_config(with_chain("[[chain.token]]\nsymbol = \"T\"\ndecimals = 6\n"
                                           "address = \"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02914\"\n"),
                                sources()),
                   "chain.token.address"));
}

TEST_CASE("config: the operator listener off loopback -> refused without a token") {
    const std::string listen = "[server]\noperator_listen = \"0.0.0.0:9090\"\n";
    CHECK(mentions(parse_config(with_chain(listen), sources()), "must be a loopback address"));
    CHECK(parse_config(with_chain(listen + "operator_token_file = \"/c/token\"\n"), sources()).config);
}

TEST_CASE("config: doubles of chain, endpoint and token -> refused") {
    const auto result = parse_config(
        with_chain("name = \"a\"\n[[chain.endpoint]]\nurl = \"http://127.0.0.1:2\"\nname = \"a\"\n"
                   "[[chain]]\nid = 31337\n[[chain.endpoint]]\nurl = \"http://127.0.0.1:3\"\n"),
        sources());
    CHECK(mentions(result, "chain.endpoint.name a is used twice"));
    CHECK(mentions(result, "chain.id eip155:31337 is configured twice"));
}

TEST_CASE("config: an explorer -> instead of the profile's, without the slash at its end; no other scheme") {
    const auto chain = [](const std::string& url) {
        return "[keys]\nevm_account_xpub = \"" + std::string{kXpub} +
               "\"\n[[chain]]\nid = 8453\n" + url +
               "[[chain.endpoint]]\nurl = \"http://127.0.0.1:8545\"\n";
    };
    const auto ours = parse_config(chain("explorer_url = \"https://look.example/base/\"\n"), sources());
    REQUIRE(ours.config);
    CHECK(chain_info_of(ours.config->chains[0]).value().explorer_url == "https://look.example/base");
    CHECK_THAT(config_in_effect(*ours.config),
               Catch::Contains("explorer_url = \"https://look.example/base\"\n"));
    const auto profile = parse_config(chain(""), sources());
    REQUIRE(profile.config);
    CHECK(chain_info_of(profile.config->chains[0]).value().explorer_url == "https://basescan.org");
    CHECK(mentions(parse_config(chain("explorer_url = \"javascript:alert(1)\"\n"), sources()),
                   "must start with http"));
}

TEST_CASE("config: the settings in effect -> parse to the same settings") {
    const auto first = parse_config(
        with_chain("[[chain.token]]\nsymbol = \"T\"\ndecimals = 6\nstray_min = \"0.5\"\n"
                   "address = \"0x5fbdb2315678afecb367f032d93f642f64180aa3\"\n[limits]\n"
                   "payout_whole_tokens_max = 7\n"),
        sources());
    REQUIRE(first.config);
    std::string text = config_in_effect(*first.config);
    const std::string hidden = "# url and headers are not shown";
    text.replace(text.find(hidden), hidden.size(), "url = \"http://127.0.0.1:8545\"");
    const auto second = parse_config(text, sources());
    INFO(describe(second.problems, "f"));
    REQUIRE(second.config);
    CHECK(config_in_effect(*second.config) == config_in_effect(*first.config));
}

TEST_CASE("config: names with quotes and control characters, reconcile off -> shown as they were set") {
    const auto first = parse_config(with_chain("name = \"a\\\"b\\\\c\\u0007\"\n[limits]\nreconcile_s = 0\n"),
                                    sources());
    REQUIRE(first.config);
    std::string text = config_in_effect(*first.config);
    const std::string hidden = "# url and headers are not shown";
    text.replace(text.find(hidden), hidden.size(), "url = \"http://127.0.0.1:8545\"");
    const auto second = parse_config(text, sources());
    INFO(describe(second.problems, "f"));
    REQUIRE(second.config);
    CHECK(second.config->chains[0].endpoints[0].name == "a\"b\\c\x07");
    CHECK(second.config->limits.reconcile_s == 0);
}

TEST_CASE("config: a chain number in another spelling -> refused: one chain is never watched twice") {
    for (const char* id : {"eip155:031337", "eip155:abc", "eip155:18446744073709551616", "eip155:-1"}) {
        INFO(id);
        const auto result = parse_config(
            with_chain("[[chain]]\nid = \"" + std::string{id} +
                       "\"\n[[chain.endpoint]]\nurl = \"http://127.0.0.1:8546\"\n"),
            sources());
        CHECK_FALSE(result.config);
        CHECK(mentions(result, "is no EVM chain"));
    }
}

TEST_CASE("config example: every declared key -> in it, and the file is up to date") {
    const std::string example = config_example();
    std::size_t at = 0;
    for (const KeySpec& spec : config_keys()) {
        INFO(spec.section << "." << spec.key);
        at = example.find("\n" + (example.find("\n# " + std::string{spec.key} + " = ", at) == std::string::npos
                                      ? ""
                                      : std::string{"# "}) +
                              std::string{spec.key} + " = ",
                          at);
        REQUIRE(at != std::string::npos);
    }
    CHECK(on_disk("config/depositd.example.toml") == example);
}

TEST_CASE("config example: as it stands -> a valid file") {
    const auto result = parse_config(config_example(), sources({{"CREDENTIALS_DIRECTORY", "/run/c"}}));
    INFO(describe(result.problems, "example"));
    REQUIRE(result.config);
    CHECK(result.config->chains.size() == 1);
}

TEST_CASE("config manual: the generated text -> is docs/CONFIG.md") {
    CHECK(on_disk("docs/CONFIG.md") == config_manual());
}

}  // namespace depositd
