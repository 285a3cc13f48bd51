#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <random>

#include <SQLiteCpp/SQLiteCpp.h>

#include "tests/unit/db/bench.hpp"

using core::Done;
using core::Errc;
using core::Expected;
using db::UnitOfWork;
using namespace support;

namespace {

db::Posting posting(std::string key, std::string debit, std::string credit, core::Units amount) {
    return {std::move(key),
            "test",
            {{std::move(debit), kToken, true, amount}, {std::move(credit), kToken, false, amount}},
            kNow};
}

const core::Units kMost = core::Units::from_hex_quantity("0x" + std::string(64, 'f')).value();

}  // namespace

TEST_CASE("ledger: posted -> balances move; the same key again -> conflict, nothing moves") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& ledger = work.ledger();
        CHECK(!ledger.posted("deposit:1").value());
        REQUIRE(ledger.post(posting("deposit:1", "address:0x01", "session:a", units(100)))
                    .has_value());
        CHECK(ledger.posted("deposit:1").value());
        auto again = ledger.post(posting("deposit:1", "address:0x01", "session:a", units(100)));
        REQUIRE(!again);
        CHECK(again.error().code == Errc::kConflict);
        REQUIRE(ledger.post(posting("pay", "session:a", "address:0x01", units(130))).has_value());
        auto held = ledger.balance("address:0x01", kToken).value();
        CHECK(!held.debit);
        CHECK(held.units == units(30));
        CHECK(ledger.balance("fees", kToken).value().units.is_zero());
        auto addresses = ledger.balances("address:").value();
        REQUIRE(addresses.size() == 1);
        CHECK(addresses[0].account == "address:0x01");
        CHECK(ledger.balances("").value().size() == 2);
        REQUIRE(ledger.post(posting("back", "address:0x01", "session:a", units(30))).has_value());
        CHECK(ledger.balances("").value().empty());
        CHECK(ledger.verify().has_value());
        return Done{};
    });
}

TEST_CASE("ledger: the balances of one chain, some accounts at a time -> in order, none split") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& ledger = work.ledger();
        const core::AssetId other{kToken.chain().text() + "/slip44:60"};
        const core::AssetId elsewhere{kToken.chain().text() + "0/slip44:60"};
        int key = 0;
        const auto put = [&](const std::string& account, const core::AssetId& asset) {
            db::Posting one = posting(std::to_string(++key), account, "session:a", units(5));
            for (auto& line : one.lines) line.asset = asset;
            REQUIRE(ledger.post(one).has_value());
        };
        for (const char* account : {"address:0x03", "address:0x01", "address:0x02", "operator"}) {
            put(account, kToken);
        }
        put("address:0x01", other);
        put("address:0x00", elsewhere);
        put("address:0x04", kToken);
        REQUIRE(ledger.post(posting("gone", "session:a", "address:0x04", units(5))).has_value());
        const auto page = [&](std::string_view after, std::size_t limit) {
            std::vector<std::string> out;
            const auto all = ledger.balances_of_chain(kToken.chain(), "address:", after, limit);
            for (const auto& one : all.value()) out.push_back(one.account.substr(10));
            return out;
        };
        using Accounts = std::vector<std::string>;
        CHECK(page("", 0) == Accounts{"01", "01", "02", "03"});
        CHECK(page("", 2) == Accounts{"01", "01", "02"});
        CHECK(page("address:0x02", 2) == Accounts{"03"});
        CHECK(page("address:0x03", 2).empty());
        return Done{};
    });
}

TEST_CASE("ledger: taken back -> nothing stands, the key may be posted again, with another amount [F07]",
          "[F07]") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& ledger = work.ledger();
        REQUIRE(ledger.take_back("k", kNow).has_value());
        CHECK(ledger.balances("").value().empty());
        for (const std::uint64_t amount : {100, 70, 50}) {
            REQUIRE(ledger.post(posting("k", "address:0x01", "session:a", units(amount))).has_value());
            CHECK(ledger.posted("k").value());
            CHECK(!ledger.post(posting("k", "address:0x01", "session:a", units(amount))));
            CHECK(ledger.balance("address:0x01", kToken).value().units == units(amount));
            REQUIRE(ledger.take_back("k", kNow).has_value());
            REQUIRE(ledger.take_back("k", kNow).has_value());
            CHECK(!ledger.posted("k").value());
            CHECK(ledger.balances("").value().empty());
        }
        CHECK(ledger.verify().has_value());
        return Done{};
    });
}

TEST_CASE("ledger: an account that does not exist, a sum beyond 256 bits -> refused, nothing stays") {
    Bench bench;
    auto unknown = bench.write([](UnitOfWork& work) {
        return work.ledger().post(posting("k", "address:0x01", "pocket", units(1)));
    });
    REQUIRE(!unknown);
    CHECK(unknown.error().code == Errc::kConflict);
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& ledger = work.ledger();
        CHECK(!ledger.posted("k").value());
        REQUIRE(ledger.post(posting("most", "address:0x01", "operator", kMost)).has_value());
        auto more = ledger.post(posting("more", "address:0x01", "operator", units(1)));
        REQUIRE(!more);
        CHECK(more.error().code == Errc::kOverflow);
        CHECK(!ledger.posted("more").value());
        CHECK(ledger.verify().has_value());
        return Done{};
    });
}

TEST_CASE("ledger: lines that do not add up to zero -> the process stops") {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(1);
        std::signal(SIGABRT, SIG_DFL);
        Bench bench;
        (void)bench.write([](UnitOfWork& work) {
            db::Posting wrong = posting("k", "address:0x01", "operator", units(1));
            wrong.lines[1].units = units(2);
            return work.ledger().post(wrong);
        }).has_value();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
}

TEST_CASE("ledger: random postings -> every balance is the sum of its lines") {
    const std::uint32_t seed = 20240607;
    INFO("seed " << seed);
    std::mt19937 random{seed};
    const std::vector<std::string> accounts{"address:0x01", "address:0x02", "session:a",
                                            "session:b",    "operator",     "fees"};
    Bench bench;
    bench.done([&](UnitOfWork& work) -> Expected<Done> {
        std::map<std::string, std::int64_t> model;
        for (int i = 0; i < 400; ++i) {
            db::Posting p{"p" + std::to_string(i), "", {}, kNow};
            for (int line = 0; line < 3; ++line) {
                const auto& debit = accounts[random() % accounts.size()];
                const auto& credit = accounts[random() % accounts.size()];
                const std::int64_t amount = random() % 1000;
                p.lines.push_back({debit, kToken, true, units(static_cast<std::uint64_t>(amount))});
                p.lines.push_back(
                    {credit, kToken, false, units(static_cast<std::uint64_t>(amount))});
                model[debit] += amount;
                model[credit] -= amount;
            }
            REQUIRE(work.ledger().post(p).has_value());
        }
        for (const auto& [account, sum] : model) {
            auto balance = work.ledger().balance(account, kToken).value();
            CHECK(balance.units == units(static_cast<std::uint64_t>(std::abs(sum))));
            CHECK(balance.debit == (sum >= 0));
        }
        CHECK(work.ledger().verify().has_value());
        return Done{};
    });
}

TEST_CASE("ledger: a balance somebody changed by hand -> verify names it") {
    Scratch scratch;
    Bench bench{scratch.file()};
    bench.done([](UnitOfWork& work) {
        return work.ledger().post(posting("k", "address:0x01", "operator", units(5)));
    });
    SQLite::Database{scratch.file(), SQLite::OPEN_READWRITE}.exec(
        "UPDATE balances SET units = '6' WHERE account = 'address:0x01'");
    auto found = bench.read([](UnitOfWork& work) { return work.ledger().verify(); });
    REQUIRE(!found);
    CHECK(found.error().code == Errc::kStorage);
    CHECK(found.error().message.find("address:0x01") != std::string::npos);
}

TEST_CASE("schema: rows that are history -> neither changed nor deleted, whoever asks") {
    Scratch scratch;
    {
        Bench bench{scratch.file()};
        bench.done([](UnitOfWork& work) -> Expected<Done> {
            REQUIRE(work.sessions().insert(session_row(), "", "").has_value());
            const core::SessionId session{std::string(32, 'a')};
            auto receiver = work.receivers().issue(session, "eip155", kNow, derive).value();
            auto deposit = work.deposits().record(deposit_row(1, 13, 5)).value().deposit.id;
            REQUIRE(work.deposits().claim(deposit, db::ClaimUse::kDelivery).has_value());
            db::Fact fact;
            fact.chain = kChain;
            fact.receiver = receiver.id;
            fact.deposits = {deposit};
            REQUIRE(work.facts().append(fact).has_value());
            db::JournalEntry entry;
            entry.session = session;
            REQUIRE(work.sessions().note(entry).has_value());
            REQUIRE(work.ledger().post(posting("k", "address:0x01", "operator", units(5)))
                        .has_value());
            REQUIRE(work.blocks().halt(kChain, "why", kNow).has_value());
            db::Webhook webhook;
            webhook.id = "w";
            webhook.environment = kEnvironment;
            webhook.url = "https://example.com/";
            webhook.events = {"*"};
            webhook.secret = "s";
            REQUIRE(work.webhooks().insert(webhook).has_value());
            db::WebhookEvent event;
            event.id = "e";
            event.environment = kEnvironment;
            event.session = session;
            event.sequence = 1;
            event.type = "session.processing";
            REQUIRE(work.webhooks().append(event).has_value());
            db::OwnTx tx;
            tx.chain = kChain;
            tx.tx = tx_id(9);
            REQUIRE(work.own_txs().record(tx).has_value());
            auto payout = work.payouts().plan(payout_row(db::Leg::kDelivery, "1")).value();
            db::PayoutStep step;
            step.payout = payout;
            step.sender = address(0x81);
            auto id = work.payouts().add_step(step).value();
            REQUIRE(work.payouts().reserve_nonce(kChain, address(0x81), 0, id).has_value());
            db::Attempt attempt;
            attempt.step = id;
            attempt.tx = tx_id(1);
            attempt.raw = {1};
            REQUIRE(work.payouts().add_attempt(attempt).has_value());
            return Done{};
        });
    }
    SQLite::Database file{scratch.file(), SQLite::OPEN_READWRITE};
    for (const char* sql :
         {"DELETE FROM sessions", "DELETE FROM session_journal", "DELETE FROM receivers",
          "DELETE FROM deposits", "DELETE FROM claims", "DELETE FROM facts",
          "DELETE FROM fact_deposits", "DELETE FROM own_txs", "DELETE FROM halts",
          "DELETE FROM payouts", "DELETE FROM payout_steps", "DELETE FROM nonces",
          "DELETE FROM attempts", "DELETE FROM postings", "DELETE FROM ledger_lines",
          "DELETE FROM webhooks", "DELETE FROM webhook_events",
          "UPDATE webhooks SET url = 'https://example.org/'", "UPDATE webhooks SET secret = ''",
          "UPDATE webhook_events SET body = 'x'", "UPDATE session_journal SET detail = ''", "UPDATE receivers SET address = '0x00'",
          "UPDATE deposits SET key = 'x'", "UPDATE claims SET use = NULL",
          "UPDATE claims SET key = 'x'", "UPDATE facts SET height = 1",
          "UPDATE fact_deposits SET deposit_id = 2", "UPDATE nonces SET nonce = 9",
          "UPDATE attempts SET raw = x'02'", "UPDATE attempts SET step_id = 9",
          "UPDATE payouts SET units = '1', version = 2", "UPDATE payouts SET status = 2",
          "UPDATE payout_steps SET nonce = 9", "UPDATE postings SET key = 'x'",
          "UPDATE ledger_lines SET units = '1'", "UPDATE sessions SET id = 'x', version = 2",
          "UPDATE sessions SET state = 99, version = 2"}) {
        INFO(sql);
        CHECK_THROWS_AS(file.exec(sql), SQLite::Exception);
    }
}
