#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "chains/ports/chain_info.hpp"
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

//! Did this transaction do what the step was for? Status alone proves nothing: some tokens return
//! false, move less, or say nothing (field failure 40).
bool does_what_it_should(const db::OwnTx& tx, const db::PayoutStep& step);

//! The order that a step stands for.
chains::TxOrder order_of(const db::PayoutStep& step, const core::Bytes& calldata);

//! The transfer that ends the payout.
chains::TxOrder final_order(const db::Payout& payout);

//! What a payout waits for without the numbers in it, which change from look to look.
std::string kind_of_wait(std::string_view why);

//! Session event for the end of a payout's leg; none for legs that no session waits for.
std::optional<session::Event> end_event(db::Leg leg, bool ok, const std::string& why);

}  // namespace settlement
