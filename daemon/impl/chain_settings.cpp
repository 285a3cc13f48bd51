#include "daemon/impl/chain_settings.hpp"

#include <algorithm>

#include "chains/evm/profiles.hpp"

namespace depositd {

namespace {

constexpr std::uint64_t kWeiPerGwei = 1'000'000'000;

chains::GaslessKind gasless_of(std::string_view text) {
    if (text == "eip3009") return chains::GaslessKind::kEip3009;
    if (text == "eip2612") return chains::GaslessKind::kEip2612;
    return chains::GaslessKind::kNone;
}

core::Expected<core::Done> replace_tokens(chains::ChainInfo& info,
                                          const std::vector<TokenSettings>& tokens) {
    const std::vector<chains::TokenInfo> known = info.tokens;
    std::erase_if(info.tokens, [](const auto& token) { return !token.asset.is_native(); });
    for (const TokenSettings& token : tokens) {
        chains::evm::add_token(info, token.symbol, token.decimals, token.address,
                               gasless_of(token.gasless));
        chains::TokenInfo& added = info.tokens.back();
        if (!token.stray_min.empty()) {
            auto stray_min = core::Units::from_token_decimal(token.stray_min, token.decimals);
            if (!stray_min) return stray_min.error();
            added.stray_min = *stray_min;
        }
        for (const chains::TokenInfo& profile : known) {
            if (profile.asset == added.asset) added.tier_weight = profile.tier_weight;
        }
    }
    return core::Done{};
}

void override_credit(const ChainSettings& settings, chains::CreditTier& tier, bool last) {
    if (settings.confirmations) tier.depth = *settings.confirmations;
    if (settings.finalized_tag) tier.finalized_tag = *settings.finalized_tag;
    if (settings.quorum) {
        tier.endpoints = last ? *settings.quorum : std::min(tier.endpoints, *settings.quorum);
    }
    tier.endpoints = std::min<unsigned>(tier.endpoints,
                                        static_cast<unsigned>(settings.endpoints.size()));
}

}  // namespace

core::Expected<chains::ChainInfo> chain_info_of(const ChainSettings& settings) {
    const auto number = chains::evm::chain_number(settings.id);
    if (!number) return number.error();
    auto profile = chains::evm::find_profile(*number);
    chains::ChainInfo info = profile ? std::move(*profile)
                                     : chains::evm::generic_profile(
                                           *number, settings.name.value_or(settings.id.text()));
    if (settings.name) info.name = *settings.name;
    if (settings.native_symbol) {
        info.native_symbol = *settings.native_symbol;
        for (chains::TokenInfo& token : info.tokens) {
            if (token.asset == info.native_asset) token.symbol = *settings.native_symbol;
        }
    }
    if (settings.explorer_url) info.explorer_url = *settings.explorer_url;
    if (settings.mainnet) info.is_mainnet = *settings.mainnet;
    if (settings.scan_native) info.scan_native = *settings.scan_native;
    if (!settings.tokens.empty()) {
        if (auto done = replace_tokens(info, settings.tokens); !done) return done.error();
    }
    for (chains::CreditTier& tier : info.credit) {
        override_credit(settings, tier, &tier == &info.credit.back());
    }
    override_credit(settings, info.payout_final, true);
    return info;
}

core::Expected<std::vector<chains::ChainInfo>> chain_infos_of(const Config& config) {
    std::vector<chains::ChainInfo> out;
    for (const ChainSettings& settings : config.chains) {
        auto info = chain_info_of(settings);
        if (!info) return core::invalid(settings.id.text() + ": " + info.error().message);
        out.push_back(std::move(*info));
    }
    return out;
}

watchers::WatcherConfig watching_of(const ChainSettings& settings, const chains::ChainInfo& info) {
    watchers::WatcherConfig out;
    const auto by_block_time =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(info.block_ms) / 4, 100, 3'000);
    out.poll_interval = core::Millis{settings.poll_ms.value_or(by_block_time)};
    out.start_height = settings.start_height;
    out.range_batch = std::min(out.range_batch, info.range_blocks_max);
    return out;
}

chains::evm::SenderOptions sending_of(const ChainSettings& settings, const LimitsConfig& limits) {
    chains::evm::SenderOptions out;
    const std::uint64_t gwei = settings.max_fee_gwei.value_or(limits.max_fee_gwei);
    out.max_fee_cap = core::Units{core::Units::Raw{gwei} * kWeiPerGwei};
    out.call_gas_max = limits.call_gas_max;
    if (settings.quorum) out.quorum = settings.quorum;
    if (settings.allow_single_endpoint && settings.endpoints.size() == 1) out.quorum = 1;
    return out;
}

std::vector<net::EndpointConfig> endpoints_of(const ChainSettings& settings) {
    std::vector<net::EndpointConfig> out;
    for (const EndpointSettings& endpoint : settings.endpoints) {
        net::EndpointConfig config;
        config.name = endpoint.name;
        config.url = endpoint.url;
        config.headers = endpoint.headers;
        config.operator_name = endpoint.operator_name;
        config.rate_per_second = static_cast<double>(endpoint.rate_per_second);
        out.push_back(std::move(config));
    }
    return out;
}

}  // namespace depositd
