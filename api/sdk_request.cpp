#include "api/sdk_request.hpp"

#include "api/impl/fields.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace api {
namespace {

constexpr std::size_t kSecretMax = 200;
constexpr std::size_t kAddressMax = 100;
constexpr std::size_t kEventMax = 100;

Checked<std::string> query_text(const Query& query, const char* name, std::size_t max) {
    const auto at = query.find(name);
    if (at == query.end()) return std::string{};
    if (impl::characters(at->second) > max) {
        return invalid_parameter(
            name, std::string{name} + " may have at most " + std::to_string(max) + " characters.");
    }
    return at->second;
}

}  // namespace

Checked<std::string> parse_query_secret(const Query& query) {
    auto secret = query_text(query, "clientSecret", kSecretMax);
    if (secret && secret->empty()) {
        return invalid_parameter("clientSecret", "clientSecret is required.");
    }
    return secret;
}

Checked<WalletQuery> parse_wallet_query(const Query& query) {
    WalletQuery out;
    auto secret = parse_query_secret(query);
    if (!secret) return secret.problem();
    out.client_secret = std::move(*secret);
    auto evm = query_text(query, "evmAddress", kAddressMax);
    if (!evm) return evm.problem();
    out.evm_address = std::move(*evm);
    auto solana = query_text(query, "solanaAddress", kAddressMax);
    if (!solana) return solana.problem();
    out.solana_address = std::move(*solana);
    if (out.evm_address.empty() && out.solana_address.empty()) {
        return invalid_parameter("evmAddress",
                                 "At least one of evmAddress and solanaAddress is required.");
    }
    return out;
}

Checked<std::string> parse_nav_event(std::string_view text) {
    auto body = impl::parse_object(text);
    if (!body) return body.problem();
    auto secret = impl::required_text(*body, "clientSecret", "clientSecret", kSecretMax);
    if (!secret) return secret.problem();
    auto event = impl::required_text(*body, "event", "event", kEventMax);
    if (!event) return event.problem();
    const auto data = body->find("eventData");
    if (data != body->end() && !data->is_null() && !data->is_object()) {
        return invalid_parameter("eventData", "eventData must be an object.");
    }
    return secret;
}

Checked<std::string> parse_body_secret(std::string_view text) {
    auto body = impl::parse_object(text);
    if (!body) return body.problem();
    return impl::required_text(*body, "clientSecret", "clientSecret", kSecretMax);
}

}  // namespace api
