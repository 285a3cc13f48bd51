#include "daemon/cli.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <boost/asio/io_context.hpp>

#include "tests/support/loopback_server.hpp"

namespace depositd {

namespace {

namespace fs = std::filesystem;

struct Ran {
    int code = -1;
    std::string out;
    std::string err;
};

Ran run(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_cli(arguments, out, err);
    return {code, out.str(), err.str()};
}

//! A folder with a configuration whose store is in it.
struct Site {
    fs::path path;
    explicit Site(const std::string& node = "http://127.0.0.1:1", const std::string& limits = "") {
        std::string pattern = (fs::temp_directory_path() / "depositd-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path = pattern;
        std::ofstream words{path / "words"};
        words << "test test test test test test test test test test test junk\n";
        words.close();
        fs::permissions(path / "words", fs::perms::owner_read | fs::perms::owner_write);
        std::ofstream{config()} << "[storage]\npath = \"" << (path / "d.db").string()
                                << "\"\n[keys]\nmnemonic_file = \"" << (path / "words").string()
                                << "\"\n" << limits
                                << "[[chain]]\nid = 31337\n[[chain.endpoint]]\nurl = \"" << node
                                << "\"\n";
    }
    ~Site() { fs::remove_all(path); }
    std::string config() const { return (path / "depositd.toml").string(); }
    Ran run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--config", config()});
        return depositd::run(arguments);
    }
};

//! A node on a thread of its own, because a command waits for its answers.
class Node {
  public:
    explicit Node(bool rehearses)
        : server_{io_.get_executor(), [rehearses](const support::SeenRequest& request) {
                      const auto asks = [&](const char* method) {
                          return request.body.find(method) != std::string::npos;
                      };
                      if (asks("eth_chainId")) return support::rpc_result(request, "\"0x7a69\"");
                      if (asks("eth_getBlockByNumber")) {
                          return support::rpc_result(request,
                                                     R"({"number":"0x10","timestamp":"0x10"})");
                      }
                      if (asks("eth_simulateV1") && rehearses) {
                          return support::rpc_result(request, R"([{"calls":[{"status":"0x1"}]}])");
                      }
                      return support::rpc_result(request, "null");
                  }} {
        thread_ = std::thread{[this] { io_.run(); }};
    }
    ~Node() {
        io_.stop();
        thread_.join();
    }
    std::string url() const { return server_.url(); }

  private:
    core::asio::io_context io_;
    support::LoopbackServer server_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("cli: doctor where calls are allowed and no node rehearses them -> says so, exit 1") {
    for (const bool rehearses : {false, true}) {
        const Node node{rehearses};
        const Site site{node.url(), "[limits]\nallow_calls = true\n"};
        const Ran examined = site.run({"doctor"});
        const bool is_bad = examined.out.find("FAIL  eip155:31337: limits.allow_calls") != std::string::npos;
        const bool is_good =
            examined.out.find("ok    eip155:31337: calls can be rehearsed") != std::string::npos;
        CHECK(is_bad == !rehearses);
        CHECK(is_good == rehearses);
    }
    const Node node{false};
    CHECK(Site{node.url()}.run({"doctor"}).out.find("rehearse") == std::string::npos);
}

TEST_CASE("cli: an unknown command -> what was probably meant, exit 2") {
    const Ran top = run({"reconcil"});
    CHECK(top.code == kExitUsage);
    CHECK(top.err.find("did you mean reconcile?") != std::string::npos);
    const Ran inner = run({"--config", "x", "key", "creat"});
    CHECK(inner.code == kExitUsage);
    CHECK(inner.err.find("did you mean create?") != std::string::npos);
}

TEST_CASE("cli: no command, a missing option, a bad value -> exit 2") {
    CHECK(run({}).code == kExitUsage);
    CHECK(run({"keys", "xpub"}).code == kExitUsage);
    CHECK(run({"environment", "create", "a", "--underpaid", "maybe"}).code == kExitUsage);
    CHECK(run({"replay"}).code == kExitUsage);
    CHECK(run({"coverage", "--chain", "eip155:1", "--from", "2", "--to", "1"}).code == kExitUsage);
}

TEST_CASE("cli: every command -> has help") {
    for (const char* name : {"serve", "replay", "coverage", "doctor", "environment", "key", "session",
                             "reconcile", "payout", "halt", "config", "keys", "version"}) {
        INFO(name);
        const Ran help = run({name, "--help"});
        CHECK(help.code == kExitOk);
        CHECK(help.out.size() > 60);
    }
}

TEST_CASE("cli: a wrong configuration -> every problem on stderr, exit 2") {
    const Site site;
    std::ofstream{site.config(), std::ios::app} << "[serve]\n";
    const Ran check = site.run({"config", "check"});
    CHECK(check.code == kExitUsage);
    CHECK(check.err.find("did you mean server?") != std::string::npos);
    CHECK(check.out.empty());
}

TEST_CASE("cli: environment and key -> made, listed, revoked; the key is shown once") {
    const Site site;
    const Ran made = site.run({"environment", "create", "shop", "--overpaid", "refund_excess", "--json"});
    REQUIRE(made.code == kExitOk);
    const auto environment = nlohmann::json::parse(made.out);
    CHECK(environment["overpaid"] == "refund_excess");
    CHECK(environment["id"].get<std::string>().size() == 36);
    CHECK(site.run({"environment", "create", "shop"}).code == kExitFinding);

    const Ran key = site.run({"key", "create", "--environment", "shop"});
    REQUIRE(key.code == kExitOk);
    CHECK(key.out.starts_with("dpk_"));
    const std::string secret = key.out.substr(key.out.rfind('_') + 1, 64);
    const Ran list = site.run({"key", "list"});
    CHECK(list.out.find("valid") != std::string::npos);
    CHECK(list.out.find(secret) == std::string::npos);
    CHECK(site.run({"key", "revoke", "1"}).code == kExitOk);
    CHECK(site.run({"key", "list"}).out.find("revoked") != std::string::npos);
    CHECK(site.run({"key", "create", "--environment", "nobody"}).code == kExitFinding);
}

TEST_CASE("cli: coverage of what was never read -> yes, something could be missing, exit 1", "[F1]") {
    const Site site;
    const Ran covered = site.run({"coverage", "--chain", "eip155:31337", "--from", "5", "--to", "9"});
    CHECK(covered.code == kExitFinding);
    CHECK(covered.out.find("block 5 was not read") != std::string::npos);
}

TEST_CASE("cli: a session nobody has -> exit 1 and no invention") {
    const Site site;
    const Ran shown = site.run({"session", "explain", "00"});
    CHECK(shown.code == kExitFinding);
    CHECK(shown.out.empty());
}

TEST_CASE("cli: doctor with a node that is down -> says which, exit 1") {
    const Site site;
    const Ran examined = site.run({"doctor"});
    CHECK(examined.code == kExitFinding);
    CHECK(examined.out.find("FAIL  eip155:31337 rpc1") != std::string::npos);
    CHECK(examined.out.find("ok    keys") != std::string::npos);
    CHECK(examined.out.find("junk") == std::string::npos);
}

TEST_CASE("cli: words that others can read -> doctor and xpub refuse them") {
    const Site site;
    fs::permissions(site.path / "words", fs::perms::others_read, fs::perm_options::add);
    CHECK(site.run({"doctor"}).out.find("FAIL  keys") != std::string::npos);
    const Ran xpub = run({"keys", "xpub", "--mnemonic-file", (site.path / "words").string()});
    CHECK(xpub.code == kExitFinding);
    CHECK(xpub.out.empty());
}

TEST_CASE("cli: keys xpub of the well-known words -> the published account key") {
    const Site site;
    const Ran xpub = run({"keys", "xpub", "--mnemonic-file", (site.path / "words").string(), "--json"});
    REQUIRE(xpub.code == kExitOk);
    CHECK(nlohmann::json::parse(xpub.out)["evm_account_xpub"].get<std::string>().starts_with("xpub6"));
    CHECK(xpub.out.find("junk") == std::string::npos);
}

}  // namespace depositd
