#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/chain_types.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "core/units.hpp"
#include "session/types.hpp"

// The rows that rooms share. Every enum here is stored: pinned numbers, append only.
namespace db {

// ---- tenants ------------------------------------------------------------------------------------

struct Environment {
    core::EnvironmentId id;
    std::string name;
    session::Policy policy;
    core::Instant created_at;
};

//! A key of the HTTP API. Only a keyed hash of it is stored.
struct ApiKey {
    std::int64_t id = 0;
    core::EnvironmentId environment;
    std::string prefix;  //!< first characters, to find the row and to tell keys apart for people
    core::Bytes hash;    //!< HMAC-SHA-256
    std::string label;
    core::Instant created_at;
    std::optional<core::Instant> revoked_at;
};

// ---- sessions -----------------------------------------------------------------------------------

//! A session and what is only told, not decided on.
struct SessionRow {
    session::Session session;
    core::EnvironmentId environment;
    std::int64_t version = 1;  //!< grows by one with each save
    std::string client_secret;
    std::string method;         //!< "evm" once a payment method was set, else empty
    std::optional<core::Instant> method_at;
    std::string display_json;   //!< object, as accepted at creation
    std::string metadata_json;  //!< object or "null"
    std::optional<core::ReceiverId> receiver;
    std::optional<core::TxId> outcome_tx;      //!< the delivery's, or the refund's, once final
    std::optional<core::Units> outcome_units;  //!< what arrived there
    core::Instant created_at;
    core::Instant updated_at;
};

//! One step of a session's life: from, to and why.
struct JournalEntry {
    std::int64_t id = 0;
    core::SessionId session;
    std::int64_t version = 0;
    session::State from = session::State::kCreated;
    session::State to = session::State::kCreated;
    std::string event;   //!< name_of(event)
    std::string detail;  //!< for people: amounts, transactions, reasons
    core::Instant at;
};

//! An address issued to one session. The id grows for ever and is the revision of the watch set.
struct Receiver {
    core::ReceiverId id;
    std::string family;  //!< CAIP-2 namespace: "eip155"
    std::uint32_t derivation_index = 0;
    core::Address address;
    core::SessionId session;
    core::Instant issued_at;
};

//! A receiver that is to be watched for native coin.
struct Expecting {
    core::Address address;
    core::Instant issued_at;
    bool asked_for = false;  //!< since it was issued: native coin is the session's destination
    friend bool operator==(const Expecting&, const Expecting&) = default;
};

// ---- what the chain said ---------------------------------------------------------------------------

enum class DepositStatus : int { kDetected = 1, kConfirmed = 2, kOrphaned = 3 };
std::string_view to_string(DepositStatus status);

//! What a deposit was used for; the row that makes using it twice impossible.
enum class ClaimUse : int {
    kDelivery = 1,
    kRefund = 2,
    kStray = 3,   //!< to be sent back by a stray payout
    kBooked = 4,  //!< kept on the books: too small to return, or an operator's own money
    kHeld = 5,    //!< waits for an operator
};

//! How far settlement has counted a deposit into its session's tallies. Kept beside the claim, under
//! (chain, key) and not under the deposit's row, so that rows restored by replay are not counted twice.
enum class Counted : int { kNot = 0, kDetected = 1, kConfirmed = 2 };

//! What a deposit was when it was counted. A reorganisation may bring the same transaction back with
//! another amount; what is taken back or paid out is what was counted.
struct CountedAs {
    core::AssetId asset;
    core::Units units;
    core::Instant mined_at;
};

struct Deposit {
    core::DepositId id;
    core::ChainId chain;
    //! Unique per chain: "<tx>:<position>", or "residual:<receiver address>:<sequence>".
    std::string key;
    core::TxId tx;  //!< empty for a residual
    std::uint32_t position = 0;
    int kind = 1;  //!< chains::TransferKind
    core::AssetId asset;
    core::Address from;
    core::Address to;
    //! None when the address is one of the operator's own (gas station, treasury).
    std::optional<core::ReceiverId> receiver;
    std::optional<core::SessionId> session;
    core::Units units;
    std::uint64_t height = 0;
    core::BlockHash block;
    core::Instant mined_at;
    DepositStatus status = DepositStatus::kDetected;
    // The next four are settlement's memory, stored in `claims` under (chain, key): they survive the
    // loss of the deposit's own row, and record() finds them again.
    Counted counted = Counted::kNot;
    std::optional<CountedAs> counted_as;  //!< there once it was ever counted
    std::optional<bool> can_fund;  //!< the router's answer when it was first detected
    std::optional<ClaimUse> claim;
    core::Instant detected_at;  //!< our clock
    std::optional<core::Instant> confirmed_at;
};

//! Deposits of one session that are alike in what decides over them.
struct DepositGroup {
    core::AssetId asset;
    DepositStatus status = DepositStatus::kDetected;
    std::optional<bool> can_fund;
    std::optional<ClaimUse> claim;
    bool late = false;  //!< their blocks are later than the session's deadline
    std::uint64_t count = 0;
    core::Units units;  //!< their sum; what is beyond 256 bits is left out
};

//! A session's deposits, however many there are: some row by row, the others as sums.
struct DepositsInBrief {
    std::vector<Deposit> listed;  //!< in the order of their ids
    std::vector<DepositGroup> others;
};

//! A mined transaction sent from one of our addresses.
enum class OwnTxStatus : int { kMined = 1, kFinal = 2, kOrphaned = 3 };

struct OwnTxTransfer {
    core::AssetId asset;
    core::Address from;
    core::Address to;
    core::Units units;
    std::uint32_t position = 0;
};

struct OwnTx {
    std::int64_t id = 0;
    core::ChainId chain;
    core::TxId tx;
    core::Address sender;
    std::uint64_t nonce = 0;
    bool success = false;
    core::Units fee;
    core::Address to;
    core::Units native_value;
    std::uint64_t height = 0;
    core::BlockHash block;
    core::Instant mined_at;
    OwnTxStatus status = OwnTxStatus::kMined;
    std::vector<OwnTxTransfer> transfers;
};

enum class FactKind : int {
    kDepositsDetected = 1,
    kDepositsConfirmed = 2,
    kDepositsOrphaned = 3,  //!< detail tells which had been confirmed
    kOwnTxMined = 4,
    kOwnTxFinal = 5,
    kOwnTxOrphaned = 6,
    kOpeningBalance = 7,    //!< an operator's address at the first block ever read
    kBalanceMissing = 8,    //!< a receiver holds less native coin than every known in and out explains
};
std::string_view to_string(FactKind kind);

//! One thing that happened on a chain, in the one order settlement reads them.
struct Fact {
    core::FactSeq seq;
    FactKind kind = FactKind::kDepositsDetected;
    core::ChainId chain;
    std::optional<core::ReceiverId> receiver;
    std::vector<core::DepositId> deposits;
    //! For kDepositsOrphaned: those of `deposits` that had met the credit policy.
    std::vector<core::DepositId> were_confirmed;
    std::optional<std::int64_t> own_tx;
    //! For kOpeningBalance and kBalanceMissing.
    core::Address address;
    core::AssetId asset;
    core::Units units;
    std::uint64_t height = 0;
    core::Instant recorded_at;
};

//! Blocks from…to of one chain, read without a hole. Rows are linked: first_parent is the last hash
//! of the row before.
struct CoverageRow {
    core::ChainId chain;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    core::BlockHash first_parent;
    core::BlockHash last_hash;
    std::string endpoint;
    int evidence = 1;  //!< chains::Evidence: the weakest of the blocks in the row
    std::uint64_t log_count = 0;
    std::uint64_t tx_count = 0;
    std::int64_t watch_revision = 0;  //!< highest receiver id known when it was read
    core::Instant read_at;
};

//! One block as the watcher commits it.
struct ReadBlock {
    core::BlockRef ref;
    std::string endpoint;
    int evidence = 1;
    std::uint32_t log_count = 0;
    std::uint32_t tx_count = 0;
};

//! Why payouts on a chain are stopped.
struct Halt {
    core::ChainId chain;
    std::string reason;
    core::Instant since;
    std::optional<core::Instant> acknowledged_at;
    std::string acknowledged_by;
};

// ---- money out ----------------------------------------------------------------------------------

enum class Leg : int {
    kDelivery = 1,
    kRefund = 2,
    kCollect = 3,
    kStray = 4,
    kGas = 5,
    kFund = 6,
    kFill = 7,
    kRebalance = 8,
    kExcess = 9,  //!< what was over, after the delivery was final
};
std::string_view to_string(Leg leg);

enum class PayoutStatus : int {
    kPlanned = 1,
    kReserved = 2,
    kSigned = 3,
    kSent = 4,
    kSeen = 5,
    kFinalOk = 6,
    kFinalFailed = 7,
    kDead = 8,  //!< nothing of it can ever be mined; the evidence is filed
    kHeld = 9,
};
std::string_view to_string(PayoutStatus status);
inline bool is_terminal(PayoutStatus s) {
    return s == PayoutStatus::kFinalOk || s == PayoutStatus::kFinalFailed || s == PayoutStatus::kDead;
}

struct Payout {
    core::PayoutId id;
    std::optional<core::SessionId> session;
    core::EnvironmentId environment;
    Leg leg = Leg::kDelivery;
    core::AssetId asset;
    core::ReceiverId receiver;  //!< whose money; 0 for the operator's own
    core::Address sender;
    core::Address recipient;
    core::Units units;
    core::Bytes calldata;
    PayoutStatus status = PayoutStatus::kPlanned;
    PayoutStatus held_from = PayoutStatus::kPlanned;  //!< while held; kHeld: let go on since, and nothing reserved
    std::string reason;       //!< why held, failed or dead; evidence of death in words
    std::string waiting_for;  //!< why nothing moves right now, for people; empty when it moves
    std::string claims_key;   //!< names the set of claimed deposits; with leg and receiver it makes
                              //!< the payout unique
    std::int64_t version = 1;
    core::Instant created_at;
    core::Instant updated_at;
};

enum class StepKind : int { kTopUp = 1, kApprove = 2, kCall = 3, kTransfer = 4, kCancel = 5 };
std::string_view to_string(StepKind kind);

//! One transaction of a payout, whatever number of attempts it takes.
struct PayoutStep {
    core::StepId id;
    core::PayoutId payout;
    std::uint32_t ordinal = 0;  //!< steps run in this order, each after the one before is final
    StepKind kind = StepKind::kTransfer;
    int key_role = 1;           //!< chains::KeyRole of the sender
    std::uint32_t key_index = 0;
    core::Address sender;
    core::Address recipient;
    core::AssetId asset;
    core::Units units;
    std::uint64_t gas_limit = 0;
    std::uint64_t nonce = 0;    //!< reserved: unique per (chain, sender)
    PayoutStatus status = PayoutStatus::kReserved;
    std::string reason;
};

enum class AttemptStatus : int {
    kSigned = 1,
    kSent = 2,
    kMined = 3,
    kFinalOk = 4,
    kFinalFailed = 5,
    kDead = 6,  //!< another transaction with its nonce is final
};
//! For good, as far as its row goes: what finality that is broken takes back is told by own_txs alone.
constexpr bool is_decided(AttemptStatus s) {
    return s == AttemptStatus::kFinalOk || s == AttemptStatus::kFinalFailed ||
           s == AttemptStatus::kDead;
}

//! What the chain showed behind the end of an allowance: nobody may take anything any more.
struct GrantEnd {
    core::StepId step;  //!< that had given it
    std::uint64_t height = 0;
    core::Units missing;  //!< taken, and not by a call of ours
    core::Instant at;
};

//! One signed transaction. Its bytes are stored before they are sent and never change.
struct Attempt {
    core::AttemptId id;
    core::StepId step;
    core::TxId tx;
    core::Bytes raw;
    core::Units max_fee;
    core::Units max_priority_fee;
    AttemptStatus status = AttemptStatus::kSigned;
    std::uint32_t send_count = 0;
    std::string last_answer;  //!< what the nodes said last; proves nothing
    core::Instant signed_at;
    std::optional<core::Instant> sent_at;
};

struct PayoutFull {
    Payout payout;
    std::vector<PayoutStep> steps;       //!< by ordinal
    std::vector<Attempt> attempts;       //!< of all steps, oldest first
};

// ---- the books ----------------------------------------------------------------------------------

//! One line of a posting. Positive side: debit. Accounts are text with a closed set of heads:
//!   address:<hex>       what one of our addresses holds on the asset's chain (an asset: debit grows)
//!   session:<id>        what we owe for a session (a liability: credit grows)
//!   stray:<receiver id> what we owe for deposits no session owns
//!   operator            the operator's own money, and what paid the fees
//!   fees                network fees paid (an expense: debit grows)
//!   unattributed        differences that nothing explains yet
struct LedgerLine {
    std::string account;
    core::AssetId asset;
    bool debit = true;
    core::Units units;
};

//! Lines that add up to zero per asset, with the reason. Unique by `key`: posting the same key twice is
//! refused as kConflict, so replay cannot book twice.
struct Posting {
    std::string key;   //!< "deposit:17", "own_tx:42", …
    std::string text;
    std::vector<LedgerLine> lines;
    core::Instant at;
};

struct AccountBalance {
    std::string account;
    core::AssetId asset;
    bool debit = true;  //!< side of the balance
    core::Units units;
};

// ---- webhooks -----------------------------------------------------------------------------------

//! An address of the owner's that wants to be told.
struct Webhook {
    std::string id;
    core::EnvironmentId environment;
    std::string url;                  //!< may hold a secret: never shown but to its owner
    std::vector<std::string> events;  //!< types, or "*"; no spaces in them
    std::string description;
    std::string secret;  //!< signs what is sent; empty once deleted
    core::Instant created_at;
    std::optional<core::Instant> deleted_at;
};

//! Something to tell: made with the change, and never changed.
struct WebhookEvent {
    std::string id;
    core::EnvironmentId environment;
    std::optional<core::SessionId> session;  //!< none for a test
    std::int64_t sequence = 0;               //!< counts the session's events from 1
    std::string type;
    std::string body;  //!< what is sent, to the byte
    core::Instant created_at;
};

enum class DeliveryState : int {
    kBehind = 1,     //!< an earlier event of its session comes first
    kDue = 2,        //!< at next_at
    kDelivered = 3,
    kFailed = 4,     //!< given up until somebody asks for it again
};
std::string_view to_string(DeliveryState state);

//! One event for one webhook.
struct WebhookDelivery {
    std::string id;
    std::string webhook;
    std::string event;
    std::string event_type;
    std::optional<core::SessionId> session;
    std::int64_t sequence = 0;
    DeliveryState state = DeliveryState::kDue;
    std::uint32_t attempts = 0;  //!< since it was made, or was last asked for again
    std::optional<core::Instant> next_at;
    std::optional<int> last_status;
    std::string last_error;
    core::Instant created_at;
    core::Instant updated_at;
};

//! What came of one attempt. The last twenty of a delivery are kept.
struct WebhookAttempt {
    std::int64_t number = 0;  //!< given by the store
    core::Instant at;
    std::optional<int> status;  //!< of HTTP, when there was an answer
    std::string error;          //!< for people; empty: delivered
    std::int64_t duration_ms = 0;
    //! updated_at of the delivery that was sent: by it the store sees that it was asked for again since.
    //! None: it was not. Not stored.
    std::optional<core::Instant> sent_as_of;
};

}  // namespace db
