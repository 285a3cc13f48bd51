// Fills a database with open sessions, each with a receiver of its own, much faster than the API
// would; or prints the addresses such sessions get.
//
//   bench_seed_sessions addresses XPUB COUNT
//   bench_seed_sessions sessions XPUB COUNT FILE ENVIRONMENT ASSET UNITS
//
// FILE must have been made by `depositd environment create`; no daemon may be using it. The sessions
// ask for UNITS of ASSET (CAIP-19) and never expire. Their ids are 1, 2, 3, … as 32 hex digits.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "chains/evm/address.hpp"
#include "chains/evm/address_codec.hpp"
#include "core/task.hpp"
#include "db/database.hpp"
#include "tests/support/null_sinks.hpp"
#include "tests/support/still_clock.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace {

using core::Done;
using core::Error;
using core::Expected;

constexpr std::uint64_t kSessionsPerCommit = 2'000;
constexpr core::Instant kCreated = core::Instant::from_unix_seconds(1'700'000'000);
constexpr core::Instant kNever = core::Instant::from_unix_seconds(4'000'000'000);

struct Order {
    chains::evm::EvmReceiverDeriver deriver;
    std::uint64_t count = 0;
    std::string environment;
    core::AssetId asset;
    core::Units units;
};

std::string session_id(std::uint64_t number) {
    std::string digits = std::to_string(number);
    return std::string(32 - digits.size(), '0') + digits;
}

db::SessionRow row_of(const Order& order, const db::Environment& environment,
                      std::uint64_t number, const core::Address& destination) {
    db::SessionRow row;
    row.session.id = core::SessionId{session_id(number)};
    row.session.destination = {order.asset, destination, order.units, {}};
    row.session.refund_address = destination;
    row.session.policy = environment.policy;
    row.session.expires_at = kNever;
    row.environment = environment.id;
    row.client_secret = "cs_" + row.session.id.text();
    row.display_json = R"({"title":"Order","verb":"Pay"})";
    row.metadata_json = "null";
    row.created_at = kCreated;
    row.updated_at = kCreated;
    return row;
}

Expected<Done> insert_one(db::UnitOfWork& work, const Order& order,
                          const db::Environment& environment, std::uint64_t number,
                          const core::Address& destination) {
    db::SessionRow row = row_of(order, environment, number, destination);
    if (auto in = work.sessions().insert(row, "", ""); !in) return in;
    auto receiver = work.receivers().issue(
        row.session.id, "eip155", kCreated,
        [&order](std::uint32_t index) { return order.deriver.derive(index); });
    if (!receiver) return receiver.error();
    row.receiver = receiver->id;
    row.method = "evm";
    row.method_at = kCreated;
    row.session.state = session::State::kSourceSet;
    row.session.waiting_state = session::State::kSourceSet;
    db::JournalEntry entry;
    entry.session = row.session.id;
    entry.to = session::State::kSourceSet;
    entry.event = "method_set";
    entry.at = kCreated;
    return work.sessions().save(row, 1, entry);
}

Expected<Done> insert_some(db::UnitOfWork& work, const Order& order, std::uint64_t from,
                           std::uint64_t to) {
    auto environment = work.environments().by_name(order.environment);
    if (!environment) return environment.error();
    if (!*environment) return core::invalid("no environment " + order.environment);
    auto destination = core::Address::from_hex(std::string(38, 'd') + "01");
    if (!destination) return destination.error();
    for (std::uint64_t number = from; number < to; ++number) {
        if (auto in = insert_one(work, order, **environment, number, *destination); !in) return in;
    }
    return Done{};
}

core::Task<void> insert_all(db::Database& database, const Order& order, Expected<Done>& result) {
    for (std::uint64_t from = 1; from <= order.count; from += kSessionsPerCommit) {
        const std::uint64_t to = std::min(order.count + 1, from + kSessionsPerCommit);
        auto job = [&order, from, to](db::UnitOfWork& work) {
            return insert_some(work, order, from, to);
        };
        result = co_await database.run_write(std::move(job));
        if (!result) co_return;
    }
}

Expected<Done> fill(const std::string& file, const Order& order) {
    support::NullLog log;
    support::NullMetrics metrics;
    support::StillClock clock;
    auto database = db::open_database({file, 1, true, true}, clock, log, metrics);
    if (!database) return database.error();
    Expected<Done> result{Done{}};
    boost::asio::io_context loop;
    boost::asio::co_spawn(loop, insert_all(**database, order, result), boost::asio::detached);
    loop.run();
    (*database)->close();
    return result;
}

Expected<Done> print_addresses(const chains::evm::EvmReceiverDeriver& deriver,
                               std::uint64_t count) {
    // A receiver is derived at its id, and ids begin at 1.
    for (std::uint64_t index = 1; index <= count; ++index) {
        auto address = deriver.derive(static_cast<std::uint32_t>(index));
        if (!address) return address.error();
        std::puts(address->hex0x().c_str());
    }
    return Done{};
}

Expected<Done> run(int argc, char** argv) {
    if (argc < 4) return core::invalid("see the comment at the top of seed_sessions.cpp");
    auto deriver = chains::evm::EvmReceiverDeriver::from_xpub(argv[2]);
    if (!deriver) return deriver.error();
    const std::uint64_t count = std::strtoull(argv[3], nullptr, 10);
    if (argv[1] == std::string_view{"addresses"}) return print_addresses(*deriver, count);
    if (argc != 8) return core::invalid("sessions wants FILE ENVIRONMENT ASSET UNITS");
    auto asset = core::AssetId::from_text(argv[6]);
    if (!asset) return asset.error();
    auto units = core::Units::from_decimal(argv[7]);
    if (!units) return units.error();
    return fill(argv[4], Order{std::move(*deriver), count, argv[5], *asset, *units});
}

}  // namespace

int main(int argc, char** argv) {
    const auto done = run(argc, argv);
    if (done) return 0;
    std::fprintf(stderr, "bench_seed_sessions: %s\n", done.error().message.c_str());
    return 1;
}
