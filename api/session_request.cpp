#include "api/session_request.hpp"

#include "api/auth.hpp"
#include "api/impl/destination.hpp"
#include "api/impl/fields.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace api {
namespace {

using impl::optional_text;
using impl::parse_object;
using impl::required_text;
using nlohmann::json;

constexpr std::size_t kTitleMax = 200;
constexpr std::size_t kVerbMax = 50;
constexpr std::size_t kUrlMax = 2048;
constexpr std::size_t kOptionsMax = 64;
constexpr std::size_t kMetadataPairsMax = 50;
constexpr std::size_t kMetadataKeyMax = 40;
constexpr std::size_t kMetadataValueMax = 500;
constexpr std::size_t kTxHashMax = 4096;
constexpr std::size_t kIdempotencyKeyMax = 255;

bool is_web_url(std::string_view text) {
    const bool https = text.starts_with("https://");
    if (!https && !text.starts_with("http://")) return false;
    const std::string_view rest = text.substr(https ? 8 : 7);
    if (rest.empty() || rest.front() == '/' || rest.front() == '?' || rest.front() == '#')
        return false;
    return std::all_of(rest.begin(), rest.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>';
    });
}

//! Ids, or lists of ids that belong together; unknown ids steer a page we do not draw.
bool are_options(const json& options, int depth) {
    if (!options.is_array() || options.size() > kOptionsMax) return false;
    return std::all_of(options.begin(), options.end(), [&](const json& option) {
        if (option.is_string()) {
            const auto size = option.get_ref<const std::string&>().size();
            return size > 0 && size <= 100;
        }
        return depth > 0 && are_options(option, depth - 1);
    });
}

Checked<std::string> parse_display(const json& body) {
    if (!body.contains("display") || !body["display"].is_object()) {
        return invalid_parameter("display", "display must be an object with title and verb.");
    }
    const json& in = body["display"];
    json out = json::object();
    auto title = required_text(in, "title", "display.title", kTitleMax);
    if (!title) return title.problem();
    auto verb = required_text(in, "verb", "display.verb", kVerbMax);
    if (!verb) return verb.problem();
    out["title"] = *title;
    out["verb"] = *verb;
    auto theme = optional_text(in, "themeCssUrl", "display.themeCssUrl", kUrlMax);
    if (!theme) return theme.problem();
    if (*theme) {
        if (!is_web_url(**theme)) {
            return invalid_parameter("display.themeCssUrl", "themeCssUrl must be an http(s) URL.");
        }
        out["themeCssUrl"] = **theme;
    }
    auto mode = optional_text(in, "themeMode", "display.themeMode", 16);
    if (!mode) return mode.problem();
    if (*mode) {
        if (**mode != "system" && **mode != "light" && **mode != "dark") {
            return invalid_parameter("display.themeMode",
                                     "themeMode must be system, light or dark.");
        }
        out["themeMode"] = **mode;
    }
    if (in.contains("paymentOptions") && !in["paymentOptions"].is_null()) {
        if (!are_options(in["paymentOptions"], 2)) {
            return invalid_parameter("display.paymentOptions",
                                     "paymentOptions must be an array of option names.");
        }
        out["paymentOptions"] = in["paymentOptions"];
    }
    return out.dump();
}

Checked<std::string> parse_metadata(const json& body) {
    if (!body.contains("metadata") || body["metadata"].is_null()) return std::string{"null"};
    const json& in = body["metadata"];
    if (!in.is_object())
        return invalid_parameter("metadata", "metadata must be an object of strings.");
    if (in.size() > kMetadataPairsMax) {
        return invalid_parameter("metadata", "metadata may have at most 50 entries.");
    }
    for (const auto& [key, value] : in.items()) {
        const std::string param = "metadata." + key.substr(0, kMetadataKeyMax);
        if (key.empty() || impl::characters(key) > kMetadataKeyMax) {
            return invalid_parameter(param, "A metadata key must have 1 to 40 characters.");
        }
        if (!value.is_string())
            return invalid_parameter(param, "A metadata value must be a string.");
        if (impl::characters(value.get_ref<const std::string&>()) > kMetadataValueMax) {
            return invalid_parameter(param, "A metadata value may have at most 500 characters.");
        }
    }
    return in.dump();
}

}  // namespace

Checked<CreateSession> parse_create_session(std::string_view text, const Chains& chains,
                                            const OwnAddresses& own) {
    auto body = parse_object(text);
    if (!body) return body.problem();
    CreateSession out;
    out.hash = sha256_hex(body->dump());
    auto destination = impl::parse_destination(*body, chains, own);
    if (!destination) return destination.problem();
    out.destination = std::move(*destination);
    auto refund = impl::parse_refund_address(*body, out.destination.asset.chain(), chains, own);
    if (!refund) return refund.problem();
    out.refund_address = *refund;
    auto display = parse_display(*body);
    if (!display) return display.problem();
    out.display_json = std::move(*display);
    auto metadata = parse_metadata(*body);
    if (!metadata) return metadata.problem();
    out.metadata_json = std::move(*metadata);
    return out;
}

Checked<SetMethod> parse_set_method(std::string_view text) {
    auto body = parse_object(text);
    if (!body) return body.problem();
    SetMethod out;
    auto secret = required_text(*body, "clientSecret", "clientSecret", 200);
    if (!secret) return secret.problem();
    out.client_secret = std::move(*secret);
    if (!body->contains("paymentMethod") || !(*body)["paymentMethod"].is_object()) {
        return invalid_parameter("paymentMethod", "paymentMethod must be an object with a type.");
    }
    auto type = required_text((*body)["paymentMethod"], "type", "paymentMethod.type", 40);
    if (!type) return type.problem();
    out.type = std::move(*type);
    return out;
}

Checked<CheckSession> parse_check(std::string_view text) {
    auto body = parse_object(text);
    if (!body) return body.problem();
    CheckSession out;
    auto secret = required_text(*body, "clientSecret", "clientSecret", 200);
    if (!secret) return secret.problem();
    out.client_secret = std::move(*secret);
    auto tx = optional_text(*body, "txHash", "txHash", kTxHashMax);
    if (!tx) return tx.problem();
    if (*tx) out.tx_hash = std::move(**tx);
    return out;
}

Checked<std::string> parse_idempotency_key(std::string_view header) {
    const bool good =
        header.size() <= kIdempotencyKeyMax &&
        std::all_of(header.begin(), header.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!good) {
        return invalid_parameter("Idempotency-Key",
                                 "Idempotency-Key must be 1 to 255 printable ASCII characters.");
    }
    return std::string{header};
}

Checked<ListSessions> parse_list(const std::map<std::string, std::string>& query) {
    ListSessions out;
    if (const auto at = query.find("limit"); at != query.end()) {
        auto limit = core::Units::from_decimal(at->second);
        if (!limit || limit->is_zero() || *limit > core::Units{100}) {
            return invalid_parameter("limit", "limit must be a number from 1 to 100.");
        }
        out.limit = static_cast<std::size_t>(*limit->to_u64());
    }
    if (const auto at = query.find("after"); at != query.end()) {
        std::array<std::uint8_t, 16> id{};
        if (at->second.starts_with("0x") || !core::read_hex(at->second, id)) {
            return invalid_parameter("after", "after must be the sessionId of an earlier answer.");
        }
        out.after = core::SessionId{core::to_hex(id)};
    }
    if (const auto at = query.find("status"); at != query.end()) {
        constexpr std::array<std::string_view, 6> kStatuses{"requires_payment_method",
                                                            "waiting_payment",
                                                            "processing",
                                                            "succeeded",
                                                            "bounced",
                                                            "expired"};
        if (std::find(kStatuses.begin(), kStatuses.end(), at->second) == kStatuses.end()) {
            return invalid_parameter("status", "status must be one of the statuses of a session.");
        }
        out.status = at->second;
    }
    return out;
}

}  // namespace api
