#include <catch2/catch.hpp>

#include "tests/unit/db/bench.hpp"

using core::Done;
using core::Errc;
using core::Expected;
using db::DepositStatus;
using db::UnitOfWork;
using namespace support;

namespace {

void start(UnitOfWork& work, std::uint64_t to) {
    auto& blocks = work.blocks();
    REQUIRE(blocks.start(kChain, block(10), kNow).has_value());
    std::vector<db::ReadBlock> read;
    for (std::uint64_t height = 11; height <= to; ++height) read.push_back(read_block(height));
    REQUIRE(blocks.append(kChain, read, 1, kNow).has_value());
}

core::ReceiverId issue(UnitOfWork& work) {
    REQUIRE(work.sessions().insert(session_row(), "", "").has_value());
    return work.receivers()
        .issue(core::SessionId{std::string(32, 'a')}, "eip155", kNow, derive)
        .value()
        .id;
}

void file_attempt(UnitOfWork& work, const core::TxId& tx, const core::Address& sender) {
    db::Payout payout;
    payout.environment = kEnvironment;
    payout.leg = db::Leg::kFund;
    payout.asset = kNative;
    payout.sender = sender;
    payout.recipient = address(0x61);
    payout.units = units(1);
    payout.claims_key = "test";
    payout.created_at = kNow;
    payout.updated_at = kNow;
    db::PayoutStep step;
    step.payout = work.payouts().plan(payout).value();
    step.sender = sender;
    step.recipient = payout.recipient;
    step.asset = payout.asset;
    step.units = payout.units;
    step.nonce = 0;
    db::Attempt attempt;
    attempt.step = work.payouts().add_step(step).value();
    REQUIRE(work.payouts().reserve_nonce(kChain, sender, 0, attempt.step).has_value());
    attempt.tx = tx;
    attempt.raw = {1, 2, 3};
    attempt.signed_at = kNow;
    REQUIRE(work.payouts().add_attempt(attempt).has_value());
}

template <class T>
Errc code(const Expected<T>& result) {
    return result ? Errc::kUnset : result.error().code;
}

}  // namespace

TEST_CASE("blocks: appended -> linked to the tip, or refused") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& blocks = work.blocks();
        CHECK(!blocks.tip(kChain).value());
        CHECK(code(blocks.append(kChain, {read_block(11)}, 1, kNow)) == Errc::kConflict);
        start(work, 12);
        CHECK(code(blocks.start(kChain, block(5), kNow)) == Errc::kConflict);
        CHECK(blocks.tip(kChain).value() == block(12));
        CHECK(blocks.at(kChain, 11).value() == block(11));
        CHECK(code(blocks.append(kChain, {read_block(14)}, 1, kNow)) == Errc::kConflict);
        CHECK(code(blocks.append(kChain, {read_block(13, 0, 1)}, 1, kNow)) == Errc::kConflict);
        std::vector<db::ReadBlock> gap{read_block(13), read_block(15)};
        CHECK(code(blocks.append(kChain, gap, 1, kNow)) == Errc::kConflict);
        CHECK(blocks.tip(kChain).value() == block(12));
        auto tips = blocks.tips().value();
        REQUIRE(tips.size() == 1);
        CHECK(tips[0].second == block(12));
        return Done{};
    });
}

TEST_CASE("blocks: how far endpoints agree -> kept, taken back with the chain") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& blocks = work.blocks();
        CHECK(!blocks.agreed_to(kChain).value());
        start(work, 14);
        CHECK(blocks.agreed_to(kChain).value() == block(10));
        CHECK(blocks.first_after(kChain, 10, block(12).mined_at).value() == block(13));
        CHECK(!blocks.first_after(kChain, 10, block(14).mined_at).value());
        REQUIRE(blocks.set_agreed_to(kChain, block(13)).has_value());
        REQUIRE(blocks.rewind(kChain, 13, kNow).has_value());
        CHECK(blocks.agreed_to(kChain).value() == block(13));
        REQUIRE(blocks.rewind(kChain, 11, kNow).has_value());
        CHECK(blocks.agreed_to(kChain).value() == block(11));
        return Done{};
    });
}

TEST_CASE("blocks: one endpoint told a block too late -> the agreed time is kept, and no rewind passes it [F02]", "[F02]") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& blocks = work.blocks();
        start(work, 11);
        const core::Millis hour{3'600'000};
        db::ReadBlock late = read_block(12);
        late.ref.mined_at = late.ref.mined_at + hour;
        REQUIRE(blocks.append(kChain, {late, read_block(13)}, 1, kNow).has_value());
        CHECK(blocks.first_after(kChain, 10, block(13).mined_at).value() == late.ref);
        REQUIRE(blocks.set_agreed_to(kChain, block(13)).has_value());
        REQUIRE(blocks.rewind(kChain, 12, kNow).has_value());
        CHECK(blocks.agreed_to(kChain).value()->mined_at == block(13).mined_at);
        CHECK(blocks.agreed_to(kChain).value()->hash == block(12).hash);
        REQUIRE(blocks.set_agreed_to(kChain, block(12)).has_value());
        CHECK(blocks.at(kChain, 12).value() == block(12));

        db::ReadBlock again = read_block(13);
        again.ref.mined_at = again.ref.mined_at + hour;
        REQUIRE(blocks.append(kChain, {again}, 1, kNow).has_value());
        REQUIRE(blocks.rewind(kChain, 12, kNow).has_value());
        REQUIRE(blocks.append(kChain, {read_block(13)}, 1, kNow).has_value());
        CHECK(blocks.at(kChain, 13).value() == block(13));
        return Done{};
    });
}

TEST_CASE("blocks: how far native coin was looked for -> kept, taken back with the chain") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& blocks = work.blocks();
        CHECK(!blocks.native_read_to(kChain).value());
        CHECK(!blocks.second_reading(kChain).value());
        start(work, 14);
        CHECK(blocks.native_read_to(kChain).value() == block(10));
        REQUIRE(blocks.set_native_read_to(kChain, block(13)).has_value());
        REQUIRE(blocks.set_second_reading(kChain, {12, "other", kNow}).has_value());
        REQUIRE(blocks.rewind(kChain, 13, kNow).has_value());
        CHECK(blocks.native_read_to(kChain).value() == block(13));
        CHECK(blocks.second_reading(kChain).value()->height == 12);
        REQUIRE(blocks.rewind(kChain, 11, kNow).has_value());
        CHECK(blocks.native_read_to(kChain).value() == block(11));
        CHECK(blocks.second_reading(kChain).value()->height == 11);
        CHECK(blocks.second_reading(kChain).value()->endpoint == "other");
        return Done{};
    });
}

TEST_CASE("blocks: rewound and read again on the other branch -> the tip, and coverage without a hole") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& blocks = work.blocks();
        start(work, 15);
        CHECK(code(blocks.rewind(kChain, 9, kNow)) == Errc::kNotFound);
        CHECK(code(blocks.rewind(kChain, 16, kNow)) == Errc::kNotFound);
        REQUIRE(blocks.rewind(kChain, 12, kNow).has_value());
        CHECK(blocks.tip(kChain).value() == block(12));
        CHECK(!blocks.at(kChain, 13).value());
        auto cut = blocks.coverage(kChain, 0, 100).value();
        REQUIRE(cut.size() == 1);
        CHECK(cut[0].from == 11);
        CHECK(cut[0].to == 12);
        CHECK(cut[0].last_hash == block_hash(12));
        CHECK(cut[0].log_count == 6);
        CHECK(cut[0].tx_count == 4);
        std::vector<db::ReadBlock> fork{read_block(13, 1, 0), read_block(14, 1, 1)};
        REQUIRE(blocks.append(kChain, fork, 1, kNow).has_value());
        CHECK(blocks.at(kChain, 13).value() == block(13, 1, 0));
        // And back to the first branch: blocks that were orphaned are ours again.
        REQUIRE(blocks.rewind(kChain, 12, kNow).has_value());
        REQUIRE(blocks.append(kChain, {read_block(13)}, 1, kNow).has_value());
        CHECK(blocks.at(kChain, 13).value() == block(13));
        auto whole = blocks.coverage(kChain, 0, 100).value();
        REQUIRE(whole.size() == 1);
        CHECK(whole[0].to == 13);
        CHECK(whole[0].log_count == 9);
        return Done{};
    });
}

TEST_CASE("coverage: another endpoint, evidence or revision -> a row of its own, linked by hash") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& blocks = work.blocks();
        start(work, 11);
        auto two = read_block(12);
        two.endpoint = "two";
        auto weak = read_block(13);
        weak.evidence = 2;
        REQUIRE(blocks.append(kChain, {two, weak}, 1, kNow).has_value());
        REQUIRE(blocks.append(kChain, {read_block(14)}, 7, kNow).has_value());
        REQUIRE(blocks.append(kChain, {read_block(15), read_block(16)}, 7, kNow).has_value());
        auto rows = blocks.coverage(kChain, 0, 100).value();
        REQUIRE(rows.size() == 4);
        for (std::size_t i = 1; i < rows.size(); ++i) {
            CHECK(rows[i].first_parent == rows[i - 1].last_hash);
            CHECK(rows[i].from == rows[i - 1].to + 1);
        }
        CHECK(rows[3].to == 16);
        CHECK(rows[3].log_count == 9);
        auto middle = blocks.coverage(kChain, 15, 15).value();
        REQUIRE(middle.size() == 1);
        CHECK(middle[0].from == 14);
        CHECK(blocks.coverage(kChain, 17, 20).value().empty());
        return Done{};
    });
}

TEST_CASE("coverage: heights that the parent link skips -> covered") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& blocks = work.blocks();
        start(work, 11);
        auto jump = read_block(14);
        jump.ref.parent = block_hash(11);
        jump.endpoint = "two";
        REQUIRE(blocks.append(kChain, {jump}, 1, kNow).has_value());
        auto rows = blocks.coverage(kChain, 0, 100).value();
        REQUIRE(rows.size() == 2);
        CHECK(rows[1].from == 12);
        CHECK(rows[1].to == 14);
        return Done{};
    });
}

TEST_CASE("blocks: the final block -> never goes back, and bounds what is forgotten") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& blocks = work.blocks();
        start(work, 20);
        issue(work);
        REQUIRE(work.deposits().record(deposit_row(1, 13, 5)).has_value());
        REQUIRE(blocks.prune(kChain, 100, 100).has_value());
        CHECK(blocks.at(kChain, 11).value());
        REQUIRE(blocks.set_final(kChain, block(15)).has_value());
        CHECK(code(blocks.set_final(kChain, block(14))) == Errc::kConflict);
        CHECK(code(blocks.set_final(kChain, block(15, 1))) == Errc::kConflict);
        CHECK(blocks.final_block(kChain).value() == block(15));
        REQUIRE(blocks.prune(kChain, 100, 100).has_value());
        CHECK(!blocks.at(kChain, 12).value());
        CHECK(blocks.at(kChain, 13).value());
        CHECK(!blocks.at(kChain, 14).value());
        CHECK(blocks.at(kChain, 15).value());
        CHECK(blocks.coverage(kChain, 0, 100).value()[0].from == 11);
        return Done{};
    });
}

TEST_CASE("halts: a second reason while one is open -> both stand, the same one once; acknowledged ones close") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& blocks = work.blocks();
        REQUIRE(blocks.halt(kChain, "first", kNow).has_value());
        REQUIRE(blocks.halt(kChain, "second", kNow).has_value());
        REQUIRE(blocks.halt(kChain, "first", kNow).has_value());
        auto open = blocks.open_halts().value();
        REQUIRE(open.size() == 2);
        CHECK(open[0].reason == "first");
        CHECK(open[1].reason == "second");
        REQUIRE(blocks.acknowledge_halts(kChain, "anna", kNow).has_value());
        CHECK(blocks.open_halts().value().empty());
        REQUIRE(blocks.halt(kChain, "third", kNow).has_value());
        CHECK(blocks.open_halts().value()[0].reason == "third");
        CHECK(blocks.acknowledged(kChain).value() == std::vector<std::string>{"first", "second"});
        REQUIRE(blocks.lapse(kChain, "first", kNow).has_value());
        REQUIRE(blocks.lapse(kChain, "second", kNow).has_value());
        REQUIRE(blocks.lapse(kChain, "third", kNow).has_value());
        CHECK(blocks.acknowledged(kChain).value().empty());
        REQUIRE(blocks.acknowledge_halts(kChain, "anna", kNow).has_value());
        CHECK(blocks.acknowledged(kChain).value() == std::vector<std::string>{"third"});
        return Done{};
    });
}

TEST_CASE("deposits: recorded, again, orphaned, in a new block -> one row with one id") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& deposits = work.deposits();
        const auto receiver = issue(work);
        auto first = deposits.record(deposit_row(1, 13, 5)).value();
        CHECK(first.changed);
        CHECK(first.deposit.receiver == receiver);
        CHECK(first.deposit.session == core::SessionId{std::string(32, 'a')});
        auto again = deposits.record(deposit_row(1, 13, 5)).value();
        CHECK(!again.changed);
        CHECK(again.deposit.id == first.deposit.id);
        CHECK(code(deposits.record(deposit_row(1, 14, 5))) == Errc::kConflict);

        CHECK(deposits.unconfirmed(kChain, 12).value().empty());
        REQUIRE(deposits.unconfirmed(kChain, 13).value().size() == 1);
        REQUIRE(deposits.confirm(first.deposit.id, kNow).has_value());
        REQUIRE(deposits.confirm(first.deposit.id, kNow).has_value());
        CHECK(deposits.unconfirmed(kChain, 13).value().empty());
        CHECK(deposits.count(DepositStatus::kConfirmed).value() == 1);

        CHECK(deposits.orphan_above(kChain, 13).value().empty());
        auto lost = deposits.orphan_above(kChain, 12).value();
        REQUIRE(lost.size() == 1);
        CHECK(lost[0].status == DepositStatus::kConfirmed);
        CHECK(deposits.orphan_above(kChain, 12).value().empty());
        CHECK(deposits.count(DepositStatus::kOrphaned).value() == 1);
        CHECK(code(deposits.confirm(first.deposit.id, kNow)) == Errc::kConflict);

        auto back = deposits.record(deposit_row(1, 14, 6, 1)).value();
        CHECK(back.changed);
        CHECK(back.deposit.id == first.deposit.id);
        auto stored = deposits.load(first.deposit.id).value().value();
        CHECK(stored.status == DepositStatus::kDetected);
        CHECK(stored.units == units(6));
        CHECK(stored.block == block_hash(14, 1));
        CHECK(!stored.confirmed_at);
        CHECK(deposits.of_tx(tx_id(1)).value().size() == 1);
        CHECK(deposits.of_tx(tx_id(2)).value().empty());
        CHECK(deposits.of_session(core::SessionId{std::string(32, 'a')}).value().size() == 1);
        CHECK(code(deposits.load_many({first.deposit.id, {99}})) == Errc::kNotFound);
        return Done{};
    });
}

TEST_CASE("deposits: into an address of the operator -> without receiver and session") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto row = deposit_row(1, 13, 5);
        row.to = address(0x01);
        auto recorded = work.deposits().record(row).value();
        CHECK(!recorded.deposit.receiver);
        CHECK(!recorded.deposit.session);
        row.key += "1";
        row.receiver = core::ReceiverId{77};
        CHECK(code(work.deposits().record(row)) == Errc::kNotFound);
        return Done{};
    });
}

TEST_CASE("deposits: claimed -> once, for ever, and only in the ways that are allowed") {
    using db::ClaimUse;
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& deposits = work.deposits();
        issue(work);
        std::uint64_t tx = 0;
        const auto claimed = [&](ClaimUse use) {
            auto id = deposits.record(deposit_row(++tx, 13, 5)).value().deposit.id;
            REQUIRE(deposits.claim(id, use).has_value());
            CHECK(code(deposits.claim(id, use)) == Errc::kConflict);
            return id;
        };
        const ClaimUse all[] = {ClaimUse::kDelivery, ClaimUse::kRefund, ClaimUse::kStray,
                                ClaimUse::kBooked, ClaimUse::kHeld};
        for (const ClaimUse from : all) {
            for (const ClaimUse to : all) {
                if (from == to) continue;
                const bool from_open = from == ClaimUse::kStray || from == ClaimUse::kHeld;
                const bool allowed =
                    (from_open && (to == ClaimUse::kBooked || to == ClaimUse::kStray)) ||
                    (from == ClaimUse::kDelivery && to == ClaimUse::kRefund);
                const auto id = claimed(from);
                INFO(static_cast<int>(from) << " to " << static_cast<int>(to));
                CHECK(deposits.reclaim(id, to).has_value() == allowed);
                CHECK(deposits.load(id).value()->claim == (allowed ? to : from));
            }
        }
        auto open = deposits.record(deposit_row(++tx, 13, 5)).value().deposit.id;
        CHECK(code(deposits.reclaim(open, ClaimUse::kStray)) == Errc::kNotFound);
        CHECK(code(deposits.claim({999}, ClaimUse::kStray)) == Errc::kNotFound);
        return Done{};
    });
}

TEST_CASE("deposits: what settlement remembers -> found again with the key, whatever became of the row") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& deposits = work.deposits();
        issue(work);
        auto id = deposits.record(deposit_row(1, 13, 5)).value().deposit.id;
        REQUIRE(deposits.set_counted(id, db::Counted::kDetected, true).has_value());
        REQUIRE(deposits.set_counted(id, db::Counted::kConfirmed, true).has_value());
        REQUIRE(deposits.claim(id, db::ClaimUse::kDelivery).has_value());
        REQUIRE(deposits.orphan_above(kChain, 12).value().size() == 1);
        auto back = deposits.record(deposit_row(1, 14, 5, 1)).value().deposit;
        CHECK(back.counted == db::Counted::kConfirmed);
        CHECK(back.can_fund == true);
        CHECK(back.claim == db::ClaimUse::kDelivery);
        CHECK(code(deposits.set_counted({99}, db::Counted::kNot, true)) == Errc::kNotFound);
        return Done{};
    });
}

TEST_CASE("deposits: native coin expected -> every known in less every known out") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        issue(work);
        auto& deposits = work.deposits();
        const auto at = address(0x81);
        std::optional<core::Units> last;
        std::int64_t last_changes = -1;
        const auto expected = [&] {
            // Among others that hold nothing: each is told of its own.
            const auto all =
                deposits.native_expected(kChain, kNative, {address(0x99), at, address(0x98)}).value();
            REQUIRE(all.size() == 3);
            CHECK(all.front() == units(0));
            CHECK(all.back() == units(0));
            const auto changes = deposits.native_changes(kChain).value();
            if (all[1] != last) CHECK(changes != last_changes);
            last = all[1];
            last_changes = changes;
            return all[1];
        };
        CHECK(expected() == units(0));
        auto seen = deposit_row(1, 13, 100);
        seen.asset = kNative;
        REQUIRE(deposits.record(seen).has_value());
        REQUIRE(deposits.record(deposit_row(2, 13, 1000)).has_value());
        auto residual = deposit_row(3, 13, 11);
        residual.asset = kNative;
        residual.tx = {};
        residual.key = "residual:" + at.hex0x() + ":0";
        REQUIRE(deposits.record(residual).has_value());
        CHECK(deposits.residual_count(kChain, at).value() == 1);
        CHECK(expected() == units(111));

        db::OwnTx top_up;
        top_up.chain = kChain;
        top_up.tx = tx_id(50);
        top_up.sender = address(0x60);
        top_up.to = at;
        top_up.success = true;
        top_up.fee = units(1);
        top_up.native_value = units(20);
        top_up.height = 14;
        REQUIRE(work.own_txs().record(top_up).has_value());
        // Not one of our attempts: its value is a deposit's row already.
        CHECK(expected() == units(111));
        file_attempt(work, top_up.tx, top_up.sender);
        CHECK(expected() == units(131));
        db::OwnTx spent = top_up;
        spent.tx = tx_id(51);
        spent.sender = at;
        spent.to = address(1);
        spent.native_value = units(30);
        spent.height = 15;
        REQUIRE(work.own_txs().record(spent).has_value());
        CHECK(expected() == units(100));
        db::OwnTx failed = spent;
        failed.tx = tx_id(52);
        failed.success = false;
        failed.fee = units(2);
        REQUIRE(work.own_txs().record(failed).has_value());
        CHECK(expected() == units(98));
        REQUIRE(work.own_txs().orphan_above(kChain, 14).value().size() == 2);
        CHECK(expected() == units(131));
        spent.tx = tx_id(53);
        spent.native_value = units(1000);
        REQUIRE(work.own_txs().record(spent).has_value());
        CHECK(!expected());
        return Done{};
    });
}

TEST_CASE("rows refuted: one that does not count yet -> orphaned alone and written anew; else refused") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& txs = work.own_txs();
        db::OwnTx tx;
        tx.chain = kChain;
        tx.tx = tx_id(1);
        tx.sender = address(0x81);
        tx.nonce = 4;
        tx.native_value = units(7000);
        tx.height = 12;
        tx.block = block_hash(12);
        const auto id = txs.record(tx).value().tx.id;
        db::OwnTx beside = tx;
        beside.tx = tx_id(2);
        beside.nonce = 5;
        REQUIRE(txs.record(beside).has_value());
        REQUIRE(txs.orphan(id).has_value());
        CHECK(txs.not_final(kChain, 12).value().size() == 1);
        tx.nonce = 9;
        tx.sender = address(0x82);
        tx.native_value = units(7);
        CHECK(txs.record(tx).value().tx.id == id);
        const auto row = txs.load(id).value().value();
        CHECK(row.native_value == units(7));
        CHECK(row.nonce == 9);
        CHECK(row.sender == address(0x82));
        REQUIRE(txs.finalise(id).has_value());
        CHECK(code(txs.orphan(id)) == Errc::kConflict);
        CHECK(code(txs.orphan(99)) == Errc::kNotFound);

        auto& deposits = work.deposits();
        const auto deposit = deposits.record(deposit_row(1, 13, 5000)).value().deposit.id;
        REQUIRE(deposits.orphan(deposit).has_value());
        CHECK(deposits.record(deposit_row(1, 13, 5)).value().deposit.id == deposit);
        CHECK(deposits.load(deposit).value()->units == units(5));
        REQUIRE(deposits.confirm(deposit, kNow).has_value());
        CHECK(code(deposits.orphan(deposit)) == Errc::kConflict);
        CHECK(code(deposits.orphan(core::DepositId{99})) == Errc::kNotFound);
        return Done{};
    });
}

TEST_CASE("own transactions: mined, final, orphaned, mined again -> one row, its transfers with it") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& txs = work.own_txs();
        db::OwnTx tx;
        tx.chain = kChain;
        tx.tx = tx_id(1);
        tx.sender = address(0x81);
        tx.nonce = 4;
        tx.success = true;
        tx.height = 12;
        tx.block = block_hash(12);
        tx.transfers = {{kToken, address(0x81), address(1), units(5), 0},
                        {kToken, address(0x81), address(2), units(6), 1}};
        auto first = txs.record(tx).value();
        CHECK(first.changed);
        CHECK(!txs.record(tx).value().changed);
        CHECK(txs.not_final(kChain, 12).value().size() == 1);
        REQUIRE(txs.finalise(first.tx.id).has_value());
        CHECK(txs.not_final(kChain, 12).value().empty());
        auto lost = txs.orphan_above(kChain, 11).value();
        REQUIRE(lost.size() == 1);
        CHECK(lost[0].status == db::OwnTxStatus::kFinal);
        CHECK(code(txs.finalise(first.tx.id)) == Errc::kConflict);
        CHECK(code(txs.finalise(99)) == Errc::kNotFound);
        tx.height = 13;
        tx.block = block_hash(13);
        tx.transfers.pop_back();
        auto back = txs.record(tx).value();
        CHECK(back.changed);
        CHECK(back.tx.id == first.tx.id);
        auto stored = txs.by_tx(kChain, tx.tx).value().value();
        CHECK(stored.transfers.size() == 1);
        CHECK(stored.transfers[0].units == units(5));
        CHECK(stored.status == db::OwnTxStatus::kMined);
        CHECK(txs.load(first.tx.id).value()->height == 13);
        return Done{};
    });
}

TEST_CASE("facts: appended -> read in order, with their deposits; a cursor only goes on") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& facts = work.facts();
        const auto receiver = issue(work);
        auto one = work.deposits().record(deposit_row(1, 13, 5)).value().deposit.id;
        auto two = work.deposits().record(deposit_row(2, 13, 5)).value().deposit.id;
        CHECK(facts.newest().value().value == 0);
        db::Fact fact;
        fact.kind = db::FactKind::kDepositsOrphaned;
        fact.chain = kChain;
        fact.receiver = receiver;
        fact.deposits = {two, one};
        fact.were_confirmed = {one};
        fact.recorded_at = kNow;
        auto first = facts.append(fact).value();
        db::Fact opening;
        opening.kind = db::FactKind::kOpeningBalance;
        opening.chain = kChain;
        opening.address = address(3);
        opening.asset = kNative;
        opening.units = units(9);
        auto second = facts.append(opening).value();
        CHECK(second > first);
        auto all = facts.after({0}, 10).value();
        REQUIRE(all.size() == 2);
        CHECK(all[0].deposits == fact.deposits);
        CHECK(all[0].were_confirmed == fact.were_confirmed);
        CHECK(all[0].receiver == receiver);
        CHECK(all[1].address == address(3));
        CHECK(all[1].units == units(9));
        CHECK(facts.after(first, 10).value().size() == 1);
        CHECK(facts.cursor("settlement").value().value == 0);
        REQUIRE(facts.advance("settlement", second).has_value());
        CHECK(facts.cursor("settlement").value() == second);
        CHECK(code(facts.advance("settlement", first)) == Errc::kConflict);
        return Done{};
    });
}

TEST_CASE("deposits: many of one session -> what may pay is listed first, the others as sums") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        start(work, 14);
        issue(work);
        auto& deposits = work.deposits();
        const core::SessionId session{std::string(32, 'a')};
        const std::int64_t dust = 20;
        // Each is larger than the payment, but another token; and dust of the right one.
        for (std::int64_t i = 1; i <= dust; ++i) {
            auto row = deposit_row(static_cast<std::uint64_t>(i), 13, 1'000'000);
            row.asset = kNative;
            REQUIRE(deposits.record(row).has_value());
        }
        const auto payment = deposits.record(deposit_row(50, 13, 90)).value().deposit.id;
        const auto larger = deposits.record(deposit_row(51, 13, 100)).value().deposit.id;
        for (std::uint64_t i = 60; i < 70; ++i) {
            REQUIRE(deposits.record(deposit_row(i, 13, 1)).has_value());
        }
        const auto all = deposits.in_brief(session, 32).value();
        CHECK(all.listed.size() == 32);
        CHECK(all.others.empty());
        const auto brief = deposits.in_brief(session, 2).value();
        REQUIRE(brief.listed.size() == 2);
        CHECK(brief.listed[0].id == payment);
        CHECK(brief.listed[1].id == larger);
        REQUIRE(brief.others.size() == 2);
        for (const db::DepositGroup& group : brief.others) {
            const bool coin = group.asset == kNative;
            CHECK(group.count == (coin ? 20U : 10U));
            CHECK(group.units == units(coin ? 20'000'000U : 10U));
            CHECK(group.status == DepositStatus::kDetected);
            CHECK_FALSE(group.claim.has_value());
            CHECK_FALSE(group.late);
        }
        // What was claimed for the payout stays in sight whatever comes later.
        REQUIRE(deposits.claim(payment, db::ClaimUse::kDelivery).has_value());
        CHECK(deposits.in_brief(session, 1).value().listed.at(0).id == payment);
        return Done{};
    });
}
