#include "net/json_rpc.hpp"

#include "tests/support/show_expected.hpp"

#include <catch2/catch.hpp>

using core::Errc;
using net::decode_batch;
using net::decode_single;
using net::HttpResponse;

namespace {

HttpResponse body(std::string text, int status = 200) {
    HttpResponse out;
    out.status = status;
    out.body = std::move(text);
    return out;
}

}  // namespace

TEST_CASE("json-rpc: encode -> ids count up, params stand as given") {
    const std::vector<net::RpcCall> calls{{"eth_chainId", "[]"}, {"eth_call", R"([{"to":"0x1"}])"}};
    CHECK(net::encode_single(calls[0], 7) ==
          R"({"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]})");
    CHECK(net::encode_batch(calls, 7) ==
          R"([{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]},)"
          R"({"jsonrpc":"2.0","id":8,"method":"eth_call","params":[{"to":"0x1"}]}])");
}

TEST_CASE("json-rpc: a result -> its raw JSON, whatever its type and place") {
    const std::vector<std::string> values{
        R"("0x10")",         "null", "true", "[]", "{}", "-12", R"([{"a":[1,2]},"]"])",
        R"({"b":{"c":"}"}})"};
    for (const auto& value : values) {
        INFO(value);
        auto last = decode_single(body(R"({"jsonrpc":"2.0","id":1,"result":)" + value + "}"), 1);
        REQUIRE(last);
        CHECK(last->result().value() == value);
        auto first = decode_single(body(" {\"result\": " + value + " , \"id\" : 1 }\n"), 1);
        REQUIRE(first);
        CHECK(first->result().value() == value);
    }
}

TEST_CASE("json-rpc: a copied reply -> its text outlives the original") {
    auto reply = decode_single(body(R"({"id":1,"result":"0xabc"})"), 1);
    REQUIRE(reply);
    const net::RpcReply copy = *reply;
    reply = core::Error{Errc::kTimeout, "gone"};
    CHECK(copy.result().value() == R"("0xabc")");
}

TEST_CASE("json-rpc: an error object -> classified, revert data kept") {
    auto text = decode_single(
        body(R"({"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted",)"
             R"("data":"0x08c379a0"}})"),
        1);
    REQUIRE(text);
    CHECK(!text->ok());
    CHECK(text->result().error().code == Errc::kReverted);
    CHECK(text->rpc_error()->code == 3);
    CHECK(text->rpc_error()->data == "0x08c379a0");

    auto object = decode_single(
        body(R"({"id":1,"error":{"data":{"logs":[1]},"message":"nope","code":-1}})"), 1);
    REQUIRE(object);
    CHECK(object->rpc_error()->data == R"({"logs":[1]})");
    CHECK(core::is_transient(object->code()));

    CHECK(decode_single(body(R"({"id":1,"error":null,"result":5})"), 1)->ok());
}

TEST_CASE("json-rpc: HTTP 200 that is no answer to this call -> kMalformed, never empty [F25]",
          "[F25]") {
    const std::vector<std::string> bodies{
        "",
        "<html><body>Bad gateway</body></html>",
        "null",
        "[]",
        "{}",
        R"({"jsonrpc":"2.0","id":1})",
        R"({"jsonrpc":"2.0","id":2,"result":[]})",
        R"({"jsonrpc":"2.0","id":"1","result":[]})",
        R"({"jsonrpc":"2.0","id":null,"result":[]})",
        R"({"jsonrpc":"2.0","result":[]})",
        R"({"jsonrpc":"2.0","id":1,"error":null})",
        R"({"jsonrpc":"2.0","id":1,"result":[)",
        R"({"jsonrpc":"2.0","id":1,"result":[])",
        R"({"jsonrpc":"2.0","id":1,"result":"0x1)",
        R"({"jsonrpc":"2.0","id":1,"result":junk})",
        R"({"jsonrpc":"2.0","id":1,"result":nul})",
        R"({"jsonrpc":"2.0","id":1,"result":})",
        R"({"jsonrpc":"2.0","id":1,"result":[]}{"x":1})",
        R"({"jsonrpc":"2.0","id":1,"result":[]} 5)",
        R"({"jsonrpc":"2.0","id":1,"result":[],"result":[1]})",
        R"({"jsonrpc":"2.0","id":2,"id":1,"result":[]})",
        R"({"jsonrpc":"2.0","id":1,"result":[],"error":{"code":1,"message":"x"}})",
        R"([{"jsonrpc":"2.0","id":1,"result":[]}])",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\xff\xfe\"}",
    };
    for (const auto& text : bodies) {
        INFO(text);
        const auto reply = decode_single(body(text), 1);
        REQUIRE(!reply);
        CHECK(reply.error().code == Errc::kMalformed);
    }
}

TEST_CASE("json-rpc: a truncated body -> kMalformed at every length [F25]", "[F25]") {
    const std::string whole =
        R"({"jsonrpc":"2.0","id":1,"result":[{"a":"b","c":[1,2,{"d":null}]}]})";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO(size);
        const auto reply = decode_single(body(whole.substr(0, size)), 1);
        REQUIRE(!reply);
        CHECK(reply.error().code == Errc::kMalformed);
    }
}

TEST_CASE("json-rpc: a failing status -> its class, a result under it is not believed") {
    CHECK(decode_single(body("<html>", 503), 1).error().code == Errc::kUnreachable);
    CHECK(decode_single(body("slow down, rate limit", 503), 1).error().code == Errc::kRateLimited);
    CHECK(decode_single(body("", 429), 1).error().code == Errc::kRateLimited);
    CHECK(decode_single(body("", 401), 1).error().code == Errc::kUnauthorized);
    CHECK(decode_single(body(R"({"id":1,"result":[]})", 500), 1).error().code ==
          Errc::kUnreachable);
    auto anonymous = decode_single(
        body(R"({"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"Too Many Requests"}})",
             429),
        1);
    REQUIRE(anonymous);
    CHECK(anonymous->code() == Errc::kRateLimited);
    auto word = decode_single(body(R"({"error":"Too many requests"})", 200), 1);
    REQUIRE(word);
    CHECK(word->code() == Errc::kRateLimited);
}

TEST_CASE("json-rpc: a batch out of order -> replies in the order of the calls [F25]", "[F25]") {
    auto replies =
        decode_batch(body(R"([{"id":12,"result":"c"},{"id":10,"result":"a"},)"
                          R"({"error":{"code":3,"message":"execution reverted"},"id":11}])"),
                     10, 3);
    REQUIRE(replies);
    CHECK((*replies)[0].result().value() == R"("a")");
    CHECK((*replies)[1].code() == Errc::kReverted);
    CHECK((*replies)[2].result().value() == R"("c")");
}

TEST_CASE("json-rpc: a batch with missing, repeated or unknown ids -> kMalformed [F25]", "[F25]") {
    for (const std::string text : {
             R"([{"id":10,"result":1}])",
             R"([])",
             R"([{"id":10,"result":1},{"id":10,"result":1}])",
             R"([{"id":10,"result":1},{"id":12,"result":1}])",
             R"([{"id":10,"result":1},{"id":9,"result":1}])",
             R"([{"id":10,"result":1},{"result":1}])",
             R"([{"id":10,"result":1},{"id":11}])",
             R"([{"id":10,"result":1},{"id":11,"result":1},{"id":11,"result":2}])",
             R"([{"id":10,"result":1},5])",
             R"([{"id":10,"result":1},{"id":11,"result":1}])"
             "x",
             R"({"id":10,"result":1})",
         }) {
        INFO(text);
        const auto replies = decode_batch(body(text), 10, 2);
        REQUIRE(!replies);
        CHECK(replies.error().code == Errc::kMalformed);
    }
}

TEST_CASE("json-rpc: one error object for a batch -> the error of every call") {
    auto replies = decode_batch(
        body(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}})"),
        1, 3);
    REQUIRE(replies);
    REQUIRE(replies->size() == 3);
    for (const auto& reply : *replies) CHECK(reply.code() == Errc::kTooLarge);
}

TEST_CASE("json-rpc: a bare answer -> the whole document, if it is one") {
    CHECK(net::decode_bare(body(R"( {"blockID":"00"})"))->result().value() ==
          R"({"blockID":"00"})");
    CHECK(net::decode_bare(body("{}"))->result().value() == "{}");
    CHECK(net::decode_bare(body("<html>")).error().code == Errc::kMalformed);
    CHECK(net::decode_bare(body(R"({"blockID":)")).error().code == Errc::kMalformed);
    CHECK(net::decode_bare(body(R"({"blockID":"00"})"
                                "{}"))
              .error()
              .code == Errc::kMalformed);
    CHECK(net::decode_bare(body("")).error().code == Errc::kMalformed);
    CHECK(net::decode_bare(body("5")).error().code == Errc::kMalformed);
    CHECK(net::decode_bare(body("{}", 503)).error().code == Errc::kUnreachable);
}
