#pragma once

#include "api/errors.hpp"
#include "api/http.hpp"
#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/rng.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace api {

struct HttpLimits {
    std::size_t header_bytes = 16 * 1024;
    std::size_t header_fields = 100;
    std::size_t body_bytes = 64 * 1024;
    std::size_t target_bytes = 4 * 1024;
    core::Millis header_timeout{
        5'000};  //!< from a request's first byte; for the first, from the accept
    core::Millis body_timeout{10'000};
    core::Millis idle_timeout{30'000};  //!< between requests of one connection
    core::Millis write_timeout{10'000};
    std::size_t max_connections = 2'000;  //!< above, new ones are closed at once
    //! Requests per second and address (IPv6: per /64); 0: no limit. Behind a proxy every caller
    //! has the proxy's address: limit there instead.
    double rate_per_second = 0;
    double rate_burst = 0;
};

struct HttpServerOptions {
    std::string name;  //!< "public", "operator": in logs and metrics
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  //!< 0: any free one
    bool cors = false;       //!< answer preflights and allow every origin
    HttpLimits limits;
    //! How who asks too often is told; null: as JSON.
    std::function<Response(const Request&, const Problem&)> tell_too_many = {};
};

//! An HTTP/1.1 listener. Runs on one executor, which must be the only thread that touches it.
//!
//! What is malformed (both Content-Length and Transfer-Encoding, two lengths, a bad chunk, a
//! transfer coding other than chunked, no Host) is answered with 400 and the connection closed;
//! what is too large with 413, 414 or 431; what is too slow is closed. Handlers see only whole
//! requests.
//!
//! An answer with a stream has no Content-Length: it ends with its connection. A peer that leaves, or does
//! not take what is written within the write time-out, ends the stream.
//!
//! Life: open (listening) → run (accepting) → drain (no new connections, requests in flight end,
//! idle connections and streams close) → everything closed. Destroyed only after drain returned.
class HttpServer {
  public:
    //! kInvalid for an address that is none, kUnreachable when it cannot be listened on.
    static core::Expected<std::unique_ptr<HttpServer>> open(core::asio::any_io_executor executor,
                                                            HttpServerOptions options,
                                                            Handler handler, core::Clock& clock,
                                                            core::Rng& rng, core::Log& log,
                                                            core::Metrics& metrics);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const;
    std::size_t connections() const;
    //! Accepts until drained or cancelled.
    core::Task<void> run();
    //! Returns when every connection is closed, by force after `deadline`.
    core::Task<void> drain(core::Millis deadline);

  private:
    class Impl;
    explicit HttpServer(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace api
