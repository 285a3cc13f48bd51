#include "api/openapi.hpp"

#include "tests/unit/api/fakes.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <fstream>
#include <map>
#include <sstream>

using namespace api;

namespace {

Response get(std::map<std::string, std::string> headers) {
    Router router;
    add_openapi_route(router);
    Request request;
    request.method = "GET";
    request.path = "/openapi.json";
    request.headers = std::move(headers);
    core::asio::io_context io;
    return api_test::run(io, router.dispatch(std::move(request)));
}

std::string header(const Response& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
        if (key == name) return value;
    }
    return {};
}

}  // namespace

TEST_CASE("openapi: asked for -> the file's bytes, which may be kept") {
    std::ifstream file{DEPOSITD_SOURCE_DIR "/api/openapi.json", std::ios::binary};
    std::ostringstream text;
    text << file.rdbuf();
    REQUIRE(text.str().size() > 1000);
    const Response response = get({});
    CHECK(response.status == 200);
    CHECK(response.content_type == "application/json");
    CHECK((response.body == text.str()));
    CHECK(header(response, "cache-control") == "public, max-age=300");
    CHECK(header(response, "etag").size() == 34);
}

TEST_CASE("openapi: asked for with its tag -> 304 without a body; with another -> the document") {
    const std::string tag = header(get({}), "etag");
    for (const std::string& given : {tag, "W/" + tag, "\"old\", " + tag}) {
        const Response known = get({{"if-none-match", given}});
        CHECK(known.status == 304);
        CHECK(known.body.empty());
        CHECK(header(known, "etag") == tag);
    }
    CHECK(get({{"if-none-match", "\"" + std::string(32, '0') + "\""}}).status == 200);
}
