#pragma once

#include "core/expected.hpp"
#include "core/log.hpp"
#include "core/task.hpp"
#include "core/time.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

//! Readable bytes past the end of every body, so that simdjson parses it in place.
inline constexpr std::size_t kJsonPadding = 64;

struct HttpRequest {
    std::string method = "POST";
    std::string url;      //!< http or https. May hold a secret: never shown
    HttpHeaders headers;  //!< may hold a secret: never shown
    std::string body;
    core::Millis timeout{10'000};               //!< from send() to the last byte, queueing included
    std::size_t body_limit = 64 * 1024 * 1024;  //!< bytes of the answer after inflation
    //! What comes past body_limit is not read and not missed, and the connection closed: for who only
    //! wants to know the status.
    bool cut_body = false;
    bool may_reuse = true;                      //!< false: a connection of its own, closed after
    //! Connect to this IP literal whatever the name resolves to; TLS and Host keep the name.
    std::string pinned_ip;
};

struct HttpResponse {
    int status = 0;
    HttpHeaders headers;  //!< names in lower case
    std::string body;     //!< inflated; capacity ≥ size + kJsonPadding until copied

    //! First header of that lower-case name, empty when absent.
    std::string_view header(std::string_view lower_case_name) const;
};

//! One HTTP exchange. Every answered status is a value, also 404 and 500. Errors: kTimeout,
//! kUnreachable (name, connection, TLS, cut off), kTooLarge (body limit), kMalformed (not HTTP, bad
//! compression), kInvalid (our request). Texts of errors never hold the URL. Cancelled through
//! Asio: throws operation_aborted. Redirects are not followed.
struct HttpClient {
    virtual ~HttpClient() = default;
    virtual core::Task<core::Expected<HttpResponse>> send(HttpRequest request) = 0;
};

struct HttpClientOptions {
    std::size_t in_flight_per_host = 64;  //!< more wait in order; also the connections per host
    core::Millis connect_timeout{5'000};
    std::string user_agent = "depositd";
    std::string ca_file;  //!< PEM; empty: the system's
};

//! On libcurl: keep-alive, HTTP/2 over TLS, gzip and brotli. The executor must run on one thread
//! and outlive the client; send() is called on it, and so is the destructor, which cancels what is
//! under way.
std::unique_ptr<HttpClient> make_curl_http_client(core::asio::any_io_executor executor,
                                                  HttpClientOptions options, core::Log& log);

}  // namespace net
