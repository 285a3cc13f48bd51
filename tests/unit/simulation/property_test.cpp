#include "tests/unit/simulation/bench.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace simulation_bench;

namespace {

constexpr int kPeople = 8;

//! A few hundred blocks of payments, reorganisations of every kind and lies, from one seed.
struct Life {
    explicit Life(std::uint64_t seed) : state{seed}, chain{rich()}, node{chain} {}

    std::uint64_t draw(std::uint64_t below) {
        state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
        return (state >> 33) % below;
    }
    static core::Address person(std::uint64_t number) {
        return address(static_cast<std::uint8_t>(number + 1));
    }
    static ChainOptions rich() {
        ChainOptions options = chain_options();
        for (std::uint64_t i = 0; i < kPeople; ++i) {
            for (const Asset asset : {kNative, kUsdc, kDai}) {
                options.genesis_balances.push_back({asset, person(i), core::Units{1'000'000}});
            }
        }
        return options;
    }
    void pay() {
        Payment payment;
        payment.asset = static_cast<Asset>(draw(3));
        payment.from = person(draw(kPeople));
        payment.to = person(draw(kPeople));
        payment.units = core::Units{draw(600'000)};
        payment.tip = draw(kGwei);
        chain.pay(payment);
    }
    void block() {
        for (std::uint64_t i = draw(4); i > 0; --i) pay();
        now = now + core::Millis{12'000};
        chain.mine(now);
        if (chain.height() < 20 || draw(15) != 0) return;
        const ReorgPlan plan = [this](const DroppedTx&) { return static_cast<Fate>(draw(6)); };
        (void)chain.reorg(1 + draw(12), plan, now, true).has_value();
    }

    std::uint64_t state;
    Chain chain;
    Node node;
    core::Instant now = core::Instant::from_unix_seconds(1'700'000'000);
};

}  // namespace

TEST_CASE("simulated chain: any life -> the truth told adds up to the balances") {
    Life life{static_cast<std::uint64_t>(GENERATE(1, 2, 3, 4))};
    for (int i = 0; i < 400; ++i) life.block();
    std::vector<core::Address> people{life.chain.thief()};
    for (std::uint64_t i = 0; i < kPeople; ++i) people.push_back(Life::person(i));
    std::map<std::pair<core::Address, Asset>, std::int64_t> held;
    for (std::uint64_t height = 1; height <= life.chain.height(); ++height) {
        CHECK(life.chain.block_at(height).parent == life.chain.block_at(height - 1).hash);
        for (const Moved& move : life.chain.moves_at(height)) {
            CHECK(move.block == life.chain.block_at(height).hash);
            if (!move.success) continue;
            const auto units = static_cast<std::int64_t>(*move.units.to_u64());
            held[{move.from, move.asset}] -= units;
            held[{move.to, move.asset}] += units;
        }
    }
    std::map<Asset, std::int64_t> supply;
    for (const core::Address& who : people) {
        for (const Asset asset : {kNative, kUsdc, kDai}) {
            const std::int64_t first = who == life.chain.thief() ? 0 : 1'000'000;
            const auto now = static_cast<std::int64_t>(*life.chain.balance(who, asset).to_u64());
            CHECK(first + held[{who, asset}] == now);
            supply[asset] += now;
        }
        std::int64_t received = 0;
        for (const Moved& move : life.chain.moves_to(who)) {
            if (move.success && move.asset == kUsdc) {
                received += static_cast<std::int64_t>(*move.units.to_u64());
            }
        }
        for (const Moved& move : life.chain.moves_from(who)) {
            if (move.success && move.asset == kUsdc) {
                received -= static_cast<std::int64_t>(*move.units.to_u64());
            }
        }
        CHECK(received == held[{who, kUsdc}]);
    }
    for (const auto& [asset, units] : supply) CHECK(units == kPeople * 1'000'000);
}

TEST_CASE("simulated node: any mixture of lies -> an answer all the same") {
    Life life{7};
    for (int i = 0; i < 300; ++i) {
        life.block();
        const auto lie = static_cast<Lie>(life.draw(kLieCount));
        const bool lying = life.draw(3) == 0;
        life.node.set_lie(lie, lying);
        for (const std::string params :
             {R"("method":"eth_getBlockByNumber","params":["latest",true])",
              R"("method":"eth_getLogs","params":[{"fromBlock":"finalized","toBlock":"latest"}])",
              R"("method":"eth_getBlockReceipts","params":["latest"])"}) {
            const auto answer = life.node.answer(R"({"jsonrpc":"2.0","id":1,)" + params + "}");
            CHECK((!answer.body.empty() || life.node.lies(Lie::kEmptyBody)));
        }
    }
}
