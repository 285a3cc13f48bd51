#pragma once

#include "api/ports.hpp"
#include "api/session_view.hpp"
#include "core/time.hpp"

#include <optional>
#include <string>
#include <string_view>

// What a payer is told, in plain words. Pure.
namespace api::impl {

enum class PayPhase {
    kChoose,   //!< there is no address yet
    kPay,      //!< money may be sent
    kTimeUp,   //!< the deadline is over, and what came before it is still being looked for
    kWorking,  //!< money is here and on its way
    kDone,     //!< final
};

enum class Mood { kWait, kGood, kBad };

struct PayWords {
    PayPhase phase = PayPhase::kChoose;
    Mood mood = Mood::kWait;
    std::string headline;
    std::string detail;
};

PayWords pay_words(const SessionFacts& facts, const Chains& chains, core::Instant now);

//! What is still missing to the amount asked for; none when no amount was, or nothing is missing.
std::optional<core::Units> missing(const SessionFacts& facts);

//! What becomes of one transfer.
std::string deposit_words(const db::Deposit& deposit, const session::Session& session);

//! "14 Nov 2023, 23:13 UTC"
std::string time_words(core::Instant at);
//! "2023-11-14T23:13:20Z"
std::string time_iso(core::Instant at);

}  // namespace api::impl
