#include "settlement/impl/payout_checks.hpp"

#include <algorithm>
#include <vector>

#include "settlement/accounts.hpp"
#include "settlement/payout_rules.hpp"

namespace settlement {

using core::Done;
using core::Error;
using core::Expected;

namespace {

Expected<Done> is_not_halted(db::UnitOfWork& work, const db::Payout& payout) {
    auto halts = work.blocks().open_halts();
    if (!halts) return halts.error();
    for (const db::Halt& halt : *halts) {
        if (halt.chain == payout.asset.chain()) {
            return not_now("payouts on this chain are halted: " + halt.reason);
        }
    }
    return Done{};
}

Expected<Done> deposits_stand(db::UnitOfWork& work, const db::Payout& payout) {
    if (!payout.session) return Done{};
    std::vector<db::ClaimUse> uses{db::ClaimUse::kDelivery, db::ClaimUse::kRefund};
    if (payout.leg == db::Leg::kStray) uses = {db::ClaimUse::kStray};
    auto stand = work.deposits().claims_stand(*payout.session, payout.asset, uses);
    if (!stand) return stand.error();
    if (!*stand) return not_now("a deposit it pays out is not on the chain any more");
    return Done{};
}

Expected<Done> failures_stand(db::UnitOfWork& work, const db::Payout& payout) {
    auto failed = work.payouts().failed_steps(payout);
    if (!failed) return failed.error();
    for (const db::PayoutStep& step : *failed) {
        auto final = work.own_txs().final_with_nonce(payout.asset.chain(), step.sender, step.nonce);
        if (!final) return final.error();
        const std::string which = "payout " + std::to_string(step.payout.value);
        if (!*final) return not_now(which + " failed in a block that left the chain, and may yet succeed");
        if (does_what_it_should(**final, step)) return not_now(which + " had failed, and succeeded after all");
    }
    return Done{};
}

}  // namespace

Error station_is_short(const core::Address& station, const core::Units& holds,
                       const core::Units& needs) {
    return not_now("the gas station " + station.hex0x() + " holds " + holds.decimal() +
                   " and needs " + needs.decimal() + "; send it native coin");
}

Expected<Done> has_its_money(db::UnitOfWork& work, const db::Payout& payout) {
    if (!payout.session) return Done{};
    if (auto stand = deposits_stand(work, payout); !stand) return stand;
    if (auto stand = failures_stand(work, payout); !stand) return stand;
    auto owed = work.ledger().balance(creditor_account(payout), payout.asset);
    if (!owed) return owed.error();
    if (payout.units.is_zero() || (!owed->debit && owed->units >= payout.units)) return Done{};
    return not_now("the books owe " + (owed->debit ? "nothing" : "only " + owed->units.decimal()) + " of its " +
                   payout.units.decimal() + " base units");
}

Expected<Done> may_go_again(db::UnitOfWork& work, const db::Payout& payout) {
    if (auto may = is_not_halted(work, payout); !may) return may;
    return deposits_stand(work, payout);
}

Expected<Done> may_move(db::UnitOfWork& work, const db::Payout& payout) {
    if (auto may = is_not_halted(work, payout); !may) return may;
    return has_its_money(work, payout);
}

Expected<bool> is_halted(db::UnitOfWork& work, const core::ChainId& chain) {
    auto halts = work.blocks().open_halts();
    if (!halts) return halts.error();
    return std::any_of(halts->begin(), halts->end(),
                       [&](const db::Halt& halt) { return halt.chain == chain; });
}

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

Expected<core::Units> least_taken(db::UnitOfWork& work, const db::Payout& payout) {
    if (!payout.session) return payout.units;
    auto row = work.sessions().load(*payout.session);
    if (!row) return row.error();
    if (!*row) return Error{core::Errc::kNotFound, "no session " + payout.session->text()};
    const std::uint32_t tolerated = std::min((**row).session.policy.tolerance_bps, 10'000U);
    return payout.units.mul_ratio_ceil(10'000 - tolerated, 10'000);
}

std::string what_is_refused(const db::Payout& payout) {
    return is_call(payout) ? "call" : "transfer";
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

bool is_unaffordable(const db::Attempt& attempt) {
    return attempt.last_answer.starts_with(name_of(chains::SendOutcome::kUnaffordable));
}

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

}  // namespace settlement
