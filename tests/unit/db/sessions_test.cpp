#include <catch2/catch.hpp>

#include "tests/unit/db/bench.hpp"

using core::Done;
using core::Errc;
using core::Expected;
using db::UnitOfWork;
using namespace support;

namespace {

const core::SessionId kSession{std::string(32, 'a')};

db::JournalEntry entry(session::State from, session::State to) {
    db::JournalEntry e;
    e.session = kSession;
    e.from = from;
    e.to = to;
    e.event = "test";
    e.detail = "because";
    e.at = kNow;
    return e;
}

Expected<Done> move_to(UnitOfWork& work, session::State to) {
    auto row = work.sessions().load(kSession).value().value();
    const auto from = row.session.state;
    row.session.state = to;
    return work.sessions().save(row, row.version, entry(from, to));
}

}  // namespace

TEST_CASE("sessions: every state with its tallies and funding -> comes back as it was") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        int number = 0;
        for (const auto& [name, session] : every_state()) {
            auto row = session_row();
            row.session = session;
            row.session.id = core::SessionId{"session" + std::to_string(number++)};
            row.session.destination.calldata = {0, 1, 255};
            row.method = "evm";
            row.method_at = kNow;
            row.outcome_units = units(7);
            row.outcome_tx = tx_id(3);
            INFO(name);
            REQUIRE(work.sessions().insert(row, "", "").has_value());
            auto back = work.sessions().load(row.session.id).value().value();
            CHECK(back.session == row.session);
            CHECK(back.outcome_tx == row.outcome_tx);
            CHECK(back.outcome_units == row.outcome_units);
            CHECK(back.method_at == row.method_at);
            CHECK(back.version == 1);
        }
        return Done{};
    });
}

TEST_CASE("sessions: the largest amount -> is kept to the unit") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto row = session_row();
        row.session.destination.units =
            core::Units::from_hex_quantity("0x" + std::string(64, 'f')).value();
        REQUIRE(work.sessions().insert(row, "", "").has_value());
        auto back = work.sessions().load(kSession).value().value();
        CHECK(back.session.destination.units == row.session.destination.units);
        return Done{};
    });
}

TEST_CASE("sessions: saved with a stale version -> conflict, nothing changes") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto row = session_row();
        REQUIRE(work.sessions().insert(row, "", "").has_value());
        row.session.state = session::State::kSourceSet;
        auto note = entry(session::State::kCreated, session::State::kSourceSet);
        REQUIRE(work.sessions().save(row, 1, note).has_value());
        row.session.state = session::State::kCancelled;
        row.session.tallies = {{kToken, units(1), units(0)}};
        auto again = work.sessions().save(row, 1, note);
        REQUIRE(!again);
        CHECK(again.error().code == Errc::kConflict);
        auto back = work.sessions().load(kSession).value().value();
        CHECK(back.session.state == session::State::kSourceSet);
        CHECK(back.session.tallies.empty());
        CHECK(back.version == 2);
        auto journal = work.sessions().journal(kSession).value();
        REQUIRE(journal.size() == 1);
        CHECK(journal[0].version == 2);
        CHECK(journal[0].detail == "because");
        return Done{};
    });
}

TEST_CASE("sessions: a final one -> refuses every change, takes notes") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        REQUIRE(work.sessions().insert(session_row(), "", "").has_value());
        REQUIRE(move_to(work, session::State::kExpired).has_value());
        auto changed = move_to(work, session::State::kDelivering);
        REQUIRE(!changed);
        CHECK(changed.error().code == Errc::kConflict);
        CHECK(changed.error().message.find("final") != std::string::npos);
        CHECK(work.sessions()
                  .note(entry(session::State::kExpired, session::State::kExpired))
                  .has_value());
        CHECK(work.sessions().journal(kSession).value().size() == 2);
        return Done{};
    });
}

TEST_CASE("sessions: the end of a long journal -> the newest entries, oldest first") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        REQUIRE(work.sessions().insert(session_row(), "", "").has_value());
        for (int i = 0; i < 5; ++i) {
            auto note = entry(session::State::kCreated, session::State::kCreated);
            note.detail = std::to_string(i);
            REQUIRE(work.sessions().note(note).has_value());
        }
        const auto end = work.sessions().journal_end(kSession, 2).value();
        REQUIRE(end.size() == 2);
        CHECK(end[0].detail == "3");
        CHECK(end[1].detail == "4");
        CHECK(work.sessions().journal_end(kSession, 10).value().size() == 5);
        return Done{};
    });
}

TEST_CASE("sessions: an idempotency key twice -> conflict, and the first is found") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        REQUIRE(work.sessions().insert(session_row('a'), "key", "hash").has_value());
        auto again = work.sessions().insert(session_row('b'), "key", "other");
        REQUIRE(!again);
        CHECK(again.error().code == Errc::kConflict);
        CHECK(!work.sessions().load(core::SessionId{std::string(32, 'b')}).value());
        auto found = work.sessions().by_idempotency_key(kEnvironment, "key").value().value();
        CHECK(found.first == kSession);
        CHECK(found.second == "hash");
        CHECK(!work.sessions().by_idempotency_key(kEnvironment, "unknown").value());
        return Done{};
    });
}

TEST_CASE("sessions: listed by pages -> newest first, filtered, without gap or repetition") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        for (char id = 'a'; id <= 'j'; ++id) {
            auto row = session_row(id);
            // Two share each instant: the id breaks the tie.
            row.created_at.unix_ms += (id - 'a') / 2;
            if (id == 'c') row.session.state = session::State::kExpired;
            REQUIRE(work.sessions().insert(row, "", "").has_value());
        }
        db::SessionFilter filter;
        filter.environment = kEnvironment;
        filter.limit = 3;
        std::string order;
        for (;;) {
            auto page = work.sessions().list(filter).value();
            if (page.empty()) break;
            for (const auto& row : page) order += row.session.id.text()[0];
            filter.after = page.back().session.id;
        }
        CHECK(order == "jihgfedcba");
        db::SessionFilter expired;
        expired.states = {session::State::kExpired};
        auto only = work.sessions().list(expired).value();
        REQUIRE(only.size() == 1);
        CHECK(only[0].session.id.text()[0] == 'c');
        filter.environment = core::EnvironmentId{"other"};
        filter.after.reset();
        CHECK(work.sessions().list(filter).value().empty());
        return Done{};
    });
}

TEST_CASE("sessions: past their deadline -> the waiting ones of that chain, oldest first") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        for (char id = 'a'; id <= 'd'; ++id) {
            auto row = session_row(id);
            row.session.expires_at.unix_ms = 1000 - (id - 'a');
            if (id == 'b') row.session.state = session::State::kDetected;
            REQUIRE(work.sessions().insert(row, "", "").has_value());
        }
        auto past = work.sessions().waiting_past(kChain, {1000}, 10).value();
        REQUIRE(past.size() == 2);
        CHECK(past[0].session.id.text()[0] == 'd');
        CHECK(past[1].session.id.text()[0] == 'c');
        CHECK(work.sessions().count_waiting_past(kChain, {1001}).value() == 3);
        CHECK(work.sessions().count_waiting_past(core::ChainId::eip155(1), {1001}).value() == 0);
        auto counts = work.sessions().count_by_state().value();
        REQUIRE(counts.size() == 2);
        CHECK(counts[0] == std::pair{session::State::kCreated, std::int64_t{3}});
        return Done{};
    });
}

TEST_CASE("receivers: issued twice for a session -> one address; ids grow and are followed") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        REQUIRE(work.sessions().insert(session_row('a'), "", "").has_value());
        REQUIRE(work.sessions().insert(session_row('b'), "", "").has_value());
        auto& receivers = work.receivers();
        const core::SessionId other{std::string(32, 'b')};
        auto first = receivers.issue(kSession, "eip155", kNow, derive).value();
        auto again = receivers.issue(kSession, "eip155", kNow, derive).value();
        auto second = receivers.issue(other, "eip155", kNow, derive).value();
        CHECK(first.id == again.id);
        CHECK(second.id.value == first.id.value + 1);
        CHECK(second.address == derive(second.derivation_index).value());
        CHECK(receivers.by_address("eip155", second.address).value()->session == other);
        CHECK(!receivers.by_address("tron", second.address).value());
        CHECK(receivers.by_id(first.id).value()->address == first.address);
        CHECK(receivers.of_session(kSession).value().size() == 1);
        CHECK(receivers.newest().value() == second.id);
        auto since = receivers.since("eip155", first.id, 10).value();
        REQUIRE(since.size() == 1);
        CHECK(since[0].id == second.id);
        auto nobody = receivers.issue(core::SessionId{"nobody"}, "eip155", kNow, derive);
        REQUIRE(!nobody);
        CHECK(nobody.error().code == Errc::kNotFound);
        auto failed = receivers.issue(kSession, "tron", kNow, [](std::uint32_t) {
            return Expected<core::Address>{core::invalid("no key")};
        });
        CHECK(!failed);
        CHECK(receivers.newest().value() == second.id);
        return Done{};
    });
}

TEST_CASE("receivers: the same address for two sessions -> conflict") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        REQUIRE(work.sessions().insert(session_row('a'), "", "").has_value());
        REQUIRE(work.sessions().insert(session_row('b'), "", "").has_value());
        const auto same = [](std::uint32_t) { return derive(1); };
        REQUIRE(work.receivers().issue(kSession, "eip155", kNow, same).has_value());
        auto twice = work.receivers().issue(core::SessionId{std::string(32, 'b')}, "eip155", kNow,
                                            same);
        REQUIRE(!twice);
        CHECK(twice.error().code == Errc::kConflict);
        return Done{};
    });
}

TEST_CASE("receivers: who may get native coin -> those of live sessions that ask or got it") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto asks = session_row('a');
        asks.session.destination.asset = kNative;
        auto got = session_row('b');
        got.session.tallies = {{kNative, units(1), units(0)}};
        auto over = session_row('c');
        over.session.destination.asset = kNative;
        over.session.tallies = {{kNative, units(1), units(0)}};
        over.session.state = session::State::kExpired;
        std::vector<core::Address> addresses;
        for (const auto& row : {asks, got, over, session_row('d')}) {
            REQUIRE(work.sessions().insert(row, "", "").has_value());
            auto issued = work.receivers().issue(row.session.id, "eip155", kNow, derive).value();
            addresses.push_back(issued.address);
        }
        const auto end = over.session.expires_at;
        const db::Expecting asked{addresses[0], kNow, true};
        const db::Expecting paid{addresses[1], kNow, false};
        const db::Expecting ended{addresses[2], kNow, true};
        auto found = work.receivers().expecting(kNative, end + core::Millis{1}).value();
        CHECK((found == std::vector{asked, paid}));
        found = work.receivers().expecting(kNative, end).value();
        CHECK((found == std::vector{asked, paid, ended}));

        const auto recent = [&](core::ReceiverId after, core::Instant ended_after, std::size_t limit) {
            std::vector<core::Address> out;
            const auto part = work.receivers().recent("eip155", after, ended_after, limit).value();
            for (const auto& one : part) out.push_back(one.address);
            return out;
        };
        CHECK(recent({}, end, 9) == addresses);
        CHECK(recent({}, end + core::Millis{1}, 9) ==
              std::vector{addresses[0], addresses[1], addresses[3]});
        CHECK(recent(core::ReceiverId{1}, end, 2) == std::vector{addresses[1], addresses[2]});
        return Done{};
    });
}

TEST_CASE("environments: keys and pepper -> found by prefix until revoked, made once") {
    Bench bench;
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        auto& environments = work.environments();
        CHECK(environments.by_name("test").value()->id == kEnvironment);
        CHECK(environments.list().value().size() == 1);
        auto taken = environments.insert({core::EnvironmentId{"x"}, "test", {}, kNow});
        REQUIRE(!taken);
        CHECK(taken.error().code == Errc::kConflict);
        db::ApiKey key{0, kEnvironment, "dk_1", core::Bytes(32, 9), "ci", kNow, {}};
        REQUIRE(environments.insert_key(key).has_value());
        auto found = environments.keys_with_prefix("dk_1").value();
        REQUIRE(found.size() == 1);
        CHECK(found[0].hash == key.hash);
        REQUIRE(environments.revoke_key(found[0].id, kNow).has_value());
        CHECK(environments.keys_with_prefix("dk_1").value().empty());
        CHECK(environments.list_keys().value()[0].revoked_at == kNow);
        CHECK(environments.revoke_key(99, kNow).error().code == Errc::kNotFound);
        CHECK(environments.key_pepper(core::Bytes(32, 1)).value() == core::Bytes(32, 1));
        CHECK(environments.key_pepper(core::Bytes(32, 2)).value() == core::Bytes(32, 1));
        return Done{};
    });
}
