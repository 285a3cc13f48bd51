#pragma once

#include "api/ports.hpp"
#include "api/session_view.hpp"
#include "api/webhook_events.hpp"
#include "db/database.hpp"

#include <cstddef>
#include <optional>
#include <string>

// What the sessions API does to the store: each function is the body of one job.
namespace api::impl {

//! Of more deposits than these only sums are read and shown, but to the owner of one session:
//! anybody may send it dust.
inline constexpr std::size_t kDepositsListed = 50;
enum class Deposits { kInBrief, kAll };

core::Expected<std::optional<SessionFacts>> load_facts(db::UnitOfWork& work,
                                                       const core::SessionId& id,
                                                       Deposits deposits = Deposits::kInBrief);
//! With all deposits and the session's story, for its owner.
core::Expected<std::optional<SessionFacts>> load_in_full(db::UnitOfWork& work,
                                                         const core::SessionId& id);
core::Expected<SessionFacts> facts_of(db::UnitOfWork& work, db::SessionRow row,
                                      Deposits deposits = Deposits::kInBrief);

struct Created {
    enum class How { kNew, kRepeated, kKeyReused, kPaysReceiver, kRefundsReceiver };
    How how = How::kNew;
    SessionFacts facts;  //!< for kNew and kRepeated
};
//! Inserts `row`, or gives the session that the same idempotency key and request made before.
core::Expected<Created> create_session(db::UnitOfWork& work, const db::SessionRow& row,
                                       const std::string& idempotency_key,
                                       const std::string& request_hash);

//! Gives the session an EVM address: its own for ever, the same one however often this is called.
//! None when the session takes no payment method any more. `outbox` may be null: nobody is told.
core::Expected<std::optional<SessionFacts>> issue_evm_receiver(db::UnitOfWork& work,
                                                               const core::SessionId& id,
                                                               core::Instant now,
                                                               const ReceiverDeriver& derive,
                                                               const WebhookOutbox* outbox);

//! Has it got what issue_evm_receiver would give it?
bool has_evm_receiver(const SessionFacts& facts);

}  // namespace api::impl
