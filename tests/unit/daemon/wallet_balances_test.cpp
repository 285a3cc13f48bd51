#include "daemon/impl/wallet_balances.hpp"

#include "tests/support/show_expected.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

namespace depositd {

namespace {

const core::ChainId kBase = core::ChainId::eip155(8453);
const core::ChainId kOther = core::ChainId::eip155(42161);

core::AssetId usdc(const core::ChainId& chain) {
    return core::AssetId::from_text(chain.text() +
                                    "/erc20:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913")
        .value();
}

core::Address wallet(std::uint8_t last) {
    core::Bytes bytes(20, 0x44);
    bytes[19] = last;
    return core::Address::from_bytes(bytes).value();
}

struct TurnedClock final : core::Clock {
    core::Tick at{1'000'000};
    core::Instant now() const override { return {}; }
    core::Tick tick() const override { return at; }
    core::Task<void> sleep_for(core::Millis) override { co_return; }
};

//! Two chains whose node says what it is told to, at once or when it is let go.
struct Scene {
    core::asio::io_context io;
    core::asio::steady_timer gate{io, core::asio::steady_timer::time_point::max()};
    TurnedClock clock;
    int reads = 0;
    bool hangs = false;
    bool has_tip = true;
    core::Expected<core::Units> says{core::Units{7}};
    WalletBalances balances{chains(), tip(), clock};

    core::Task<core::Expected<core::Units>> read() {
        ++reads;
        if (hangs) {
            boost::system::error_code ignored;
            co_await gate.async_wait(
                core::asio::redirect_error(core::asio::use_awaitable, ignored));
        }
        co_return says;
    }
    core::Task<core::Expected<core::BlockRef>> last() const {
        if (!has_tip) co_return core::Error{core::Errc::kNotFound, "no block yet"};
        co_return core::BlockRef{};
    }
    std::vector<WalletBalances::Chain> chains() {
        auto one = [this](core::AssetId, core::Address, core::BlockRef) { return read(); };
        std::vector<WalletBalances::Chain> out;
        out.push_back({kBase, one});
        out.push_back({kOther, std::move(one)});
        return out;
    }
    WalletBalances::Tip tip() {
        return [this](core::ChainId) { return last(); };
    }

    using Told = std::optional<core::Units>;
    //! Asks; the answer comes when the loop runs.
    void ask(std::uint8_t owner, std::vector<Told>& out, const core::ChainId& chain = kBase,
             const std::string& by = {}) {
        // Each owner looks at a session of their own, unless it is said whose this is.
        const core::SessionId session{by.empty() ? std::to_string(owner) : by};
        core::asio::co_spawn(io, balances.balance(usdc(chain), wallet(owner), session),
                             [&out](const std::exception_ptr& failure, Told told) {
                                 REQUIRE_FALSE(failure);
                                 out.push_back(told);
                             });
    }
    Told now(std::uint8_t owner, const core::ChainId& chain = kBase, const std::string& by = {}) {
        std::vector<Told> out;
        ask(owner, out, chain, by);
        io.restart();
        io.run();
        REQUIRE(out.size() == 1);
        return out.front();
    }
};

}  // namespace

TEST_CASE("wallet balances: asked again within moments -> read once; later -> read anew") {
    Scene scene;
    CHECK((scene.now(1) == core::Units{7}));
    scene.says = core::Units{8};
    scene.clock.at = scene.clock.at + (WalletBalances::kFresh - core::Millis{1});
    CHECK((scene.now(1) == core::Units{7}));
    CHECK(scene.reads == 1);
    scene.clock.at = scene.clock.at + core::Millis{1};
    CHECK((scene.now(1) == core::Units{8}));
    CHECK(scene.reads == 2);
}

TEST_CASE("wallet balances: the node fails, no block yet, unknown chain -> none, not an error") {
    Scene scene;
    scene.says = core::Error{core::Errc::kUnreachable, "down"};
    CHECK_FALSE(scene.now(1).has_value());
    CHECK_FALSE(scene.now(1).has_value());
    CHECK(scene.reads == 1);
    scene.has_tip = false;
    CHECK_FALSE(scene.now(2).has_value());
    CHECK_FALSE(scene.now(3, core::ChainId::eip155(1)).has_value());
    CHECK(scene.reads == 1);
}

TEST_CASE("wallet balances: many wallets at once -> a chain's nodes are asked a few times") {
    Scene scene;
    for (std::uint8_t i = 0; i < 100; ++i) scene.now(i);
    CHECK(scene.reads == WalletBalances::kPerWindow);
    CHECK_FALSE(scene.now(200).has_value());
    CHECK((scene.now(200, kOther) == core::Units{7}));
    scene.clock.at = scene.clock.at + WalletBalances::kWindow;
    CHECK((scene.now(200) == core::Units{7}));
}

TEST_CASE("wallet balances: a node that hangs -> a few wait, the others are told at once") {
    Scene scene;
    scene.hangs = true;
    std::vector<Scene::Told> told;
    for (std::uint8_t i = 0; i < 9; ++i) scene.ask(i, told);
    scene.io.restart();
    scene.io.poll();
    CHECK(scene.reads == WalletBalances::kAtOnce);
    // Another chain does not wait for this one's node.
    scene.hangs = false;
    scene.ask(1, told, kOther);
    scene.io.poll();
    REQUIRE((told.back() == core::Units{7}));
    told.pop_back();
    CHECK(told.size() == static_cast<std::size_t>(9 - WalletBalances::kAtOnce));
    for (const Scene::Told& one : told) CHECK_FALSE(one.has_value());
    scene.gate.cancel();
    scene.io.run();
    CHECK(told.size() == 9);
    CHECK((scene.now(50) == core::Units{7}));
}

TEST_CASE("wallet balances: one session asks for many wallets -> others are still told") {
    Scene scene;
    for (std::uint8_t i = 0; i < 100; ++i) scene.now(i, kBase, "greedy");
    CHECK(scene.reads == WalletBalances::kPerWindowOfSession);
    CHECK((scene.now(200, kBase, "modest") == core::Units{7}));
    scene.clock.at = scene.clock.at + WalletBalances::kWindow;
    CHECK((scene.now(201, kBase, "greedy") == core::Units{7}));
}

TEST_CASE("wallet balances: one session's readings hang -> others are still told") {
    Scene scene;
    scene.hangs = true;
    std::vector<Scene::Told> told;
    for (std::uint8_t i = 0; i < 9; ++i) scene.ask(i, told, kBase, "greedy");
    scene.io.restart();
    scene.io.poll();
    CHECK(scene.reads == WalletBalances::kAtOnceOfSession);
    scene.hangs = false;
    scene.ask(50, told, kBase, "modest");
    scene.io.poll();
    CHECK((told.back() == core::Units{7}));
    scene.gate.cancel();
    scene.io.run();
    CHECK(told.size() == 10);
}

}  // namespace depositd
