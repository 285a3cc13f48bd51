#include "tests/simulation/network.hpp"

#include <algorithm>
#include <utility>

#include "core/check.hpp"

namespace simulation {
namespace {

std::string_view name_in(std::string_view url) {
    constexpr std::string_view kScheme = "http://";
    CHECK(url.starts_with(kScheme), "every node of the simulation is plain http");
    url.remove_prefix(kScheme.size());
    return url.substr(0, url.find('.'));
}

}  // namespace

core::Task<core::Error> Network::silence(core::Millis until_timeout) {
    co_await clock_.sleep_for(until_timeout);
    co_return core::Error{core::Errc::kTimeout, "no answer in time"};
}

core::Task<core::Expected<net::HttpResponse>> Network::send(net::HttpRequest request) {
    const auto found = nodes_.nodes_.find(name_in(request.url));
    CHECK(found != nodes_.nodes_.end(), "a node of this name exists");
    const std::string& name = found->first;
    Link& link = found->second.link;
    const bool is_payment = request.body.find("eth_sendRawTransaction") != std::string::npos;
    const bool is_lost = rng_.chance(link.lost_requests);
    const bool reply_is_lost = rng_.chance(link.lost_replies);
    const core::Millis there = link.latency + rng_.millis(0, link.jitter.count());
    const core::Millis back = link.latency + rng_.millis(0, link.jitter.count());

    if (is_payment) life_.pass(Moment::kSendBefore);
    if (life_.is_dead()) co_return co_await silence(request.timeout);
    trace_.fold(name, request.body);
    if (link.is_refused) {
        co_await clock_.sleep_for(core::Millis{1});
        co_return core::Error{core::Errc::kUnreachable, "connection refused"};
    }
    if (link.is_cut || is_lost || there >= request.timeout) co_return co_await silence(request.timeout);
    co_await clock_.sleep_for(there);
    if (life_.is_dead() || link.is_cut) co_return co_await silence(request.timeout - there);
    Nodes::Answer answer = found->second.server(request.body);
    trace_.fold(name, answer.body);
    if (is_payment) life_.pass(Moment::kSendAfter);
    if (reply_is_lost || there + back >= request.timeout) {
        co_return co_await silence(request.timeout - there);
    }
    co_await clock_.sleep_for(back);
    net::HttpResponse response;
    response.status = answer.status;
    response.body = std::move(answer.body);
    response.body.reserve(response.body.size() + net::kJsonPadding);
    co_return response;
}

}  // namespace simulation
