#include "net/endpoint_pool.hpp"

#include "core/check.hpp"
#include "net/impl/endpoint_pool_impl.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace net {

namespace {

using core::Errc;

//! Another node may do better.
bool is_worth_another(Errc code) {
    switch (code) {
        case Errc::kTimeout:
        case Errc::kUnreachable:
        case Errc::kRateLimited:
        case Errc::kMalformed:
        case Errc::kUnauthorized:
        case Errc::kNotReady:
        case Errc::kUnsupported:
        case Errc::kTooLarge:
        case Errc::kInvalid: return true;
        default: return false;
    }
}

//! The endpoint's fault, or its wish to be left alone; not a property of the question.
bool is_endpoint_failure(Errc code, int http_status) {
    if (code == Errc::kRateLimited || code == Errc::kUnauthorized) return true;
    return http_status >= 500 && (code == Errc::kUnreachable || code == Errc::kTimeout);
}

//! Not the endpoint's wish to be asked less, or not at all, which is kept to anyway.
bool is_fault(Errc code) { return code != Errc::kRateLimited && code != Errc::kUnauthorized; }

//! Not answered for good: another node may know.
bool leaves_open(const RpcCall& call, const RpcReply& answer) {
    if (!answer.ok()) return is_worth_another(answer.code());
    return call.null_is_unknown && *answer.result() == "null";
}

std::optional<core::Millis> retry_after_of(const HttpResponse& response) {
    const auto text = response.header("retry-after");
    std::uint32_t seconds = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return core::Millis{std::int64_t{seconds} * 1000};
}

}  // namespace

std::optional<EndpointPool::Impl::Pick> EndpointPool::Impl::pick(const CallOptions& call_options,
                                                                 const std::vector<bool>& tried,
                                                                 std::size_t calls) {
    const auto now = clock.tick();
    if (call_options.endpoint) {
        const auto index = *call_options.endpoint;
        CHECK(index < endpoints.size(), "no such endpoint");
        auto& endpoint = endpoints[index];
        const bool usable = !endpoint.quarantined || call_options.even_quarantined;
        if (!usable || tried[index]) return std::nullopt;
        return Pick{index, std::max(endpoint.asked_wait(now), endpoint.pace_wait(calls, now)),
                    false};
    }
    const bool first = std::none_of(tried.begin(), tried.end(), [](bool b) { return b; });
    if (!first && !call_options.fail_over) return std::nullopt;
    std::optional<std::size_t> best;
    std::int64_t best_score = 0;
    std::size_t candidates = 0;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        auto& endpoint = endpoints[i];
        if (endpoint.quarantined || tried[i]) continue;
        const bool closed = endpoint.closed_for(now) > core::Millis::zero();
        // After a failure its error tells more than waiting for one that is left alone.
        if (closed && !first) continue;
        if (!closed) ++candidates;
        const auto score = endpoint.score(calls, now);
        if (!best || score < best_score) {
            best = i;
            best_score = score;
        }
    }
    if (!best) return std::nullopt;
    auto& endpoint = endpoints[*best];
    const auto wait = std::max(endpoint.closed_for(now), endpoint.pace_wait(calls, now));
    return Pick{*best, wait, candidates > 1 && call_options.fail_over};
}

core::Error EndpointPool::Impl::none_available() const {
    std::string text = "no endpoint of " + chain.text() + " can be asked";
    for (const auto& endpoint : endpoints) {
        const auto status = endpoint.status(clock.tick());
        text += "; " + status.name + ": ";
        text += status.quarantined ? "quarantined, " + *status.quarantined : status.last_error;
    }
    return core::Error{Errc::kUnreachable, std::move(text)};
}

core::Task<RepliesResult> EndpointPool::Impl::resolve(std::vector<RpcCall> calls,
                                                      CallOptions call_options) {
    const auto deadline = clock.tick() + call_options.timeout;
    std::vector<std::optional<RpcReply>> replies(calls.size());
    std::vector<std::size_t> open(calls.size());
    for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
    std::vector<bool> tried(endpoints.size(), false);
    std::optional<core::Error> failure;
    std::vector<std::size_t> failing;
    while (!open.empty()) {
        const auto chosen = pick(call_options, tried, open.size());
        if (!chosen) break;
        auto left = deadline - clock.tick();
        if (left <= core::Millis::zero()) {
            if (!failure) failure = core::Error{Errc::kTimeout, "no time left to ask"};
            break;
        }
        if (chosen->wait >= left) {
            if (failure) break;
            const bool asked = endpoints[chosen->index].asked_wait(clock.tick()) >= left ||
                               endpoints[chosen->index].healthy();
            failure =
                asked ? core::Error{Errc::kRateLimited, endpoints[chosen->index].config().name +
                                                            ": no call may go before the deadline"}
                      : none_available();
            break;
        }
        if (chosen->wait > core::Millis::zero()) {
            co_await clock.sleep_for(chosen->wait);
            // The world moved on meanwhile: choose again, on what is true now.
            continue;
        }
        tried[chosen->index] = true;
        endpoints[chosen->index].take(open.size(), clock.tick());
        std::vector<RpcCall> batch;
        batch.reserve(open.size());
        for (const auto i : open) batch.push_back(calls[i]);
        const auto timeout = chosen->has_alternative ? (left + core::Millis{1}) / 2 : left;
        auto answers = co_await attempt(chosen->index, std::move(batch), timeout);
        if (!answers) {
            failure = std::move(answers).error();
            if (is_fault(failure->code)) failing.push_back(chosen->index);
            if (!is_worth_another(failure->code)) break;
            continue;
        }
        for (const auto index : std::exchange(failing, {})) {
            outdone(index, calls[open.front()].method, "failing");
        }
        std::vector<std::size_t> still_open;
        for (std::size_t i = 0; i < open.size(); ++i) {
            auto& answer = (*answers)[i];
            const bool is_open = leaves_open(calls[open[i]], answer);
            if (is_open) still_open.push_back(open[i]);
            auto& reply = replies[open[i]];
            if (!is_open && answer.ok() && reply) {
                outdone_by_another(*reply, calls[open[i]].method);
            }
            reply = std::move(answer);
        }
        open = std::move(still_open);
    }
    std::vector<RpcReply> out;
    out.reserve(replies.size());
    for (auto& reply : replies) {
        if (!reply) co_return failure ? *failure : none_available();
        out.push_back(std::move(*reply));
    }
    co_return out;
}

core::Task<RepliesResult> EndpointPool::Impl::attempt(std::size_t index, std::vector<RpcCall> calls,
                                                      core::Millis timeout, bool is_broadcast) {
    auto& endpoint = endpoints[index];
    const auto started = clock.tick();
    const auto deadline = started + timeout;
    const bool bare = endpoint.config().protocol == RpcProtocol::kPostJson;
    const auto size_max =
        bare ? std::size_t{1} : std::max<std::size_t>(1, endpoint.config().batch_size_max);
    if (!is_broadcast) endpoint.begin_probe(started, timeout);
    std::vector<RpcReply> out;
    out.reserve(calls.size());
    for (std::size_t at = 0; at < calls.size(); at += size_max) {
        const auto end = std::min(calls.size(), at + size_max);
        const auto left = deadline - clock.tick();
        std::vector<RpcCall> chunk{calls.begin() + static_cast<std::ptrdiff_t>(at),
                                   calls.begin() + static_cast<std::ptrdiff_t>(end)};
        if (left <= core::Millis::zero()) {
            co_return core::Error{Errc::kTimeout, endpoint.config().name + ": no time left"};
        }
        auto replies = co_await exchange(index, chunk, left, is_broadcast);
        if (!replies) {
            for (const auto& call : chunk) note_failed_call(index, call, replies.error());
            co_return replies.error();
        }
        for (std::size_t i = 0; i < chunk.size(); ++i) {
            auto& reply = (*replies)[i];
            if (reply.ok()) {
                measure(index, chunk[i], "ok");
            } else {
                note_failed_call(index, chunk[i], reply.result().error());
            }
            out.push_back(std::move(reply));
        }
    }
    co_return out;
}

core::Task<RepliesResult> EndpointPool::Impl::exchange(std::size_t index,
                                                       std::vector<RpcCall> calls,
                                                       core::Millis timeout, bool is_broadcast) {
    auto& endpoint = endpoints[index];
    const auto& config = endpoint.config();
    const auto first_id = next_id;
    next_id += calls.size();
    HttpRequest request;
    request.url = config.url;
    request.headers = config.headers;
    request.headers.emplace_back("Content-Type", "application/json");
    request.timeout = timeout;
    request.body_limit = options.body_limit;
    if (config.protocol == RpcProtocol::kPostJson) {
        if (request.url.ends_with('/')) request.url.pop_back();
        request.url += '/' + calls.front().method;
        request.body = calls.front().params_json;
    } else {
        request.body = calls.size() == 1 ? encode_single(calls.front(), first_id)
                                         : encode_batch(calls, first_id);
    }
    const auto started = clock.tick();
    auto response = co_await http.send(std::move(request));
    const auto latency = clock.tick() - started;
    const core::MetricLabels labels{{"chain", chain.text()}, {"endpoint", config.name}};
    metrics.observe("depositd_rpc_seconds", labels, static_cast<double>(latency.count()) / 1000.0);
    if (!response) {
        const core::Error error{response.error().code,
                                config.name + ": " + response.error().message};
        // Our own limit; the endpoint did what it was asked.
        // And a broadcast goes to all, the failing ones too: were its failures counted, the endpoint
        // that drops them would be left alone for ever, also for reading.
        if (error.code != Errc::kTooLarge && !is_broadcast) {
            note_failure(index, error, std::nullopt);
        }
        co_return error;
    }
    const auto retry_after = retry_after_of(*response);
    const int status = response->status;
    auto replies = decode(index, std::move(*response), first_id, calls.size());
    if (!replies) {
        if (!is_broadcast || retry_after) note_failure(index, replies.error(), retry_after);
        co_return replies.error();
    }
    for (auto& reply : *replies) {
        if (reply.ok() || !is_endpoint_failure(reply.code(), status)) continue;
        if (is_broadcast && reply.code() != Errc::kRateLimited) co_return std::move(replies);
        note_failure(index, reply.result().error(), retry_after);
        co_return std::move(replies);
    }
    const bool was_healthy = endpoint.healthy();
    endpoint.succeeded(latency);
    note_health(index, was_healthy);
    co_return std::move(replies);
}

RepliesResult EndpointPool::Impl::decode(std::size_t index, HttpResponse response,
                                         std::uint64_t first_id, std::size_t count) const {
    const auto& endpoint = endpoints[index];
    std::vector<RpcReply> out;
    std::optional<core::Error> failure;
    if (count == 1) {
        auto one = endpoint.config().protocol == RpcProtocol::kPostJson
                       ? decode_bare(std::move(response))
                       : decode_single(std::move(response), first_id);
        if (one) {
            out.push_back(std::move(*one));
        } else {
            failure = std::move(one).error();
        }
    } else {
        auto all = decode_batch(std::move(response), first_id, count);
        if (all) {
            out = std::move(*all);
        } else {
            failure = std::move(all).error();
        }
    }
    if (failure) {
        failure->message = endpoint.config().name + ": " + endpoint.scrub(failure->message);
        return *failure;
    }
    for (auto& reply : out) {
        if (const auto* error = reply.rpc_error()) {
            // Providers like to repeat the key they refuse.
            RpcError clean{error->code, endpoint.scrub(error->message),
                           endpoint.scrub(error->data)};
            reply = RpcReply::of_error(std::move(clean), {reply.code(), reply.suggested_range()});
        }
        reply.endpoint = index;
    }
    return out;
}

EndpointPool::EndpointPool(core::ChainId chain, std::vector<EndpointConfig> endpoints,
                           PoolOptions options, HttpClient& http, core::Clock& clock,
                           core::Rng& rng, core::Log& log, core::Metrics& metrics) {
    CHECK(!endpoints.empty(), "a pool has endpoints");
    std::vector<impl::Endpoint> list;
    list.reserve(endpoints.size());
    for (auto& config : endpoints) list.emplace_back(std::move(config), options);
    impl_ = std::make_unique<Impl>(
        Impl{std::move(chain), options, http, clock, rng, log, metrics, std::move(list)});
    for (std::size_t i = 0; i < impl_->endpoints.size(); ++i) impl_->note_health(i, true);
}

EndpointPool::~EndpointPool() = default;

core::Task<core::Expected<RpcReply>> EndpointPool::call(RpcCall call, CallOptions options) {
    std::vector<RpcCall> calls;
    calls.push_back(std::move(call));
    auto replies = co_await impl_->resolve(std::move(calls), options);
    if (!replies) co_return replies.error();
    co_return std::move(replies->front());
}

core::Task<core::Expected<std::vector<RpcReply>>> EndpointPool::call_batch(
    std::vector<RpcCall> calls, CallOptions options) {
    return impl_->resolve(std::move(calls), options);
}

std::vector<EndpointStatus> EndpointPool::status() const {
    std::vector<EndpointStatus> out;
    for (const auto& endpoint : impl_->endpoints) {
        out.push_back(endpoint.status(impl_->clock.tick()));
    }
    return out;
}

std::size_t EndpointPool::size() const { return impl_->endpoints.size(); }

const std::string& EndpointPool::name(std::size_t endpoint) const {
    CHECK(endpoint < size(), "no such endpoint");
    return impl_->endpoints[endpoint].config().name;
}

const core::ChainId& EndpointPool::chain() const { return impl_->chain; }

}  // namespace net
