#include "watchers/impl/credit.hpp"
#include "watchers/impl/native.hpp"

#include <algorithm>
#include <utility>

// When coin came that only a balance shows, and who else says so.

namespace watchers {
namespace {

//! Transfers of one address that are told apart within one batch; the rest is one.
constexpr std::size_t kResidualsMax = 8;
//! Balances asked for at inner blocks of one batch.
constexpr std::size_t kProbesMax = 200;

}  // namespace

core::Expected<core::Units> NativeLook::over(const core::Units& held, const core::Units& in,
                                             const core::Units& out) {
    const auto had = held.plus(out);
    if (!had) return had.error();
    if (*had <= in) return core::Units{};
    return had->minus(in);
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

NativeLook::Floor NativeLook::floor_of(const Watched& one) const {
    const auto last = turns_.last_explained(one.address);
    // Who was issued for coin is looked at with each batch; in this life of ours we may know that what was
    // seen there since was not all explained.
    if (one.asked_for && (!last || last->height >= known_.read_to.height)) {
        return {known_.read_to.height, std::nullopt};
    }
    if (last) return {last->height, last->mined_at};
    return {std::nullopt, one.issued_at};
}

//! When a payment that is not there after block `index` could have been made at the earliest; −1 is
//! the last block at which the address was looked at.
core::Task<core::Expected<core::Instant>> NativeLook::time_after(std::int64_t index, Floor floor) {
    if (index >= 0) co_return block(static_cast<std::size_t>(index) + 1).mined_at;
    if (floor.since) co_return *floor.since;
    auto next = co_await reader_.block_at(*floor.height + 1);
    if (!next) co_return next.error();
    co_return next->mined_at;
}

//! Finds the blocks in which the surplus came, by halving. Where a node has no state left to tell,
//! the payer has the benefit of the doubt: the payment counts as made at the earliest moment
//! possible, and for finality as standing in the first block that is known to hold it.
core::Task<core::Expected<std::vector<Residual>>> NativeLook::date(const Watched& one,
                                                                   const Books& books,
                                                                   core::Units total) {
    std::vector<Residual> residuals;
    const auto last = static_cast<std::int64_t>(batch_.scans.size());
    const Floor floor = floor_of(one);
    std::int64_t low = floor.height && *floor.height >= known_.tip.height ? 0 : -1;
    core::Units explained;
    while (explained < total) {
        std::int64_t high = last;
        core::Units there = total;
        while (high - low > 1 && residuals.size() < kResidualsMax) {
            const std::int64_t middle = low + (high - low) / 2;
            const auto probed =
                co_await over_at(one.address, books, static_cast<std::size_t>(middle));
            if (!probed) break;
            if (*probed > explained) {
                high = middle;
                there = std::min(*probed, total);
            } else {
                low = middle;
            }
        }
        auto since = co_await time_after(low, floor);
        if (!since) co_return since.error();
        const auto units = there.minus(explained);
        if (!units) co_return units.error();
        const core::BlockRef& seen = block(static_cast<std::size_t>(high));
        residuals.push_back({*units, seen, std::min(*since, seen.mined_at)});
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

}  // namespace watchers
