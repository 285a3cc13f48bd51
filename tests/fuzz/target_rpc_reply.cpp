// Envelopes of JSON-RPC. The first byte says how the body is read (single, batch of one to four,
// bare) and which HTTP status it came with.

#include "net/json_rpc.hpp"
#include "tests/fuzz/json_text.hpp"
#include "tests/fuzz/target.hpp"

#include <array>

namespace fuzz_rpc_reply {

using fuzz::json;

constexpr std::array kStatuses{200, 204, 400, 403, 429, 500, 503};

net::HttpResponse response(int status, std::string_view body) {
    net::HttpResponse out;
    out.status = status;
    out.body = std::string{body};
    return out;
}

//! simdjson reads over the end.
void touch_padding(std::string_view text) {
    volatile char last = text.data()[text.size() + net::kJsonPadding - 1];
    last = last;
}

void check_error(const net::RpcReply& reply) {
    MUST(reply.rpc_error() != nullptr && !reply.result());
    MUST(reply.code() != core::Errc::kUnset && reply.code() != core::Errc::kNotFound);
    MUST(reply.result().error().code == reply.code());
}

bool has_id(const json& call, std::size_t id) {
    return call.is_object() && call.contains("id") && call["id"] == id;
}

//! `call`: what the document says to this call, discarded when it is no JSON as a whole.
void check_reply(const net::RpcReply& reply, int status, const json& call) {
    if (!call.is_discarded()) MUST(call.is_object());
    if (!reply.ok()) {
        check_error(reply);
        if (!call.is_discarded()) MUST(call.contains("error") && !call["error"].is_null());
        return;
    }
    MUST(status >= 200 && status < 300);
    const std::string text{*reply.result()};
    MUST(!text.empty());
    touch_padding(*reply.result());
    if (!call.is_discarded()) {
        MUST(call.contains("result") && call["result"] == fuzz::loose(text));
        MUST(!call.contains("error") || call["error"].is_null());
    }
    if (fuzz::loose(text).is_discarded()) return;
    const std::string framed = R"({"jsonrpc":"2.0","id":7,"result":)" + text + "}";
    const auto again = net::decode_single(response(200, framed), 7);
    MUST(again && again->ok() && *again->result() == text);
}

void single(int status, std::string_view body) {
    const auto reply = net::decode_single(response(status, body), 1);
    if (!reply) return MUST(reply.error().code != core::Errc::kUnset);
    const json plain = fuzz::loose(body);
    check_reply(*reply, status, plain);
    if (!plain.is_discarded() && reply->ok()) MUST(has_id(plain, 1));
}

void batch(int status, std::string_view body, std::size_t count) {
    const auto replies = net::decode_batch(response(status, body), 1, count);
    if (!replies) return MUST(replies.error().code != core::Errc::kUnset);
    MUST(replies->size() == count);
    const json plain = fuzz::loose(body);
    for (std::size_t i = 0; i < count; ++i) {
        json call = plain;
        if (plain.is_array()) {
            MUST(plain.size() == count);
            for (const auto& one : plain) {
                if (has_id(one, i + 1)) call = one;
            }
        } else if (!plain.is_discarded()) {
            MUST(!(*replies)[i].ok());
        }
        check_reply((*replies)[i], status, call);
    }
}

void bare(int status, std::string_view body) {
    const auto reply = net::decode_bare(response(status, body));
    if (!reply) return MUST(reply.error().code != core::Errc::kUnset);
    MUST(reply->ok() && status >= 200 && status < 300);
    const auto text = *reply->result();
    MUST(text.starts_with('{') || text.starts_with('['));
    touch_padding(text);
    const json plain = fuzz::loose(body);
    if (!plain.is_discarded()) MUST(fuzz::loose(text) == plain);
}

}  // namespace fuzz_rpc_reply

FUZZ_TARGET(rpc_reply) {
    using namespace fuzz_rpc_reply;
    if (input.empty()) return;
    const auto mode = static_cast<unsigned char>(input.front());
    const std::string_view body = input.substr(1);
    const int status = kStatuses[mode / 6 % kStatuses.size()];
    switch (mode % 6) {
        case 0: return single(status, body);
        case 1: return bare(status, body);
        default: return batch(status, body, mode % 6 - 1);
    }
}
