#pragma once

#include <string>

#include "core/chain_types.hpp"
#include "core/ids.hpp"
#include "db/types.hpp"

// The accounts of the books (db::LedgerLine lists them) and the postings made of what the chain
// showed. Pure: the same rows give the same lines.
namespace settlement {

std::string address_account(const core::Address& address);
std::string session_account(const core::SessionId& session);
std::string stray_account(core::ReceiverId receiver);
//! Who the money of a payout is owed to until it is paid.
std::string creditor_account(const db::Payout& payout);
inline constexpr const char* kOperatorAccount = "operator";
inline constexpr const char* kFeesAccount = "fees";

//! Keys of the postings of a deposit, of a deposit that turned out a stray, and of an own transaction.
std::string deposit_key(const db::Deposit& deposit);
std::string stray_key(const db::Deposit& deposit);
std::string own_tx_key(const db::OwnTx& tx);

//! A confirmed deposit: the address holds more, and we owe it to `creditor`.
db::Posting deposit_posting(const db::Deposit& deposit, const std::string& creditor,
                            core::Instant at);

//! A deposit that was owed to its session is owed to the payer now.
db::Posting stray_posting(const db::Deposit& deposit, core::Instant at);

//! Tokens that a contract took of its allowance by itself: the address holds less, and no more than what
//! is left can be paid for the session.
db::Posting taken_posting(const db::PayoutStep& grant, const core::SessionId& session,
                          const core::Units& units, core::Instant at);

//! What an address of the operator held at the first block ever read.
db::Posting opening_posting(const db::Fact& fact);

//! A final transaction of ours: what the chain shows left the sender, and its fee. `debtor` is who the
//! money was owed to (a session, a stray) or, for a top-up, the receiving address.
db::Posting own_tx_posting(const db::OwnTx& tx, const core::AssetId& native,
                           const std::string& debtor, core::Instant at);

}  // namespace settlement
