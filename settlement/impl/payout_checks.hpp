#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "chains/ports/sender.hpp"
#include "core/expected.hpp"
#include "db/database.hpp"

// What the executor asks the books before it moves money, and how it says why it does not.
namespace settlement {

//! Nothing is wrong, but nothing can be done now; the text tells people why.
inline core::Error not_now(std::string why) {
    return core::Error{core::Errc::kNotReady, std::move(why)};
}

core::Error station_is_short(const core::Address& station, const core::Units& holds,
                             const core::Units& needs);

//! Is the payout's money there, by what is final? Every deposit that it stands on is on the chain, the books
//! owe as much, and no payment out of the same money that failed may yet succeed: its nonce is used up for good.
core::Expected<core::Done> has_its_money(db::UnitOfWork& work, const db::Payout& payout);

//! What must hold in the unit of work that sends again what was final and left the chain: the chain is not
//! halted, and every deposit that it stood on is on it. Later nonces cannot come before, whatever they failed.
core::Expected<core::Done> may_go_again(db::UnitOfWork& work, const db::Payout& payout);

//! What must hold in the unit of work that lets a customer's money move: the chain is not halted, and the
//! money is there.
core::Expected<core::Done> may_move(db::UnitOfWork& work, const db::Payout& payout);

core::Expected<bool> is_halted(db::UnitOfWork& work, const core::ChainId& chain);

//! Native coin that belongs to customers on this receiver: booked and not paid out, or seen and not
//! booked yet.
core::Expected<core::Units> owed_native(db::UnitOfWork& work, const db::Payout& payout,
                                        const core::AssetId& native);

//! What a contract that is called has to take at least: what is delivered, less the session's tolerance.
core::Expected<core::Units> least_taken(db::UnitOfWork& work, const db::Payout& payout);

//! What the chain says no to, in words: "transfer" or "call".
std::string what_is_refused(const db::Payout& payout);

//! "accepted", "unaffordable", …: how an attempt's last answer begins.
std::string_view name_of(chains::SendOutcome outcome);

//! Did the nodes say at the last send that the sender cannot pay for it?
bool is_unaffordable(const db::Attempt& attempt);

//! What people are told while the bytes are out. No answer is evidence; it only says where to look.
std::string waiting_text(const core::Expected<chains::SendReport>& report);

}  // namespace settlement
