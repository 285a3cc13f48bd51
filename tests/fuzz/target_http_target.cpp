// The request line: "METHOD target", percent-decoding, the query, and where the router sends it.

#include "api/impl/target.hpp"
#include "api/router.hpp"
#include "api/session_request.hpp"
#include "tests/fuzz/json_text.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/unit/api/fakes.hpp"

namespace fuzz_http_target {

std::string encoded(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

bool is_printable(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
    }
    return true;
}

//! Written in full and read again, it is the same.
void round_trip(const api::impl::Target& target) {
    std::string text = "/" + encoded(std::string_view{target.path}.substr(1));
    char mark = '?';
    for (const auto& [name, value] : target.query) {
        MUST(is_printable(name) && is_printable(value));
        text += mark + encoded(name) + "=" + encoded(value);
        mark = '&';
    }
    const auto again = api::impl::parse_target(text);
    MUST(again && again->path == target.path && again->query == target.query);
}

core::Task<api::Response> show(api::Request request) {
    api::Response out;
    for (const std::string& capture : request.captures) {
        MUST(!capture.empty() && capture.find('/') == std::string::npos);
        out.body += '/' + capture;
    }
    co_return out;
}

const api::Router& router() {
    static const api::Router made = [] {
        api::Router out;
        out.add("GET", "/v1/sessions", show);
        out.add("POST", "/v1/sessions", show);
        out.add("GET", "/v1/sessions/{id}", show);
        out.add("POST", "/v1/sessions/{id}/check", show);
        out.add("POST", "/{one}/{two}", show);
        return out;
    }();
    return made;
}

void route(std::string_view method, const api::impl::Target& target) {
    static core::asio::io_context io;
    api::Request request;
    request.method = std::string{method};
    request.path = target.path;
    request.query = target.query;
    const auto response = api_test::run(io, router().dispatch(std::move(request)));
    MUST(response.status == 200 || response.status == 404 || response.status == 405);
    const bool says_what = !response.headers.empty() && response.headers[0].first == "allow";
    MUST((response.status == 405) == says_what);
    if (response.status == 200) return;
    MUST(fuzz::loose(response.body).is_object());
}

void lists(const api::impl::Target& target) {
    const auto list = api::parse_list(target.query);
    if (!list) {
        MUST(list.problem().status == 400);
        MUST(fuzz::loose(api::problem_response(list.problem()).body).is_object());
        return;
    }
    MUST(list->limit >= 1 && list->limit <= 100);
    if (list->after) MUST(list->after->text().size() == 32);
}

}  // namespace fuzz_http_target

FUZZ_TARGET(http_target) {
    using namespace fuzz_http_target;
    const std::size_t space = std::min(input.find(' '), input.size());
    const std::string_view rest = input.substr(std::min(space + 1, input.size()));
    if (const auto key = api::parse_idempotency_key(rest)) {
        MUST(*key == rest && rest.size() <= 255 && is_printable(rest));
    }
    const auto target = api::impl::parse_target(rest);
    if (!target) return MUST(target.error().code == core::Errc::kInvalid);
    MUST(target->path.starts_with('/') && is_printable(target->path));
    round_trip(*target);
    route(input.substr(0, space), *target);
    lists(*target);
}
