#pragma once

#include "api/ports.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/rng.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace api_test {

struct FakeClock final : core::Clock {
    core::Instant at{1'700'000'000'000};
    core::Tick ticks;
    core::Instant now() const override { return at; }
    core::Tick tick() const override { return ticks; }
    core::Task<void> sleep_for(core::Millis) override { co_return; }
};

//! Counts up: every id differs and a run repeats.
struct FakeRng final : core::Rng {
    std::uint8_t next = 1;
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) byte = 0x11;
        if (!out.empty()) out.back() = next++;
        if (!out.empty()) out.front() = next;
    }
};

struct FakeLog final : core::Log {
    std::string text;
    void write(core::LogLevel, std::string_view message,
               std::initializer_list<core::LogField> fields) override {
        text += message;
        for (const auto& field : fields) text += " " + std::string{field.key} + "=" + field.value;
        text += "\n";
    }
};

struct FakeMetrics final : core::Metrics {
    void count(std::string_view, const core::MetricLabels&, double) override {}
    void gauge(std::string_view, const core::MetricLabels&, double) override {}
    void observe(std::string_view, const core::MetricLabels&, double) override {}
};

inline core::Address address(const std::string& hex) {
    auto parsed = core::Address::from_hex(hex);
    return parsed.value();
}

inline const std::string kUsdc = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913";
inline const std::string kFeeToken = "0x5555555555555555555555555555555555555555";
inline const std::string kArbUsdc = "0xaf88d065e77c8cc2239327c5edb3a432268e5831";
inline const std::string kZero = "0x0000000000000000000000000000000000000000";
inline const std::string kShop = "0x1111111111111111111111111111111111111111";
inline const std::string kRefund = "0x2222222222222222222222222222222222222222";
inline const std::string kGasStation = "0x9999999999999999999999999999999999999999";

inline core::AssetId asset(const std::string& text) {
    return core::AssetId::from_text(text).value();
}
inline const core::AssetId kBaseUsdc = asset("eip155:8453/erc20:" + kUsdc);
inline const core::AssetId kBaseEth = asset("eip155:8453/slip44:60");
inline const core::AssetId kArbitrumUsdc = asset("eip155:42161/erc20:" + kArbUsdc);

//! Two chains. Instead of EIP-55: mixed case is a broken checksum, all upper or all lower is good.
struct FakeChains final : api::Chains {
    std::vector<api::ChainFacts> chains{{core::ChainId::eip155(8453), 8453, "Base"},
                                        {core::ChainId::eip155(42161), 42161, "Arbitrum"}};
    std::vector<api::TokenFacts> all{{kBaseUsdc, "USDC", 6, kUsdc, {}},
                                     {kBaseEth, "ETH", 18, kZero, {}},
                                     {asset("eip155:8453/erc20:" + kFeeToken), "FEE", 18, kFeeToken,
                                      "it takes a fee from every transfer"},
                                     {kArbitrumUsdc, "USDC", 6, kArbUsdc, {}}};

    std::vector<api::ChainFacts> evm_chains() const override { return chains; }
    std::optional<api::ChainFacts> by_number(std::uint64_t number) const override {
        for (const auto& chain : chains) {
            if (chain.number == number) return chain;
        }
        return std::nullopt;
    }
    std::optional<api::ChainFacts> by_id(const core::ChainId& id) const override {
        for (const auto& chain : chains) {
            if (chain.id == id) return chain;
        }
        return std::nullopt;
    }
    core::Expected<core::Address> parse_address(const core::ChainId&,
                                                std::string_view text) const override {
        bool upper = false;
        bool lower = false;
        for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
            upper = upper || (c >= 'A' && c <= 'F');
            lower = lower || (c >= 'a' && c <= 'f');
        }
        if (upper && lower) return core::invalid("the checksum is wrong");
        if (!text.starts_with("0x") || text.size() != 42) {
            return core::invalid("expected 0x and 40 hex digits");
        }
        return core::Address::from_hex(text);
    }
    std::string format_address(const core::ChainId&, const core::Address& a) const override {
        return a.hex0x();
    }
    std::string format_tx(const core::ChainId&, const core::TxId& tx) const override {
        return tx.hex0x();
    }
    std::optional<api::TokenFacts> token_at(const core::ChainId& chain,
                                            const core::Address& contract) const override {
        for (const auto& token : all) {
            if (token.asset.chain() == chain && token.address == contract.hex0x()) return token;
        }
        return std::nullopt;
    }
    std::optional<api::TokenFacts> token(const core::AssetId& id) const override {
        for (const auto& token : all) {
            if (token.asset == id) return token;
        }
        return std::nullopt;
    }
    std::vector<api::TokenFacts> tokens(const core::ChainId& chain) const override {
        std::vector<api::TokenFacts> out;
        for (const auto& token : all) {
            if (token.asset.chain() == chain) out.push_back(token);
        }
        return out;
    }
    bool calls = true;
    bool calls_allowed() const override { return calls; }
    std::size_t call_data_max() const override { return 1'000; }
    std::optional<std::string> forbidden_function(core::ByteView data) const override {
        if (data.size() < 4 || data[0] != 0xa9) return std::nullopt;
        return "transfer(address,uint256)";
    }
};

struct FakeOwn final : api::OwnAddresses {
    std::string also;
    bool is_own(const core::Address& a) const override {
        return a.hex0x() == kGasStation || a.hex0x() == also;
    }
};

struct FakeNudge final : api::Nudge {
    std::vector<std::pair<std::string, std::string>> looks;
    void look(const core::SessionId& session, std::string_view tx) override {
        looks.emplace_back(session.text(), tx);
    }
};

//! Every wallet holds the same, or nobody can tell.
struct FakeWallets final : api::Wallets {
    std::optional<core::Units> holds = core::Units{25'000'000};
    std::vector<std::pair<std::string, std::string>> asked;
    core::Task<std::optional<core::Units>> balance(core::AssetId asset, core::Address owner,
                                                   core::SessionId /*asked_by*/) override {
        asked.emplace_back(asset.text(), owner.hex0x());
        co_return holds;
    }
};

//! Runs a task to its end on `io`, whatever threads help it.
template <class T>
T run(core::asio::io_context& io, core::Task<T> task) {
    std::optional<T> out;
    std::exception_ptr failure;
    core::asio::co_spawn(io, std::move(task), [&](std::exception_ptr error, T value) {
        failure = error;
        out = std::move(value);
    });
    io.restart();
    auto guard = core::asio::make_work_guard(io);
    while (!out) io.run_one();
    if (failure) std::rethrow_exception(failure);
    return std::move(*out);
}

}  // namespace api_test
