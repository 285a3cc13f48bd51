#include "watchers/impl/native.hpp"

#include "watchers/impl/correct.hpp"
#include "watchers/impl/quorum.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

namespace watchers {
namespace {

//! A payment on the last minute shows in a balance after the session ended.
constexpr core::Millis kEndedFor{24 * 3'600'000};
//! Transfers of one address that are told apart within one batch; the rest is one.
constexpr std::size_t kResidualsMax = 8;
//! Balances asked for at inner blocks of one batch.
constexpr std::size_t kProbesMax = 200;
//! Receivers in one turn, and the chain's time between two: 10,000 have their turn in less than two hours.
constexpr std::size_t kTurn = 100;
constexpr core::Millis kBetweenTurns{60'000};
//! Payments to one address about which others are asked at once.
constexpr std::size_t kPaymentsMax = 32;
constexpr std::uint64_t kAnyHeight = std::numeric_limits<std::int64_t>::max();

//! held + out − in, nothing when that is not above zero.
core::Expected<core::Units> over(const core::Units& held, const core::Units& in,
                                 const core::Units& out) {
    const auto had = held.plus(out);
    if (!had) return had.error();
    if (*had <= in) return core::Units{};
    return had->minus(in);
}

}  // namespace

core::Expected<std::vector<std::optional<core::Units>>> NativeSums::of(
    db::UnitOfWork& work, const core::ChainId& chain, const core::AssetId& native,
    const std::vector<core::Address>& addresses) {
    const auto changes = work.deposits().native_changes(chain);
    if (!changes) return changes.error();
    if (*changes != changes_) sums_.clear();
    changes_ = *changes;
    std::vector<core::Address> unknown;
    for (const core::Address& address : addresses) {
        if (!sums_.contains(address)) unknown.push_back(address);
    }
    auto fresh = work.deposits().native_expected(chain, native, unknown);
    if (!fresh) return fresh.error();
    for (std::size_t i = 0; i < unknown.size(); ++i) {
        sums_.emplace(unknown[i], std::move((*fresh)[i]));
    }
    std::vector<std::optional<core::Units>> out;
    out.reserve(addresses.size());
    for (const core::Address& address : addresses) out.push_back(sums_.at(address));
    return out;
}

core::Expected<std::vector<core::Address>> NativeSums::turn(db::UnitOfWork& work,
                                                            std::string_view family,
                                                            core::Instant mined_at,
                                                            core::Instant ended_after) {
    if (mined_at < next_turn_) return std::vector<core::Address>{};
    auto part = work.receivers().recent(family, turn_after_, ended_after, kTurn);
    if (!part) return part.error();
    next_turn_ = mined_at + kBetweenTurns;
    turn_after_ = part->size() < kTurn ? core::ReceiverId{} : part->back().id;
    std::vector<core::Address> out;
    for (db::Receiver& one : *part) out.push_back(std::move(one.address));
    return out;
}

core::Expected<NativeLook::Known> NativeLook::load(db::UnitOfWork& work, const core::ChainId& chain,
                                                   const core::AssetId& native, NativeSums& sums) {
    auto tip = work.blocks().tip(chain);
    if (!tip) return tip.error();
    if (!*tip) return core::Error{core::Errc::kNotFound, "the chain was never started"};
    auto read_to = work.blocks().native_read_to(chain);
    if (!read_to) return read_to.error();
    Known known;
    known.tip = **tip;
    known.read_to = *read_to ? **read_to : **tip;
    auto expecting = work.receivers().expecting(native, known.read_to.mined_at - kEndedFor);
    if (!expecting) return expecting.error();
    known.addresses = std::move(*expecting);
    known.expecting = known.addresses.size();
    auto turn = sums.turn(work, chain.name_space(), known.tip.mined_at,
                          known.read_to.mined_at - kEndedFor);
    if (!turn) return turn.error();
    const std::set<core::Address> among{known.addresses.begin(), known.addresses.end()};
    std::ranges::copy_if(*turn, std::back_inserter(known.addresses),
                         [&among](const core::Address& one) { return !among.contains(one); });
    auto expected = sums.of(work, chain, native, known.addresses);
    if (!expected) return expected.error();
    known.expected = std::move(*expected);
    return known;
}

core::Expected<NativeLook::Books> NativeLook::books_of(const core::Address& address,
                                                       const core::Units& before) const {
    Books books;
    core::Units in = before;
    core::Units out;
    const auto add = [](core::Units& sum, const core::Units& more) -> core::Expected<core::Done> {
        auto total = sum.plus(more);
        if (!total) return total.error();
        sum = *total;
        return core::Done{};
    };
    books.in.push_back(in);
    books.out.push_back(out);
    for (const chains::BlockScan& scan : batch_.scans) {
        for (const chains::TransferSeen& seen : scan.deposits) {
            if (seen.to != address || seen.asset != reader_.info().native_asset) continue;
            if (auto done = add(in, seen.units); !done) return done.error();
        }
        for (const chains::OwnTxSeen& seen : scan.own) {
            if (seen.sender != address) continue;
            if (auto done = add(out, seen.fee); !done) return done.error();
            if (!seen.success) continue;
            if (auto done = add(out, seen.native_value); !done) return done.error();
        }
        books.in.push_back(in);
        books.out.push_back(out);
    }
    return books;
}

core::Task<std::optional<core::Units>> NativeLook::over_at(core::Address address,
                                                           const Books& books, std::size_t index) {
    if (probes_ == kProbesMax) co_return std::nullopt;
    ++probes_;
    std::vector<core::Address> one{address};
    auto held = co_await reader_.native_balances(std::move(one), block(index));
    if (!held || held->size() != 1) co_return std::nullopt;
    auto left = over(held->front(), books.in[index], books.out[index]);
    if (!left) co_return std::nullopt;
    co_return *left;
}

//! When a payment that is not there after block `index` could have been made at the earliest; −1 is
//! the last block at which balances were read.
core::Task<core::Expected<core::Instant>> NativeLook::time_after(std::int64_t index) {
    if (index >= 0) co_return block(static_cast<std::size_t>(index) + 1).mined_at;
    auto next = co_await reader_.block_at(known_.read_to.height + 1);
    if (!next) co_return next.error();
    co_return next->mined_at;
}

//! Finds the blocks in which the surplus came, by halving. Where a node has no state left to tell,
//! the payer has the benefit of the doubt: the payment counts as made at the earliest block
//! possible, and for finality as standing in the first block that is known to hold it.
core::Task<core::Expected<std::vector<Residual>>> NativeLook::date(core::Address address,
                                                                   const Books& books,
                                                                   core::Units total) {
    std::vector<Residual> residuals;
    const auto last = static_cast<std::int64_t>(batch_.scans.size());
    std::int64_t low = known_.read_to.height == known_.tip.height ? 0 : -1;
    core::Units explained;
    while (explained < total) {
        std::int64_t high = last;
        core::Units there = total;
        while (high - low > 1 && residuals.size() < kResidualsMax) {
            const std::int64_t middle = low + (high - low) / 2;
            const auto probed = co_await over_at(address, books, static_cast<std::size_t>(middle));
            if (!probed) break;
            if (*probed > explained) {
                high = middle;
                there = std::min(*probed, total);
            } else {
                low = middle;
            }
        }
        auto since = co_await time_after(low);
        if (!since) co_return since.error();
        const auto units = there.minus(explained);
        if (!units) co_return units.error();
        residuals.push_back({*units, block(static_cast<std::size_t>(high)), *since});
        explained = there;
        low = high;
    }
    co_return residuals;
}

core::Task<core::Expected<core::Done>> NativeLook::agree(core::Address address, const Books& books,
                                                         std::vector<Residual> residuals) {
    core::Units explained;
    for (const Residual& residual : residuals) {
        const auto sum = explained.plus(residual.units);
        if (!sum) co_return sum.error();
        explained = *sum;
        // Nothing proves a balance as a receipt proves a log: one word is never enough where there are
        // two to ask, however small the amount.
        const chains::ChainInfo& info = reader_.info();
        const unsigned endpoints =
            std::max(credit_tier(info, info.native_asset, residual.units).endpoints,
                     info.payout_final.endpoints);
        if (endpoints <= 1) continue;
        const auto index = static_cast<std::size_t>(residual.seen.height - known_.tip.height);
        const auto all = books.in[index].plus(explained);
        if (!all) co_return all.error();
        const auto held = all->minus(books.out[index]);
        if (!held) co_return held.error();
        auto agreed =
            co_await reader_.corroborate_balance(residual.seen, address, *held, endpoints);
        if (!agreed) co_return agreed.error();
    }
    co_return core::Done{};
}

core::Task<core::Expected<bool>> NativeLook::rests_on_one_word(core::Address address) {
    const unsigned endpoints = reader_.info().payout_final.endpoints;
    if (endpoints <= 1) co_return false;
    std::vector<Payment> told;
    for (const chains::BlockScan& scan : batch_.scans) {
        for (const chains::TransferSeen& seen : scan.deposits) {
            if (seen.to == address && seen.kind == chains::TransferKind::kNative) {
                told.push_back({scan.block, seen});
            }
        }
    }
    auto job = [chain = reader_.info().id,
                address](db::UnitOfWork& work) -> core::Expected<std::vector<Payment>> {
        auto rows = work.deposits().unconfirmed(chain, kAnyHeight);
        if (!rows) return rows.error();
        std::vector<Payment> out;
        for (const db::Deposit& row : *rows) {
            const bool is_native = row.kind == static_cast<int>(chains::TransferKind::kNative);
            if (row.to != address || !is_native) continue;
            Payment& payment = out.emplace_back();
            payment.block.height = row.height;
            payment.block.hash = row.block;
            payment.seen = transfer_of(row);
        }
        return out;
    };
    auto rows = co_await db_.read<std::vector<Payment>>(std::move(job));
    if (!rows) co_return rows.error();
    told.insert(told.end(), rows->begin(), rows->end());
    if (told.size() > kPaymentsMax) co_return true;
    for (Payment& payment : told) {
        auto agreed =
            co_await reader_.corroborate(payment.block, std::move(payment.seen), endpoints);
        if (!agreed) co_return true;
    }
    co_return false;
}

core::Task<core::Expected<Balances>> NativeLook::read() {
    auto job = [chain = reader_.info().id, native = reader_.info().native_asset,
                sums = sums_](db::UnitOfWork& work) { return load(work, chain, native, *sums); };
    auto known = co_await db_.read<Known>(std::move(job));
    if (!known) co_return known.error();
    known_ = std::move(*known);
    Balances balances;
    balances.complete = true;
    if (known_.addresses.empty()) co_return balances;
    if (known_.tip.height + 1 != batch_.first().height) {
        co_return core::Error{core::Errc::kReorged, "the batch does not follow our tip"};
    }
    auto held = co_await reader_.native_balances(known_.addresses, batch_.last());
    if (!held) co_return held.error();
    if (held->size() != known_.addresses.size()) {
        co_return core::Error{core::Errc::kMalformed, "a balance is missing in the node's answer"};
    }
    for (std::size_t i = 0; i < known_.addresses.size(); ++i) {
        const core::Address& address = known_.addresses[i];
        const core::Units& holds = (*held)[i];
        core::Expected<Books> books = Books{};
        if (known_.expected[i]) {
            books = books_of(address, *known_.expected[i]);
            if (!books) co_return books.error();
            const auto had = holds.plus(books->out.back());
            if (!had) co_return had.error();
            // Nothing to say of it. Should rows change until this batch is written, the next one tells.
            if (*had == books->in.back()) continue;
        }
        // Of those who do not wait for coin only what is over matters; deadlines do not wait for it.
        const bool waits = i < known_.expecting;
        if (!waits && !known_.expected[i]) continue;
        auto surplus = core::Expected<core::Units>{core::Units{}};
        if (known_.expected[i]) surplus = over(holds, books->in.back(), books->out.back());
        if (!surplus) co_return surplus.error();
        if (!waits && surplus->is_zero()) continue;
        balances.addresses.push_back(address);
        balances.units.push_back(holds);
        if (surplus->is_zero()) continue;
        const auto too_early = co_await rests_on_one_word(address);
        if (!too_early) co_return too_early.error();
        if (*too_early) {
            if (!waits) continue;
            balances.complete = false;
            waiting_ = "native coin at " + address.hex0x() + " waits for its payments to be agreed on";
            continue;
        }
        auto residuals = co_await date(address, *books, *surplus);
        if (!residuals) co_return residuals.error();
        auto agreed = co_await agree(address, *books, *residuals);
        if (agreed) {
            balances.over.emplace(address, std::move(*residuals));
            continue;
        }
        if (!waits) continue;
        balances.complete = false;
        waiting_ = "native coin at " + address.hex0x() +
                   " waits for endpoints that agree: " + agreed.error().message;
    }
    co_return balances;
}

}  // namespace watchers
