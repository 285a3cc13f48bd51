#include "net/json.hpp"

#include "tests/support/show_expected.hpp"

#include <catch2/catch.hpp>

using core::Errc;
using net::parse_strict;

TEST_CASE("strict json: ordinary documents -> what nlohmann reads") {
    for (const auto* text :
         {"{}", "[]", "null", R"("a")", "-1", "18446744073709551615", "-9223372036854775808",
          "1.5e3", R"({"a":[1,{"b":null,"c":[]},"x"],"d":{"e":true}})"}) {
        INFO(text);
        const auto parsed = parse_strict(text);
        REQUIRE(parsed);
        CHECK(*parsed == nlohmann::json::parse(text));
    }
}

TEST_CASE("strict json: what nlohmann lets pass -> kInvalid, naming the place") {
    const auto error = [](std::string_view text) {
        auto parsed = parse_strict(text);
        REQUIRE(!parsed);
        CHECK(parsed.error().code == Errc::kInvalid);
        return parsed.error().message;
    };
    CHECK(error(R"({"a":{"b":1,"b":2}})") == "at /a/b: the key is repeated");
    CHECK(error(R"({"a":[0,18446744073709551616]})") == "at /a/1: an integer outside 64 bits");
    CHECK(error(R"({"n":-9223372036854775809})") == "at /n: an integer outside 64 bits");
    CHECK(error(R"({"a":)").find("not JSON") != std::string::npos);
}

TEST_CASE("strict json: not one JSON document -> kInvalid") {
    for (const std::string_view text :
         {"", "{", "{} {}", "[1,]", "NaN", "[NaN]", "Infinity", "[1e999]", "{'a':1}", "\"\xff\"",
          R"("\ud800")", "// x\n{}", "[01]"}) {
        INFO(text);
        const auto parsed = parse_strict(text);
        REQUIRE(!parsed);
        CHECK(parsed.error().code == Errc::kInvalid);
    }
}

TEST_CASE("strict json: a zero byte -> kInvalid, it does not hide what follows") {
    using namespace std::string_view_literals;
    for (const auto text : {"{\"a\":1}\0{\"a\":2}"sv, "1\0002"sv, "[1]\0"sv, "\0"sv, "\"a\0b\""sv}) {
        const auto parsed = parse_strict(text);
        REQUIRE(!parsed);
        CHECK(parsed.error().code == Errc::kInvalid);
    }
    CHECK(parse_strict(R"("a\u0000b")"));
}

TEST_CASE("strict json: limits -> depth and size are refused one past the limit") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(parse_strict(nested(32)));
    CHECK(parse_strict(nested(33)).error().code == Errc::kInvalid);
    CHECK(parse_strict("[1]", {.max_depth = 1, .max_bytes = 3}));
    CHECK(parse_strict("[1]", {.max_depth = 1, .max_bytes = 2}).error().code == Errc::kTooLarge);
}
