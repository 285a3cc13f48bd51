#pragma once

#include "core/task.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace api {

//! One HTTP request as the server read it, within its limits.
struct Request {
    std::string method;                        //!< "GET"
    std::string path;                          //!< percent-decoded, without the query
    std::map<std::string, std::string> query;  //!< decoded; a repeated name was refused
    std::map<std::string, std::string>
        headers;  //!< names in lower case; repeated ones joined by ", "
    std::string body;
    std::string remote;      //!< the peer's address, for people
    std::string client;      //!< whose calls count together: the peer, or its IPv6 /64
    std::string request_id;  //!< ours, in the `request-id` header of the answer and in our logs
    std::vector<std::string> captures;  //!< what the router's {braces} matched, in order

    //! Empty when there is none. `name` in lower case.
    std::string_view header(std::string_view name) const {
        const auto at = headers.find(std::string{name});
        return at == headers.end() ? std::string_view{} : std::string_view{at->second};
    }
};

//! Where a stream writes to: the peer of one connection.
struct Sink {
    virtual ~Sink() = default;
    //! False when the peer is gone, takes too long to read, or the server is shutting down: the stream
    //! has to end.
    virtual core::Task<bool> write(std::string text) = 0;
};

//! The rest of an answer whose end is not known yet. Returns when all is said. Cancelled, at whatever it
//! waits for, when the peer leaves or the server shuts down. Must not throw anything else.
using Stream = std::function<core::Task<void>(Sink&)>;

struct Response {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;  //!< beyond those the server adds
    //! When set, what it writes is the body, and the connection ends with it; `body` is not sent.
    Stream stream;
};

//! Must not throw but for Asio's cancellation; anything else becomes a 500.
using Handler = std::function<core::Task<Response>(Request)>;

}  // namespace api
