#pragma once

#include "core/expected.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace net {

//! The error object of JSON-RPC 2.0, as the node wrote it. https://www.jsonrpc.org/specification
struct RpcError {
    std::int64_t code = 0;
    std::string message;  //!< foreign text
    std::string data;  //!< error.data: the text of a string (revert data), otherwise its raw JSON
};

//! Both ends included.
struct HeightRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    friend bool operator==(const HeightRange&, const HeightRange&) = default;
};

struct RpcVerdict {
    core::Errc code = core::Errc::kUnreachable;
    //! What the provider proposes with kSplit. Foreign: use it only when it lies inside what was
    //! asked.
    std::optional<HeightRange> suggested;
};

//! What a node's error means for the caller. The texts belong to the providers and change; one that
//! nobody knows is kUnreachable, that is transient, never an answer (field failure 24).
//!   kSplit         too many blocks or results: ask for a smaller range
//!   kRateLimited   slow down
//!   kUnauthorized  key missing or wrong
//!   kNotReady      does not know (yet, or any more): unknown block, behind, pruned. Never an
//!   absence kReverted      the virtual machine refused the call kUnsupported   the method is not
//!   offered kTooLarge      the batch, or the request, is too long kTimeout       took too long
//!   over there kRefused       understood and said no: nonce, funds, fees, parameters kUnreachable
//!   the node is failing, or the text is unknown
RpcVerdict classify_rpc_error(int http_status, std::int64_t rpc_code, std::string_view message);

//! Of a status other than 2xx whose body is no JSON-RPC. 403 and 503 of a rate limiter count as
//! such when the body says so.
core::Errc classify_http_status(int http_status, std::string_view body);

}  // namespace net
