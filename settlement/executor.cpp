#include "settlement/executor.hpp"

#include <algorithm>
#include <set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/check.hpp"
#include "settlement/payout_rules.hpp"

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Expected;
using core::Task;

constexpr std::size_t kPageSize = 500;
//! Between two looks when nothing is to be done until somebody writes. A commit wakes us; this is for
//! what another program wrote into the file.
constexpr core::Millis kRestAtMost{30'000};

//! Only blocks move it on from here, and what blocks bring is a commit of the driver's.
bool waits_for_blocks(const db::PayoutFull& full) {
    const db::PayoutStep* step = current_step(full);
    return step == nullptr ? db::is_terminal(full.payout.status)
                           : step->status == db::PayoutStatus::kSeen;
}

}  // namespace

PayoutPace PayoutPace::for_chain(const chains::ChainInfo& chain) {
    const auto blocks = [&](std::int64_t count) {
        return core::Millis{static_cast<std::int64_t>(chain.block_ms) * count};
    };
    PayoutPace pace;
    // Whatever a block brings wakes the executor; what it asks the nodes for changes with blocks.
    pace.look_again_after = std::clamp(blocks(1) / 4, core::Millis{1'000}, core::Millis{3'000});
    pace.look_again_at_most = std::clamp(blocks(20), core::Millis{10'000}, core::Millis{60'000});
    pace.resend_after = std::clamp(blocks(3), core::Millis{3'000}, core::Millis{30'000});
    pace.bump_after = std::clamp(blocks(6), core::Millis{15'000}, core::Millis{180'000});
    pace.refusal_spacing = std::clamp(blocks(3), core::Millis{2'000}, core::Millis{40'000});
    return pace;
}

Executor::Executor(const Context& context, const chains::ChainInfo& chain,
                   chains::TxSender& sender, chains::Signer& signer,
                   std::vector<chains::TxSender*> siblings, PayoutPace pace)
    : context_{context},
      chain_{chain},
      sender_{sender},
      signer_{signer},
      siblings_{std::move(siblings)},
      pace_{pace},
      events_{context} {}

Task<void> Executor::run() {
    std::uint64_t seen = 0;
    for (;;) {
        seen = context_.database.changes().revision();
        auto looked = co_await pass();
        if (!looked) {
            context_.log.warn("payouts wait",
                              {{"chain", chain_.id.text()}, {"error", looked.error().message}});
            co_await context_.clock.sleep_for(pace_.look_again_after);
            continue;
        }
        seen = co_await context_.database.changes().wait(seen, rest(), db::Concern::kPayouts);
    }
}

core::Millis Executor::rest() const {
    if (has_work_) return pace_.look_again_after;
    if (!look_for_lost_) return kRestAtMost;  // halted: the end of that is a commit
    return std::clamp(*look_for_lost_ - context_.clock.tick(), pace_.look_again_after, kRestAtMost);
}

Task<Expected<std::size_t>> Executor::pass() {
    std::size_t looked = 0;
    has_work_ = false;
    std::map<core::PayoutId, core::Address> active;
    core::PayoutId after;
    for (;;) {
        auto page = co_await active_page(after);
        if (!page) co_return page.error();
        if (page->empty()) break;
        after = page->back().payout.id;
        looked += page->size();
        const bool is_last = page->size() < kPageSize;
        for (const db::PayoutFull& full : *page) active[full.payout.id] = full.payout.sender;
        std::erase_if(*page, waits_for_blocks);
        if (!page->empty()) {
            has_work_ = true;
            co_await look_at(*page);
        }
        if (is_last) break;
    }
    if (auto sent = co_await send_lost(); !sent) co_return sent.error();
    context_.metrics.gauge("depositd_payouts_active", {{"chain", chain_.id.text()}},
                           static_cast<double>(looked));
    end_pauses(std::move(active));
    co_return looked;
}

// What ended leaves its sender's coin and nonces to the others of that sender.
void Executor::end_pauses(std::map<core::PayoutId, core::Address> active) {
    std::set<core::Address> freed;
    for (const auto& [id, sender] : active_) {
        if (!active.contains(id)) freed.insert(sender);
    }
    std::erase_if(pauses_, [&](const auto& pause) {
        const auto is = active.find(pause.first);
        return is == active.end() || freed.contains(is->second);
    });
    std::erase_if(end_refusals_, [&](const auto& refusal) { return !active.contains(refusal.first); });
    std::erase_if(refusals_, [&](const auto& refusal) { return !active.contains(refusal.first); });
    std::erase_if(top_ups_seen_, [&](const auto& seen) { return !active.contains(seen.first); });
    std::erase_if(unrehearsed_, [&](const auto& one) { return !active.contains(one.first); });
    active_ = std::move(active);
}

void Executor::pause(core::PayoutId id) {
    constexpr unsigned kDoublings = 10;
    if (refusals_.contains(id) || end_refusals_.contains(id)) {
        pauses_[id] = {context_.clock.tick() + pace_.refusal_spacing, 0};
        return;
    }
    Pause& pause = pauses_[id];
    const auto length = pace_.look_again_after * (1U << std::min(pause.looks++, kDoublings));
    pause.until = context_.clock.tick() + std::min(length, pace_.look_again_at_most);
}

Task<Expected<std::vector<db::PayoutFull>>> Executor::active_page(core::PayoutId after) {
    const core::ChainId chain = chain_.id;
    auto job = context_.database.read<std::vector<db::PayoutFull>>(
        [chain, after](db::UnitOfWork& work) {
            return work.payouts().active(chain, after, kPageSize);
        });
    co_return co_await std::move(job);
}

Task<void> Executor::look_at(const std::vector<db::PayoutFull>& payouts) {
    const auto executor = co_await core::asio::this_coro::executor;
    std::size_t next = 0;
    using Operation = decltype(core::asio::co_spawn(executor, work_through(payouts, next),
                                                    core::asio::deferred));
    std::vector<Operation> workers;
    const std::size_t count = std::min(pace_.in_flight, payouts.size());
    for (std::size_t i = 0; i < count; ++i) {
        workers.push_back(
            core::asio::co_spawn(executor, work_through(payouts, next), core::asio::deferred));
    }
    auto group = core::asio::experimental::make_parallel_group(std::move(workers));
    auto [order, failures] = co_await group.async_wait(core::asio::experimental::wait_for_all(),
                                                       core::asio::use_awaitable);
    for (const std::exception_ptr& failure : failures) {
        if (failure) std::rethrow_exception(failure);
    }
}

Task<void> Executor::work_through(const std::vector<db::PayoutFull>& payouts, std::size_t& next) {
    while (next < payouts.size()) {
        const db::PayoutFull& full = payouts[next++];
        co_await look(full);
    }
}

Task<void> Executor::look(db::PayoutFull full) {
    const core::PayoutId id = full.payout.id;
    const auto pausing = pauses_.find(id);
    if (pausing != pauses_.end() && context_.clock.tick() < pausing->second.until) co_return;
    auto advanced = co_await advance(full);
    if (advanced) {
        pauses_.erase(id);
        co_return;
    }
    if (advanced.error().code == Errc::kConflict) co_return;  // somebody moved it: look again
    pause(id);
    auto said = co_await wait_for(std::move(full), advanced.error().message);
    if (!said && said.error().code != Errc::kConflict) {
        context_.log.warn("cannot say why a payout waits",
                          {{"payout", id.value}, {"error", said.error().message}});
    }
}

Task<Expected<Done>> Executor::advance(db::PayoutFull full) {
    const db::PayoutStep* step = current_step(full);
    if (step == nullptr && db::is_terminal(full.payout.status)) co_return Done{};
    if (step == nullptr) co_return co_await next_step(std::move(full));
    const db::PayoutStep current = *step;
    switch (current.status) {
        case db::PayoutStatus::kReserved:
            co_return co_await go_on_reserved(std::move(full), current);
        case db::PayoutStatus::kSigned: {
            const db::Attempt* newest = newest_attempt(full, current.id);
            CHECK(newest != nullptr, "a signed step has an attempt");
            const db::Attempt attempt = *newest;
            co_return co_await send(std::move(full), current, attempt);
        }
        case db::PayoutStatus::kSent: co_return co_await keep_going(std::move(full), current);
        case db::PayoutStatus::kSeen: co_return Done{};
        case db::PayoutStatus::kPlanned:
        case db::PayoutStatus::kHeld:
        case db::PayoutStatus::kFinalOk:
        case db::PayoutStatus::kFinalFailed:
        case db::PayoutStatus::kDead: break;
    }
    core::check_failed("a current step is alive", __FILE__, __LINE__);
}

}  // namespace settlement
