#pragma once

#include "api/auth.hpp"
#include "api/sdk_api.hpp"
#include "api/sessions_api.hpp"
#include "db/database.hpp"
#include "tests/unit/api/fakes.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <string>

namespace api_test {

struct Answer {
    int status = 0;
    nlohmann::json body;
};

//! The sessions API over a store in memory, without sockets; two tenants.
struct StoreFixture {
    core::asio::io_context io;
    FakeClock clock;
    FakeRng rng;
    FakeLog log;
    FakeMetrics metrics;
    FakeChains chains;
    FakeOwn own;
    FakeNudge nudge;
    FakeWallets wallets;
    std::unique_ptr<db::Database> database;
    std::unique_ptr<api::Authenticator> auth;
    std::unique_ptr<api::SessionsApi> sessions;
    std::unique_ptr<api::SdkApi> sdk;
    api::Router router;
    std::string key;
    std::string revoked_key;
    std::string foreign_key;

    StoreFixture() {
        db::DatabaseOptions options;
        options.path = ":memory:";
        auto opened = db::open_database(options, clock, log, metrics);
        REQUIRE(opened.has_value());
        database = std::move(*opened);
        auto pepper = run(io, api::load_key_pepper(*database, rng));
        REQUIRE(pepper.has_value());
        key = tenant("4c1f0c3e-0000-4000-8000-000000000001", "shop", *pepper, revoked_key);
        std::string unused;
        foreign_key = tenant("4c1f0c3e-0000-4000-8000-000000000002", "other", *pepper, unused);
        auth = std::make_unique<api::Authenticator>(*database, *pepper, clock, log);
        const auto derive = [](std::uint32_t index) -> core::Expected<core::Address> {
            core::Bytes bytes(20, 0x33);
            bytes[19] = static_cast<std::uint8_t>(index);
            bytes[18] = static_cast<std::uint8_t>(index >> 8U);
            return core::Address::from_bytes(bytes);
        };
        api::SessionsNeeds needs{*database, chains, own, derive, nudge, *auth, clock, rng, log};
        sessions = std::make_unique<api::SessionsApi>(needs, api::SessionsOptions{});
        sessions->add_routes(router);
        sdk = std::make_unique<api::SdkApi>(std::move(needs), wallets);
        sdk->add_routes(router);
    }
    ~StoreFixture() {
        if (database) database->close();
    }

    template <class R, class F>
    R write(F job) {
        auto result = run(io, database->write<R>(std::move(job)));
        if (!result) FAIL(result.error().message);
        return std::move(*result);
    }

    std::string tenant(const std::string& id, const std::string& name, const core::Bytes& pepper,
                       std::string& revoked) {
        db::Environment environment;
        environment.id = core::EnvironmentId{id};
        environment.name = name;
        environment.policy.tolerance_bps = 250;
        environment.created_at = clock.now();
        const auto good = api::make_api_key(environment.id, "good", pepper, rng, clock.now());
        const auto old = api::make_api_key(environment.id, "old", pepper, rng, clock.now());
        revoked = old.text;
        write<core::Done>([&](db::UnitOfWork& work) -> core::Expected<core::Done> {
            if (auto done = work.environments().insert(environment); !done) return done.error();
            if (auto done = work.environments().insert_key(good.row); !done) return done.error();
            if (auto done = work.environments().insert_key(old.row); !done) return done.error();
            auto rows = work.environments().keys_with_prefix(old.row.prefix);
            if (!rows) return rows.error();
            return work.environments().revoke_key(rows->at(0).id, clock.now());
        });
        return good.text;
    }

    nlohmann::json body() const {
        return {{"destination",
                 {{"type", "evm"},
                  {"address", kShop},
                  {"chainId", 8453},
                  {"tokenAddress", kUsdc},
                  {"amountUnits", "10.5"}}},
                {"display", {{"title", "Shop"}, {"verb", "Pay"}}},
                {"metadata", {{"order", "7"}}},
                {"refundAddress", kRefund}};
    }

    Answer send(api::Request request, const std::string& bearer) {
        if (!bearer.empty()) request.headers["authorization"] = "Bearer " + bearer;
        const api::Response response = run(io, router.dispatch(std::move(request)));
        if (response.body.empty()) return {response.status, {}};
        return {response.status, nlohmann::json::parse(response.body)};
    }
    Answer send(const std::string& method, const std::string& path, const nlohmann::json& json,
                const std::string& bearer, const std::string& idempotency_key = {}) {
        api::Request request;
        request.method = method;
        request.path = path;
        if (!json.is_null()) request.body = json.dump();
        if (!idempotency_key.empty()) request.headers["idempotency-key"] = idempotency_key;
        return send(std::move(request), bearer);
    }
    Answer list(std::map<std::string, std::string> query, const std::string& bearer) {
        api::Request request;
        request.method = "GET";
        request.path = "/v1/sessions";
        request.query = std::move(query);
        return send(std::move(request), bearer);
    }
    //! A call of the payer's page: "tokenOptions" of a session, with its secret.
    Answer ask(const nlohmann::json& session, const std::string& what,
               std::map<std::string, std::string> query = {}) {
        api::Request request;
        request.method = "GET";
        request.path = "/v1/sessions/" + session["sessionId"].get<std::string>() + "/" + what;
        request.query = std::move(query);
        request.query.try_emplace("clientSecret", session["clientSecret"].get<std::string>());
        return send(std::move(request), "");
    }
    nlohmann::json create() {
        const Answer made = send("POST", "/v1/sessions", body(), key);
        REQUIRE(made.status == 201);
        return made.body["session"];
    }
    Answer set_method(const nlohmann::json& shown) {
        const nlohmann::json wanted{{"clientSecret", shown["clientSecret"]},
                                    {"locale", "en"},
                                    {"paymentMethod", {{"type", "evm"}}}};
        return send("POST",
                    "/v1/sessions/" + shown["sessionId"].get<std::string>() + "/paymentMethods",
                    wanted, "");
    }

    db::SessionRow row(const std::string& id) {
        return write<db::SessionRow>([id](db::UnitOfWork& work) -> core::Expected<db::SessionRow> {
            auto loaded = work.sessions().load(core::SessionId{id});
            if (!loaded) return loaded.error();
            if (!*loaded) return core::invalid("no such session");
            return **loaded;
        });
    }
    std::int64_t count() {
        return write<std::int64_t>([](db::UnitOfWork& work) -> core::Expected<std::int64_t> {
            auto counts = work.sessions().count_by_state();
            if (!counts) return counts.error();
            std::int64_t sum = 0;
            for (const auto& [state, number] : *counts) sum += number;
            return sum;
        });
    }
    //! Puts the session into a state, as settlement would.
    void move(const std::string& id, session::State to) { move(row(id), to); }
    void move(db::SessionRow moved, session::State to) {
        db::JournalEntry entry;
        entry.session = moved.session.id;
        entry.version = moved.version + 1;
        entry.from = moved.session.state;
        entry.to = to;
        entry.event = "test";
        entry.at = clock.now();
        moved.session.state = to;
        write<core::Done>([&](db::UnitOfWork& work) {
            return work.sessions().save(moved, moved.version, entry);
        });
    }
};

}  // namespace api_test
