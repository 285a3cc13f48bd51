#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/expected.hpp"
#include "db/types.hpp"

// What can be read and written, one interface per concern. All calls are synchronous: they run on the
// database's own threads, inside a unit of work or a read view (database.hpp). No call reads a clock.
// Failures: kStorage (disk, corruption), kConflict (a unique rule or a version), kNotFound.
namespace db {

using core::Done;
using core::Expected;

struct Environments {
    virtual ~Environments() = default;
    virtual Expected<Done> insert(const Environment& environment) = 0;
    virtual Expected<std::optional<Environment>> by_id(const core::EnvironmentId& id) = 0;
    virtual Expected<std::optional<Environment>> by_name(std::string_view name) = 0;
    virtual Expected<std::vector<Environment>> list() = 0;
    virtual Expected<Done> insert_key(const ApiKey& key) = 0;
    virtual Expected<std::vector<ApiKey>> keys_with_prefix(std::string_view prefix) = 0;
    virtual Expected<std::vector<ApiKey>> list_keys() = 0;
    virtual Expected<Done> revoke_key(std::int64_t id, core::Instant at) = 0;
    //! The secret that keys are hashed with; made once from `fresh` when there is none yet.
    virtual Expected<core::Bytes> key_pepper(const core::Bytes& fresh) = 0;
};

struct SessionFilter {
    std::optional<core::EnvironmentId> environment;
    std::vector<session::State> states;  //!< empty: all
    std::optional<core::SessionId> after;  //!< page on, newest first
    std::size_t limit = 50;
};

struct Sessions {
    virtual ~Sessions() = default;
    //! With an idempotency key: kConflict when (environment, key) is taken.
    virtual Expected<Done> insert(const SessionRow& row, std::string_view idempotency_key,
                                  std::string_view request_hash) = 0;
    //! The session made under this key, and the hash of the request that made it.
    virtual Expected<std::optional<std::pair<core::SessionId, std::string>>> by_idempotency_key(
        const core::EnvironmentId& environment, std::string_view key) = 0;
    //! The key that this session was made under; empty: none.
    virtual Expected<std::string> idempotency_key(const core::SessionId& id) = 0;
    virtual Expected<std::optional<SessionRow>> load(const core::SessionId& id) = 0;
    //! Writes `row` with version expected+1 if the stored version is `expected_version`, and the journal row
    //! with it; kConflict otherwise. Refused by trigger once the stored state is final, but for
    //! outcome fields written together with the final state. What was fixed at the creation (environment,
    //! destination, policy, deadline, secret, display and metadata) is not written again.
    virtual Expected<Done> save(const SessionRow& row, std::int64_t expected_version,
                                const JournalEntry& entry) = 0;
    //! Appends a journal row without a change of state (a stray, a note for people).
    virtual Expected<Done> note(const JournalEntry& entry) = 0;
    virtual Expected<std::vector<JournalEntry>> journal(const core::SessionId& id) = 0;
    //! The newest `limit` of them, oldest first.
    virtual Expected<std::vector<JournalEntry>> journal_end(const core::SessionId& id,
                                                            std::size_t limit) = 0;
    virtual Expected<std::vector<SessionRow>> list(const SessionFilter& filter) = 0;
    //! Sessions in a waiting state, paid on `chain`, whose expires_at is before `read_to`; oldest deadline
    //! first. Without those that have a deposit detected and not confirmed: their deadline waits.
    virtual Expected<std::vector<SessionRow>> waiting_past(const core::ChainId& chain,
                                                           core::Instant read_to,
                                                           std::size_t limit) = 0;
    //! The first deadline of those, at or after `from` and before `read_to`.
    virtual Expected<std::optional<core::Instant>> first_deadline(const core::ChainId& chain,
                                                                  core::Instant from,
                                                                  core::Instant read_to) = 0;
    //! How many sessions in a waiting state, paid on `chain`, have an expires_at before `now`.
    virtual Expected<std::int64_t> count_waiting_past(const core::ChainId& chain,
                                                      core::Instant now) = 0;
    virtual Expected<std::vector<std::pair<session::State, std::int64_t>>> count_by_state() = 0;
};

struct Receivers {
    virtual ~Receivers() = default;
    //! The session's receiver of this family, or a new one: takes the next derivation index, calls `derive`
    //! with it and stores the address. One per (session, family).
    virtual Expected<Receiver> issue(
        const core::SessionId& session, std::string_view family, core::Instant at,
        const std::function<Expected<core::Address>(std::uint32_t)>& derive) = 0;
    virtual Expected<std::optional<Receiver>> by_address(std::string_view family,
                                                         const core::Address& address) = 0;
    virtual Expected<std::optional<Receiver>> by_id(core::ReceiverId id) = 0;
    virtual Expected<std::vector<Receiver>> of_session(const core::SessionId& session) = 0;
    //! Ids above `after`, ascending, at most `limit`: how the watch set loads and follows.
    virtual Expected<std::vector<Receiver>> since(std::string_view family, core::ReceiverId after,
                                                  std::size_t limit) = 0;
    virtual Expected<core::ReceiverId> newest() = 0;
    //! Receivers of sessions that wait for or process native coin on this chain, and of those whose
    //! destination was native coin and that ended: while their expires_at is not before `ended_after`.
    //! In the order they were issued.
    virtual Expected<std::vector<Expecting>> expecting(const core::AssetId& native_asset,
                                                       core::Instant ended_after) = 0;
    //! Receivers whose session is open, or ended with an expires_at not before `ended_after`, whatever it
    //! asks for: ids above `after`, ascending, at most `limit`.
    virtual Expected<std::vector<Receiver>> recent(std::string_view family, core::ReceiverId after,
                                                   core::Instant ended_after,
                                                   std::size_t limit) = 0;
};

//! How far the chain was read a second time, after it was final.
struct SecondReading {
    std::uint64_t height = 0;
    std::string endpoint;  //!< who gave the last of them
    core::Instant at;
};

struct Blocks {
    virtual ~Blocks() = default;
    //! Last block committed for the chain: its cursor. None before the first.
    virtual Expected<std::optional<core::BlockRef>> tip(const core::ChainId& chain) = 0;
    //! The block of our best chain at this height, when still kept.
    virtual Expected<std::optional<core::BlockRef>> at(const core::ChainId& chain,
                                                       std::uint64_t height) = 0;
    //! Sets where reading starts; only when the chain has no tip.
    virtual Expected<Done> start(const core::ChainId& chain, const core::BlockRef& origin,
                                 core::Instant at) = 0;
    //! Appends linked blocks on the tip (kConflict when the first does not name the tip as parent), the
    //! coverage row(s) and the cursor.
    virtual Expected<Done> append(const core::ChainId& chain, const std::vector<ReadBlock>& blocks,
                                  std::int64_t watch_revision, core::Instant at) = 0;
    //! Takes the chain back to `height`: later blocks are kept as orphaned, coverage is cut.
    virtual Expected<Done> rewind(const core::ChainId& chain, std::uint64_t height,
                                  core::Instant at) = 0;
    //! Highest block taken for final so far; never goes down.
    virtual Expected<std::optional<core::BlockRef>> final_block(const core::ChainId& chain) = 0;
    virtual Expected<Done> set_final(const core::ChainId& chain, const core::BlockRef& block) = 0;
    //! Forgets block rows below `height` that are final and hold nothing of ours (coverage stays).
    virtual Expected<Done> prune(const core::ChainId& chain, std::uint64_t below_height,
                                 std::size_t limit) = 0;
    virtual Expected<std::vector<CoverageRow>> coverage(const core::ChainId& chain,
                                                        std::uint64_t from, std::uint64_t to) = 0;
    //! Joins neighbouring coverage rows of one endpoint, evidence and revision below `height`.
    virtual Expected<Done> compact_coverage(const core::ChainId& chain, std::uint64_t below_height,
                                            std::size_t limit) = 0;
    virtual Expected<std::vector<std::pair<core::ChainId, core::BlockRef>>> tips() = 0;

    //! Every native payment in blocks up to this one was looked for, those made by contracts among
    //! them: deadlines of sessions that wait for native coin count from here. None before start().
    virtual Expected<std::optional<core::BlockRef>> native_read_to(const core::ChainId& chain) = 0;
    virtual Expected<Done> set_native_read_to(const core::ChainId& chain,
                                              const core::BlockRef& block) = 0;
    //! As many endpoints as a payout takes say that this block of ours is on the chain: deadlines count
    //! from here. None before start(), and before the first in a database of an older version. Setting it
    //! also dates the kept block.
    virtual Expected<std::optional<core::BlockRef>> agreed_to(const core::ChainId& chain) = 0;
    virtual Expected<Done> set_agreed_to(const core::ChainId& chain,
                                         const core::BlockRef& block) = 0;
    //! The first kept block of our best chain, at `from_height` or above, that was mined after `moment`.
    virtual Expected<std::optional<core::BlockRef>> first_after(const core::ChainId& chain,
                                                                std::uint64_t from_height,
                                                                core::Instant moment) = 0;
    //! None: every block was read once only.
    virtual Expected<std::optional<SecondReading>> second_reading(const core::ChainId& chain) = 0;
    virtual Expected<Done> set_second_reading(const core::ChainId& chain,
                                              const SecondReading& reading) = 0;

    //! Stops payouts on the chain. Every reason stands until it is acknowledged; the same one stands once.
    virtual Expected<Done> halt(const core::ChainId& chain, std::string_view reason,
                                core::Instant at) = 0;
    virtual Expected<Done> acknowledge_halts(const core::ChainId& chain, std::string_view by,
                                             core::Instant at) = 0;
    virtual Expected<std::vector<Halt>> open_halts() = 0;
    //! Reasons with which an operator let the chain go on, and that did not lapse since.
    virtual Expected<std::vector<std::string>> acknowledged(const core::ChainId& chain) = 0;
    //! What was acknowledged is over: should it come back, it is news.
    virtual Expected<Done> lapse(const core::ChainId& chain, std::string_view reason,
                                 core::Instant at) = 0;
};

struct RecordedDeposit {
    Deposit deposit;
    //! True when the row is new, or came back from orphaned; false when we knew it just so.
    bool changed = false;
};

struct Deposits {
    virtual ~Deposits() = default;
    //! Inserts by (chain, key), or revives an orphaned row in its new block. A row that is known in this
    //! very block is left as it is. Fills in receiver and session.
    virtual Expected<RecordedDeposit> record(const Deposit& deposit) = 0;
    virtual Expected<std::optional<Deposit>> load(core::DepositId id) = 0;
    virtual Expected<std::vector<Deposit>> load_many(const std::vector<core::DepositId>& ids) = 0;
    virtual Expected<std::vector<Deposit>> of_session(const core::SessionId& session) = 0;
    //! Lists at most `most`: first what pays or may pay for the session, of that the largest.
    virtual Expected<DepositsInBrief> in_brief(const core::SessionId& session,
                                               std::size_t most) = 0;
    virtual Expected<std::vector<Deposit>> of_tx(const core::TxId& tx) = 0;
    //! Detected and not confirmed on this chain, at or below `height`, lowest first.
    virtual Expected<std::vector<Deposit>> unconfirmed(const core::ChainId& chain,
                                                       std::uint64_t up_to_height) = 0;
    virtual Expected<Done> confirm(core::DepositId id, core::Instant at) = 0;
    //! Marks every detected or confirmed deposit above `height` orphaned; gives them as they were before.
    virtual Expected<std::vector<Deposit>> orphan_above(const core::ChainId& chain,
                                                        std::uint64_t height) = 0;
    //! Marks this one orphaned. kConflict when it is confirmed: that is the chain's doing alone.
    virtual Expected<Done> orphan(core::DepositId id) = 0;
    //! Writes settlement's memory of the deposit under its (chain, key). Counting what was not counted
    //! also remembers asset, units and time as they are in the row now.
    virtual Expected<Done> set_counted(core::DepositId id, Counted counted, bool can_fund) = 0;
    //! kConflict when the deposit is claimed already. A claim is never deleted.
    virtual Expected<Done> claim(core::DepositId id, ClaimUse use) = 0;
    //! Only from kStray/kHeld to kBooked or kStray, or kDelivery to kRefund: the outcome changed, not
    //! the fact that it is used.
    virtual Expected<Done> reclaim(core::DepositId id, ClaimUse use) = 0;
    //! Number of residual deposits of this address that are not orphaned.
    virtual Expected<std::uint64_t> residual_count(const core::ChainId& chain,
                                                   const core::Address& to) = 0;
    //! Native coin every known in and out says each address holds: deposits plus what own transactions
    //! brought, less what they took and their fees. None when the outs are larger (never on a truthful chain).
    virtual Expected<std::vector<std::optional<core::Units>>> native_expected(
        const core::ChainId& chain, const core::AssetId& native,
        const std::vector<core::Address>& addresses) = 0;
    //! Another number than before whenever native_expected() of any address may be another.
    virtual Expected<std::int64_t> native_changes(const core::ChainId& chain) = 0;
    //! Is every deposit of the session in this asset, claimed for one of `uses`, confirmed on the chain
    //! right now? False when there is none.
    virtual Expected<bool> claims_stand(const core::SessionId& session, const core::AssetId& asset,
                                        const std::vector<ClaimUse>& uses) = 0;
    virtual Expected<std::int64_t> count(DepositStatus status) = 0;
};

struct RecordedOwnTx {
    OwnTx tx;
    bool changed = false;
};

struct OwnTxs {
    virtual ~OwnTxs() = default;
    //! Inserts by (chain, tx), or moves it to its new block when it was orphaned.
    virtual Expected<RecordedOwnTx> record(const OwnTx& tx) = 0;
    virtual Expected<std::optional<OwnTx>> load(std::int64_t id) = 0;
    virtual Expected<std::optional<OwnTx>> by_tx(const core::ChainId& chain, const core::TxId& tx) = 0;
    //! What used this nonce up for good, ours or not.
    virtual Expected<std::optional<OwnTx>> final_with_nonce(const core::ChainId& chain,
                                                            const core::Address& sender,
                                                            std::uint64_t nonce) = 0;
    //! Mined and not final, at or below `height`, lowest first.
    virtual Expected<std::vector<OwnTx>> not_final(const core::ChainId& chain,
                                                   std::uint64_t up_to_height) = 0;
    //! Native coin that those took from `sender`, fees among it: by the word of one endpoint so far.
    virtual Expected<core::Units> taken_not_final(const core::ChainId& chain,
                                                  const core::Address& sender) = 0;
    virtual Expected<Done> finalise(std::int64_t id) = 0;
    virtual Expected<std::vector<OwnTx>> orphan_above(const core::ChainId& chain,
                                                      std::uint64_t height) = 0;
    //! Marks this one orphaned. kConflict when it is final: that is the chain's doing alone.
    virtual Expected<Done> orphan(std::int64_t id) = 0;
};

struct Facts {
    virtual ~Facts() = default;
    virtual Expected<core::FactSeq> append(const Fact& fact) = 0;
    virtual Expected<std::vector<Fact>> after(core::FactSeq seq, std::size_t limit) = 0;
    //! Where a named reader stands; 0 before the first.
    virtual Expected<core::FactSeq> cursor(std::string_view reader) = 0;
    virtual Expected<Done> advance(std::string_view reader, core::FactSeq to) = 0;
    virtual Expected<core::FactSeq> newest() = 0;
};

//! A payout to plan. Steps are made when it is reserved.
struct Payouts {
    virtual ~Payouts() = default;
    //! kConflict when a rule refuses: a second living delivery, a refund beside a delivery that is not
    //! final_failed or dead, or the same (leg, asset, receiver, claims) again while the one before is
    //! not final_failed or dead.
    virtual Expected<core::PayoutId> plan(const Payout& payout) = 0;
    virtual Expected<std::optional<PayoutFull>> load(core::PayoutId id) = 0;
    virtual Expected<std::vector<PayoutFull>> of_session(const core::SessionId& session) = 0;
    //! The newest `limit` of them, oldest first.
    virtual Expected<std::vector<PayoutFull>> newest_of_session(const core::SessionId& session,
                                                                std::size_t limit) = 0;
    //! Transfers and calls that failed, of ended payouts that paid out the same money as this one: of its
    //! session and asset, and strays when it is one.
    virtual Expected<std::vector<PayoutStep>> failed_steps(const Payout& payout) = 0;
    //! With something left to do: not terminal and not held, or with a step that is alive all the same (a
    //! top-up whose payout ended meanwhile). On this chain, by id, from above `after`.
    virtual Expected<std::vector<PayoutFull>> active(const core::ChainId& chain,
                                                     core::PayoutId after, std::size_t limit) = 0;
    //! What an operator has to let go on: held, or the last refund, which failed, of a session that is held
    //! for that. By id.
    virtual Expected<std::vector<PayoutFull>> held() = 0;
    //! Compare-and-set on payout.version; writes status, reason, held_from, waiting_for. Terminal rows refuse.
    virtual Expected<Done> save(const Payout& payout) = 0;
    virtual Expected<core::StepId> add_step(const PayoutStep& step) = 0;
    virtual Expected<Done> save_step(const PayoutStep& step) = 0;
    //! Next nonce of (chain, sender): one above the highest ever reserved, or `chain_nonce` when that is
    //! higher or none was. Reserves it for the step (the row is unique for ever).
    virtual Expected<std::uint64_t> reserve_nonce(const core::ChainId& chain,
                                                  const core::Address& sender,
                                                  std::uint64_t chain_nonce, core::StepId step) = 0;
    //! Reserved nonces of (chain, sender) whose step is not terminal, ascending, with the step.
    virtual Expected<std::vector<std::pair<std::uint64_t, core::StepId>>> open_nonces(
        const core::ChainId& chain, const core::Address& sender) = 0;
    //! Native coin that signed top-ups bring to this address beyond what blocks were told with: all of
    //! it when none was, and until it is final what is missing in the one that was.
    virtual Expected<core::Units> top_ups_in_flight(const core::AssetId& native,
                                                    const core::Address& to) = 0;
    //! kConflict when the transaction id is known. Unique for ever.
    virtual Expected<core::AttemptId> add_attempt(const Attempt& attempt) = 0;
    virtual Expected<Done> save_attempt(const Attempt& attempt) = 0;
    struct AttemptPlace {
        Attempt attempt;
        PayoutStep step;
        core::PayoutId payout;
    };
    virtual Expected<std::optional<AttemptPlace>> by_tx(const core::ChainId& chain,
                                                        const core::TxId& tx) = 0;
    //! Attempts that were final and left the chain, when nothing else with their nonce stands there;
    //! by sender and nonce.
    virtual Expected<std::vector<AttemptPlace>> lost(const core::ChainId& chain) = 0;
    //! The bid that stands on the chain in the place of this one, which left it; none: this one stands,
    //! or none does.
    virtual Expected<std::optional<core::TxId>> standing_for(const core::ChainId& chain,
                                                             const core::TxId& tx) = 0;
    //! Is this step one of those, so that it may be signed for again?
    virtual Expected<bool> is_lost(core::StepId step) = 0;
    //! The step that reserved this nonce, if any.
    virtual Expected<std::optional<PayoutStep>> by_nonce(const core::ChainId& chain,
                                                         const core::Address& sender,
                                                         std::uint64_t nonce) = 0;
    //! Files the end of an allowance. kConflict when it has ended before, was not given for good, or was not
    //! taken back for good. No refund is planned before.
    virtual Expected<Done> end_grant(const GrantEnd& end) = 0;
    virtual Expected<std::vector<GrantEnd>> ended_grants(const core::SessionId& session) = 0;
    virtual Expected<std::vector<std::pair<PayoutStatus, std::int64_t>>> count_by_status() = 0;
};

struct Ledger {
    virtual ~Ledger() = default;
    //! CHECKs that the lines add up to zero per asset. kConflict when the key was posted before.
    virtual Expected<Done> post(const Posting& posting) = 0;
    //! Does a posting stand under the key: made, and not taken back?
    virtual Expected<bool> posted(std::string_view key) = 0;
    //! The chain took back what the posting tells: posts its opposite, after which the key may be
    //! posted again. Nothing when none stands.
    virtual Expected<Done> take_back(std::string_view key, core::Instant at) = 0;
    virtual Expected<AccountBalance> balance(std::string_view account, const core::AssetId& asset) = 0;
    //! Non-zero balances, optionally of accounts that start with `head` ("address:").
    virtual Expected<std::vector<AccountBalance>> balances(std::string_view head) = 0;
    //! Non-zero balances in assets of the chain, of the first `accounts_max` (0: all) accounts that
    //! start with `head` and come after `after`; by account. An account is never split.
    virtual Expected<std::vector<AccountBalance>> balances_of_chain(const core::ChainId& chain,
                                                                    std::string_view head,
                                                                    std::string_view after,
                                                                    std::size_t accounts_max) = 0;
    //! Recomputes every balance from the lines and compares; kStorage names the first difference.
    virtual Expected<Done> verify() = 0;
};

//! A webhook with something to do.
struct WebhookWork {
    std::string webhook;
    core::Instant next_at;  //!< of what is due first
};

struct WebhookBacklog {
    std::int64_t count = 0;
    std::optional<core::Instant> oldest;
};

//! Everything that is needed to make one attempt.
struct WebhookParcel {
    WebhookDelivery delivery;
    Webhook webhook;
    std::string body;
};

struct DeliveryFilter {
    std::optional<DeliveryState> state;
    std::string after;  //!< a delivery's id: page on, newest first; empty: from the start
    std::size_t limit = 50;
};

struct Webhooks {
    virtual ~Webhooks() = default;
    virtual Expected<Done> insert(const Webhook& webhook) = 0;
    //! Deleted ones are not found.
    virtual Expected<std::optional<Webhook>> load(std::string_view id) = 0;
    //! Living ones, oldest first.
    virtual Expected<std::vector<Webhook>> list(const core::EnvironmentId& environment) = 0;
    //! Marks it deleted and forgets its secret: nothing is due for it any more. kNotFound.
    virtual Expected<Done> remove(std::string_view id, core::Instant at) = 0;
    //! Has the environment, or had it ever, one? Only then are events kept.
    virtual Expected<bool> any(const core::EnvironmentId& environment) = 0;

    //! The number that the session's next event has.
    virtual Expected<std::int64_t> next_sequence(const core::SessionId& session) = 0;
    virtual Expected<Done> append(const WebhookEvent& event) = 0;
    //! Of the session, from this number on, in order; without the bodies.
    virtual Expected<std::vector<WebhookEvent>> events_of(const core::SessionId& session,
                                                          std::int64_t from,
                                                          std::size_t limit) = 0;
    //! Has the event delivered to the webhook, under this id if it never was to be; else again, from
    //! the first attempt on. In its turn: after what is open of earlier events, before later ones.
    virtual Expected<Done> deliver(std::string_view webhook, const WebhookEvent& event,
                                   std::string_view delivery_id, core::Instant now) = 0;
    //! The same for a delivery that was there before. kNotFound.
    virtual Expected<Done> redeliver(std::string_view delivery_id, core::Instant now) = 0;

    //! Living webhooks for which something is due at some time.
    virtual Expected<std::vector<WebhookWork>> work() = 0;
    //! Ids of what is due for the webhook now, what was due first ahead.
    virtual Expected<std::vector<std::string>> due(std::string_view webhook, core::Instant now,
                                                   std::size_t limit) = 0;
    //! None when it is not due any more, or its webhook was deleted.
    virtual Expected<std::optional<WebhookParcel>> parcel(std::string_view delivery_id) = 0;
    //! Writes what came of an attempt: delivered, given up (kFailed), or kDue again at `next_at`. What
    //! ends lets the next of its lane go. Nothing when the delivery has ended meanwhile; only the attempt
    //! itself when it was asked for again meanwhile: that one has its own attempt.
    virtual Expected<Done> record(std::string_view delivery_id, const WebhookAttempt& attempt,
                                  DeliveryState state, std::optional<core::Instant> next_at) = 0;

    //! kNotFound when `after` is no delivery of the webhook.
    virtual Expected<std::vector<WebhookDelivery>> deliveries(std::string_view webhook,
                                                              const DeliveryFilter& filter) = 0;
    virtual Expected<std::optional<WebhookDelivery>> delivery(std::string_view id) = 0;
    virtual Expected<std::vector<WebhookAttempt>> attempts(std::string_view delivery_id) = 0;
    //! What is due or behind, for living webhooks.
    virtual Expected<WebhookBacklog> backlog() = 0;
};

}  // namespace db
