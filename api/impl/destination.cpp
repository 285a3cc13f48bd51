#include "api/impl/destination.hpp"

#include "api/impl/fields.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace api::impl {
namespace {

using nlohmann::json;

constexpr std::size_t kAddressMax = 100;
constexpr std::size_t kAmountMax = 100;

std::string list_chains(const Chains& chains) {
    std::string out;
    for (const ChainFacts& chain : chains.evm_chains()) {
        out += (out.empty() ? "" : ", ") + chain.name + " (" + std::to_string(chain.number) + ")";
    }
    return out.empty() ? "none" : out;
}

std::string list_tokens(const Chains& chains, const core::ChainId& chain) {
    std::string out;
    for (const TokenFacts& token : chains.tokens(chain)) {
        if (token.refused) continue;
        out += (out.empty() ? "" : ", ") + token.symbol + " (" + token.address + ")";
    }
    return out.empty() ? "none" : out;
}

Checked<ChainFacts> parse_chain(const json& in, const Chains& chains) {
    const auto at = in.find("chainId");
    if (at == in.end() || !at->is_number_unsigned() || at->get<std::uint64_t>() == 0) {
        return invalid_parameter(
            "destination.chainId",
            "destination.chainId must be a positive whole number such as 8453.");
    }
    const auto number = at->get<std::uint64_t>();
    auto chain = chains.by_number(number);
    if (!chain) {
        return impossible("unsupported_chain",
                          "Chain " + std::to_string(number) +
                              " is not configured here. Configured: " + list_chains(chains) + ".",
                          "destination.chainId");
    }
    return *chain;
}

Checked<core::Address> parse_address(const json& in, const char* key, const std::string& param,
                                     const core::ChainId& chain, const Chains& chains) {
    auto text = required_text(in, key, param, kAddressMax);
    if (!text) return text.problem();
    auto address = chains.parse_address(chain, *text);
    if (!address) {
        return invalid_parameter(param,
                                 param + " is not a usable address: " + address.error().message);
    }
    return *address;
}

Checked<TokenFacts> parse_token(const json& in, const ChainFacts& chain, const Chains& chains) {
    const std::string param = "destination.tokenAddress";
    auto contract = parse_address(in, "tokenAddress", param, chain.id, chains);
    if (!contract) return contract.problem();
    auto token = chains.token_at(chain.id, *contract);
    if (!token) {
        return impossible("unsupported_token",
                          "Token " + chains.format_address(chain.id, *contract) +
                              " is not configured on " + chain.name +
                              ". Configured: " + list_tokens(chains, chain.id) + ".",
                          param);
    }
    if (token->refused) {
        return impossible(
            "unsupported_token",
            token->symbol + " on " + chain.name + " is not accepted: " + *token->refused, param);
    }
    return *token;
}

Checked<std::optional<core::Units>> parse_amount(const json& in, const TokenFacts& token) {
    const std::string param = "destination.amountUnits";
    const auto at = in.find("amountUnits");
    if (at == in.end() || at->is_null()) return std::optional<core::Units>{};
    if (!at->is_string()) {
        return invalid_parameter(
            param,
            param + " must be a string in whole tokens such as \"10.50\": numbers lose digits.");
    }
    const auto& text = at->get_ref<const std::string&>();
    if (text.size() > kAmountMax) return invalid_parameter(param, param + " is too long.");
    auto units = core::Units::from_token_decimal(text, token.decimals);
    if (!units) return invalid_parameter(param, param + " is not usable: " + units.error().message);
    if (units->is_zero()) {
        return impossible("amount_too_small", param + " must be more than zero.", param);
    }
    return std::optional<core::Units>{*units};
}

//! 0x…dEaD, where people send what nobody shall have.
bool is_dead_address(const core::Address& address) {
    const auto view = address.view();
    if (view.size() != 20 || view[18] != 0xde || view[19] != 0xad) return false;
    return std::all_of(view.begin(), view.begin() + 18, [](std::uint8_t b) { return b == 0; });
}

//! Money sent to these would be lost, or come round to us.
std::optional<Problem> never_pay(const core::Address& address, const std::string& param,
                                 const core::ChainId& chain, const Chains& chains,
                                 const OwnAddresses& own) {
    if (address.is_zero() || is_dead_address(address)) {
        return invalid_parameter(param, param + " is a burn address: the money would be lost.");
    }
    if (own.is_own(address)) {
        return invalid_parameter(param, param + " is one of this service's own addresses.");
    }
    if (const auto token = chains.token_at(chain, address)) {
        return invalid_parameter(
            param, param + " is the contract of " + token->symbol + ": the money would be lost.");
    }
    return std::nullopt;
}

//! What the destination, a contract then, is called with; empty: it is paid by a transfer.
Checked<core::Bytes> parse_calldata(const json& in, const Chains& chains) {
    const std::string param = "destination.calldata";
    const auto at = in.find("calldata");
    if (at == in.end() || at->is_null()) return core::Bytes{};
    if (!at->is_string()) {
        return invalid_parameter(param, param + " must be a string of hex digits behind 0x.");
    }
    const auto& text = at->get_ref<const std::string&>();
    if (text.empty() || text == "0x") return core::Bytes{};
    if (!chains.calls_allowed()) {
        return impossible("calldata_not_supported",
                          "Contract calls are not offered here: the operator has not allowed them.",
                          param);
    }
    if (text.size() > 2 + 2 * chains.call_data_max()) {
        return invalid_parameter(
            param, param + " may have at most " + std::to_string(chains.call_data_max()) + " bytes.");
    }
    auto data = text.starts_with("0x") ? core::from_hex(text)
                                       : core::Expected<core::Bytes>{core::invalid("0x is missing")};
    if (!data) {
        return invalid_parameter(param, param + " must be 0x and an even number of hex digits.");
    }
    if (data->size() < 4) {
        return invalid_parameter(param, param + " must name a function: its first four bytes.");
    }
    if (const auto function = chains.forbidden_function(*data)) {
        return impossible("call_not_allowed",
                          "A session's address never calls " + *function +
                              ": it would move tokens past the session. Call a contract that pulls "
                              "what it was approved for.",
                          param);
    }
    return std::move(*data);
}

}  // namespace

Checked<session::Destination> parse_destination(const json& body, const Chains& chains,
                                                const OwnAddresses& own) {
    const auto at = body.find("destination");
    if (at == body.end() || !at->is_object()) {
        return invalid_parameter("destination", "destination must be an object.");
    }
    const json& in = *at;
    auto type = required_text(in, "type", "destination.type", 40);
    if (!type) return type.problem();
    if (*type != "evm") {
        return invalid_parameter("destination.type", "destination.type must be \"evm\" here.");
    }
    auto chain = parse_chain(in, chains);
    if (!chain) return chain.problem();
    auto token = parse_token(in, *chain, chains);
    if (!token) return token.problem();
    auto address = parse_address(in, "address", "destination.address", chain->id, chains);
    if (!address) return address.problem();
    if (auto problem = never_pay(*address, "destination.address", chain->id, chains, own)) {
        return *problem;
    }
    auto units = parse_amount(in, *token);
    if (!units) return units.problem();
    auto calldata = parse_calldata(in, chains);
    if (!calldata) return calldata.problem();
    session::Destination out;
    out.asset = token->asset;
    out.address = *address;
    out.units = *units;
    out.calldata = std::move(*calldata);
    return out;
}

Checked<std::optional<core::Address>> parse_refund_address(const json& body,
                                                           const core::ChainId& chain,
                                                           const Chains& chains,
                                                           const OwnAddresses& own) {
    const std::string param = "refundAddress";
    const auto at = body.find("refundAddress");
    if (at == body.end() || at->is_null()) return std::optional<core::Address>{};
    auto address = parse_address(body, "refundAddress", param, chain, chains);
    if (!address) return address.problem();
    // A refund goes out on whichever chain the deposit came in.
    for (const ChainFacts& paid_on : chains.evm_chains()) {
        if (auto problem = never_pay(*address, param, paid_on.id, chains, own)) return *problem;
    }
    return std::optional<core::Address>{*address};
}

}  // namespace api::impl
