#include "net/rpc_error.hpp"

#include "net/json.hpp"
#include "tests/support/show_expected.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

using core::Errc;

TEST_CASE("rpc error: every text of the golden corpus -> its class [F24]", "[F24]") {
    const std::ifstream file{std::string{DEPOSITD_SOURCE_DIR} + "/tests/golden/rpc_errors.json"};
    REQUIRE(file);
    std::stringstream text;
    text << file.rdbuf();
    const auto corpus = net::parse_strict(text.str(), {.max_depth = 8, .max_bytes = 1 << 20});
    REQUIRE(corpus);
    const auto& errors = corpus->at("errors");
    CHECK(errors.size() >= 30);
    for (const auto& entry : errors) {
        const auto message = entry.at("message").get<std::string>();
        INFO(entry.at("provider").get<std::string>() << ": " << message);
        const auto verdict = net::classify_rpc_error(entry.at("http_status").get<int>(),
                                                     entry.at("code").get<std::int64_t>(), message);
        CHECK(core::to_string(verdict.code) == entry.at("expect").get<std::string>());
        if (entry.contains("suggested")) {
            REQUIRE(verdict.suggested);
            CHECK(verdict.suggested->first == entry.at("suggested")[0].get<std::uint64_t>());
            CHECK(verdict.suggested->last == entry.at("suggested")[1].get<std::uint64_t>());
        } else {
            CHECK(!verdict.suggested);
        }
    }
}

TEST_CASE("rpc error: texts nobody knows -> transient, never an absence [F24]", "[F24]") {
    for (const std::int64_t code : {-32000, -32603, -32602, -32600, -1, 0, 1, 12345}) {
        for (const int status : {200, 400, 404, 500, 502, 503, 504}) {
            const auto verdict = net::classify_rpc_error(status, code, "zxcv qwer");
            INFO(code << ' ' << status);
            CHECK(core::is_transient(verdict.code));
            CHECK(verdict.code != Errc::kNotFound);
        }
    }
}

TEST_CASE("rpc error: suggestions that are no range -> none") {
    for (const auto* text :
         {"block range is too large [0x5, 0x1]", "block range is too large [a, b]",
          "block range is too large [0x1 0x2]", "block range is too large [",
          "query exceeds max results 1, retry with the range 5",
          "block range is too large [0x1, 0x1ffffffffffffffff]"}) {
        INFO(text);
        const auto verdict = net::classify_rpc_error(200, -32000, text);
        CHECK(verdict.code == Errc::kSplit);
        CHECK(!verdict.suggested);
    }
}
