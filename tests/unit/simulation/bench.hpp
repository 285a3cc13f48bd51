#pragma once

#include "chains/evm/profiles.hpp"
#include "chains/evm/reader.hpp"
#include "chains/evm/sender.hpp"
#include "chains/evm/signer.hpp"
#include "chains/evm/transaction.hpp"
#include "net/endpoint_pool.hpp"
#include "tests/simulation/node.hpp"
#include "tests/unit/net/fakes.hpp"

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace simulation_bench {

using namespace simulation;

inline core::Address address(std::uint8_t tail) {
    core::Bytes bytes(20, 0x22);
    bytes.back() = tail;
    return *core::Address::from_bytes(bytes);
}

inline constexpr Asset kUsdc = 1;
inline constexpr Asset kDai = 2;
inline constexpr std::uint64_t kGwei = 1'000'000'000;
inline const core::Units kEther{1'000'000'000'000'000'000ULL};

struct OnlyThese final : chains::WatchFilter {
    std::set<core::Address> ours;
    bool is_ours(const core::Address& a) const override { return ours.contains(a); }
};

inline ChainOptions chain_options() {
    ChainOptions options;
    options.finality_depth = 6;
    options.tokens = {{"USDC", 6, address(0xA0)}, {"DAI", 18, address(0xA1)}};
    return options;
}

//! The real reader and sender over a real pool, whose transport ends in simulated nodes.
struct Bench {
    explicit Bench(std::size_t node_count = 3, ChainOptions options = chain_options())
        : chain{with_money(std::move(options))} {
        info = chains::evm::generic_profile(chain.options().number, "Test");
        info.block_ms = chain.options().block_ms;
        for (const Token& token : chain.options().tokens) {
            chains::evm::add_token(info, token.symbol, token.decimals, token.contract);
        }
        for (std::size_t i = 0; i < node_count; ++i) {
            net::EndpointConfig config;
            config.name = "n" + std::to_string(i);
            config.url = "http://" + config.name + ".test/";
            configs.push_back(config);
            nodes.push_back(std::make_unique<Node>(chain));
        }
        filter.ours = {alice, bob, hot()};
    }

    chains::ChainReader& reader() {
        connect();
        if (!reader_) reader_ = chains::evm::make_reader(info, *pool, clock, log, metrics);
        return *reader_;
    }
    chains::TxSender& sender() {
        connect();
        if (!sender_) sender_ = chains::evm::make_sender(info, *pool, clock, log, metrics);
        return *sender_;
    }
    core::Expected<chains::BlockScan> scan(std::uint64_t height) {
        return run(reader().scan_block(height, filter));
    }
    template <class T>
    T run(core::Task<T> task) {
        return net::testing::run(loop, std::move(task));
    }

    core::BlockRef mine() {
        clock.passed_ms += static_cast<std::int64_t>(chain.options().block_ms);
        return chain.mine(clock.now());
    }
    void mine(int blocks) {
        for (int i = 0; i < blocks; ++i) mine();
    }
    //! The real signer's key of the treasury, which holds coin and tokens.
    core::Address hot() const { return *signer->address_of(kTreasury); }
    chains::UnsignedTx unsigned_tx(Asset asset, const core::Address& to, std::uint64_t units,
                                   std::uint64_t nonce, std::uint64_t fee = 40 * kGwei) const {
        chains::UnsignedTx tx;
        tx.chain = info.id;
        tx.order.kind =
            asset == kNative ? chains::CallKind::kNativeTransfer : chains::CallKind::kTokenTransfer;
        tx.order.asset = asset == kNative ? info.native_asset : info.tokens[asset].asset;
        tx.order.sender = hot();
        tx.order.recipient = to;
        tx.order.units = core::Units{units};
        tx.nonce = nonce;
        tx.gas_limit = 70'000;
        tx.price = {core::Units{fee}, core::Units{fee / 20}, false};
        return tx;
    }
    chains::SignedTx sign(chains::UnsignedTx tx) {
        chains::SigningRequest request{std::move(tx), kTreasury, core::PayoutId{1}, "delivery"};
        return run(signer->sign(std::move(request))).value();
    }
    chains::SendReport send(const core::Bytes& raw) { return run(sender().send(raw)).value(); }
    core::TxId pay(Asset asset, const core::Address& to, std::uint64_t units) {
        Payment payment;
        payment.asset = asset;
        payment.from = customer;
        payment.to = to;
        payment.units = core::Units{units};
        return chain.pay(payment);
    }

    static constexpr chains::KeyRef kTreasury{chains::KeyRole::kTreasury, 0};
    core::Address alice = address(1);
    core::Address bob = address(2);
    core::Address customer = address(3);

    core::asio::io_context loop{1};
    net::testing::FakeClock clock;
    net::testing::CountingRng rng;
    net::testing::KeptLog log;
    net::testing::KeptMetrics metrics;
    std::unique_ptr<chains::evm::LocalSigner> signer = make_signer();
    Chain chain;
    chains::ChainInfo info;
    OnlyThese filter;
    std::vector<net::EndpointConfig> configs;
    std::vector<std::unique_ptr<Node>> nodes;
    net::testing::ScriptedHttp client{[this](const net::HttpRequest& r) { return serve(r); }};
    std::unique_ptr<net::EndpointPool> pool;

  private:
    std::unique_ptr<chains::evm::LocalSigner> make_signer() {
        auto seed = chains::crypto::SecretBytes::copy_of(core::Bytes(32, 7));
        return std::move(chains::evm::LocalSigner::from_seed(std::move(seed), rng).value());
    }
    ChainOptions with_money(ChainOptions options) const {
        for (const core::Address& who : {address(3), hot()}) {
            options.genesis_balances.push_back({kNative, who, *kEther.times(1'000)});
            options.genesis_balances.push_back({kUsdc, who, core::Units{1'000'000'000'000}});
            options.genesis_balances.push_back({kDai, who, *kEther.times(1'000'000)});
        }
        return options;
    }
    void connect() {
        if (pool) return;
        pool = std::make_unique<net::EndpointPool>(info.id, configs, net::PoolOptions{}, client,
                                                   clock, rng, log, metrics);
    }
    core::Expected<net::HttpResponse> serve(const net::HttpRequest& request) {
        const auto node = static_cast<std::size_t>(request.url[8] - '0');
        HttpAnswer answer = nodes[node]->answer(request.body);
        net::HttpResponse response;
        response.status = answer.status;
        response.body = std::move(answer.body);
        return response;
    }

    std::unique_ptr<chains::ChainReader> reader_;
    std::unique_ptr<chains::TxSender> sender_;
};

}  // namespace simulation_bench
