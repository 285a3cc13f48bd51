#pragma once

#include "api/impl/session_jobs.hpp"
#include "core/rng.hpp"

#include <cstddef>
#include <optional>

// The same order once more, after its time: a session has at most one successor, that one has at
// most one, and so on. What follows whom is kept as an idempotency key that no caller can have.
namespace api::impl {

//! So many links are followed at once: who has the secret of an old session may make new ones for
//! ever.
inline constexpr std::size_t kSuccessorsFollowed = 100;

//! The last of those that follow this session: itself when there is none.
core::Expected<SessionFacts> last_of_order(db::UnitOfWork& work, SessionFacts facts);

//! A row for the same order. Its time to pay is as long as the first one's was.
db::SessionRow once_more(const db::SessionRow& old, core::Rng& rng, core::Instant now);

//! Inserts `row` as the successor of `old`, or gives the one there is. None while `old` is not over
//! by what is stored: it may be paid in a block that was not read yet, and whoever pays the other
//! one too has paid twice.
core::Expected<std::optional<Created>> create_successor(db::UnitOfWork& work,
                                                        const core::SessionId& old,
                                                        const db::SessionRow& row);

//! What this session follows, and what follows it.
struct Neighbours {
    std::optional<core::SessionId> before;
    std::optional<core::SessionId> after;
};
core::Expected<Neighbours> neighbours(db::UnitOfWork& work, const db::SessionRow& row);

}  // namespace api::impl
