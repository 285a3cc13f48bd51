#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chains/ports/chain_info.hpp"
#include "chains/ports/sender.hpp"
#include "chains/ports/signer.hpp"
#include "db/types.hpp"

// What is decided about a payout without asking anybody: pure.
namespace settlement {

//! An operator let it go on, and nothing was reserved for it since.
inline bool was_let_go_on(const db::Payout& payout) {
    return payout.held_from == db::PayoutStatus::kHeld;
}

//! The step the payout is at: the last that is not terminal. None when the next one has to be made.
const db::PayoutStep* current_step(const db::PayoutFull& full);

//! The newest attempt of a step; none before it was signed.
const db::Attempt* newest_attempt(const db::PayoutFull& full, core::StepId step);

//! Did this transaction do what the step was for? Status alone proves nothing of a transfer: some tokens
//! return false, move less, or say nothing (field failure 40). A call that took nothing did nothing;
//! judge_call() tells the rest.
bool does_what_it_should(const db::OwnTx& tx, const db::PayoutStep& step);

//! What a call did with its caller's tokens: all that counts, whatever function it was.
enum class CallEffect {
    kTookAll,
    kTookPart,  //!< and left the rest of its allowance
    kTookNothing,
    kTookTooMuch,  //!< more than the payout has
    kTookOther,    //!< another listed token
    kGaveBack,     //!< took, and gave of the same asset back
};
struct CallVerdict {
    CallEffect effect = CallEffect::kTookNothing;
    core::Units taken;  //!< of the payout's asset; of coin the value that goes with the call
    core::Units back;   //!< of the same asset, in the same transaction
    std::string text;   //!< "took 60 of 100", for people; the same effect has the same text
};
//! `moves`: what left the caller and what came to it, as simulated or as mined. Of coin that is mined only
//! the value is known.
CallVerdict judge_call(const core::AssetId& asset, const core::Units& units,
                       const std::vector<chains::TokenMove>& moves);
CallVerdict judge_call(const db::OwnTx& tx, const db::PayoutStep& step);
//! Is the destination paid by that? `least` allows for the tolerance.
inline bool pays(const CallVerdict& verdict, const core::Units& least) {
    return verdict.effect == CallEffect::kTookAll ||
           (verdict.effect == CallEffect::kTookPart && verdict.taken >= least);
}

//! Listed tokens that left the sender in this transaction, and those that came to it.
std::vector<chains::TokenMove> moves_of(const db::OwnTx& tx);

//! What the end of a step means for its payout.
enum class StepEnd { kGoesOn, kDone, kFailed };
//! `full` as it was while the step was alive.
StepEnd end_of(const db::PayoutFull& full, const db::PayoutStep& step, bool ok);

//! The order that a step stands for.
chains::TxOrder order_of(const db::PayoutStep& step, const core::Bytes& calldata);

//! The transfer, or the call, that ends the payout.
chains::TxOrder final_order(const db::Payout& payout);

//! What a payout waits for without the numbers in it, which change from look to look.
std::string kind_of_wait(std::string_view why);

//! A delivery that calls its destination, rather than paying it by a transfer.
bool is_call(const db::Payout& payout);

//! The next step of the payout, from its own address; without gas and nonce. `units` of an approval
//! are what the destination may take.
db::PayoutStep step_from_receiver(const db::PayoutFull& full, db::StepKind kind,
                                  const core::Units& units);

//! Pays nobody: gives no tokens, and takes an allowance back.
inline bool pays_nobody(const db::PayoutStep& step) {
    return step.kind == db::StepKind::kApprove && step.units.is_zero();
}
//! An allowance that was given for good.
inline bool is_grant(const db::PayoutStep& step) {
    return step.kind == db::StepKind::kApprove && !step.units.is_zero() &&
           step.status == db::PayoutStatus::kFinalOk;
}
bool has_granted(const db::PayoutFull& full);

//! Was it reserved for a call, and may it still be filled by something else? Bytes that exist may be out.
bool may_be_filled(const db::PayoutFull& full, const db::PayoutStep& step);
//! The transaction that does nothing but use the nonce of this step.
db::PayoutStep filler_of(db::PayoutStep step);

//! The last allowance of these payouts that is final, unless it was taken back since: what a contract
//! may have taken, and may still take.
std::optional<db::PayoutStep> open_grant(const std::vector<db::PayoutFull>& payouts);
std::optional<db::PayoutStep> open_grant(const db::PayoutFull& full);

//! The call of this payout that was mined for good and did not end it; null when there is none.
const db::PayoutStep* ended_call(const db::PayoutFull& full);

//! The key of the payout that returns what a call left behind.
std::string leftover_key(const db::Payout& delivery);
bool is_leftover(const db::Payout& payout);
//! Pays nothing back: ends what may stand of the allowance.
inline bool ends_grant_only(const db::Payout& payout) {
    return is_leftover(payout) && payout.units.is_zero();
}

//! Mined failures of an approval, of a token that says before that it would do it.
inline constexpr std::ptrdiff_t kMinedFailuresMax = 3;

//! How the reason of a delivery begins that makes its call no more, whatever comes.
inline constexpr std::string_view kNeverCalled = "never called: ";
inline bool is_given_up(const db::Payout& payout) {
    return payout.reason.starts_with(kNeverCalled);
}

//! Session event for the end of a payout's leg; none for legs that no session waits for.
std::optional<session::Event> end_event(db::Leg leg, bool ok, const std::string& why);

}  // namespace settlement
