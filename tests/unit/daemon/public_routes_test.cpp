#include "api/openapi.hpp"
#include "daemon/assemble.hpp"
#include "daemon/system.hpp"
#include "tests/support/null_sinks.hpp"
#include "tests/support/show_expected.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <set>

namespace depositd {

namespace {

//! A daemon that watches nothing, on a store in memory: all its routes are there.
std::set<std::string> public_routes() {
    core::asio::io_context io;
    SystemClock clock;
    SystemRng rng;
    support::NullLog log;
    const auto metrics = make_metrics_sink();
    db::DatabaseOptions options;
    options.path = ":memory:";
    auto database = db::open_database(options, clock, log, *metrics);
    REQUIRE(database.has_value());
    std::set<std::string> out;
    core::asio::co_spawn(
        io,
        Application::assemble(io.get_executor(), Config{}, Surroundings{clock, rng, log, *metrics},
                              std::move(*database), {}, Keys{}, {}),
        [&](const std::exception_ptr& failure,
            const core::Expected<std::unique_ptr<Application>>& made) {
            REQUIRE_FALSE(failure);
            REQUIRE(made.has_value());
            for (const std::string& route : (*made)->public_routes().routes()) out.insert(route);
            (*made)->close();
        });
    io.run();
    return out;
}

//! What stands between braces is a name for people.
std::string without_names(const std::string& route) {
    std::string out;
    bool inside = false;
    for (const char c : route) {
        if (c == '}') inside = false;
        if (!inside) out += c;
        if (c == '{') inside = true;
    }
    return out;
}

std::set<std::string> described_routes() {
    std::set<std::string> out;
    const auto document = nlohmann::json::parse(api::openapi_document());
    for (const auto& [path, item] : document["paths"].items()) {
        for (const char* method : {"get", "put", "post", "delete", "patch", "head", "options"}) {
            if (!item.contains(method)) continue;
            std::string line{method};
            for (char& c : line) c = static_cast<char>(c - 'a' + 'A');
            out.insert(without_names(line + " " + path));
        }
    }
    return out;
}

}  // namespace

TEST_CASE("public routes: described in api/openapi.json -> all of them, and nothing else") {
    std::set<std::string> served;
    for (const std::string& route : public_routes()) served.insert(without_names(route));
    CHECK(served.contains("POST /v1/sessions"));
    CHECK(served == described_routes());
}

}  // namespace depositd
