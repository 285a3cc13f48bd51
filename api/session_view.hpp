#pragma once

#include "api/ports.hpp"
#include "api/session_timeline.hpp"
#include "db/types.hpp"

#include <nlohmann/json.hpp>

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
    std::string waiting_for;            //!< what a payout of it waits for, for the owner; or empty
    std::optional<SessionStory> story;  //!< when the owner reads this one session
};

enum class Audience {
    kOwner,   //!< came with the API key: metadata, client secret, what a payout waits for
    kWebhook,  //!< sent to the owner: as kOwner, without the client secret
    kPublic,  //!< anyone who knows the session's id
};

//! The session object of the wire, plus two keys of our own: `statusReason` {code, message} says
//! why the session stands where it stands, `deposits` lists every transfer seen for it. To the owner
//! also `refunds`, `strays` and `timeline`, when its story was read.
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

struct StatusReason {
    std::string code;     //!< closed set, snake case
    std::string message;  //!< for people
};
StatusReason status_reason(const SessionFacts& facts, const Chains& chains, Audience audience);

}  // namespace api
