#pragma once

#include "core/expected.hpp"
#include "net/http_client.hpp"
#include "net/rpc_error.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace net {

struct RpcCall {
    std::string method;
    std::string params_json = "[]";  //!< serialised already: an array or an object
    bool null_is_unknown = false;    //!< `null` means "I don't know": the pool asks another node
};

//! The answer to one call: a result, or the error the node gave.
class RpcReply {
  public:
    static RpcReply of_result(std::shared_ptr<const std::string> buffer,
                              std::string_view result_json);
    static RpcReply of_error(RpcError error, RpcVerdict verdict);

    bool ok() const { return !rpc_error_; }

    //! The raw JSON of `result` (which may be `null`), or the classified error. The text lives as
    //! long as any copy of this reply, and kJsonPadding bytes past its end are readable: simdjson
    //! takes `padded_string_view(view.data(), view.size(), view.size() + kJsonPadding)`. When it
    //! stands inside a longer body what follows is other JSON, not zeros; simdjson on-demand tells
    //! by length.
    core::Expected<std::string_view> result() const;

    //! The node's own words, null when ok(). Holds the revert data.
    const RpcError* rpc_error() const { return rpc_error_ ? &*rpc_error_ : nullptr; }
    core::Errc code() const { return verdict_.code; }  //!< meaningful when not ok()
    std::optional<HeightRange> suggested_range() const { return verdict_.suggested; }

    std::size_t endpoint = 0;  //!< index of the endpoint that answered, set by the pool

  private:
    RpcReply() = default;
    std::shared_ptr<const std::string> buffer_;
    std::string_view result_json_;
    std::optional<RpcError> rpc_error_;
    RpcVerdict verdict_;
};

//! A request body; ids are first_id, first_id + 1, … in the order of the calls.
std::string encode_single(const RpcCall& call, std::uint64_t id);
std::string encode_batch(std::span<const RpcCall> calls, std::uint64_t first_id);

//! Strict. The body must be one JSON document, every id must name exactly one call and every call
//! must have an answer with either a result or an error; otherwise kMalformed, or what the HTTP
//! status says when there is no JSON-RPC at all. An error object in place of a batch's array is the
//! error of all. `response.body` needs kJsonPadding of spare capacity (HttpClient gives it; else it
//! is copied).
core::Expected<RpcReply> decode_single(HttpResponse response, std::uint64_t id);
core::Expected<std::vector<RpcReply>> decode_batch(HttpResponse response, std::uint64_t first_id,
                                                   std::size_t count);

//! For servers that answer JSON to a POST without an envelope: a 2xx whose body is one JSON
//! document is the result; anything else as above.
core::Expected<RpcReply> decode_bare(HttpResponse response);

}  // namespace net
