#include "tests/unit/db/bench.hpp"

#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <catch2/catch.hpp>

namespace support {

namespace asio = boost::asio;
using core::Done;
using core::Expected;

namespace {

core::Task<void> run_one(db::Database& database, Bench::Job job, bool reads,
                         Expected<Done>& result) {
    if (reads) {
        result = co_await database.run_read(std::move(job));
    } else {
        result = co_await database.run_write(std::move(job));
    }
}

}  // namespace

Scratch::Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "depositd-db-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no scratch directory"};
    path = name;
}

Scratch::~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

Bench::Bench(std::string path, bool exclusive)
    : Bench{db::DatabaseOptions{std::move(path), 2, exclusive, true}} {}

Bench::Bench(db::DatabaseOptions options)
    : loop_{std::make_unique<asio::io_context>()}, clock{loop_->get_executor()} {
    auto opened = db::open_database(std::move(options), clock, log, metrics);
    if (!opened) throw std::runtime_error{opened.error().message};
    database = std::move(*opened);
    done([](db::UnitOfWork& work) -> Expected<Done> {
        auto known = work.environments().by_id(kEnvironment);
        if (!known) return known.error();
        if (*known) return Done{};
        return work.environments().insert({kEnvironment, "test", {}, kNow});
    });
}

Expected<Done> Bench::write(Job job) {
    std::vector<Job> jobs;
    jobs.push_back(std::move(job));
    return write_all(std::move(jobs)).front();
}

Expected<Done> Bench::read(Job job) {
    Expected<Done> result;
    loop().restart();
    asio::co_spawn(loop(), run_one(*database, std::move(job), true, result), asio::detached);
    loop().run();
    return result;
}

std::vector<Expected<Done>> Bench::write_all(std::vector<Job> jobs) {
    std::vector<Expected<Done>> results(jobs.size());
    loop().restart();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        asio::co_spawn(loop(), run_one(*database, std::move(jobs[i]), false, results[i]),
                       asio::detached);
    }
    loop().run();
    return results;
}

void Bench::done(Job job) {
    // A REQUIRE throws; it must do so on the test's own thread.
    std::exception_ptr thrown;
    auto result = write([&](db::UnitOfWork& work) -> Expected<Done> {
        try {
            return job(work);
        } catch (...) {
            thrown = std::current_exception();
            return core::invalid("the test failed inside the job");
        }
    });
    if (thrown) std::rethrow_exception(thrown);
    INFO((result ? std::string{} : result.error().message));
    REQUIRE(result.has_value());
}

core::BlockHash block_hash(std::uint64_t height, int fork) {
    core::BlockHash hash;
    std::memcpy(hash.bytes.data(), &height, sizeof height);
    hash.bytes.back() = static_cast<std::uint8_t>(fork);
    return hash;
}

core::BlockRef block(std::uint64_t height, int fork, int parent_fork) {
    return {height, block_hash(height, fork), block_hash(height - 1, parent_fork),
            core::Instant::from_unix_seconds(static_cast<std::int64_t>(height))};
}

db::ReadBlock read_block(std::uint64_t height, int fork, int parent_fork) {
    return {block(height, fork, parent_fork), "one", 1, 3, 2};
}

core::TxId tx_id(std::uint64_t number) {
    core::Bytes bytes(32, 0x77);
    std::memcpy(bytes.data(), &number, sizeof number);
    return core::TxId::from_bytes(bytes).value();
}

db::SessionRow session_row(char id) {
    db::SessionRow row;
    row.session = open_session();
    row.session.id = core::SessionId{std::string(32, id)};
    row.environment = kEnvironment;
    row.client_secret = "secret";
    row.display_json = "{}";
    row.metadata_json = "null";
    row.created_at = kNow;
    row.updated_at = kNow;
    return row;
}

Expected<core::Address> derive(std::uint32_t index) {
    return address(static_cast<std::uint8_t>(0x80 + index));
}

db::Deposit deposit_row(std::uint64_t tx, std::uint64_t height, std::uint64_t amount, int fork) {
    db::Deposit d;
    d.chain = kChain;
    d.tx = tx_id(tx);
    d.key = d.tx.hex0x() + ":0";
    d.asset = kToken;
    d.from = address(0x70);
    d.to = address(0x81);
    d.units = units(amount);
    d.height = height;
    d.block = block_hash(height, fork);
    d.mined_at = core::Instant::from_unix_seconds(static_cast<std::int64_t>(height));
    d.detected_at = kNow;
    return d;
}

db::Payout payout_row(db::Leg leg, const std::string& claims) {
    db::Payout p;
    p.session = core::SessionId{std::string(32, 'a')};
    p.environment = kEnvironment;
    p.leg = leg;
    p.asset = kToken;
    p.receiver = core::ReceiverId{1};
    p.sender = address(0x81);
    p.recipient = address(1);
    p.units = units(100);
    p.claims_key = claims;
    p.created_at = kNow;
    p.updated_at = kNow;
    return p;
}

}  // namespace support
