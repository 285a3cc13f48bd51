#pragma once

#include "api/ports.hpp"
#include "api/session_timeline.hpp"
#include "db/types.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// How a session looks from outside. Pure functions of what is stored; the golden files of
// tests/golden/api show every state.
namespace api {

//! Everything a view is made of, read in one consistent view of the store.
struct SessionFacts {
    db::SessionRow row;
    std::optional<db::Receiver> receiver;
    std::vector<db::Deposit> deposits;  //!< every one of its receivers, strays and orphaned too
    std::vector<db::DepositGroup> others = {};  //!< those that are not listed, when they are many
    std::string waiting_for;            //!< what its payment waits for, for the owner; or empty
    std::optional<SessionStory> story;  //!< when the owner reads this one session
};

//! What the delivery or the refund of a session waits for; empty: neither is under way. Strays and excess
//! tell their own.
std::string waiting_for(const std::vector<db::PayoutFull>& payouts);

enum class Audience {
    kOwner,   //!< came with the API key: metadata, client secret, what a payout waits for
    kWebhook,  //!< sent to the owner: as kOwner, without the client secret
    kPublic,  //!< anyone who knows the session's id
};

//! The session object of the wire, plus keys of our own: `statusReason` {code, message} says why
//! the session stands where it stands, `deposits` lists the transfers seen for it, `moreDeposits`
//! counts those that it does not list. To the owner also `refunds`, `strays` and `timeline`, when its
//! story was read.
nlohmann::json session_json(const SessionFacts& facts, const Chains& chains, Audience audience);

//! Those of the session's deposits that have these ids, as in `deposits`.
nlohmann::json deposits_json(const SessionFacts& facts, const std::vector<core::DepositId>& ids,
                             const Chains& chains);

//! Does this deposit pay for the session, as far as is known now?
bool pays(const db::Deposit& deposit, const session::Session& session);

struct Paid {
    core::AssetId asset;
    core::Units units;
};
//! The sum of the deposits that pay for it, all of one asset.
std::optional<Paid> paid_so_far(const SessionFacts& facts);

//! So much that the session goes on without any more of it, though it may not have been told yet.
bool paid_enough(const SessionFacts& facts);

//! Is there a deposit, listed or not, that is on the chain; one that came after the time was over?
bool any_money(const SessionFacts& facts);
bool late_money(const SessionFacts& facts);
//! How many deposits are not listed.
std::uint64_t count_others(const SessionFacts& facts);

struct StatusReason {
    std::string code;     //!< closed set, snake case
    std::string message;  //!< for people
};
StatusReason status_reason(const SessionFacts& facts, const Chains& chains, Audience audience);

}  // namespace api
