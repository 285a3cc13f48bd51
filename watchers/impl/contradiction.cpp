#include "watchers/impl/contradiction.hpp"

#include "watchers/impl/correct.hpp"

#include <algorithm>

namespace watchers {
namespace {

core::Expected<core::Done> add_payments(db::Deposits& deposits, const core::ChainId& chain,
                                        const chains::BlockScan& scan,
                                        std::vector<Contradiction>& out) {
    for (const chains::TransferSeen& seen : scan.deposits) {
        auto rows = deposits.of_tx(seen.tx);
        if (!rows) return rows.error();
        for (db::Deposit& row : *rows) {
            if (row.chain != chain || row.position != seen.position) continue;
            if (row.status == db::DepositStatus::kOrphaned || row.block == scan.block.hash) continue;
            out.push_back({scan.block, Contradiction::Payment{seen, std::move(row)}, {}});
        }
    }
    return core::Done{};
}

core::Expected<core::Done> add_own(db::OwnTxs& own_txs, const core::ChainId& chain,
                                   const chains::BlockScan& scan, std::vector<Contradiction>& out) {
    for (const chains::OwnTxSeen& seen : scan.own) {
        auto row = own_txs.by_tx(chain, seen.tx);
        if (!row) return row.error();
        if (!*row || (**row).status == db::OwnTxStatus::kOrphaned) continue;
        if ((**row).block == scan.block.hash) continue;
        out.push_back({scan.block, {}, Contradiction::Own{seen, std::move(**row)}});
    }
    return core::Done{};
}

core::BlockRef named(std::uint64_t height, const core::BlockHash& hash) {
    core::BlockRef block;
    block.height = height;
    block.hash = hash;
    return block;
}

}  // namespace

core::Expected<std::vector<Contradiction>> contradictions_of(db::UnitOfWork& work,
                                                             const core::ChainId& chain,
                                                             const Batch& batch) {
    std::vector<Contradiction> out;
    for (const chains::BlockScan& scan : batch.scans) {
        if (auto done = add_payments(work.deposits(), chain, scan, out); !done) return done.error();
        if (auto done = add_own(work.own_txs(), chain, scan, out); !done) return done.error();
    }
    return out;
}

void leave_out(Batch& batch, const NotThere& not_there) {
    if (not_there.told.empty()) return;
    for (chains::BlockScan& scan : batch.scans) {
        const auto is_untrue = [&](const auto& one) {
            return not_there.told.contains({one.tx, scan.block.hash});
        };
        std::erase_if(scan.deposits, is_untrue);
        std::erase_if(scan.own, is_untrue);
    }
}

core::Task<core::Expected<bool>> settle_contradiction(chains::ChainReader& reader, db::Database& db,
                                                      Contradiction contradiction,
                                                      core::Instant now, NotThere& not_there) {
    const unsigned endpoints = std::max(reader.info().payout_final.endpoints, kAgainstOneMin);
    chains::TransferSeen told;
    chains::TransferSeen before;
    core::BlockRef at;
    if (contradiction.own) {
        told = only_tx(contradiction.own->told.tx);
        before = told;
        at = named(contradiction.own->row.height, contradiction.own->row.block);
    } else {
        told = contradiction.payment->told;
        before = transfer_of(contradiction.payment->row);
        at = named(contradiction.payment->row.height, contradiction.payment->row.block);
    }
    const auto row_is_false = co_await reader.corroborate_absent(at, before, endpoints);
    if (row_is_false) {
        auto job = [info = reader.info(), contradiction, now](db::UnitOfWork& work) {
            return contradiction.own ? take_back_own(work, info, contradiction.own->row, now)
                                     : take_back(work, info, contradiction.payment->row, now);
        };
        auto taken_back = co_await db.write<bool>(std::move(job));
        if (!taken_back) co_return taken_back.error();
        if (*taken_back) co_return true;
    }
    const auto told_is_false =
        co_await reader.corroborate_absent(contradiction.block, told, endpoints);
    if (told_is_false) {
        not_there.told.emplace(told.tx, contradiction.block.hash);
        co_return false;
    }
    co_return core::Error{core::Errc::kNoQuorum,
                          "transaction " + told.tx.hex0x() + " is told in block " +
                              std::to_string(contradiction.block.height) + " and stands in block " +
                              std::to_string(at.height) + ": " + told_is_false.error().message};
}

}  // namespace watchers
