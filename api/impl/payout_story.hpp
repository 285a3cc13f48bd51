#pragma once

#include "db/types.hpp"

#include <string>

// What owners are told of payouts.
namespace api::impl {

//! Delivery, refund, excess or stray: other legs are the operator's own affair.
bool moves_customers_money(db::Leg leg);

//! Does the attempt carry the money itself, and not gas for it?
bool carries_money(const db::PayoutFull& full, const db::Attempt& attempt);

//! The transaction that paid, or failed to: the newest, where one left the chain after finality; before, the
//! one that was sent last. Null: none was sent.
const db::Attempt* told_attempt(const db::PayoutFull& full);

//! What the payout waits for, in words; empty when it has ended.
std::string waits_for(const db::Payout& payout);

//! Reasons may quote a node: a text of bounded length that is UTF-8 whatever it was.
std::string for_people(const std::string& text);

}  // namespace api::impl
