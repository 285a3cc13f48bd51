// What is known of an endpoint's manners, and who is told.
#include "core/check.hpp"
#include "net/impl/endpoint_pool_impl.hpp"

namespace net {

namespace {

using core::Errc;

//! Worth telling an operator: the endpoint gave no answer, or none that can be read.
bool is_complaint(Errc code) {
    switch (code) {
        case Errc::kTimeout:
        case Errc::kUnreachable:
        case Errc::kRateLimited:
        case Errc::kMalformed:
        case Errc::kUnauthorized: return true;
        default: return false;
    }
}

}  // namespace

void EndpointPool::Impl::note_failure(std::size_t index, const core::Error& error,
                                      std::optional<core::Millis> retry_after) {
    auto& endpoint = endpoints[index];
    const bool was_healthy = endpoint.healthy();
    endpoint.failed(error, retry_after, clock.tick(), rng);
    note_health(index, was_healthy);
}

void EndpointPool::Impl::note_health(std::size_t index, bool was_healthy) {
    const auto& endpoint = endpoints[index];
    const bool healthy = endpoint.healthy();
    const core::MetricLabels labels{{"chain", chain.text()}, {"endpoint", endpoint.config().name}};
    metrics.gauge("depositd_endpoint_healthy", labels, healthy ? 1 : 0);
    metrics.gauge("depositd_endpoint_quarantined", labels, endpoint.quarantined ? 1 : 0);
    if (healthy == was_healthy) return;
    const auto status = endpoint.status(clock.tick());
    if (healthy) {
        log.info("endpoint is back", {{"chain", chain.text()}, {"endpoint", status.name}});
    } else {
        log.warn("endpoint is left alone", {{"chain", chain.text()},
                                            {"endpoint", status.name},
                                            {"failures", status.consecutive_failures},
                                            {"reason", status.last_error}});
    }
}

void EndpointPool::Impl::note_failed_call(std::size_t index, const RpcCall& call,
                                          const core::Error& error) {
    measure(index, call, core::to_string(error.code));
    if (!is_complaint(error.code)) return;
    const auto since = endpoints[index].complaint(clock.tick());
    if (!since) return;
    const std::string reason = std::string{core::to_string(error.code)} + ": " + error.message;
    log.warn("endpoint fails", {{"chain", chain.text()},
                                {"endpoint", endpoints[index].config().name},
                                {"method", call.method},
                                {"calls", *since},
                                {"reason", endpoints[index].scrub(reason)}});
}

void EndpointPool::Impl::measure(std::size_t index, const RpcCall& call,
                                 std::string_view outcome) const {
    const core::MetricLabels labels{{"chain", chain.text()},
                                    {"endpoint", endpoints[index].config().name},
                                    {"method", call.method},
                                    {"outcome", std::string{outcome}}};
    metrics.count("depositd_rpc_requests_total", labels);
}

void EndpointPool::Impl::doubt(std::size_t index, std::string_view reason, std::string detail) {
    auto& target = endpoints[index];
    const auto now = clock.tick();
    const std::string& called = target.config().name;
    metrics.count("depositd_endpoint_doubts_total",
                  {{"chain", chain.text()}, {"endpoint", called}, {"reason", std::string{reason}}});
    if (target.is_new_reason(reason, now)) {
        log.warn("endpoint is doubted", {{"chain", chain.text()},
                                         {"endpoint", called},
                                         {"reason", std::string{reason}},
                                         {"detail", target.scrub(std::move(detail))}});
    }
    target.doubt(now);
}

// Being behind is told by an error, too, and an endpoint may lack a method. A failure of its own
// has no such excuse, and where it comes in a good answer nothing else counts it.
void EndpointPool::Impl::outdone_by_another(const RpcReply& poor, std::string_view what) {
    if (poor.ok()) {
        outdone(poor.endpoint, what);
    } else if (poor.code() == Errc::kUnreachable || poor.code() == Errc::kTimeout) {
        outdone(poor.endpoint, what, "failing");
    }
}

void EndpointPool::Impl::outdone(std::size_t index, std::string_view what,
                                 std::string_view reason) {
    if (!endpoints[index].is_often_outdone(clock.tick())) return;
    doubt(index, reason, "again and again no answer where others had one: " + std::string{what});
}

void EndpointPool::doubt(std::size_t endpoint, std::string_view reason, std::string detail) {
    CHECK(endpoint < size(), "no such endpoint");
    impl_->doubt(endpoint, reason, std::move(detail));
}

void EndpointPool::outdone(std::size_t endpoint, std::string_view what) {
    CHECK(endpoint < size(), "no such endpoint");
    impl_->outdone(endpoint, what);
}

void EndpointPool::quarantine(std::size_t endpoint, std::string reason) {
    CHECK(endpoint < size(), "no such endpoint");
    auto& target = impl_->endpoints[endpoint];
    const bool was_healthy = target.healthy();
    if (target.quarantined == reason) return;
    impl_->log.warn(
        "endpoint is quarantined",
        {{"chain", impl_->chain.text()}, {"endpoint", target.config().name}, {"reason", reason}});
    target.quarantined = std::move(reason);
    impl_->note_health(endpoint, was_healthy);
}

void EndpointPool::readmit(std::size_t endpoint) {
    CHECK(endpoint < size(), "no such endpoint");
    auto& target = impl_->endpoints[endpoint];
    if (!target.quarantined) return;
    target.quarantined.reset();
    impl_->note_health(endpoint, false);
}

}  // namespace net
