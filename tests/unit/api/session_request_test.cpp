#include "api/session_request.hpp"

#include "tests/unit/api/fakes.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace api;
using namespace api_test;
using nlohmann::json;

namespace {

json good_body() {
    return {{"destination",
             {{"type", "evm"},
              {"address", kShop},
              {"chainId", 8453},
              {"tokenAddress", kUsdc},
              {"amountUnits", "10.5"}}},
            {"display", {{"title", "Shop"}, {"verb", "Pay"}}},
            {"metadata", {{"order", "7"}}},
            {"refundAddress", kRefund}};
}

Checked<CreateSession> parse(const std::string& body) {
    static const FakeChains chains;
    static const FakeOwn own;
    return parse_create_session(body, chains, own);
}

struct Bad {
    const char* pointer;  //!< where the value goes
    json value;
    const char* code;
    const char* param;
    const char* says;
};

}  // namespace

TEST_CASE("create: complete body -> everything taken over") {
    auto order = parse(good_body().dump());
    REQUIRE(order);
    CHECK(order->destination.asset == kBaseUsdc);
    CHECK(order->destination.address == address(kShop));
    CHECK(order->destination.units == core::Units{10'500'000});
    CHECK(order->refund_address == address(kRefund));
    CHECK(json::parse(order->display_json) == json{{"title", "Shop"}, {"verb", "Pay"}});
    CHECK(json::parse(order->metadata_json) == json{{"order", "7"}});
}

TEST_CASE("create: calldata where the operator allows no calls -> refused, empty data is none") {
    FakeChains chains;
    chains.calls = false;
    json body = good_body();
    body["destination"]["calldata"] = "0xc0ffee00";
    const auto refused = parse_create_session(body.dump(), chains, FakeOwn{});
    REQUIRE_FALSE(refused);
    CHECK(refused.problem().code == "calldata_not_supported");
    CHECK(refused.problem().param == "destination.calldata");
    body["destination"]["calldata"] = "0x";
    CHECK(parse_create_session(body.dump(), chains, FakeOwn{}));
}

TEST_CASE("create: optional parts left out, null or unknown -> accepted") {
    json body = good_body();
    body["destination"].erase("amountUnits");
    body["destination"]["calldata"] = "0x";
    body["metadata"] = nullptr;
    body.erase("refundAddress");
    body["somethingNew"] = {1, 2};
    body["display"]["paymentOptions"] = {"AllWallets", {"Base", "Tron"}};
    body["display"]["themeMode"] = "dark";
    body["display"]["themeCssUrl"] = "https://shop.example/theme.css";
    auto order = parse(body.dump());
    REQUIRE(order);
    CHECK_FALSE(order->destination.units);
    CHECK_FALSE(order->refund_address);
    CHECK(order->metadata_json == "null");
    CHECK(json::parse(order->display_json)["paymentOptions"].size() == 2);
}

TEST_CASE("create: native coin -> the zero address names it") {
    json body = good_body();
    body["destination"]["tokenAddress"] = kZero;
    body["destination"]["amountUnits"] = "0.000000000000000001";
    auto order = parse(body.dump());
    REQUIRE(order);
    CHECK(order->destination.asset == kBaseEth);
    CHECK(order->destination.units == core::Units{1});
}

TEST_CASE("create: same meaning in another spelling -> the same hash") {
    auto a = parse(good_body().dump());
    auto b = parse(good_body().dump(4));
    json other = good_body();
    other["metadata"]["order"] = "8";
    auto c = parse(other.dump());
    REQUIRE(a);
    REQUIRE(b);
    REQUIRE(c);
    CHECK(a->hash == b->hash);
    CHECK(a->hash != c->hash);
}

TEST_CASE("create: bad value -> error names field and reason") {
    const std::vector<Bad> table{
        {"/destination", json::array(), "invalid_parameter", "destination", "object"},
        {"/destination/type", "solana", "invalid_parameter", "destination.type", "evm"},
        {"/destination/type", 1, "invalid_parameter", "destination.type", "string"},
        {"/destination/chainId", "8453", "invalid_parameter", "destination.chainId", "number"},
        {"/destination/chainId", 8453.5, "invalid_parameter", "destination.chainId", "number"},
        {"/destination/chainId", 0, "invalid_parameter", "destination.chainId", "positive"},
        {"/destination/chainId", -1, "invalid_parameter", "destination.chainId", "positive"},
        {"/destination/chainId", 5, "unsupported_chain", "destination.chainId",
         "Base (8453), Arbitrum (42161)"},
        {"/destination/tokenAddress", "0x1", "invalid_parameter", "destination.tokenAddress", "40"},
        {"/destination/tokenAddress", kShop, "unsupported_token", "destination.tokenAddress",
         "USDC (0x833589"},
        {"/destination/tokenAddress", kArbUsdc, "unsupported_token", "destination.tokenAddress",
         "not configured on Base"},
        {"/destination/tokenAddress", kFeeToken, "unsupported_token", "destination.tokenAddress",
         "takes a fee"},
        {"/destination/address", nullptr, "invalid_parameter", "destination.address", "required"},
        {"/destination/address", "0xAbcdef1111111111111111111111111111111111", "invalid_parameter",
         "destination.address", "checksum"},
        {"/destination/address", kZero, "invalid_parameter", "destination.address", "burn"},
        {"/destination/address", "0x000000000000000000000000000000000000dead", "invalid_parameter",
         "destination.address", "burn"},
        {"/destination/address", kUsdc, "invalid_parameter", "destination.address",
         "contract of USDC"},
        {"/destination/address", kGasStation, "invalid_parameter", "destination.address", "own"},
        {"/destination/amountUnits", 10.5, "invalid_parameter", "destination.amountUnits",
         "string"},
        {"/destination/amountUnits", 10, "invalid_parameter", "destination.amountUnits", "string"},
        {"/destination/amountUnits", "10.1234567", "invalid_parameter", "destination.amountUnits",
         "7 decimals"},
        {"/destination/amountUnits", "0", "amount_too_small", "destination.amountUnits", "zero"},
        {"/destination/amountUnits", "0.00", "amount_too_small", "destination.amountUnits", "zero"},
        {"/destination/amountUnits", "-1", "invalid_parameter", "destination.amountUnits", "10.50"},
        {"/destination/amountUnits", "1e6", "invalid_parameter", "destination.amountUnits",
         "10.50"},
        {"/destination/amountUnits", "+1", "invalid_parameter", "destination.amountUnits", "10.50"},
        {"/destination/amountUnits", "", "invalid_parameter", "destination.amountUnits", "10.50"},
        {"/destination/amountUnits", "0x10", "invalid_parameter", "destination.amountUnits",
         "10.50"},
        {"/destination/amountUnits", std::string(99, '9'), "invalid_parameter",
         "destination.amountUnits", ""},
        {"/destination/calldata", "0xa9059cbb", "call_not_allowed", "destination.calldata",
         "transfer(address,uint256)"},
        {"/destination/calldata", "c0ffee00", "invalid_parameter", "destination.calldata", "hex"},
        {"/destination/calldata", "0xc0ffee0", "invalid_parameter", "destination.calldata", "even"},
        {"/destination/calldata", "0xc0ffeeg0", "invalid_parameter", "destination.calldata", "hex"},
        {"/destination/calldata", "0xc0ffee", "invalid_parameter", "destination.calldata",
         "function"},
        {"/destination/calldata", 7, "invalid_parameter", "destination.calldata", "string"},
        {"/destination/calldata", "0x" + std::string(2'002, '1'), "invalid_parameter",
         "destination.calldata", "1000 bytes"},
        {"/refundAddress", kZero, "invalid_parameter", "refundAddress", "burn"},
        {"/refundAddress", kArbUsdc, "invalid_parameter", "refundAddress", "contract of USDC"},
        {"/refundAddress", kGasStation, "invalid_parameter", "refundAddress", "own"},
        {"/refundAddress", 7, "invalid_parameter", "refundAddress", "string"},
        {"/display", nullptr, "invalid_parameter", "display", "object"},
        {"/display/title", nullptr, "invalid_parameter", "display.title", "required"},
        {"/display/title", "  ", "invalid_parameter", "display.title", "empty"},
        {"/display/title", std::string(201, 'a'), "invalid_parameter", "display.title", "200"},
        {"/display/verb", 3, "invalid_parameter", "display.verb", "string"},
        {"/display/themeCssUrl", "javascript:alert(1)", "invalid_parameter", "display.themeCssUrl",
         "URL"},
        {"/display/themeCssUrl", "https://", "invalid_parameter", "display.themeCssUrl", "URL"},
        {"/display/themeMode", "blue", "invalid_parameter", "display.themeMode", "dark"},
        {"/display/paymentOptions", "AllWallets", "invalid_parameter", "display.paymentOptions",
         "array"},
        {"/display/paymentOptions", {1}, "invalid_parameter", "display.paymentOptions", "array"},
        {"/metadata", "x", "invalid_parameter", "metadata", "object"},
        {"/metadata/order", 7, "invalid_parameter", "metadata.order", "string"},
        {"/metadata/order", std::string(501, 'v'), "invalid_parameter", "metadata.order", "500"},
    };
    for (const Bad& bad : table) {
        CAPTURE(bad.pointer, bad.value.dump());
        json body = good_body();
        body[json::json_pointer{bad.pointer}] = bad.value;
        auto order = parse(body.dump());
        REQUIRE_FALSE(order);
        const Problem& problem = order.problem();
        CHECK(problem.status == 400);
        CHECK(problem.code == bad.code);
        CHECK(problem.param == bad.param);
        CHECK_THAT(problem.message, Catch::Contains(bad.says));
    }
}

TEST_CASE("create: metadata with too much in it -> refused") {
    json body = good_body();
    body["metadata"] = json::object();
    for (int i = 0; i < 51; ++i) body["metadata"]["k" + std::to_string(i)] = "v";
    CHECK(parse(body.dump()).problem().param == "metadata");
    body["metadata"] = {{std::string(41, 'k'), "v"}};
    CHECK_THAT(parse(body.dump()).problem().message, Catch::Contains("40"));
}

TEST_CASE("create: not one JSON object -> refused as body") {
    for (const char* bad : {"", "[]", "null", "{", "{}x", R"({"display":1,"display":2})",
                            "{\"a\":\"\xff\"}", R"({"a":1e400})"}) {
        CAPTURE(bad);
        auto order = parse(bad);
        REQUIRE_FALSE(order);
        CHECK(order.problem().param == "body");
    }
}

TEST_CASE("payment method and check: bodies -> taken or refused") {
    CHECK(parse_set_method(R"({"clientSecret":"s","locale":"en","paymentMethod":{"type":"evm"}})")
              ->type == "evm");
    CHECK(parse_set_method(R"({"clientSecret":"s"})").problem().param == "paymentMethod");
    CHECK(parse_set_method(R"({"paymentMethod":{"type":"evm"}})").problem().param ==
          "clientSecret");
    CHECK(parse_check(R"({"clientSecret":"s"})")->tx_hash.empty());
    CHECK(parse_check(R"({"clientSecret":"s","txHash":"5VER"})")->tx_hash == "5VER");
    CHECK(parse_check(R"({"clientSecret":"s","txHash":5})").problem().param == "txHash");
    const json long_hash{{"clientSecret", "s"}, {"txHash", std::string(4097, 'a')}};
    CHECK(parse_check(long_hash.dump()).problem().param == "txHash");
}

TEST_CASE("list: parameters -> taken or refused") {
    CHECK(parse_list({})->limit == 50);
    CHECK(parse_list({{"limit", "100"}})->limit == 100);
    for (const char* bad : {"0", "101", "-1", "x", "", "99999999999999999999"}) {
        CHECK(parse_list({{"limit", bad}}).problem().param == "limit");
    }
    CHECK(parse_list({{"after", "x"}}).problem().param == "after");
    CHECK(parse_list({{"status", "done"}}).problem().param == "status");
    CHECK(parse_list({{"status", "bounced"}})->status == "bounced");
}

TEST_CASE("idempotency key: form -> checked") {
    CHECK(parse_idempotency_key("")->empty());
    CHECK(*parse_idempotency_key("order-7") == "order-7");
    CHECK_FALSE(parse_idempotency_key(std::string(256, 'a')));
    CHECK_FALSE(parse_idempotency_key("a b"));
}
