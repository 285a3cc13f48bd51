#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/chain_types.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "core/units.hpp"

namespace session {

//! The one stored state. Every API's own status is a function of it (views.hpp). Stored: pinned
//! numbers, never reused.
enum class State : int {
    kCreated = 1,
    kSourceSet = 2,
    kQuoted = 3,
    kSigning = 4,
    kSubmitted = 5,
    kDetected = 6,
    kDelivering = 7,
    kDelivered = 8,
    kRefunding = 9,
    kRefunded = 10,
    kHeld = 11,
    kExpired = 12,
    kCancelled = 13,
    kSourceFailed = 14,
};
inline constexpr State kAllStates[] = {
    State::kCreated,    State::kSourceSet, State::kQuoted,    State::kSigning,   State::kSubmitted,
    State::kDetected,   State::kDelivering, State::kDelivered, State::kRefunding, State::kRefunded,
    State::kHeld,       State::kExpired,   State::kCancelled, State::kSourceFailed};

std::string_view to_string(State state);
std::optional<State> state_from_number(int number);
//! Delivered, refunded, expired, cancelled, source_failed: never changes again.
bool is_final(State state);
//! Created … submitted: no deposit that is enough has been seen.
bool is_waiting(State state);

enum class Underpaid : int { kWait = 1, kAccept = 2 };
enum class Overpaid : int { kDeliverAll = 1, kRefundExcess = 2 };

//! Copied from the environment when the session is created; later changes do not touch it.
struct Policy {
    //! Hundredths of a percent of the asked amount that may be missing, or be over, and still count as paid.
    std::uint32_t tolerance_bps = 100;
    Underpaid underpaid = Underpaid::kWait;
    Overpaid overpaid = Overpaid::kDeliverAll;
    friend bool operator==(const Policy&, const Policy&) = default;
};

struct Destination {
    core::AssetId asset;  //!< names the chain too
    core::Address address;
    std::optional<core::Units> units;  //!< none: deliver what comes
    core::Bytes calldata;              //!< empty: a plain transfer
    friend bool operator==(const Destination&, const Destination&) = default;
};

//! What came in time in one asset that can fund the session.
struct Tally {
    core::AssetId asset;
    core::Units detected;   //!< in a block of the best chain, credit policy not met yet
    core::Units confirmed;  //!< credit policy met
    friend bool operator==(const Tally&, const Tally&) = default;
};

//! The one asset that pays for the session; frozen on entering delivering or refunding.
struct Funding {
    core::AssetId asset;
    core::Units received;
    core::Units to_deliver;  //!< in this asset; received − excess
    core::Units excess;      //!< goes back after the delivery is final
    friend bool operator==(const Funding&, const Funding&) = default;
};

//! Why a session is not on its straight way. Stored and shown: pinned numbers.
enum class Reason : int {
    kNone = 0,
    kUnderpaidAtDeadline = 1,
    kDeliveryImpossible = 2,  //!< the chain refuses the delivery; text says why
    kNoRefundAddress = 3,
    kRefundImpossible = 4,
    kPayoutHeld = 5,
    kOutOfRange = 6,  //!< an amount beyond 256 bits: somebody's token is broken
};
std::string_view to_string(Reason reason);

//! All that decides. Ids, texts for people and other things that decide nothing live in db::SessionRow.
struct Session {
    core::SessionId id;
    State state = State::kCreated;
    Destination destination;
    std::optional<core::Address> refund_address;
    Policy policy;
    core::Instant expires_at;
    std::vector<Tally> tallies;
    std::optional<Funding> funding;
    //! The waiting state to return to when a detected deposit is taken back.
    State waiting_state = State::kCreated;
    //! While held: delivering or refunding, where it was stopped.
    std::optional<State> held_from;
    Reason reason = Reason::kNone;
    std::string reason_text;
    friend bool operator==(const Session&, const Session&) = default;
};

// ---- Events. Time arrives inside them. ---------------------------------------------------------

//! One deposit of an event.
struct DepositItem {
    core::DepositId id;
    core::AssetId asset;
    core::Units units;
    core::Instant mined_at;  //!< block time decides whether it came in time
    //! Some route can turn this asset into the destination's. The router's answer when the deposit was
    //! first detected, stored with it: later events of the same deposit must say the same.
    bool can_fund = false;
    friend bool operator==(const DepositItem&, const DepositItem&) = default;
};

struct MethodSet {};
struct Quoted {};
struct SigningPrepared {};
struct Submitted {};
struct Cancelled {};
struct SourceFailed {
    std::string reason;
};
//! Deposits of one receiver that entered the best chain with one block.
struct DepositsDetected {
    std::vector<DepositItem> deposits;
};
//! Deposits of one receiver that met the credit policy together.
struct DepositsConfirmed {
    std::vector<DepositItem> deposits;
};
//! Deposits whose block left the best chain. `was_confirmed` tells those that had met the policy.
struct DepositsOrphaned {
    struct Item {
        DepositItem deposit;
        bool was_confirmed = false;
    };
    std::vector<Item> deposits;
};
//! Every chain the session can be paid on has been read past its deadline.
struct DeadlinePassed {};
//! The delivery is in a final block with the right token, recipient and amount.
struct DeliveryFinal {};
//! Every delivery attempt is proven failed or dead, or none was ever signed.
struct DeliveryFailed {
    std::string reason;
};
struct RefundFinal {};
struct RefundFailed {
    std::string reason;
};
//! The payout that serves this session was stopped and needs an operator.
struct PayoutHeld {
    std::string reason;
};
//! An operator let a held payout go on.
struct Resumed {};

using Event = std::variant<MethodSet, Quoted, SigningPrepared, Submitted, Cancelled, SourceFailed,
                           DepositsDetected, DepositsConfirmed, DepositsOrphaned, DeadlinePassed,
                           DeliveryFinal, DeliveryFailed, RefundFinal, RefundFailed, PayoutHeld,
                           Resumed>;
//! "deposits_confirmed"
std::string_view name_of(const Event& event);

// ---- Effects. Rows written in the same unit of work as the new state; nothing else. -------------

//! Pay `units` of `asset` to the destination. Claims the session's confirmed deposits in that asset;
//! its confirmed deposits in any other become strays.
struct PlanDelivery {
    core::AssetId asset;
    core::Units units;
    friend bool operator==(const PlanDelivery&, const PlanDelivery&) = default;
};
//! Return `units` of `asset` to the refund address. Claims like PlanDelivery.
struct PlanRefund {
    core::AssetId asset;
    core::Units units;
    friend bool operator==(const PlanRefund&, const PlanRefund&) = default;
};
//! Return what was over, now that the delivery is final.
struct PlanExcess {
    core::AssetId asset;
    core::Units units;
    friend bool operator==(const PlanExcess&, const PlanExcess&) = default;
};
//! These confirmed deposits belong to no outcome of the session: book them and send them back.
struct ReturnStrays {
    std::vector<core::DepositId> deposits;
    friend bool operator==(const ReturnStrays&, const ReturnStrays&) = default;
};
//! The public status changed, or something the owner must hear of happened.
struct Notify {
    std::string type;  //!< "session.processing", "session.deposit_reverted", …
    friend bool operator==(const Notify&, const Notify&) = default;
};
//! Money we counted on left the chain after the credit policy was met.
struct ReportViolation {
    std::string text;
    friend bool operator==(const ReportViolation&, const ReportViolation&) = default;
};
using Effect =
    std::variant<PlanDelivery, PlanRefund, PlanExcess, ReturnStrays, Notify, ReportViolation>;
std::string_view name_of(const Effect& effect);

}  // namespace session
