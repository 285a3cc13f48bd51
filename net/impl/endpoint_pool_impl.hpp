#pragma once

#include "net/endpoint_pool.hpp"
#include "net/impl/endpoint.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace net {

using RepliesResult = core::Expected<std::vector<RpcReply>>;
using ReplyResult = core::Expected<RpcReply>;

struct EndpointPool::Impl {
    struct Pick {
        std::size_t index = 0;
        core::Millis wait{0};
        bool has_alternative = false;
    };

    //! The best endpoint that was not tried; none when there is no use in going on.
    std::optional<Pick> pick(const CallOptions& options, const std::vector<bool>& tried,
                             std::size_t calls);
    core::Error none_available() const;

    core::Task<RepliesResult> resolve(std::vector<RpcCall> calls, CallOptions options);
    //! All calls on one endpoint, cut to its batch size, with health and metrics kept. A broadcast's
    //! failure says nothing about the endpoint's health.
    core::Task<RepliesResult> attempt(std::size_t index, std::vector<RpcCall> calls,
                                      core::Millis timeout, bool is_broadcast = false);
    core::Task<RepliesResult> exchange(std::size_t index, std::vector<RpcCall> calls,
                                       core::Millis timeout, bool is_broadcast);
    RepliesResult decode(std::size_t index, HttpResponse response, std::uint64_t first_id,
                         std::size_t count) const;

    //! One call on one endpoint, now; not `paced`: as a broadcast.
    core::Task<ReplyResult> ask(std::size_t index, RpcCall call, core::Millis timeout, bool paced);
    //! ask() on several at once; in their order.
    core::Task<std::vector<ReplyResult>> ask_all(std::vector<std::size_t> indices, RpcCall call,
                                                 core::Millis timeout, bool paced);
    core::Task<std::vector<BroadcastAnswer>> ask_these(std::vector<std::size_t> these, RpcCall call,
                                                       core::Millis timeout, bool paced);
    //! Not quarantined; one of each operator first, healthier first.
    std::vector<std::size_t> quorum_order();

    void doubt(std::size_t index, std::string_view reason, std::string detail);
    //! By an answer that another endpoint gave to the same question.
    void outdone_by_another(const RpcReply& poor, std::string_view what);
    void outdone(std::size_t index, std::string_view what, std::string_view reason = "unknown");
    //! Counts it, and names in the log who failed it.
    void note_failed_call(std::size_t index, const RpcCall& call, const core::Error& error);
    void note_failure(std::size_t index, const core::Error& error,
                      std::optional<core::Millis> retry_after);
    void note_health(std::size_t index, bool was_healthy);
    void measure(std::size_t index, const RpcCall& call, std::string_view outcome) const;

    core::ChainId chain;
    PoolOptions options;
    HttpClient& http;
    core::Clock& clock;
    core::Rng& rng;
    core::Log& log;
    core::Metrics& metrics;
    std::vector<impl::Endpoint> endpoints;
    std::uint64_t next_id = 1;
};

}  // namespace net
