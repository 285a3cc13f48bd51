#pragma once

#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/rng.hpp"
#include "core/task.hpp"
#include "net/http_client.hpp"
#include "net/json_rpc.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace net {

enum class RpcProtocol {
    kJsonRpc,   //!< JSON-RPC 2.0 over POST
    kPostJson,  //!< POST url/method with params_json as body; the whole body is the result (Tron)
};

struct EndpointConfig {
    std::string name;                  //!< what logs, errors and metrics call it
    std::string url;                   //!< may hold a secret: never shown
    HttpHeaders headers;               //!< may hold a secret: never shown
    std::string operator_name;         //!< who runs it; empty: `name`
    double rate_per_second = 0;        //!< calls, each of a batch counts; 0: no limit
    std::size_t batch_size_max = 100;  //!< longer batches are cut; 1: never batches
    RpcProtocol protocol = RpcProtocol::kJsonRpc;
};

struct PoolOptions {
    core::Millis back_off_first{500};  //!< doubled with each failure in a row, plus jitter
    core::Millis back_off_max{60'000};
    int failures_to_open = 3;  //!< in a row, until the endpoint is left alone for a while
    std::size_t body_limit = 64 * 1024 * 1024;
};

struct CallOptions {
    core::Millis timeout{15'000};         //!< for everything: waiting, attempts, fail-over
    std::optional<std::size_t> endpoint;  //!< only this one, even when unhealthy
    bool even_quarantined = false;        //!< with `endpoint`: to find out whether it may come back
    bool fail_over = true;                //!< false: one attempt on the best endpoint
    bool doubt_outvoted = true;  //!< of agree(): false where those who are behind say otherwise
};

struct EndpointStatus {
    std::string name;
    std::string operator_name;
    bool healthy = true;                     //!< neither quarantined nor left alone
    std::optional<std::string> quarantined;  //!< why
    int consecutive_failures = 0;
    std::int64_t latency_ms = 0;  //!< of the last exchange
    std::string last_error;       //!< empty when none yet
    bool doubted = false;         //!< its word was refuted lately: asked when nobody else can be
};

struct BroadcastAnswer {
    std::size_t endpoint = 0;
    std::string name;
    core::Expected<RpcReply> reply;
};

struct QuorumReply {
    RpcReply reply;                      //!< one of the equal answers
    std::vector<std::string> agreed;     //!< names; at least as many as asked for
    std::vector<std::string> disagreed;  //!< names of those that answered something else
    std::size_t operators = 0;           //!< distinct ones among `agreed`
};

//! The part of a result that has to be equal, as text. An error means that the answer is unusable.
using Normaliser = std::function<core::Expected<std::string>(std::string_view result_json)>;

//! The endpoints of one chain. Picks the healthiest that is not doubted, keeps to rate limits and Retry-After, leaves
//! failing ones alone for a growing while, and goes to the next on a transient failure. Never
//! repeats a call on an endpoint that already failed it. Errors name endpoints, never URLs. On one
//! thread. Must outlive its calls; so must everything it is given.
class EndpointPool {
  public:
    EndpointPool(core::ChainId chain, std::vector<EndpointConfig> endpoints, PoolOptions options,
                 HttpClient& http, core::Clock& clock, core::Rng& rng, core::Log& log,
                 core::Metrics& metrics);
    ~EndpointPool();
    EndpointPool(const EndpointPool&) = delete;
    EndpointPool& operator=(const EndpointPool&) = delete;

    //! One call. A node's own error is inside the reply, with its code, after fail-over was tried
    //! for those that another node may not give. Errors: kUnreachable, kTimeout, kRateLimited,
    //! kUnauthorized, kMalformed, kTooLarge, kInvalid (the endpoint's URL).
    core::Task<core::Expected<RpcReply>> call(RpcCall call, CallOptions options = {});

    //! Replies in the order of the calls. Each says which endpoint gave it: after a fail-over they
    //! may differ, unless pinned. An error when any call got no answer at all.
    core::Task<core::Expected<std::vector<RpcReply>>> call_batch(std::vector<RpcCall> calls,
                                                                 CallOptions options = {});

    //! To every endpoint that is not quarantined, at once, the unhealthy ones included. Its failures
    //! count for nobody's health: an endpoint may drop what is sent and still be good for reading.
    core::Task<std::vector<BroadcastAnswer>> broadcast(RpcCall call,
                                                       core::Millis timeout = core::Millis{15'000});

    //! To every endpoint that is neither quarantined nor left alone, at once.
    core::Task<std::vector<BroadcastAnswer>> survey(RpcCall call, core::Millis timeout);

    //! Until `quorum` distinct endpoints give equal answers, those of distinct operators first.
    //! Fail-over never lowers the number. kNoQuorum names who said what differently; when nobody
    //! had a result and all failed alike, that failure (kNotReady, kSplit, …). Those that are
    //! outvoted are doubted ("outvoted"). options.endpoint is ignored.
    core::Task<core::Expected<QuorumReply>> agree(RpcCall call, std::size_t quorum,
                                                  Normaliser normaliser, CallOptions options = {});

    //! What it said is unusable, or others say otherwise: for a growing while it is asked last, and
    //! counted as depositd_endpoint_doubts_total under `reason`, a word of a small closed set.
    void doubt(std::size_t endpoint, std::string_view reason, std::string detail);

    //! Said "unknown" to what another endpoint knew. Once is lag; again and again within a minute it is
    //! behind, pruned or hiding it, and doubted ("unknown").
    void outdone(std::size_t endpoint, std::string_view what);

    //! Takes no more calls until readmitted: wrong chain, or it lied.
    void quarantine(std::size_t endpoint, std::string reason);
    void readmit(std::size_t endpoint);

    std::vector<EndpointStatus> status() const;
    std::size_t size() const;
    const std::string& name(std::size_t endpoint) const;
    const core::ChainId& chain() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace net
