#include "daemon/impl/probe.hpp"

#include <nlohmann/json.hpp>

#include "chains/evm/abi.hpp"
#include "core/units.hpp"
#include "net/json.hpp"

namespace depositd {

namespace {

using nlohmann::json;

constexpr core::Millis kPatience{10'000};

core::Task<core::Expected<json>> ask(net::EndpointPool& pool, net::RpcCall call,
                                     std::optional<std::size_t> endpoint) {
    net::CallOptions options;
    options.timeout = kPatience;
    options.endpoint = endpoint;
    options.even_quarantined = endpoint.has_value();
    auto reply = co_await pool.call(std::move(call), options);
    if (!reply) co_return reply.error();
    auto result = reply->result();
    if (!result) co_return result.error();
    auto parsed = net::parse_strict(*result, {16, 8 * 1024 * 1024});
    if (!parsed) co_return core::Error{core::Errc::kMalformed, parsed.error().message};
    co_return std::move(*parsed);
}

core::Expected<std::uint64_t> number(const json& value) {
    if (!value.is_string()) return core::Error{core::Errc::kMalformed, "a number is missing"};
    auto units = core::Units::from_hex_quantity(value.get<std::string>());
    if (!units) return units.error();
    return units->to_u64();
}

core::Expected<std::uint64_t> number_in(const json& object, const char* key) {
    if (!object.is_object() || !object.contains(key)) {
        return core::Error{core::Errc::kMalformed, std::string{"no "} + key + " in the answer"};
    }
    return number(object[key]);
}

core::Task<core::Expected<core::Bytes>> view(net::EndpointPool& pool, core::Address contract,
                                             std::string signature) {
    const core::Bytes data = chains::evm::encode_call(signature, {});
    const json params = json::array(
        {json{{"to", contract.hex0x()}, {"data", core::to_hex0x(data)}}, json("latest")});
    net::RpcCall call{"eth_call", params.dump()};
    auto answer = co_await ask(pool, std::move(call), std::nullopt);
    if (!answer) co_return answer.error();
    if (!answer->is_string()) co_return core::Error{core::Errc::kMalformed, "no data in the answer"};
    co_return core::from_hex(answer->get<std::string>());
}

}  // namespace

core::Task<core::Expected<std::uint64_t>> probe_chain_number(net::EndpointPool& pool,
                                                             std::size_t endpoint) {
    net::RpcCall call{"eth_chainId", "[]"};
    auto chain = co_await ask(pool, std::move(call), endpoint);
    if (!chain) co_return chain.error();
    co_return number(*chain);
}

core::Task<core::Expected<EndpointFacts>> probe_endpoint(net::EndpointPool& pool,
                                                         std::size_t endpoint) {
    EndpointFacts out;
    auto chain_number = co_await probe_chain_number(pool, endpoint);
    if (!chain_number) co_return chain_number.error();
    out.chain_number = *chain_number;

    net::RpcCall latest_call{"eth_getBlockByNumber", R"(["latest",false])"};
    auto latest = co_await ask(pool, std::move(latest_call), endpoint);
    if (!latest) co_return latest.error();
    auto height = number_in(*latest, "number");
    if (!height) co_return height.error();
    auto mined_at = number_in(*latest, "timestamp");
    if (!mined_at) co_return mined_at.error();
    out.latest = *height;
    out.latest_mined_at = core::Instant::from_unix_seconds(static_cast<std::int64_t>(*mined_at));

    net::RpcCall final_call{"eth_getBlockByNumber", R"(["finalized",false])"};
    auto finalized = co_await ask(pool, std::move(final_call), endpoint);
    if (finalized) {
        if (auto final_height = number_in(*finalized, "number")) out.finalized = *final_height;
    }
    co_return out;
}

core::Task<core::Expected<core::Done>> probe_rehearsal(net::EndpointPool& pool,
                                                       std::size_t endpoint) {
    // With coin traced, as calls that are paid in coin need it. Nobody has to hold anything for it.
    net::RpcCall call{"eth_simulateV1",
                      R"([{"blockStateCalls":[{"calls":[{"from":"0x000000000000000000000000000000000000c0de",)"
                      R"("to":"0x000000000000000000000000000000000000c0de"}]}],)"
                      R"("traceTransfers":true,"validation":false},"latest"])"};
    auto answer = co_await ask(pool, std::move(call), endpoint);
    if (!answer) co_return core::Error{core::Errc::kUnsupported, answer.error().message};
    const bool is_told = answer->is_array() && answer->size() == 1 && (*answer)[0].is_object() &&
                         (*answer)[0].contains("calls") && (*answer)[0]["calls"].is_array() &&
                         (*answer)[0]["calls"].size() == 1;
    if (!is_told) co_return core::Error{core::Errc::kUnsupported, "answers in another form"};
    co_return core::Done{};
}

core::Task<core::Expected<TokenFactsOnChain>> probe_token(net::EndpointPool& pool,
                                                          core::Address contract) {
    auto decimals = co_await view(pool, contract, "decimals()");
    if (!decimals) co_return decimals.error();
    if (decimals->empty()) co_return core::Error{core::Errc::kNotFound, "no contract is there"};
    auto value = chains::evm::AbiReader{*decimals}.u64(0);
    if (!value) co_return value.error();
    TokenFactsOnChain out;
    out.decimals = static_cast<unsigned>(*value);
    auto symbol = co_await view(pool, contract, "symbol()");
    if (!symbol) co_return symbol.error();
    auto text = chains::evm::decode_text(*symbol);
    if (!text) co_return text.error();
    out.symbol = *text;
    co_return out;
}

}  // namespace depositd
