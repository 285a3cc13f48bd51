#pragma once

#include "api/ports.hpp"
#include "db/types.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

// What the owner of a session is told beyond where it stands: how it came there, and what goes
// back. Pure functions of what is stored.
namespace api {

struct SessionFacts;

//! The newest of each kind that are told: who is sent dust for years must not be answered with all
//! of it.
inline constexpr std::size_t kStoryMost = 200;

//! What happened to a session; oldest first, at most kStoryMost of each.
struct SessionStory {
    std::vector<db::JournalEntry> journal;
    std::vector<db::PayoutFull> payouts;
    std::optional<core::SessionId> before = {};  //!< the same order, whose time was over
    std::optional<core::SessionId> after = {};   //!< the same order once more, after this one
};

//! `refunds`, `strays` and `timeline`, and `recreatedFrom` and `recreatedAs` where they are, into
//! the session object; facts.story is there. `waits`: what the session itself waits for, in words;
//! empty: it has ended.
void put_story(nlohmann::json& out, const SessionFacts& facts, const Chains& chains,
               std::string waits);

//! [{at, what, amount?, txHash?, reason?, …}], oldest first. While anything is awaited the last one
//! is `waiting`, and says for what.
nlohmann::json timeline_json(const SessionFacts& facts, const SessionStory& story,
                             const Chains& chains, const std::string& waits);

//! The session's own money that goes back, or went: the whole payment, or what was over.
nlohmann::json refunds_json(const SessionStory& story, const Chains& chains);

//! Deposits that no outcome of the session uses, and the payouts that return them.
nlohmann::json strays_json(const SessionFacts& facts, const SessionStory& story,
                           const Chains& chains);

}  // namespace api
