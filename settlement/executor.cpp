#include "settlement/executor.hpp"

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/check.hpp"
#include "core/crash_point.hpp"
#include "settlement/accounts.hpp"
#include "settlement/payout_rules.hpp"

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;
using core::Task;

constexpr std::size_t kPageSize = 500;
constexpr std::size_t kTopUpsMax = 4;

//! Nothing is wrong, but nothing can be done now; `message` tells people why.
Error not_now(std::string why) { return Error{Errc::kNotReady, std::move(why)}; }

Error station_is_short(const core::Address& station, const core::Units& holds,
                       const core::Units& needs) {
    return not_now("the gas station " + station.hex0x() + " holds " + holds.decimal() +
                   " and needs " + needs.decimal() + "; send it native coin");
}

//! What must hold in the unit of work that lets a customer's money move: the chain is not halted, and
//! every deposit the payout stands on is on it.
Expected<Done> may_move(db::UnitOfWork& work, const db::Payout& payout) {
    auto halts = work.blocks().open_halts();
    if (!halts) return halts.error();
    for (const db::Halt& halt : *halts) {
        if (halt.chain == payout.asset.chain()) {
            return not_now("payouts on this chain are halted: " + halt.reason);
        }
    }
    if (!payout.session) return Done{};
    std::vector<db::ClaimUse> uses{db::ClaimUse::kDelivery, db::ClaimUse::kRefund};
    if (payout.leg == db::Leg::kStray) uses = {db::ClaimUse::kStray};
    auto stand = work.deposits().claims_stand(*payout.session, payout.asset, uses);
    if (!stand) return stand.error();
    if (!*stand) return not_now("a deposit it pays out is not on the chain any more");
    return Done{};
}

//! Native coin that belongs to customers on this receiver: booked and not paid out, or seen and not
//! booked yet.
Expected<core::Units> owed_native(db::UnitOfWork& work, const db::Payout& payout,
                                  const core::AssetId& native) {
    core::Units owed;
    const auto add = [&owed](const core::Units& units) -> Expected<Done> {
        auto total = owed.plus(units);
        if (!total) return total.error();
        owed = *total;
        return Done{};
    };
    if (!payout.session) return owed;
    for (const std::string& account :
         {session_account(*payout.session), stray_account(payout.receiver)}) {
        auto balance = work.ledger().balance(account, native);
        if (!balance) return balance.error();
        if (balance->debit) continue;
        if (auto done = add(balance->units); !done) return done.error();
    }
    auto deposits = work.deposits().of_session(*payout.session);
    if (!deposits) return deposits.error();
    for (const db::Deposit& deposit : *deposits) {
        if (deposit.asset != native || deposit.status == db::DepositStatus::kOrphaned) continue;
        if (deposit.counted == db::Counted::kConfirmed) continue;
        if (auto done = add(deposit.units); !done) return done.error();
    }
    return owed;
}

std::string_view name_of(chains::SendOutcome outcome) {
    switch (outcome) {
        case chains::SendOutcome::kAccepted: return "accepted";
        case chains::SendOutcome::kUnclear: return "unclear";
        case chains::SendOutcome::kNonceTaken: return "nonce taken";
        case chains::SendOutcome::kUnderpriced: return "underpriced";
        case chains::SendOutcome::kUnaffordable: return "unaffordable";
        case chains::SendOutcome::kRefused: return "refused";
    }
    return "unclear";
}

//! What people are told while the bytes are out. No answer is evidence; it only says where to look.
std::string waiting_text(const Expected<chains::SendReport>& report) {
    if (!report) return "a block with its transaction (no node answered: " + report.error().message + ")";
    switch (report->outcome) {
        case chains::SendOutcome::kNonceTaken:
            return "a transaction with its nonce is mined; waiting to see which";
        case chains::SendOutcome::kUnaffordable:
            return "the nodes say that the sender cannot afford it: " + report->text;
        case chains::SendOutcome::kUnderpriced:
            return "the nodes want a higher fee: " + report->text;
        case chains::SendOutcome::kRefused:
            return "the nodes refuse it, sending it again: " + report->text;
        case chains::SendOutcome::kAccepted:
        case chains::SendOutcome::kUnclear: break;
    }
    return "a block with its transaction";
}

}  // namespace

PayoutPace PayoutPace::for_chain(const chains::ChainInfo& chain) {
    const auto blocks = [&](std::int64_t count) {
        return core::Millis{static_cast<std::int64_t>(chain.block_ms) * count};
    };
    PayoutPace pace;
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
        seen = co_await context_.database.changes().wait(seen, pace_.look_again_after);
    }
}

Task<Expected<std::size_t>> Executor::pass() {
    std::size_t looked = 0;
    core::PayoutId after;
    for (;;) {
        auto page = co_await active_page(after);
        if (!page) co_return page.error();
        if (page->empty()) break;
        after = page->back().payout.id;
        looked += page->size();
        co_await look_at(*page);
    }
    context_.metrics.gauge("depositd_payouts_active", {{"chain", chain_.id.text()}},
                           static_cast<double>(looked));
    if (looked == 0) {
        not_before_.clear();
        refusals_.clear();
    }
    co_return looked;
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
    if (const auto at = not_before_.find(id);
        at != not_before_.end() && context_.clock.tick() < at->second) {
        co_return;
    }
    not_before_.erase(id);
    auto advanced = co_await advance(full);
    if (advanced) co_return;
    if (advanced.error().code == Errc::kConflict) co_return;  // somebody moved it: look again
    const bool refused = refusals_.contains(id);
    not_before_[id] =
        context_.clock.tick() + (refused ? pace_.refusal_spacing : pace_.look_again_after);
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
            co_return co_await sign_reserved(std::move(full), current);
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

// Nothing of the payout is on the wire or reserved here, so that giving up is safe.
Task<Expected<Done>> Executor::next_step(db::PayoutFull full) {
    const db::Payout& payout = full.payout;
    if (auto ready = sender_.ready_to_pay(); !ready) co_return ready.error();
    auto parties = co_await check_parties(payout);
    if (!parties) {
        if (parties.error().code == Errc::kRefused) {
            co_return co_await hold(std::move(full), parties.error().message);
        }
        co_return parties.error();
    }
    auto credited_at = co_await youngest_claim(payout);
    if (!credited_at) co_return credited_at.error();
    // A node that has not reached the deposit would truthfully say that the money is not there.
    auto simulated = co_await sender_.simulate(final_order(payout), *credited_at);
    if (!simulated) co_return simulated.error();
    if (!simulated->would_succeed) {
        const unsigned times = ++refusals_[payout.id];
        if (times >= pace_.refusals) {
            refusals_.erase(payout.id);
            co_return co_await impossible(std::move(full), simulated->reason);
        }
        co_return not_now("the chain refuses the transfer (" + std::to_string(times) + " of " +
                          std::to_string(pace_.refusals) + " looks): " + simulated->reason);
    }
    refusals_.erase(payout.id);

    db::PayoutStep step;
    step.payout = payout.id;
    step.ordinal = static_cast<std::uint32_t>(full.steps.size());
    step.kind = db::StepKind::kTransfer;
    step.key_role = static_cast<int>(chains::KeyRole::kReceiver);
    step.sender = payout.sender;
    step.recipient = payout.recipient;
    step.asset = payout.asset;
    step.units = payout.units;
    step.gas_limit = simulated->gas_limit;

    auto price = co_await sender_.suggest_price();
    if (!price) co_return price.error();
    auto cost = co_await sender_.cost_max(unsigned_tx(full, step, *price));
    if (!cost) co_return cost.error();
    Expected<core::Units> fee = *cost;
    if (step.asset.is_native()) fee = cost->minus(step.units);
    if (!fee) co_return fee.error();
    auto have = co_await gas_money(payout);
    if (!have) co_return have.error();
    if (*have < *fee) {
        const auto missing = fee->minus(*have);
        co_return co_await top_up(std::move(full), *missing);
    }
    co_return co_await reserve(std::move(full), step);
}

Task<Expected<std::uint64_t>> Executor::youngest_claim(const db::Payout& payout) {
    if (!payout.session) co_return std::uint64_t{0};
    const core::SessionId session = *payout.session;
    auto job = context_.database.read<std::uint64_t>(
        [session](db::UnitOfWork& work) -> Expected<std::uint64_t> {
            auto deposits = work.deposits().of_session(session);
            if (!deposits) return deposits.error();
            std::uint64_t height = 0;
            for (const db::Deposit& deposit : *deposits) {
                if (deposit.claim) height = std::max(height, deposit.height);
            }
            return height;
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::check_parties(const db::Payout& payout) {
    auto sender_code = co_await sender_.has_code(payout.sender);
    if (!sender_code) co_return sender_code.error();
    if (*sender_code) {
        co_return Error{Errc::kRefused, "the receiver has code: its key no longer rules it alone"};
    }
    if (payout.leg == db::Leg::kDelivery) co_return Done{};
    // A contract wallet exists only where it was deployed: a refund elsewhere could be lost for good.
    auto code_here = co_await sender_.has_code(payout.recipient);
    if (!code_here) co_return code_here.error();
    if (*code_here) co_return Done{};
    for (chains::TxSender* sibling : siblings_) {
        auto code_there = co_await sibling->has_code(payout.recipient);
        if (!code_there) co_return code_there.error();
        if (*code_there) {
            co_return Error{Errc::kRefused, "the refund address is a contract on " +
                                                sibling->info().id.text() + " and has no code on " +
                                                chain_.id.text()};
        }
    }
    co_return Done{};
}

Task<Expected<core::Units>> Executor::gas_money(const db::Payout& payout) {
    const core::ChainId chain = chain_.id;
    const core::AssetId native = chain_.native_asset;
    const core::Address owner = payout.sender;
    auto job = context_.database.read<core::Units>(
        [chain, native, owner, payout](db::UnitOfWork& work) -> Expected<core::Units> {
            auto held = work.deposits().native_expected(chain, native, owner);
            if (!held) return held.error();
            if (!*held) return not_now("the books say that the receiver paid more than it had");
            // Customers' coin is not gas money, neither this payout's nor another's.
            auto owed = owed_native(work, payout, native);
            if (!owed) return owed.error();
            if (**held < *owed) return not_now("another payment of this receiver to be final");
            return (*held)->minus(*owed);
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::top_up(db::PayoutFull full, core::Units missing) {
    const auto earlier =
        std::count_if(full.steps.begin(), full.steps.end(), [](const db::PayoutStep& step) {
            return step.kind == db::StepKind::kTopUp;
        });
    if (static_cast<std::size_t>(earlier) >= kTopUpsMax) {
        co_return not_now("the gas price rose faster than " + std::to_string(kTopUpsMax) +
                          " top-ups; waiting for it to fall");
    }
    auto station = signer_.address_of({chains::KeyRole::kGasStation, 0});
    if (!station) co_return station.error();
    auto units = missing.mul_ratio_ceil(5, 4);  // room for the price to rise meanwhile
    if (!units) co_return units.error();

    db::PayoutStep step;
    step.payout = full.payout.id;
    step.ordinal = static_cast<std::uint32_t>(full.steps.size());
    step.kind = db::StepKind::kTopUp;
    step.key_role = static_cast<int>(chains::KeyRole::kGasStation);
    step.sender = *station;
    step.recipient = full.payout.sender;
    step.asset = chain_.native_asset;
    step.units = *units;

    auto balance = co_await sender_.native_balance(*station);
    if (!balance) co_return balance.error();
    // Asked before the simulation: a node just refuses to run what its sender cannot pay for.
    if (*balance < *units) co_return station_is_short(*station, *balance, *units);
    auto simulated = co_await sender_.simulate(order_of(step, {}));
    if (!simulated) co_return simulated.error();
    if (!simulated->would_succeed) {
        co_return not_now("the chain refuses gas money for the receiver: " + simulated->reason);
    }
    step.gas_limit = simulated->gas_limit;
    auto price = co_await sender_.suggest_price();
    if (!price) co_return price.error();
    auto cost = co_await sender_.cost_max(unsigned_tx(full, step, *price));
    if (!cost) co_return cost.error();
    if (*balance < *cost) co_return station_is_short(*station, *balance, *cost);
    co_return co_await reserve(std::move(full), step);
}

Task<Expected<Done>> Executor::reserve(db::PayoutFull full, db::PayoutStep step) {
    auto chain_nonce = co_await sender_.nonce_final(step.sender);
    if (!chain_nonce) co_return chain_nonce.error();
    CRASH_POINT("reserve_before");
    const core::Instant now = context_.clock.now();
    const core::ChainId chain = chain_.id;
    const db::Payout payout = full.payout;
    auto reserved_job = context_.database.write<db::PayoutStep>(
        [=, nonce = *chain_nonce](db::UnitOfWork& work) mutable -> Expected<db::PayoutStep> {
            if (auto may = may_move(work, payout); !may) return may.error();
            if (step.key_role == static_cast<int>(chains::KeyRole::kReceiver)) {
                // Two payouts of one receiver would count on the same gas money.
                auto open = work.payouts().open_nonces(chain, step.sender);
                if (!open) return open.error();
                if (!open->empty()) return not_now("another payout of this address to end");
            }
            auto id = work.payouts().add_step(step);
            if (!id) return id.error();
            step.id = *id;
            auto taken = work.payouts().reserve_nonce(chain, step.sender, nonce, step.id);
            if (!taken) return taken.error();
            step.nonce = *taken;
            step.status = db::PayoutStatus::kReserved;
            if (auto saved = work.payouts().save_step(step); !saved) return saved.error();
            db::Payout next = payout;
            next.status = db::PayoutStatus::kReserved;
            next.waiting_for.clear();
            next.updated_at = now;
            if (auto saved = work.payouts().save(next); !saved) return saved.error();
            return step;
        });
    auto reserved = co_await std::move(reserved_job);
    if (!reserved) co_return reserved.error();
    CRASH_POINT("reserve_after");
    const core::PayoutId id = full.payout.id;
    auto fresh_job = context_.database.read<std::optional<db::PayoutFull>>(
        [id](db::UnitOfWork& work) { return work.payouts().load(id); });
    auto fresh = co_await std::move(fresh_job);
    if (!fresh) co_return fresh.error();
    CHECK(fresh->has_value(), "payouts are never deleted");
    co_return co_await sign_reserved(std::move(**fresh), *reserved);
}

Task<Expected<Done>> Executor::sign_reserved(db::PayoutFull full, db::PayoutStep step) {
    auto price = co_await sender_.suggest_price();
    if (!price) co_return price.error();
    co_return co_await sign(std::move(full), std::move(step), *price);
}

chains::UnsignedTx Executor::unsigned_tx(const db::PayoutFull& full, const db::PayoutStep& step,
                                         const chains::GasPrice& price) const {
    chains::UnsignedTx tx;
    tx.chain = chain_.id;
    tx.order = order_of(step, full.payout.calldata);
    tx.nonce = step.nonce;
    tx.gas_limit = step.gas_limit;
    tx.price = price;
    tx.legacy = price.legacy;
    return tx;
}

Task<Expected<Done>> Executor::sign(db::PayoutFull full, db::PayoutStep step,
                                    chains::GasPrice price) {
    const chains::UnsignedTx tx = unsigned_tx(full, step, price);
    if (step.kind != db::StepKind::kTopUp) {
        // The price may have moved since the receiver was given its gas money.
        auto cost = co_await sender_.cost_max(tx);
        if (!cost) co_return cost.error();
        Expected<core::Units> fee = *cost;
        if (step.asset.is_native()) fee = cost->minus(step.units);
        if (!fee) co_return fee.error();
        auto have = co_await gas_money(full.payout);
        if (!have) co_return have.error();
        if (*have < *fee) {
            const auto missing = fee->minus(*have);
            co_return co_await top_up(std::move(full), *missing);
        }
    }
    const bool is_receiver = step.key_role == static_cast<int>(chains::KeyRole::kReceiver);
    chains::SigningRequest request;
    request.tx = tx;
    request.key = {static_cast<chains::KeyRole>(step.key_role), step.key_index};
    request.payout = full.payout.id;
    request.leg = std::string{to_string(full.payout.leg)};
    if (is_receiver) {
        const core::ReceiverId receiver_id = full.payout.receiver;
        auto receiver_job = context_.database.read<std::optional<db::Receiver>>(
            [receiver_id](db::UnitOfWork& work) { return work.receivers().by_id(receiver_id); });
        auto receiver = co_await std::move(receiver_job);
        if (!receiver) co_return receiver.error();
        CHECK(receiver->has_value(), "receivers are never deleted");
        request.key.index = (*receiver)->derivation_index;
    }
    CRASH_POINT("sign_before");
    auto signed_tx = co_await signer_.sign(std::move(request));
    if (!signed_tx) co_return signed_tx.error();
    CRASH_POINT("sign_after");

    db::Attempt attempt;
    attempt.step = step.id;
    attempt.tx = signed_tx->id;
    attempt.raw = signed_tx->raw;
    attempt.max_fee = price.max_fee;
    attempt.max_priority_fee = price.max_priority_fee;
    attempt.status = db::AttemptStatus::kSigned;
    attempt.signed_at = context_.clock.now();
    step.status = db::PayoutStatus::kSigned;
    const core::PayoutId id = full.payout.id;
    auto stored_job = context_.database.write<db::Attempt>(
        [attempt, step, id](db::UnitOfWork& work) mutable -> Expected<db::Attempt> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            db::Payout payout = (*loaded)->payout;
            const db::PayoutStep* current = current_step(**loaded);
            if (current == nullptr || current->id != step.id ||
                current->status == db::PayoutStatus::kSeen) {
                return Error{Errc::kConflict, "the step moved meanwhile"};
            }
            // A top-up is the operator's own coin, and its nonce must not be left as a gap.
            if (step.kind != db::StepKind::kTopUp) {
                if (auto may = may_move(work, payout); !may) return may.error();
            }
            auto added = work.payouts().add_attempt(attempt);
            if (!added) return added.error();
            attempt.id = *added;
            if (auto saved = work.payouts().save_step(step); !saved) return saved.error();
            if (db::is_terminal(payout.status)) return attempt;
            payout.status = db::PayoutStatus::kSigned;
            payout.waiting_for.clear();
            payout.updated_at = attempt.signed_at;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            return attempt;
        });
    auto stored = co_await std::move(stored_job);
    if (!stored) co_return stored.error();
    CRASH_POINT("store_after");
    co_return co_await send(std::move(full), std::move(step), *stored);
}

Task<Expected<Done>> Executor::send(db::PayoutFull full, db::PayoutStep step, db::Attempt attempt) {
    CRASH_POINT("send_before");
    auto report = co_await sender_.send(attempt.raw);
    CRASH_POINT("send_answered");
    const core::Instant now = context_.clock.now();
    // Whatever was answered, even nothing: the bytes may be out. Only blocks tell.
    attempt.last_answer = report ? std::string{name_of(report->outcome)} + ": " + report->text
                                 : "unclear: " + report.error().message;
    const std::string waiting = waiting_text(report);
    context_.log.info("payout sent", {{"payout", full.payout.id.value},
                                      {"leg", to_string(full.payout.leg)},
                                      {"step", to_string(step.kind)},
                                      {"nonce", step.nonce},
                                      {"tx", attempt.tx.hex0x()},
                                      {"answer", attempt.last_answer}});
    context_.metrics.count("depositd_payout_sends_total", {{"chain", chain_.id.text()}});
    const core::PayoutId id = full.payout.id;
    const core::AttemptId attempt_id = attempt.id;
    const std::string answer = attempt.last_answer;
    auto job = context_.database.write<Done>(
        [=](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            db::PayoutFull current = **loaded;
            for (db::Attempt& row : current.attempts) {
                if (row.id != attempt_id) continue;
                row.send_count += 1;
                row.last_answer = answer;
                row.sent_at = now;
                if (row.status == db::AttemptStatus::kSigned) row.status = db::AttemptStatus::kSent;
                if (auto saved = work.payouts().save_attempt(row); !saved) return saved.error();
            }
            for (db::PayoutStep& row : current.steps) {
                // The watcher may have seen it mined before we could write that it was sent.
                if (row.id != step.id || row.status != db::PayoutStatus::kSigned) continue;
                row.status = db::PayoutStatus::kSent;
                if (auto saved = work.payouts().save_step(row); !saved) return saved.error();
            }
            db::Payout& payout = current.payout;
            const bool first = payout.status == db::PayoutStatus::kSigned;
            const bool again = payout.status == db::PayoutStatus::kSent;
            if (!first && (!again || payout.waiting_for == waiting)) return Done{};
            payout.status = db::PayoutStatus::kSent;
            payout.waiting_for = waiting;
            payout.updated_at = now;
            return work.payouts().save(payout);
        });
    auto marked = co_await std::move(job);
    CRASH_POINT("send_marked");
    co_return marked;
}

Task<Expected<Done>> Executor::keep_going(db::PayoutFull full, db::PayoutStep step) {
    const db::Attempt* newest = newest_attempt(full, step.id);
    CHECK(newest != nullptr, "a sent step has an attempt");
    const db::Attempt attempt = *newest;
    const core::Instant now = context_.clock.now();
    const core::Instant sent_at = attempt.sent_at.value_or(attempt.signed_at);
    // A higher bid does not help a sender who cannot afford this one.
    const bool unaffordable =
        attempt.last_answer.starts_with(name_of(chains::SendOutcome::kUnaffordable));
    if (now - attempt.signed_at >= pace_.bump_after && !unaffordable) {
        auto suggested = co_await sender_.suggest_price();
        // Too dear to replace: the old bytes stay good, and are sent again below.
        Expected<chains::GasPrice> higher =
            suggested ? sender_.bump({attempt.max_fee, attempt.max_priority_fee}, *suggested)
                      : Expected<chains::GasPrice>{suggested.error()};
        if (higher) {
            context_.metrics.count("depositd_payout_bumps_total", {{"chain", chain_.id.text()}});
            CRASH_POINT("bump_before");
            auto bid = co_await sign(std::move(full), std::move(step), *higher);
            CRASH_POINT("bump_after");
            co_return bid;
        }
        if (now - sent_at >= pace_.resend_after) {
            auto sent = co_await send(full, step, attempt);
            if (!sent) co_return sent.error();
        }
        co_return higher.error();
    }
    if (now - sent_at >= pace_.resend_after) {
        co_return co_await send(std::move(full), std::move(step), attempt);
    }
    co_return Done{};
}

Task<Expected<Done>> Executor::wait_for(db::PayoutFull full, std::string why) {
    if (full.payout.waiting_for == why) co_return Done{};
    const core::PayoutId id = full.payout.id;
    const core::Instant now = context_.clock.now();
    auto job = context_.database.write<Done>(
        [id, now, why](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            db::Payout payout = (*loaded)->payout;
            if (db::is_terminal(payout.status) || payout.waiting_for == why) return Done{};
            payout.waiting_for = why;
            payout.updated_at = now;
            return work.payouts().save(payout);
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::impossible(db::PayoutFull full, std::string why) {
    if (full.payout.leg != db::Leg::kDelivery) {
        co_return co_await hold(std::move(full), "the chain refuses the transfer: " + why);
    }
    const core::Instant now = context_.clock.now();
    const core::PayoutId id = full.payout.id;
    auto job = context_.database.write<Done>(
        [this, id, now, why](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            const db::PayoutFull& current = **loaded;
            if (db::is_terminal(current.payout.status)) return Done{};
            // Dead needs proof. Here it is: every step that was ever signed has ended.
            if (current_step(current) != nullptr) {
                return Error{Errc::kConflict, "a step is alive"};
            }
            db::Payout payout = current.payout;
            payout.status = db::PayoutStatus::kDead;
            payout.reason = "never sent: the chain refuses the transfer: " + why;
            payout.waiting_for.clear();
            payout.updated_at = now;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            CHECK(payout.session.has_value(), "a delivery belongs to a session");
            return events_.apply(work, *payout.session, session::DeliveryFailed{why},
                                 {"delivery impossible: " + why, {}, {}});
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> Executor::hold(db::PayoutFull full, std::string why) {
    const core::Instant now = context_.clock.now();
    const core::PayoutId id = full.payout.id;
    context_.log.error("payout held, an operator has to look",
                       {{"payout", id.value}, {"leg", to_string(full.payout.leg)}, {"reason", why}});
    auto job = context_.database.write<Done>(
        [this, id, now, why](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            db::Payout payout = (*loaded)->payout;
            if (db::is_terminal(payout.status) || payout.status == db::PayoutStatus::kHeld) {
                return Done{};
            }
            payout.held_from = payout.status;
            payout.status = db::PayoutStatus::kHeld;
            payout.reason = why;
            payout.waiting_for = "an operator: " + why;
            payout.updated_at = now;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            const bool session_waits =
                payout.leg == db::Leg::kDelivery || payout.leg == db::Leg::kRefund;
            if (!payout.session || !session_waits) return Done{};
            return events_.apply(work, *payout.session, session::PayoutHeld{why},
                                 {"payout held: " + why, {}, {}});
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> resume_payout(const Context& context, core::PayoutId id) {
    const core::Instant now = context.clock.now();
    auto job = context.database.write<Done>(
        [&context, id, now](db::UnitOfWork& work) -> Expected<Done> {
            auto loaded = work.payouts().load(id);
            if (!loaded) return loaded.error();
            if (!*loaded) {
                return Error{Errc::kNotFound, "there is no payout " + std::to_string(id.value)};
            }
            db::Payout payout = (*loaded)->payout;
            if (payout.status != db::PayoutStatus::kHeld) {
                return Error{Errc::kRefused, "payout " + std::to_string(id.value) + " is " +
                                                 std::string{to_string(payout.status)} + ", not held"};
            }
            if (payout.recipient.empty()) {
                return Error{Errc::kRefused, "the payout has no recipient"};
            }
            payout.status = payout.held_from;
            payout.reason.clear();
            payout.waiting_for = "its turn";
            payout.updated_at = now;
            if (auto saved = work.payouts().save(payout); !saved) return saved.error();
            const bool session_waits =
                payout.leg == db::Leg::kDelivery || payout.leg == db::Leg::kRefund;
            if (!payout.session || !session_waits) return Done{};
            auto row = work.sessions().load(*payout.session);
            if (!row) return row.error();
            if (!*row || (*row)->session.state != session::State::kHeld) return Done{};
            return SessionEvents{context}.apply(work, *payout.session, session::Resumed{},
                                                {"an operator let the payout go on", {}, {}});
        });
    co_return co_await std::move(job);
}

Task<Expected<Done>> resume_session(const Context& context, core::SessionId id) {
    auto job = context.database.write<Done>([&context, id](db::UnitOfWork& work) -> Expected<Done> {
        auto payouts = work.payouts().of_session(id);
        if (!payouts) return payouts.error();
        for (const db::PayoutFull& full : *payouts) {
            if (full.payout.status != db::PayoutStatus::kHeld) continue;
            return Error{Errc::kRefused, "payout " + std::to_string(full.payout.id.value) +
                                             " of the session is held; resume that"};
        }
        return SessionEvents{context}.apply(work, id, session::Resumed{},
                                            {"an operator let the session go on", {}, {}});
    });
    co_return co_await std::move(job);
}

}  // namespace settlement
