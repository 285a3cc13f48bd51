#include "tests/simulation/servers.hpp"

#include <algorithm>
#include <utility>

#include "core/check.hpp"

namespace simulation {
namespace {

std::string_view host_in(std::string_view url) {
    constexpr std::string_view kScheme = "https://";
    CHECK(url.starts_with(kScheme), "webhooks are called over TLS");
    url.remove_prefix(kScheme.size());
    return url.substr(0, url.find_first_of(":/"));
}

}  // namespace

void Servers::add(const std::string& host, Site site) {
    Server& server = servers_[host];
    server.site = std::move(site);
    for (const char* last : {".1", ".2"}) {
        auto address = net::IpAddress::from_text("45.33." + std::to_string(servers_.size()) + last);
        CHECK(address.has_value(), "four numbers are an address");
        server.addresses.push_back(*address);
    }
}

core::Task<core::Error> Internet::silence(core::Millis until_timeout) {
    co_await clock_.sleep_for(until_timeout);
    co_return core::Error{core::Errc::kTimeout, "no answer in time"};
}

core::Task<core::Expected<std::vector<net::IpAddress>>> Internet::resolve(std::string host,
                                                                          core::Millis timeout) {
    const auto found = servers_.find(host);
    CHECK(found != servers_.end(), "only what was registered is looked up");
    if (life_.is_dead()) co_return co_await silence(timeout);
    trace_.fold("lookup", host);
    if (found->second.way.is_unknown) {
        co_await clock_.sleep_for(core::Millis{1});
        co_return core::Error{core::Errc::kUnreachable, "no such name"};
    }
    co_return found->second.addresses;
}

core::Task<core::Expected<net::HttpResponse>> Internet::send(net::HttpRequest request) {
    constexpr std::int64_t kFar = 80;
    const auto found = servers_.find(host_in(request.url));
    CHECK(found != servers_.end(), "only what was registered is called");
    Servers::Server& server = found->second;
    const core::Millis there = rng_.millis(5, kFar);
    const core::Millis back = rng_.millis(5, kFar);
    if (life_.is_dead()) co_return co_await silence(request.timeout);
    trace_.fold(found->first, request.body);
    server.site.tried(request);
    const bool is_its_address =
        std::any_of(server.addresses.begin(), server.addresses.end(),
                    [&request](const auto& one) { return one.text() == request.pinned_ip; });
    if (server.way.is_refused || !is_its_address) {
        co_await clock_.sleep_for(core::Millis{1});
        co_return core::Error{core::Errc::kUnreachable, "connection refused"};
    }
    if (server.way.is_cut) co_return co_await silence(request.timeout);
    co_await clock_.sleep_for(there);
    if (life_.is_dead()) co_return co_await silence(request.timeout - there);
    net::HttpResponse response;
    response.status = server.site.arrived(request);
    const core::Millis rest = server.way.takes + back;
    if (server.way.loses_answers || there + rest >= request.timeout) {
        co_return co_await silence(request.timeout - there);
    }
    co_await clock_.sleep_for(rest);
    if (life_.is_dead()) co_return co_await silence(request.timeout - there - rest);
    server.site.heard(request);
    co_return response;
}

}  // namespace simulation
