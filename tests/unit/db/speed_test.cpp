#include <catch2/catch.hpp>

#include <chrono>
#include <ctime>
#include <iostream>

#include "tests/support/ram_disk.hpp"
#include "tests/unit/db/bench.hpp"

using core::Done;
using core::Expected;
using db::UnitOfWork;
using namespace support;

// Not part of the normal run: unit_db "[speed]", in a release build.

namespace {

//! Of all threads: what a quiet machine would take, the disk's waits aside.
double cpu_seconds() {
    return static_cast<double>(std::clock()) / static_cast<double>(CLOCKS_PER_SEC);
}

double seconds_of(const std::function<void()>& what) {
    const auto began_at = std::chrono::steady_clock::now();
    what();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_at).count();
}

}  // namespace

TEST_CASE("speed: 5,000 blocks and 50,000 deposits in one commit", "[.][speed]") {
    Scratch scratch;
    Bench bench{scratch.file()};
    bench.done([](UnitOfWork& work) -> Expected<Done> {
        REQUIRE(work.sessions().insert(session_row(), "", "").has_value());
        (void)work.receivers().issue(core::SessionId{std::string(32, 'a')}, "eip155", kNow, derive);
        return work.blocks().start(kChain, block(10), kNow);
    });
    std::vector<db::ReadBlock> blocks;
    std::vector<db::Deposit> deposits;
    for (std::uint64_t i = 0; i < 5'000; ++i) {
        blocks.push_back(read_block(11 + i));
        for (std::uint64_t k = 0; k < 10; ++k) {
            auto deposit = deposit_row(i * 10 + k, 11 + i, 1'000'000'000);
            // Real transaction ids are random.
            core::Bytes bytes(32);
            std::uint64_t x = (i * 10 + k + 1) * 0x9E3779B97F4A7C15ULL;
            for (auto& byte : bytes) {
                x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                byte = static_cast<std::uint8_t>(x);
            }
            deposit.tx = core::TxId::from_bytes(bytes).value();
            deposit.key = deposit.tx.hex0x() + ":0";
            deposits.push_back(std::move(deposit));
        }
    }
    const double blocks_only = seconds_of([&] {
        bench.done([&](UnitOfWork& work) { return work.blocks().append(kChain, blocks, 1, kNow); });
    });
    const double cpu_before = cpu_seconds();
    const double rows = seconds_of([&] {
        bench.done([&](UnitOfWork& work) -> Expected<Done> {
            for (const auto& deposit : deposits) {
                auto recorded = work.deposits().record(deposit);
                if (!recorded) return recorded.error();
            }
            return Done{};
        });
    });
    std::cout << "blocks " << blocks_only << " s, deposits " << rows << " s, of it CPU "
              << cpu_seconds() - cpu_before << " s\n";
}

TEST_CASE("speed: durable session creates", "[.][speed]") {
    for (const std::size_t together : {1, 64}) {
        Scratch scratch;
        Bench bench{scratch.file()};
        const std::size_t rounds = 4096 / together;
        std::size_t number = 0;
        const double cpu_before = cpu_seconds();
        const double took = seconds_of([&] {
            for (std::size_t round = 0; round < rounds; ++round) {
                std::vector<Bench::Job> jobs;
                for (std::size_t i = 0; i < together; ++i) {
                    jobs.push_back([n = number++](UnitOfWork& work) {
                        auto row = session_row();
                        row.session.id = core::SessionId{"s" + std::to_string(n)};
                        return work.sessions().insert(row, row.session.id.text(), "hash");
                    });
                }
                for (const auto& result : bench.write_all(std::move(jobs))) {
                    REQUIRE(result.has_value());
                }
            }
        });
        std::cout << together << " waiting: " << static_cast<double>(number) / took << " creates/s, CPU "
                  << (cpu_seconds() - cpu_before) / static_cast<double>(number) * 1e6
                  << " us each\n";
        if (together == 1) continue;
        const double reads = seconds_of([&] {
            for (int i = 0; i < 4096; ++i) {
                (void)bench.read([](UnitOfWork& work) -> Expected<Done> {
                    auto row = work.sessions().load(core::SessionId{"s77"});
                    if (!row) return row.error();
                    return Done{};
                }).has_value();
            }
        });
        std::cout << "1 waiting: " << 4096 / reads << " reads/s\n";
    }
}

TEST_CASE("speed: small commits on a disk in memory, without threads", "[.][speed]") {
    constexpr int kCommits = 50'000;
    Disk disk{1};
    Bench bench{db::DatabaseOptions{"test.db", 1, true, true, disk.vfs(), false}};
    const double cpu_before = cpu_seconds();
    const double took = seconds_of([&] {
        for (int i = 0; i < kCommits; ++i) {
            auto written = bench.write([](UnitOfWork& work) -> Expected<Done> {
                db::Fact fact;
                fact.chain = kChain;
                auto seq = work.facts().append(fact);
                if (!seq) return seq.error();
                return Done{};
            });
            REQUIRE(written.has_value());
        }
    });
    const double cpu = (cpu_seconds() - cpu_before) / kCommits;
    const double reads = seconds_of([&] {
        for (int i = 0; i < kCommits; ++i) {
            (void)bench.read([](UnitOfWork& work) -> Expected<Done> {
                auto newest = work.facts().newest();
                if (!newest) return newest.error();
                return Done{};
            }).has_value();
        }
    });
    std::uint64_t digest = 0;
    const double digested = seconds_of([&] { digest = disk.digest(); });
    std::cout << kCommits / took << " commits/s, CPU " << cpu * 1e6 << " us each, " << kCommits / reads << " reads/s, "
              << disk.bytes() / kCommits << " bytes and " << disk.events() / kCommits
              << " events each; a digest " << digested * 1e3 << " ms (" << digest << ")\n";
}
