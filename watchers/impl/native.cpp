#include "watchers/impl/native.hpp"

#include "watchers/impl/correct.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <set>
#include <utility>

namespace watchers {
namespace {

//! A payment on the last minute shows in a balance after the session ended.
constexpr core::Millis kEndedFor{24 * 3'600'000};
//! Parts of a turn that are asked again in halves because the whole got no answer, and how many in vain
//! until it seems to be nobody's address that is to blame.
constexpr std::size_t kHalvedMax = 16;
constexpr std::size_t kInVainMax = 7;
//! Payments to one address about which others are asked at once.
constexpr std::size_t kPaymentsMax = 32;
constexpr std::uint64_t kAnyHeight = std::numeric_limits<std::int64_t>::max();

}  // namespace

core::Expected<NativeLook::Known> NativeLook::load(db::UnitOfWork& work, const core::ChainId& chain,
                                                   const core::AssetId& native, NativeSums& sums,
                                                   std::optional<core::ReceiverId> turn_after,
                                                   core::Tick now) {
    auto tip = work.blocks().tip(chain);
    if (!tip) return tip.error();
    if (!*tip) return core::Error{core::Errc::kNotFound, "the chain was never started"};
    auto read_to = work.blocks().native_read_to(chain);
    if (!read_to) return read_to.error();
    Known known;
    known.tip = **tip;
    known.read_to = *read_to ? **read_to : **tip;
    const core::Instant ended_after = known.read_to.mined_at - kEndedFor;
    auto expecting = work.receivers().expecting(native, ended_after);
    if (!expecting) return expecting.error();
    std::set<core::Address> among;
    for (db::Expecting& one : *expecting) {
        among.insert(one.address);
        known.watched.push_back({std::move(one.address), one.issued_at, true, one.asked_for, {}});
    }
    known.expecting = known.watched.size();
    if (turn_after) {
        constexpr std::size_t kPart = NativeTurns::kPart;
        auto part = work.receivers().recent(chain.name_space(), *turn_after, ended_after, kPart);
        if (!part) return part.error();
        const bool last = part->size() < kPart;
        const core::ReceiverId next = last ? core::ReceiverId{} : part->back().id;
        known.turn = NativeLooked::Turn{now, next, last};
        for (db::Receiver& one : *part) {
            if (among.contains(one.address)) continue;
            known.watched.push_back({std::move(one.address), one.issued_at, false, false, {}});
        }
    }
    std::vector<core::Address> addresses;
    for (const Watched& one : known.watched) addresses.push_back(one.address);
    auto expected = sums.of(work, chain, native, addresses);
    if (!expected) return expected.error();
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        known.watched[i].expected = std::move((*expected)[i]);
    }
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

core::Task<core::Expected<std::vector<core::Units>>> NativeLook::ask(std::size_t begin,
                                                                    std::size_t end) {
    std::vector<core::Address> addresses;
    for (std::size_t i = begin; i < end; ++i) addresses.push_back(known_.watched[i].address);
    auto held = co_await reader_.native_balances(std::move(addresses), batch_.last());
    if (held && held->size() != end - begin) {
        co_return core::Error{core::Errc::kMalformed, "a balance is missing in the node's answer"};
    }
    co_return held;
}

core::Task<core::Expected<std::vector<std::optional<core::Units>>>> NativeLook::ask_all() {
    std::vector<std::optional<core::Units>> held(known_.watched.size());
    if (known_.expecting > 0) {
        auto waited_for = co_await ask(0, known_.expecting);
        if (!waited_for) co_return waited_for.error();
        std::ranges::copy(*waited_for, held.begin());
    }
    co_await ask_in_turn(held);
    co_return held;
}

//! Whatever keeps an endpoint from telling one of these balances keeps nobody else waiting: who is asked
//! about together with it is asked about without it.
core::Task<void> NativeLook::ask_in_turn(std::vector<std::optional<core::Units>>& held) {
    if (known_.expecting == held.size()) co_return;
    std::deque<std::pair<std::size_t, std::size_t>> parts{{known_.expecting, held.size()}};
    std::size_t halved = 0;
    bool told = false;
    while (!parts.empty() && (told || halved < kInVainMax)) {
        const auto [begin, end] = parts.front();
        parts.pop_front();
        auto part = co_await ask(begin, end);
        if (part) {
            told = true;
            std::ranges::copy(*part, held.begin() + static_cast<std::ptrdiff_t>(begin));
            continue;
        }
        if (part.error().code == core::Errc::kTimeout) break;
        if (end - begin == 1 || halved == kHalvedMax) continue;
        ++halved;
        const std::size_t middle = begin + (end - begin) / 2;
        parts.emplace_back(begin, middle);
        parts.emplace_back(middle, end);
    }
    if (!told) known_.turn->next_after.reset();
}

void NativeLook::not_now(const Watched& one, std::string why, Balances& balances) {
    // Deadlines do not wait for coin where nobody expects it.
    if (!one.expecting) return;
    balances.complete = false;
    waiting_ = "native coin at " + one.address.hex0x() + " waits for " + std::move(why);
}

core::Task<core::Expected<core::Done>> NativeLook::look_at(const Watched& one, core::Units holds,
                                                           Balances& balances) {
    core::Expected<Books> books = Books{};
    core::Units surplus;
    if (one.expected) {
        books = books_of(one.address, *one.expected);
        if (!books) co_return books.error();
        const auto had = holds.plus(books->out.back());
        if (!had) co_return had.error();
        // Nothing to say of it. Should rows change until this batch is written, the next one tells.
        if (*had == books->in.back()) {
            balances.looked.explained.push_back(one.address);
            co_return core::Done{};
        }
        const auto more = over(holds, books->in.back(), books->out.back());
        if (!more) co_return more.error();
        surplus = *more;
    }
    balances.looked.unexplained.push_back(one.address);
    // Of those who do not wait for coin only what is over matters.
    if (!one.expecting && surplus.is_zero()) co_return core::Done{};
    balances.addresses.push_back(one.address);
    balances.units.push_back(holds);
    if (surplus.is_zero()) co_return core::Done{};
    const auto too_early = co_await rests_on_one_word(one.address);
    if (!too_early) co_return too_early.error();
    if (*too_early) {
        not_now(one, "its payments to be agreed on", balances);
        co_return core::Done{};
    }
    auto residuals = co_await date(one, *books, surplus);
    if (!residuals) co_return residuals.error();
    auto agreed = co_await agree(one.address, *books, *residuals);
    if (agreed) {
        balances.over.emplace(one.address, std::move(*residuals));
    } else {
        not_now(one, "endpoints that agree: " + agreed.error().message, balances);
    }
    co_return core::Done{};
}

core::Task<core::Expected<Balances>> NativeLook::read() {
    const core::Tick now = clock_.tick();
    auto job = [chain = reader_.info().id, native = reader_.info().native_asset, sums = sums_,
                after = turns_.due(now), now](db::UnitOfWork& work) {
        return load(work, chain, native, *sums, after, now);
    };
    auto known = co_await db_.read<Known>(std::move(job));
    if (!known) co_return known.error();
    known_ = std::move(*known);
    if (known_.tip.height + 1 != batch_.first().height) {
        co_return core::Error{core::Errc::kReorged, "the batch does not follow our tip"};
    }
    auto held = co_await ask_all();
    if (!held) co_return held.error();
    Balances balances;
    balances.complete = true;
    balances.looked.block = batch_.last();
    balances.looked.turn = known_.turn;
    for (std::size_t i = 0; i < known_.watched.size(); ++i) {
        if (!(*held)[i]) continue;
        const Watched& one = known_.watched[i];
        auto looked = co_await look_at(one, *(*held)[i], balances);
        if (looked) continue;
        if (looked.error().code == core::Errc::kStorage) co_return looked.error();
        not_now(one, "an answer that can be used: " + looked.error().message, balances);
    }
    co_return balances;
}

}  // namespace watchers
