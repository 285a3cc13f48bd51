#include "api/errors.hpp"

#include <nlohmann/json.hpp>

namespace api {

Problem invalid_parameter(std::string param, std::string message) {
    return {400, "validation_error", "invalid_parameter", std::move(message), std::move(param)};
}

Problem impossible(std::string code, std::string message, std::string param) {
    return {400, "invalid_request_error", std::move(code), std::move(message), std::move(param)};
}

Problem unauthorized(std::string code, std::string message) {
    return {401, "authentication_error", std::move(code), std::move(message), {}};
}

Problem not_found(std::string code, std::string message) {
    return {404, "invalid_request_error", std::move(code), std::move(message), {}};
}

Problem too_many_requests(std::string message) {
    return {429, "invalid_request_error", "too_many_requests", std::move(message), {}};
}

Problem conflict(std::string code, std::string message) {
    return {409, "invalid_request_error", std::move(code), std::move(message), {}};
}

Problem internal_error() {
    return {500,
            "api_error",
            "internal_error",
            "Something went wrong on our side. Please try again in a moment.",
            {}};
}

Problem from_error(const core::Error& error) {
    const std::string code{core::to_string(error.code)};
    switch (error.code) {
        case core::Errc::kInvalid:
        case core::Errc::kTooLarge:
        case core::Errc::kUnsupported:
        case core::Errc::kOverflow: return {400, "validation_error", code, error.message, {}};
        case core::Errc::kUnauthorized:
            return {401, "authentication_error", code, error.message, {}};
        case core::Errc::kNotFound: return {404, "invalid_request_error", code, error.message, {}};
        case core::Errc::kConflict:
        case core::Errc::kRefused:
        case core::Errc::kHalted: return {409, "invalid_request_error", code, error.message, {}};
        default: break;
    }
    const int status =
        core::is_transient(error.code) || error.code == core::Errc::kCancelled ? 503 : 500;
    return {status, "api_error", code, error.message, {}};
}

Response problem_response(const Problem& problem) {
    nlohmann::json error{
        {"type", problem.type}, {"code", problem.code}, {"message", problem.message}};
    if (!problem.param.empty()) error["param"] = problem.param;
    // Texts may quote the caller: what is not UTF-8 is shown as such instead of throwing.
    const nlohmann::json body{{"error", std::move(error)}};
    Response response;
    response.status = problem.status;
    if (problem.status == 429) response.headers.emplace_back("retry-after", "1");
    response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return response;
}

}  // namespace api
