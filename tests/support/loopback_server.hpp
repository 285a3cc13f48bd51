#pragma once

#include "core/task.hpp"
#include "core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

struct SeenRequest {
    std::string method;
    std::string target;
    std::string head;  //!< request line and headers as they came
    std::string body;
    std::size_t connection = 0;  //!< 0 for the first that was accepted
};

//! What the server does about one request.
struct ScriptedReply {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    bool never = false;  //!< say nothing, keep the connection
    bool close = false;  //!< close after what was written
    std::size_t cut_after =
        std::string::npos;  //!< write only that many bytes of the body, then close
    std::string raw;        //!< instead of all above, then close
};

//! An HTTP/1.1 server on 127.0.0.1 for tests: what it answers is a function of the request. Runs on
//! the given executor, single thread. Stops listening and cuts its connections when destroyed.
class LoopbackServer {
  public:
    using Script = std::function<ScriptedReply(const SeenRequest&)>;

    //! Port 0: any free one.
    LoopbackServer(core::asio::any_io_executor executor, Script script, std::uint16_t port = 0);
    ~LoopbackServer();
    LoopbackServer(const LoopbackServer&) = delete;
    LoopbackServer& operator=(const LoopbackServer&) = delete;

    std::uint16_t port() const;
    std::string url(std::string_view path = "/") const;
    const std::vector<SeenRequest>& seen() const;
    std::size_t connections() const;  //!< accepted so far

  private:
    struct State;
    std::shared_ptr<State> state_;
};

//! {"jsonrpc":"2.0","id":…,"result":…} for the id found in `request_body`.
ScriptedReply rpc_result(const SeenRequest& request, std::string_view result_json);
//! Same with an error object.
ScriptedReply rpc_error(const SeenRequest& request, std::int64_t code, std::string_view message);
//! The first "id" of a JSON-RPC body, and how many there are.
std::uint64_t first_rpc_id(std::string_view body);
std::size_t count_rpc_ids(std::string_view body);

}  // namespace support
