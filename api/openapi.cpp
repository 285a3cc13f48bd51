#include "api/openapi.hpp"

#include "api/auth.hpp"

#include <string>
#include <utility>

namespace api {
namespace {

core::Task<Response> describe(Request request, std::string etag) {
    Response response;
    // A list of tags, or one that a proxy has called weak, names ours all the same.
    const bool known = request.header("if-none-match").find(etag) != std::string_view::npos;
    if (known) {
        response.status = 304;
    } else {
        response.body = std::string{openapi_document()};
    }
    response.headers.emplace_back("cache-control", "public, max-age=300");
    response.headers.emplace_back("etag", std::move(etag));
    co_return response;
}

}  // namespace

void add_openapi_route(Router& router) {
    static const std::string etag = '"' + sha256_hex(openapi_document()).substr(0, 32) + '"';
    router.add("GET", "/openapi.json",
               [](Request request) { return describe(std::move(request), etag); });
}

}  // namespace api
