#include "settlement/reconciler.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <optional>
#include <set>

#include "settlement/accounts.hpp"
#include "tests/unit/settlement/desk.hpp"

using namespace support;

namespace {

//! A desk whose chain was read up to a block, one deposit of 40 booked, and a node that says what it is
//! told to say of it.
struct Bench {
    Desk desk;
    core::SessionId id = desk.open();
    std::uint64_t on_chain = 40;
    //! What the others say; none: as the first.
    std::optional<std::uint64_t> by_others;
    std::optional<core::Error> unasked;
    //! Where it is another amount, by the word of all.
    std::map<std::pair<core::Address, core::AssetId>, core::Units> places;
    bool others_differ = false;
    int quorums = 0;
    std::optional<settlement::Reconciler> reconciler;

    Bench() {
        restart();
        desk.pay(id, 40);
        desk.write<core::Done>([this](db::UnitOfWork& work) {
            core::BlockRef origin;
            origin.height = 100;
            origin.hash = *core::BlockHash::from_hex(std::string(64, 'a'));
            return work.blocks().start(kChain, origin, desk.clock.now());
        });
    }

    settlement::Reconciler::Chain chain() {
        settlement::Reconciler::Chain out;
        out.request.chain = kChain;
        out.request.native = kNative;
        out.balance_at = [this](core::AssetId asset, core::Address owner,
                                core::BlockRef) -> core::Task<core::Expected<core::Units>> {
            if (unasked && !asset.is_native()) co_return *unasked;
            if (const auto at = places.find({owner, asset}); at != places.end()) co_return at->second;
            co_return held(asset, on_chain);
        };
        out.agreed_balance_at =
            [this](core::AssetId asset, core::Address owner,
                   core::BlockRef) -> core::Task<core::Expected<chains::AgreedBalance>> {
            ++quorums;
            if (const auto at = places.find({owner, asset}); at != places.end()) {
                co_return chains::AgreedBalance{at->second, {"n1", "n2"}, {}};
            }
            if (others_differ) {
                co_return core::Error{core::Errc::kNoQuorum, "answered: n0 against n1"};
            }
            chains::AgreedBalance agreed{held(asset, by_others.value_or(on_chain)), {"n1", "n2"}, {}};
            if (by_others) agreed.disagreed.emplace_back("n0");
            co_return agreed;
        };
        return out;
    }
    //! The gas station has what the desk began with.
    static core::Units held(const core::AssetId& asset, std::uint64_t units) {
        return core::Units{asset.is_native() ? 1'000'000'000 : units};
    }
    void acknowledge() {
        desk.write<core::Done>([&](db::UnitOfWork& work) {
            return work.blocks().acknowledge_halts(kChain, "operator", desk.clock.now());
        });
    }
    void restart() { reconciler.emplace(*desk.context, chain(), core::Millis{60'000}); }
    std::size_t look() { return desk.run(reconciler->look()).value(); }
    std::vector<db::Halt> halts() {
        return desk.read<std::vector<db::Halt>>(
            [](db::UnitOfWork& work) { return work.blocks().open_halts(); });
    }
};

}  // namespace

TEST_CASE("reconciler: books and chain are equal -> nothing") {
    Bench bench;
    CHECK(bench.look() == 0);
    CHECK(bench.halts().empty());
}

TEST_CASE("reconciler: less on the chain, once -> one wrong answer is no finding") {
    Bench bench;
    bench.on_chain = 39;
    CHECK(bench.look() == 1);
    bench.on_chain = 40;
    CHECK(bench.look() == 0);
    bench.on_chain = 38;
    CHECK(bench.look() == 1);
    CHECK(bench.halts().empty());
}

TEST_CASE("reconciler: less by a deposit that is not credited yet -> its block may be a lie, no halt") {
    Bench bench;
    bench.desk.detect(bench.id, 10);
    bench.desk.drive();
    for (int i = 0; i < 4; ++i) CHECK(bench.look() == 1);
    CHECK(bench.halts().empty());
    bench.on_chain = 39;
    for (int i = 0; i < 2; ++i) bench.look();
    REQUIRE(bench.halts().size() == 1);
    CHECK(bench.halts().front().reason.find("holds 11 less of") != std::string::npos);
}

TEST_CASE("reconciler: our transaction told as failed and not final -> no halt until it is") {
    Bench bench;
    Desk& desk = bench.desk;
    const auto id = desk.open();
    desk.pay(id, 100);
    bench.places[{desk.receiver(id), kToken}] = units(100);
    desk.pass();
    REQUIRE(desk.sender.sent.size() == 1);
    const auto gas_money = desk.payouts(id).front().steps.front().units;
    REQUIRE_FALSE(gas_money.is_zero());
    // It succeeded: the coin left the gas station and is at the receiver.
    const core::Units left = *units(1'000'000'000 - 21'000).minus(gas_money);
    bench.places[{FakeSigner::gas_station(), kNative}] = left;
    bench.places[{desk.receiver(id), kNative}] = gas_money;
    desk.mine(false, false);
    desk.drive();
    for (int i = 0; i < 4; ++i) bench.look();
    CHECK(bench.halts().empty());
    // What is missing beyond that is found at once.
    bench.places[{FakeSigner::gas_station(), kNative}] = *left.minus(units(1'000'000));
    for (int i = 0; i < 2; ++i) bench.look();
    CHECK(bench.halts().size() == 1);
}

TEST_CASE("reconciler: a contract takes by itself what it was allowed -> no halt; more is missing -> halted") {
    Bench bench;
    Desk& desk = bench.desk;
    session::Session session = open_session();
    session.destination.calldata = {1, 2, 3, 4};
    const auto id = desk.open(session);
    desk.pay(id, 150);  // 50 of it are over, and not allowed to anybody
    for (int i = 0; i < 2; ++i) {  // gas money, allowance
        desk.pass();
        desk.mine();
        desk.drive();
    }
    const auto booked = desk.balance(settlement::address_account(desk.receiver(id))).units;
    bench.places[{desk.receiver(id), kToken}] = *booked.minus(units(100));
    for (int i = 0; i < 4; ++i) bench.look();
    CHECK(bench.halts().empty());
    bench.places[{desk.receiver(id), kToken}] = *booked.minus(units(101));
    for (int i = 0; i < 2; ++i) bench.look();
    CHECK(bench.halts().size() == 1);
}

TEST_CASE("reconciler: what a contract took by itself is filed -> whole; anything less -> halted again") {
    Bench bench;
    Desk& desk = bench.desk;
    session::Session session = open_session();
    session.destination.calldata = {1, 2, 3, 4};
    const auto id = desk.open(session);
    desk.pay(id, 150);
    for (int i = 0; i < 2; ++i) {
        desk.pass();
        desk.mine();
        desk.drive();
    }
    desk.pull(id, session.destination.address, 70);
    desk.sender.refuses_calls[session.destination.address] = "taken already";
    desk.settle();
    REQUIRE(desk.state(id) == session::State::kHeld);
    const core::Address receiver = desk.receiver(id);
    CHECK(desk.balance(settlement::address_account(receiver)).units == units(80));
    bench.places[{receiver, kToken}] = units(80);
    for (int i = 0; i < 2; ++i) bench.look();
    CHECK(bench.halts().empty());
    bench.places[{receiver, kToken}] = units(79);
    for (int i = 0; i < 2; ++i) bench.look();
    CHECK(bench.halts().size() == 1);
}

TEST_CASE("reconciler: less on the chain, twice -> halted; acknowledged -> the same does not halt again") {
    Bench bench;
    bench.on_chain = 39;
    bench.look();
    bench.look();
    REQUIRE(bench.halts().size() == 1);
    CHECK(bench.halts().front().reason.find("holds 1 less of") != std::string::npos);
    bench.acknowledge();
    for (int i = 0; i < 4; ++i) bench.look();
    bench.restart();
    for (int i = 0; i < 4; ++i) bench.look();
    CHECK(bench.halts().empty());
    bench.on_chain = 37;
    bench.look();
    bench.look();
    CHECK(bench.halts().size() == 1);
}

TEST_CASE("reconciler: acknowledged, whole again, and missing again -> halts anew, after a restart too") {
    Bench bench;
    for (int round = 0; round < 2; ++round) {
        bench.on_chain = 39;
        bench.look();
        bench.look();
        CHECK(bench.halts().size() == 1);
        bench.acknowledge();
        bench.look();
        CHECK(bench.halts().empty());
        bench.on_chain = 40;
        CHECK(bench.look() == 0);
        bench.restart();
    }
}

TEST_CASE("reconciler: acknowledged, whole again by one node's word only -> it still holds") {
    Bench bench;
    bench.on_chain = 39;
    bench.look();
    bench.look();
    bench.acknowledge();
    bench.on_chain = 40;
    bench.by_others = 39;
    CHECK(bench.look() == 0);
    bench.on_chain = 39;
    for (int i = 0; i < 3; ++i) bench.look();
    CHECK(bench.halts().empty());
}

TEST_CASE("reconciler: money leaves in steps -> halted at the second look") {
    Bench bench;
    bench.on_chain = 39;
    bench.look();
    CHECK(bench.halts().empty());
    bench.on_chain = 31;
    bench.look();
    REQUIRE(bench.halts().size() == 1);
    CHECK(bench.halts().front().reason.find("holds 9 less of") != std::string::npos);
    bench.on_chain = 20;
    bench.look();
    CHECK(bench.halts().size() == 1);
    bench.acknowledge();
    bench.look();
    CHECK(bench.halts().size() == 1);
}

TEST_CASE("reconciler: money leaves everywhere in steps -> every part is looked at all the same") {
    Bench bench;
    for (int i = 0; i < 450; ++i) bench.desk.pay(bench.desk.open(), 40);
    bench.others_differ = true;
    std::size_t found = 0;
    // Three parts, each looked at twice.
    for (std::uint64_t i = 1; i <= 6; ++i) {
        bench.on_chain = 40 - i;
        const std::size_t here = bench.look();
        CHECK(here <= 200);
        if (i % 2 == 0) found += here;
    }
    CHECK(found == 451);
    CHECK(bench.halts().empty());
}

TEST_CASE("reconciler: one endpoint lies -> nothing halts, and who differs is named") {
    Bench bench;
    bench.on_chain = 3;
    bench.by_others = 40;
    for (int i = 0; i < 6; ++i) bench.look();
    CHECK(bench.halts().empty());
    CHECK(bench.quorums > 0);
    CHECK(bench.desk.log.contains("n1, n2 agree on 40, against n0"));
}

TEST_CASE("reconciler: the endpoints are not of one mind -> nothing halts until they are") {
    Bench bench;
    bench.on_chain = 39;
    bench.others_differ = true;
    for (int i = 0; i < 4; ++i) bench.look();
    CHECK(bench.halts().empty());
    CHECK(bench.desk.log.contains("n0 against n1"));
    bench.others_differ = false;
    bench.look();
    CHECK(bench.halts().size() == 1);
}

TEST_CASE("reconciler: the first endpoint overstates a loss -> halted with what the quorum says") {
    Bench bench;
    bench.on_chain = 3;
    bench.by_others = 38;
    bench.look();
    bench.look();
    REQUIRE(bench.halts().size() == 1);
    CHECK(bench.halts().front().reason.find("holds 2 less of") != std::string::npos);
}

TEST_CASE("reconciler: a balance that cannot be asked -> told once, the others are compared") {
    const auto code = GENERATE(core::Errc::kUnsupported, core::Errc::kNotFound, core::Errc::kReverted);
    Bench bench;
    bench.desk.pay(bench.desk.open(), 40);
    bench.unasked = core::Error{code, "not a listed asset"};
    const auto warned = [&] { return bench.desk.log.count(core::LogLevel::kWarn); };
    const auto before = warned();
    for (int i = 0; i < 3; ++i) CHECK(bench.look() == 0);
    CHECK(warned() == before + 2);
    CHECK(bench.desk.log.contains("why=not a listed asset"));
    bench.unasked.reset();
    bench.on_chain = 39;
    CHECK(bench.look() == 2);
    bench.look();
    CHECK(bench.halts().size() == 2);
}

TEST_CASE("reconcile: lines that cannot be asked -> counted apart, neither equal nor different") {
    Bench bench;
    bench.unasked = core::Error{core::Errc::kUnsupported, "not a listed asset"};
    auto chain = bench.chain();
    auto report = bench.desk.run(
        settlement::reconcile(*bench.desk.database, chain.request, chain.balance_at));
    REQUIRE(report.has_value());
    CHECK(report->differences == 0);
    CHECK(report->not_told == 1);
    for (const auto& line : report->lines) CHECK(line.equal == line.asset.is_native());
    bench.unasked->code = core::Errc::kTimeout;
    report = bench.desk.run(
        settlement::reconcile(*bench.desk.database, chain.request, chain.balance_at));
    REQUIRE(!report.has_value());
}

TEST_CASE("reconcile: in parts -> every address once, the operators' with each, no other chain's") {
    Bench bench;
    for (int i = 0; i < 6; ++i) bench.desk.pay(bench.desk.open(), 40);
    // Seen and not yet on the books: it is looked at in its place.
    const auto pending = bench.desk.open();
    bench.desk.detect(pending, 40);
    bench.desk.drive();
    const core::Address receiver = bench.desk.receiver(bench.id);
    bench.desk.write<core::Done>([&](db::UnitOfWork& work) {
        const core::AssetId elsewhere{"eip155:3133/erc20:0x01"};
        return work.ledger().post({"elsewhere",
                                   "test",
                                   {{settlement::address_account(FakeSigner::gas_station()),
                                     elsewhere, true, units(5)},
                                    {settlement::address_account(receiver), elsewhere, true, units(5)},
                                    {"operator", elsewhere, false, units(10)}},
                                   bench.desk.clock.now()});
    });
    auto chain = bench.chain();
    chain.request.operator_addresses = {FakeSigner::gas_station()};
    for (const std::size_t part : {1, 2, 3, 7, 8, 9}) {
        settlement::ReconcileRequest request = chain.request;
        request.part = part;
        std::multiset<core::Address> seen;
        std::size_t looks = 0;
        do {
            auto report = bench.desk.run(
                settlement::reconcile(*bench.desk.database, request, chain.balance_at));
            REQUIRE(report.has_value());
            CHECK(report->differences == 0);
            CHECK(report->lines.size() <= part + 1);
            for (const auto& line : report->lines) seen.insert(line.owner);
            request.after = report->last;
            REQUIRE(++looks < 20);
        } while (!request.after.empty());
        CHECK(seen.count(FakeSigner::gas_station()) == looks);
        CHECK(seen.size() == looks + 8);
        CHECK(std::set<core::Address>(seen.begin(), seen.end()).size() == 9);
    }
}

TEST_CASE("reconciler: more on the chain -> told, nothing halts") {
    Bench bench;
    bench.on_chain = 41;
    for (int i = 0; i < 4; ++i) CHECK(bench.look() == 1);
    CHECK(bench.halts().empty());
}
