#include "net/json_rpc.hpp"

#include "core/check.hpp"

#include <simdjson.h>

#include <charconv>
#include <utility>

namespace net {

namespace {

namespace ondemand = simdjson::ondemand;

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

core::Error malformed(std::string_view what) {
    return core::Error{core::Errc::kMalformed, "JSON-RPC: " + std::string{what}};
}

void append_call(std::string& out, const RpcCall& call, std::uint64_t id) {
    CHECK(call.method.find_first_of("\"\\") == std::string::npos, "method names are ours");
    out += R"({"jsonrpc":"2.0","id":)";
    out += std::to_string(id);
    out += R"(,"method":")";
    out += call.method;
    out += R"(","params":)";
    out += call.params_json;
    out += '}';
}

std::string_view trim_end(std::string_view raw) {
    return raw.substr(0, raw.find_last_not_of(" \t\r\n") + 1);
}

//! simdjson hands scalars out unread.
bool is_whole_scalar(std::string_view raw) {
    if (raw == "null" || raw == "true" || raw == "false") return true;
    if (raw.size() >= 2 && raw.front() == '"') return raw.back() == '"';
    return !raw.empty() && raw.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
}

simdjson::error_code read_raw(ondemand::value value, std::string_view& out) {
    if (const auto ec = simdjson::to_json_string(value).get(out)) return ec;
    out = trim_end(out);
    const bool composite = out.starts_with('{') || out.starts_with('[');
    return composite || is_whole_scalar(out) ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
}

//! One reply object, before it is known to which call it belongs.
struct Envelope {
    std::optional<std::uint64_t> id;
    bool id_is_other = false;  //!< there is an id, neither an unsigned number nor null
    std::optional<std::string_view> result;
    std::optional<RpcError> error;
};

simdjson::error_code read_error(ondemand::value value, std::optional<RpcError>& out) {
    ondemand::json_type type{};
    if (const auto ec = value.type().get(type)) return ec;
    if (type == ondemand::json_type::null) {
        bool is_null = false;
        return value.is_null().get(is_null);
    }
    RpcError error;
    if (type == ondemand::json_type::string) {  // {"error":"Too many requests"}
        std::string_view text;
        if (const auto ec = value.get_string().get(text)) return ec;
        error.message = text;
        out = std::move(error);
        return simdjson::SUCCESS;
    }
    ondemand::object object;
    if (const auto ec = value.get_object().get(object)) return ec;
    for (auto item : object) {
        ondemand::field field;
        if (const auto ec = std::move(item).get(field)) return ec;
        std::string_view key;
        if (const auto ec = field.unescaped_key().get(key)) return ec;
        ondemand::json_type kind{};
        if (const auto ec = field.value().type().get(kind)) return ec;
        if (key == "code" && kind == ondemand::json_type::number) {
            if (const auto ec = field.value().get_int64().get(error.code)) return ec;
        } else if ((key == "message" || key == "data") && kind == ondemand::json_type::string) {
            std::string_view text;
            if (const auto ec = field.value().get_string().get(text)) return ec;
            (key == "message" ? error.message : error.data) = text;
        } else {
            std::string_view raw;
            if (const auto ec = read_raw(field.value(), raw)) return ec;
            if (key == "data") error.data = raw;
        }
    }
    out = std::move(error);
    return simdjson::SUCCESS;
}

simdjson::error_code read_id(ondemand::value value, Envelope& out) {
    std::string_view raw;
    if (const auto ec = read_raw(value, raw)) return ec;
    if (raw == "null") return simdjson::SUCCESS;
    std::uint64_t number = 0;
    const auto [end, ec] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
    if (ec != std::errc{} || end != raw.data() + raw.size()) {
        out.id_is_other = true;
    } else {
        out.id = number;
    }
    return simdjson::SUCCESS;
}

//! Every key at most once; unknown ones are passed over, some providers add their own.
simdjson::error_code read_envelope(ondemand::object object, Envelope& out) {
    bool had_id = false;
    bool had_result = false;
    bool had_error = false;
    for (auto item : object) {
        ondemand::field field;
        if (const auto ec = std::move(item).get(field)) return ec;
        std::string_view key;
        if (const auto ec = field.unescaped_key().get(key)) return ec;
        if (key == "id") {
            if (std::exchange(had_id, true)) return simdjson::TAPE_ERROR;
            if (const auto ec = read_id(field.value(), out)) return ec;
        } else if (key == "error") {
            if (std::exchange(had_error, true)) return simdjson::TAPE_ERROR;
            if (const auto ec = read_error(field.value(), out.error)) return ec;
        } else {
            std::string_view raw;
            if (const auto ec = read_raw(field.value(), raw)) return ec;
            if (key != "result") continue;
            if (std::exchange(had_result, true)) return simdjson::TAPE_ERROR;
            out.result = raw;
        }
    }
    return simdjson::SUCCESS;
}

bool is_at_end(ondemand::document& document) {
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

struct Answers {
    std::vector<Envelope> items;
    bool is_array = false;
};

simdjson::error_code read_body(ondemand::parser& parser, const std::string& body, Answers& out) {
    ondemand::document document;
    const simdjson::padded_string_view view{body.data(), body.size(), body.capacity()};
    if (const auto ec = parser.iterate(view).get(document)) return ec;
    ondemand::json_type type{};
    if (const auto ec = document.type().get(type)) return ec;
    if (type == ondemand::json_type::object) {
        ondemand::object object;
        if (const auto ec = document.get_object().get(object)) return ec;
        if (const auto ec = read_envelope(object, out.items.emplace_back())) return ec;
    } else {
        out.is_array = true;
        ondemand::array array;
        if (const auto ec = document.get_array().get(array)) return ec;
        for (auto item : array) {
            ondemand::object object;
            if (const auto ec = item.get_object().get(object)) return ec;
            if (const auto ec = read_envelope(object, out.items.emplace_back())) return ec;
        }
    }
    return is_at_end(document) ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
}

//! The whole body, when it is one object or one array.
simdjson::error_code read_container(ondemand::parser& parser, const std::string& body,
                                    std::string_view& out) {
    ondemand::document document;
    const simdjson::padded_string_view view{body.data(), body.size(), body.capacity()};
    if (const auto ec = parser.iterate(view).get(document)) return ec;
    ondemand::json_type type{};
    if (const auto ec = document.type().get(type)) return ec;
    if (type != ondemand::json_type::object && type != ondemand::json_type::array) {
        return simdjson::INCORRECT_TYPE;
    }
    if (const auto ec = simdjson::to_json_string(document).get(out)) return ec;
    out = trim_end(out);
    return is_at_end(document) ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
}

std::shared_ptr<const std::string> share_padded(std::string body) {
    auto out = std::make_shared<std::string>(std::move(body));
    if (out->capacity() < out->size() + kJsonPadding) out->reserve(out->size() + kJsonPadding);
    return out;
}

bool is_success(int status) { return status >= 200 && status < 300; }

//! What to say when there is no JSON-RPC: the status speaks first, then the body is malformed.
core::Error no_answer(const HttpResponse& response, const std::string& body,
                      std::string_view what) {
    if (is_success(response.status)) return malformed(what);
    return core::Error{classify_http_status(response.status, body),
                       "HTTP status " + std::to_string(response.status)};
}

core::Expected<RpcReply> to_reply(Envelope envelope, int http_status,
                                  const std::shared_ptr<const std::string>& buffer) {
    if (envelope.error) {
        if (envelope.result && *envelope.result != "null") {
            return malformed("both a result and an error");
        }
        const RpcError& said = *envelope.error;
        auto verdict = classify_rpc_error(http_status, said.code, said.message);
        // Some say "invalid params" and the reason in the data.
        if (verdict.code == core::Errc::kRefused && !said.data.empty()) {
            auto deeper = classify_rpc_error(http_status, said.code, said.data);
            if (deeper.code == core::Errc::kSplit) verdict = deeper;
        }
        return RpcReply::of_error(std::move(*envelope.error), verdict);
    }
    if (!envelope.result) return malformed("neither a result nor an error");
    return RpcReply::of_result(buffer, *envelope.result);
}

}  // namespace

RpcReply RpcReply::of_result(std::shared_ptr<const std::string> buffer,
                             std::string_view result_json) {
    RpcReply out;
    out.buffer_ = std::move(buffer);
    out.result_json_ = result_json;
    return out;
}

RpcReply RpcReply::of_error(RpcError error, RpcVerdict verdict) {
    RpcReply out;
    out.rpc_error_ = std::move(error);
    out.verdict_ = verdict;
    return out;
}

core::Expected<std::string_view> RpcReply::result() const {
    if (!rpc_error_) return result_json_;
    return core::Error{verdict_.code, "node error " + std::to_string(rpc_error_->code) + ": " +
                                          rpc_error_->message.substr(0, 300)};
}

std::string encode_single(const RpcCall& call, std::uint64_t id) {
    std::string out;
    out.reserve(64 + call.method.size() + call.params_json.size());
    append_call(out, call, id);
    return out;
}

std::string encode_batch(std::span<const RpcCall> calls, std::uint64_t first_id) {
    std::string out = "[";
    for (std::size_t i = 0; i < calls.size(); ++i) {
        if (i != 0) out += ',';
        append_call(out, calls[i], first_id + i);
    }
    out += ']';
    return out;
}

core::Expected<RpcReply> decode_single(HttpResponse response, std::uint64_t id) {
    const auto buffer = share_padded(std::move(response.body));
    ondemand::parser parser;
    Answers answers;
    if (const auto ec = read_body(parser, *buffer, answers)) {
        return no_answer(response, *buffer, simdjson::error_message(ec));
    }
    if (answers.is_array) return no_answer(response, *buffer, "an array answers a single call");
    auto& envelope = answers.items.front();
    // Proxies refuse before they read the id; an error without one can only be ours.
    const bool anonymous_error = envelope.error && !envelope.id && !envelope.id_is_other;
    if (!anonymous_error && envelope.id != id) {
        return no_answer(response, *buffer, "the id is not the call's");
    }
    if (!envelope.error && !is_success(response.status)) {
        return no_answer(response, *buffer, "a result with a failing status");
    }
    return to_reply(std::move(envelope), response.status, buffer);
}

core::Expected<std::vector<RpcReply>> decode_batch(HttpResponse response, std::uint64_t first_id,
                                                   std::size_t count) {
    const auto buffer = share_padded(std::move(response.body));
    ondemand::parser parser;
    Answers answers;
    if (const auto ec = read_body(parser, *buffer, answers)) {
        return no_answer(response, *buffer, simdjson::error_message(ec));
    }
    std::vector<RpcReply> out;
    out.reserve(count);
    if (!answers.is_array) {
        if (!answers.items.front().error) {
            return no_answer(response, *buffer, "a single object answers a batch");
        }
        auto all = to_reply(std::move(answers.items.front()), response.status, buffer);
        if (!all) return all.error();
        out.assign(count, *all);
        return out;
    }
    if (!is_success(response.status)) return no_answer(response, *buffer, "");
    std::vector<Envelope*> by_call(count, nullptr);
    for (auto& envelope : answers.items) {
        if (!envelope.id || *envelope.id < first_id || *envelope.id - first_id >= count) {
            return malformed("an id of the batch is not one of the calls'");
        }
        auto*& place = by_call[*envelope.id - first_id];
        if (place != nullptr) return malformed("two answers to one call");
        place = &envelope;
    }
    for (auto* envelope : by_call) {
        if (envelope == nullptr) return malformed("a call of the batch has no answer");
        auto reply = to_reply(std::move(*envelope), response.status, buffer);
        if (!reply) return reply.error();
        out.push_back(std::move(*reply));
    }
    return out;
}

core::Expected<RpcReply> decode_bare(HttpResponse response) {
    const auto buffer = share_padded(std::move(response.body));
    if (!is_success(response.status)) return no_answer(response, *buffer, "");
    ondemand::parser parser;
    std::string_view raw;
    if (const auto ec = read_container(parser, *buffer, raw)) {
        return malformed(simdjson::error_message(ec));
    }
    return RpcReply::of_result(buffer, raw);
}

}  // namespace net
