#include "watchers/impl/residual.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace watchers {
namespace {

core::Expected<core::Done> book(db::UnitOfWork& work, const chains::ChainInfo& info,
                                const core::Address& to, const Residual& residual,
                                core::Instant now, FactsByReceiver& detected, Tally& tally) {
    auto sequence = work.deposits().residual_count(info.id, to);
    if (!sequence) return sequence.error();
    db::Deposit deposit;
    deposit.chain = info.id;
    deposit.key = "residual:" + to.hex0x() + ":" + std::to_string(*sequence);
    deposit.kind = static_cast<int>(chains::TransferKind::kNativeResidual);
    deposit.asset = info.native_asset;
    deposit.to = to;
    deposit.units = residual.units;
    deposit.height = residual.seen.height;
    deposit.block = residual.seen.hash;
    deposit.mined_at = residual.since;
    deposit.detected_at = now;
    return record_deposit(work, info, deposit, detected, tally);
}

//! No more than is over now: rows may have been restored since the balances were read.
core::Expected<core::Done> book_all(db::UnitOfWork& work, const chains::ChainInfo& info,
                                    const core::Address& to, const std::vector<Residual>& residuals,
                                    core::Units over, core::Instant now, FactsByReceiver& detected,
                                    Tally& tally) {
    for (Residual residual : residuals) {
        residual.units = std::min(residual.units, over);
        if (residual.units.is_zero()) break;
        const auto rest = over.minus(residual.units);
        if (!rest) return rest.error();
        over = *rest;
        auto done = book(work, info, to, residual, now, detected, tally);
        if (!done) return done.error();
    }
    return core::Done{};
}

core::Expected<core::Done> report(db::UnitOfWork& work, const chains::ChainInfo& info,
                                  const core::Address& address, const core::Units& units,
                                  const core::BlockRef& at, core::Instant now) {
    auto receiver = work.receivers().by_address(info.id.name_space(), address);
    if (!receiver) return receiver.error();
    db::Fact fact;
    fact.kind = db::FactKind::kBalanceMissing;
    fact.chain = info.id;
    if (*receiver) fact.receiver = (**receiver).id;
    fact.address = address;
    fact.asset = info.native_asset;
    fact.units = units;
    fact.height = at.height;
    fact.recorded_at = now;
    auto seq = work.facts().append(fact);
    if (!seq) return seq.error();
    return core::Done{};
}

core::Expected<std::size_t> excuses_of(db::UnitOfWork& work, const chains::ChainInfo& info,
                                       const core::Address& address) {
    constexpr std::uint64_t kHighest = std::numeric_limits<std::int64_t>::max();
    auto deposits = work.deposits().unconfirmed(info.id, kHighest);
    if (!deposits) return deposits.error();
    auto mined = work.own_txs().not_final(info.id, kHighest);
    if (!mined) return mined.error();
    auto open = work.payouts().open_nonces(info.id, address);
    if (!open) return open.error();
    const auto in = std::ranges::count_if(
        *deposits, [&](const db::Deposit& deposit) { return deposit.to == address; });
    const auto out = std::ranges::count_if(
        *mined, [&](const db::OwnTx& tx) { return tx.sender == address || tx.to == address; });
    return static_cast<std::size_t>(in + out) + open->size();
}

}  // namespace

bool is_news(const Missing& told, const core::Address& address, const Shortfall& shortfall) {
    const auto before = told.find(address);
    return before == told.end() || before->second.units != shortfall.units ||
           before->second.excuses > shortfall.excuses;
}

core::Expected<core::Done> record_residuals(db::UnitOfWork& work, const chains::ChainInfo& info,
                                            const Balances& balances, const core::BlockRef& at,
                                            const Missing& told, core::Instant now, Tally& tally,
                                            Missing& missing) {
    FactsByReceiver detected{db::FactKind::kDepositsDetected, info.id, at.height, now};
    // No address is among them twice: what is booked for one changes nothing for the others.
    auto books = work.deposits().native_expected(info.id, info.native_asset, balances.addresses);
    if (!books) return books.error();
    for (std::size_t i = 0; i < balances.addresses.size(); ++i) {
        const core::Address& address = balances.addresses[i];
        const core::Units& held = balances.units[i];
        const std::optional<core::Units>& expected = (*books)[i];
        if (expected && held == *expected) continue;
        if (expected && held > *expected) {
            const auto over = held.minus(*expected);
            if (!over) return over.error();
            const auto dated = balances.over.find(address);
            if (dated == balances.over.end()) continue;
            // Our own top-up, whose block was told without it, is nobody's deposit.
            const auto ours = work.payouts().top_ups_in_flight(info.native_asset, address);
            if (!ours) return ours.error();
            // Nor is what our transactions only seem to have taken, by one endpoint's word.
            const auto taken = work.own_txs().taken_not_final(info.id, address);
            if (!taken) return taken.error();
            const auto not_theirs = ours->plus(*taken);
            if (!not_theirs) return not_theirs.error();
            if (*over <= *not_theirs) continue;
            const auto theirs = over->minus(*not_theirs);
            if (!theirs) return theirs.error();
            auto done = book_all(work, info, address, dated->second, *theirs, now, detected, tally);
            if (!done) return done.error();
            continue;
        }
        // Without a number the outs alone are larger than the ins: what is held is all that is
        // known.
        const auto short_by =
            expected ? expected->minus(held) : core::Expected<core::Units>{held};
        if (!short_by) return short_by.error();
        const auto excuses = excuses_of(work, info, address);
        if (!excuses) return excuses.error();
        const Shortfall shortfall{*short_by, *excuses};
        missing.emplace(address, shortfall);
        if (!is_news(told, address, shortfall)) continue;
        if (auto done = report(work, info, address, *short_by, at, now); !done) return done.error();
    }
    return detected.append(work.facts());
}

}  // namespace watchers
