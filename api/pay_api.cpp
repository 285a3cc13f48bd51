#include "api/pay_api.hpp"

#include "api/impl/session_access.hpp"
#include "api/pay_view.hpp"

#include <string_view>
#include <utility>

namespace api {

PayApi::PayApi(PayNeeds needs) : needs_{needs}, policy_{pay_page_policy()} {}

void PayApi::add_routes(Router& router) {
    router.add("GET", "/pay/{id}", [this](Request request) { return show(std::move(request)); });
}

core::Task<Response> PayApi::show(Request request) {
    const core::SessionId id{request.captures.at(0)};
    auto facts = co_await impl::read_with_secret(needs_.database, needs_.log, id,
                                                 request.query["clientSecret"], request.request_id);
    if (!facts) {
        const int status = facts.problem().status;
        co_return page(status, pay_problem_page(status));
    }
    co_return page(200, pay_page(*facts, needs_.chains, needs_.clock.now()));
}

Response PayApi::refusal(const Request& request, const Problem& problem) const {
    Response as_json = problem_response(problem);
    const bool looks = request.path.starts_with("/pay/") &&
                       request.header("accept").find("text/html") != std::string_view::npos;
    if (!looks) return as_json;
    Response shown = page(problem.status, pay_problem_page(problem.status));
    for (auto& header : as_json.headers) shown.headers.push_back(std::move(header));
    return shown;
}

Response PayApi::page(int status, std::string html) const {
    Response response;
    response.status = status;
    response.content_type = "text/html; charset=utf-8";
    response.body = std::move(html);
    // The address holds the client secret: it goes to no other site.
    response.headers.emplace_back("referrer-policy", "no-referrer");
    response.headers.emplace_back("content-security-policy", policy_);
    return response;
}

}  // namespace api
