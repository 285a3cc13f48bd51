#include "api/router.hpp"

#include "api/errors.hpp"
#include "core/check.hpp"

#include <optional>
#include <utility>

namespace api {
namespace {

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> segments;
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::size_t end = std::min(path.find('/'), path.size());
        segments.emplace_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return segments;
}

bool is_capture(const std::string& segment) { return segment.starts_with('{'); }

std::optional<std::vector<std::string>> match(const std::vector<std::string>& pattern,
                                              const std::vector<std::string>& path) {
    if (pattern.size() != path.size()) return std::nullopt;
    std::vector<std::string> captures;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (is_capture(pattern[i])) {
            if (path[i].empty()) return std::nullopt;
            captures.push_back(path[i]);
        } else if (pattern[i] != path[i]) {
            return std::nullopt;
        }
    }
    return captures;
}

core::Task<Response> answer(Response response) { co_return response; }

}  // namespace

void Router::add(std::string method, std::string_view pattern, Handler handler) {
    CHECK(pattern.starts_with('/'), pattern);
    routes_.push_back(Route{std::move(method), split(pattern), std::move(handler)});
}

core::Task<Response> Router::dispatch(Request request) const {
    std::string allowed;
    const auto path = split(request.path);
    for (const Route& route : routes_) {
        auto captures = match(route.segments, path);
        if (!captures) continue;
        if (route.method == request.method) {
            request.captures = std::move(*captures);
            return route.handler(std::move(request));
        }
        allowed += (allowed.empty() ? "" : ", ") + route.method;
    }
    if (allowed.empty()) {
        return answer(
            problem_response(not_found("not_found", "There is nothing at this address.")));
    }
    Response response = problem_response(
        {405, "invalid_request_error", "method_not_allowed", "Use " + allowed + " here.", {}});
    response.headers.emplace_back("allow", allowed);
    return answer(std::move(response));
}

std::vector<std::string> Router::routes() const {
    std::vector<std::string> out;
    for (const Route& route : routes_) {
        std::string line = route.method + " ";
        for (const std::string& segment : route.segments) line += "/" + segment;
        out.push_back(std::move(line));
    }
    return out;
}

}  // namespace api
