#include "tests/unit/simulation/bench.hpp"

#include <catch2/catch.hpp>

using namespace simulation_bench;

namespace {

ReorgPlan all(Fate fate) {
    return [fate](const DroppedTx&) { return fate; };
}

struct Paid {
    Bench bench{1};
    core::TxId tx;
    Paid() {
        bench.mine(3);
        tx = bench.pay(kUsdc, bench.alice, 500);
        bench.mine(2);
    }
    core::Expected<ReorgReport> reorg(std::uint64_t depth, Fate fate) {
        return bench.chain.reorg(depth, all(fate), bench.clock.now());
    }
};

}  // namespace

TEST_CASE("simulated reorg: mined at the same place -> other block, same deposit") {
    Paid paid;
    const auto before = paid.bench.scan(4).value();
    const auto report = paid.reorg(2, Fate::kSamePlace).value();
    CHECK(report.fork.height == 3);
    CHECK(report.new_tip.height == 6);
    const auto after = paid.bench.scan(4).value();
    CHECK(after.block.hash != before.block.hash);
    CHECK(after.block.parent == before.block.parent);
    CHECK(after.deposits == before.deposits);
    CHECK_FALSE(paid.bench.chain.is_canonical(before.block.hash));
    CHECK(paid.bench.chain.is_canonical(after.block.hash));
    // Whoever asks for the dropped block by its hash still gets it, as geth gives it.
    CHECK(paid.bench.chain.moves_to(paid.bench.alice).size() == 1);
}

TEST_CASE("simulated reorg: mined elsewhere -> one block later") {
    Paid paid;
    REQUIRE(paid.reorg(2, Fate::kElsewhere).has_value());
    CHECK(paid.bench.scan(4).value().deposits.empty());
    CHECK(paid.bench.scan(5).value().deposits.size() == 1);
    CHECK(paid.bench.chain.where(paid.tx)->height == 5);
}

TEST_CASE("simulated reorg: back to the pool -> mined with the next block, if not evicted") {
    Paid paid;
    REQUIRE(paid.reorg(2, Fate::kPool).has_value());
    CHECK_FALSE(paid.bench.chain.where(paid.tx).has_value());
    CHECK(paid.bench.chain.balance(paid.bench.alice, kUsdc).is_zero());
    const bool evicted = GENERATE(false, true);
    if (evicted) paid.bench.chain.evict(paid.tx);
    paid.bench.mine();
    CHECK(paid.bench.chain.where(paid.tx).has_value() == !evicted);
    CHECK(paid.bench.scan(7).value().deposits.size() == (evicted ? 0U : 1U));
}

TEST_CASE(
    "simulated reorg: double-spent -> the money is the thief's and the payment never returns") {
    Paid paid;
    auto& chain = paid.bench.chain;
    REQUIRE(paid.reorg(2, Fate::kDoubleSpent).has_value());
    CHECK(chain.balance(chain.thief(), kUsdc) == core::Units{500});
    CHECK(chain.balance(paid.bench.alice, kUsdc).is_zero());
    paid.bench.mine(3);
    CHECK_FALSE(chain.where(paid.tx).has_value());
    CHECK(chain.moves_to(paid.bench.alice).empty());
}

TEST_CASE("simulated reorg: twice over the same blocks -> state and truth fit the last branch") {
    Paid paid;
    REQUIRE(paid.reorg(2, Fate::kPool).has_value());
    REQUIRE(paid.reorg(3, Fate::kSamePlace).has_value());
    paid.bench.mine();
    auto& chain = paid.bench.chain;
    CHECK(chain.balance(paid.bench.alice, kUsdc) == core::Units{500});
    const auto moves = chain.moves_to(paid.bench.alice);
    REQUIRE(moves.size() == 1);
    CHECK(moves[0].block == chain.tip().hash);
    CHECK(chain.moves_from(paid.bench.customer).size() == 1);
}

TEST_CASE("simulated reorg: below the finalized block -> refused unless finality may break") {
    Bench bench{1};
    bench.mine(10);
    const auto final_before = bench.chain.finalized();
    CHECK(final_before.height == 4);
    const auto refused = bench.chain.reorg(7, all(Fate::kSamePlace), bench.clock.now());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == core::Errc::kRefused);
    REQUIRE(bench.chain.reorg(7, all(Fate::kSamePlace), bench.clock.now(), true).has_value());
    CHECK(bench.chain.finalized().height >= 4);
    CHECK_FALSE(bench.chain.is_canonical(final_before.hash));
}

TEST_CASE("simulated reorg: a node that stayed on the old branch -> serves it whole") {
    Paid paid;
    Bench& bench = paid.bench;
    bench.nodes[0]->pin();
    const auto old_tip = bench.chain.tip();
    REQUIRE(paid.reorg(2, Fate::kGone).has_value());
    CHECK(bench.run(bench.reader().heads()).value().latest == old_tip);
    CHECK(bench.scan(4).value().deposits.size() == 1);
    const auto usdc = bench.info.tokens[kUsdc].asset;
    CHECK(bench.run(bench.reader().balance_of(usdc, bench.alice, old_tip)).value() ==
          core::Units{500});
    bench.nodes[0]->unpin();
    CHECK(bench.scan(4).value().deposits.empty());
    CHECK(bench.run(bench.reader().balance_of(usdc, bench.alice, bench.chain.tip()))
              .value()
              .is_zero());
}

TEST_CASE("simulated reorg: another attempt of a payout is mined instead -> fee and hash of that") {
    Bench bench{1};
    bench.mine();
    const auto first = bench.sign(bench.unsigned_tx(kUsdc, bench.alice, 70, 0));
    const auto second = bench.sign(bench.unsigned_tx(kUsdc, bench.alice, 70, 0, 60 * kGwei));
    CHECK(bench.send(first.raw).outcome == chains::SendOutcome::kAccepted);
    CHECK(bench.send(second.raw).outcome == chains::SendOutcome::kAccepted);
    bench.mine();
    REQUIRE(bench.chain.where(second.id).has_value());
    REQUIRE(bench.chain.reorg(1, all(Fate::kOtherAttempt), bench.clock.now()).has_value());
    CHECK_FALSE(bench.chain.where(second.id).has_value());
    CHECK(bench.chain.where(first.id)->height == 2);
    const auto own = bench.scan(2).value().own;
    REQUIRE(own.size() == 1);
    CHECK(own[0].tx == first.id);
    CHECK(own[0].fee == bench.chain.sent_by(bench.hot()).front().fee);
}
