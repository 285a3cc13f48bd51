#include "tests/unit/simulation/bench.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace simulation_bench;
using chains::SendOutcome;

namespace {

std::vector<Lie> every_lie() {
    std::vector<Lie> out;
    for (std::size_t i = 0; i < kLieCount; ++i) out.push_back(static_cast<Lie>(i));
    return out;
}

//! Three nodes, the first of which lies; deposits of every kind, failures and a payout of ours.
struct Court {
    Bench bench{3};
    core::TxId payout;
    explicit Court(Lie lie) {
        const chains::CreditTier two{
            .whole_tokens_max = {}, .depth = 0, .finalized_tag = true, .endpoints = 2};
        bench.info.credit = {two};
        bench.info.payout_final = two;
        bench.mine();
        for (int i = 0; i < 4; ++i) {
            bench.pay(kDai, address(0x70), 3);
            bench.pay(kUsdc, bench.alice, 1'000);
            bench.pay(kNative, bench.bob, 2'000);
            bench.pay(kUsdc, address(0x71), 5);
            bench.mine(2);
        }
        bench.chain.behaviour(kUsdc).blocked.insert(bench.bob);
        bench.pay(kUsdc, bench.bob, 1'000);
        const auto ours = bench.sign(bench.unsigned_tx(kUsdc, address(0x72), 10, 0));
        payout = ours.id;
        bench.chain.submit(ours.raw, bench.chain.tip_id());
        bench.mine(3);
        if (lie != Lie::kStaleHead) bench.mine(3);
        bench.nodes[0]->set_targets({bench.alice, bench.bob, address(0x72)});
        bench.nodes[0]->set_lie(lie);
        if (lie == Lie::kStaleHead) bench.mine(12);
    }
    std::vector<chains::TransferSeen> truth_at(std::uint64_t height) {
        std::vector<chains::TransferSeen> out;
        for (const Moved& move : bench.chain.moves_at(height)) {
            if (!move.success || !bench.filter.is_ours(move.to)) continue;
            const bool is_token = move.asset != kNative;
            out.push_back({move.tx, move.position,
                           is_token ? chains::TransferKind::kToken : chains::TransferKind::kNative,
                           bench.info.tokens[move.asset].asset, move.from, move.to, move.units});
        }
        return out;
    }
};

bool same(std::vector<chains::TransferSeen> a, std::vector<chains::TransferSeen> b) {
    const auto by_tx = [](const chains::TransferSeen& x, const chains::TransferSeen& y) {
        return x.tx < y.tx;
    };
    std::sort(a.begin(), a.end(), by_tx);
    std::sort(b.begin(), b.end(), by_tx);
    return a == b;
}

}  // namespace

TEST_CASE("one of three nodes lies: blocks at the head -> read right, or not read [F02]",
          "[F02][F03]") {
    const Lie lie = GENERATE(from_range(every_lie()));
    Court court{lie};
    Bench& bench = court.bench;
    CAPTURE(name_of(lie));
    for (std::uint64_t height = 1; height <= bench.chain.height(); ++height) {
        CAPTURE(height);
        auto scan = bench.scan(height);
        for (int turn = 0; turn < 5 && !scan; ++turn) {
            bench.clock.passed_ms += 1'000;
            scan = bench.scan(height);
        }
        REQUIRE(scan.has_value());
        CHECK(scan->block == bench.chain.block_at(height));
        CHECK(same(scan->deposits, court.truth_at(height)));
    }
}

TEST_CASE("one of three nodes lies: heads -> no block that is not there, none final too early",
          "[F02]") {
    const Lie lie = GENERATE(from_range(every_lie()));
    Court court{lie};
    Bench& bench = court.bench;
    CAPTURE(name_of(lie));
    const auto turns = 4;
    bool told = false;
    for (int turn = 0; turn < turns; ++turn) {
        const auto heads = bench.run(bench.reader().heads());
        bench.clock.passed_ms += 20'000;
        if (!heads) continue;
        told = true;
        // The first look may be a liar's: heads are asked of one, and blocks read with proof.
        if (turn > 0 || lie != Lie::kFutureHead) {
            CHECK(heads->latest.height <= bench.chain.height());
        }
        if (!heads->finalized) continue;
        CHECK(heads->finalized->height <= bench.chain.finalized_height());
        CHECK(bench.chain.is_canonical(heads->finalized->hash));
    }
    CHECK(told);
}

TEST_CASE("one of three nodes lies: balances, nonces and prices -> the two others' word") {
    const Lie lie = GENERATE(from_range(every_lie()));
    Court court{lie};
    Bench& bench = court.bench;
    CAPTURE(name_of(lie));
    const auto at = bench.chain.block_at(bench.chain.height() - 3);
    for (const Asset asset : {kNative, kUsdc}) {
        const auto held =
            bench.run(bench.reader().balance_of(bench.info.tokens[asset].asset, bench.bob, at));
        REQUIRE(held.has_value());
        CHECK(held.value() == bench.chain.balance(bench.bob, asset));
    }
    CHECK(bench.run(bench.sender().nonce_final(bench.hot())).value() <= 1);
    const auto price = bench.run(bench.sender().suggest_price()).value();
    CHECK(price.max_fee <= core::Units{50 * kGwei});
    const auto coin = bench.run(bench.sender().native_balance(bench.hot())).value();
    CHECK(coin == bench.chain.balance(bench.hot(), kNative));
}

TEST_CASE("one of three nodes lies: a payout is sent -> in the pool, whatever the liar says [F47]",
          "[F47]") {
    const Lie lie = GENERATE(from_range(every_lie()));
    Court court{lie};
    Bench& bench = court.bench;
    CAPTURE(name_of(lie));
    const auto tx = bench.sign(bench.unsigned_tx(kUsdc, address(0x72), 10, 1));
    CHECK(bench.send(tx.raw).outcome == SendOutcome::kAccepted);
    bench.mine();
    CHECK(bench.chain.where(tx.id).has_value());
}

TEST_CASE("one of three nodes lies: what one alone said -> does not pass the others") {
    const Lie lie = GENERATE(Lie::kWrongAmount, Lie::kWrongToken, Lie::kForgedReceipt,
                             Lie::kWrongValue, Lie::kExtraTransaction);
    Court court{lie};
    Bench& bench = court.bench;
    CAPTURE(name_of(lie));
    const auto block = bench.chain.block_at(2);
    const auto truth = court.truth_at(2);
    REQUIRE(truth.size() == 2);
    for (const chains::TransferSeen& transfer : truth) {
        CHECK(bench.run(bench.reader().corroborate(block, transfer, 2)).has_value());
        auto forged = transfer;
        forged.units = *forged.units.times(1'000);
        CHECK_FALSE(bench.run(bench.reader().corroborate(block, forged, 2)).has_value());
    }
    const auto own = bench.scan(bench.chain.where(court.payout)->height).value().own;
    REQUIRE(own.size() == 1);
    CHECK(own[0].transfers.at(0).units == core::Units{10});
}

TEST_CASE("all three nodes lie alike about tokens: blocks at the head -> the root refutes them") {
    const Lie lie = GENERATE(Lie::kEmptyLogs, Lie::kLogSubset, Lie::kExtraLog, Lie::kWrongAmount,
                             Lie::kWrongToken, Lie::kForgedReceipt, Lie::kRemovedFlag,
                             Lie::kWrongBlockHash, Lie::kNullReceipt, Lie::kOmitTransaction);
    Court court{lie};
    Bench& bench = court.bench;
    CAPTURE(name_of(lie));
    for (const auto& node : bench.nodes) {
        node->set_targets({bench.alice, bench.bob, address(0x72)});
        node->set_lie(lie);
    }
    for (std::uint64_t height = 1; height <= bench.chain.height(); ++height) {
        CAPTURE(height);
        const auto scan = bench.scan(height);
        if (scan) CHECK(same(scan->deposits, court.truth_at(height)));
    }
}

TEST_CASE("one of three nodes lies: catching up -> what pays us is the truth or is missing",
          "[F02][F03]") {
    const Lie lie = GENERATE(from_range(every_lie()));
    Court court{lie};
    Bench& bench = court.bench;
    CAPTURE(name_of(lie));
    const std::uint64_t last = bench.chain.finalized_height();
    auto scans = bench.run(bench.reader().scan_range(1, last, bench.filter));
    for (int turn = 0; turn < 5 && !scans; ++turn) {
        bench.clock.passed_ms += 1'000;
        scans = bench.run(bench.reader().scan_range(1, last, bench.filter));
    }
    REQUIRE(scans.has_value());
    for (const chains::BlockScan& scan : *scans) {
        CAPTURE(scan.block.height);
        CHECK(scan.block == bench.chain.block_at(scan.block.height));
        const auto truth = court.truth_at(scan.block.height);
        for (const chains::TransferSeen& seen : scan.deposits) {
            CHECK(std::find(truth.begin(), truth.end(), seen) != truth.end());
        }
    }
}
