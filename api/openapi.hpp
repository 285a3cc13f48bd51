#pragma once

#include "api/router.hpp"

#include <string_view>

// The description of the public API, api/openapi.json, which is a part of the binary.
namespace api {

std::string_view openapi_document();

//! GET /openapi.json, for everybody. May be kept for a while; asked for again by its ETag.
void add_openapi_route(Router& router);

}  // namespace api
