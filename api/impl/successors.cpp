#include "api/impl/successors.hpp"

#include "api/auth.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace api::impl {
namespace {

using core::Errc;
using core::Error;
using core::Expected;

//! No caller's own key has a space in it.
constexpr std::string_view kPrefix = "recreate ";

std::string key_of(const core::SessionId& old) { return std::string{kPrefix} + old.text(); }

Expected<std::optional<core::SessionId>> successor_of(db::UnitOfWork& work,
                                                      const core::EnvironmentId& environment,
                                                      const core::SessionId& old) {
    auto found = work.sessions().by_idempotency_key(environment, key_of(old));
    if (!found) return found.error();
    if (!*found) return std::optional<core::SessionId>{};
    return std::optional{(*found)->first};
}

}  // namespace

Expected<SessionFacts> last_of_order(db::UnitOfWork& work, SessionFacts facts) {
    core::SessionId last = facts.row.session.id;
    for (std::size_t i = 0; i < kSuccessorsFollowed; ++i) {
        auto next = successor_of(work, facts.row.environment, last);
        if (!next) return next.error();
        if (!*next) break;
        last = **next;
    }
    if (last == facts.row.session.id) return facts;
    auto loaded = load_facts(work, last);
    if (!loaded) return loaded.error();
    if (!*loaded) return Error{Errc::kStorage, "an idempotency key names no session"};
    return std::move(**loaded);
}

db::SessionRow once_more(const db::SessionRow& old, core::Rng& rng, core::Instant now) {
    db::SessionRow row;
    row.session.id = core::SessionId{rng.hex(16)};
    row.session.destination = old.session.destination;
    row.session.refund_address = old.session.refund_address;
    row.session.policy = old.session.policy;
    row.session.expires_at = now + (old.session.expires_at - old.created_at);
    row.environment = old.environment;
    row.client_secret = rng.hex(16);
    row.display_json = old.display_json;
    row.metadata_json = old.metadata_json;
    row.created_at = now;
    row.updated_at = now;
    return row;
}

Expected<std::optional<Created>> create_successor(db::UnitOfWork& work, const core::SessionId& old,
                                                  const db::SessionRow& row) {
    auto stored = work.sessions().load(old);
    if (!stored) return stored.error();
    if (!*stored) return Error{Errc::kNotFound, "the session is gone"};
    if ((*stored)->session.state != session::State::kExpired) return std::optional<Created>{};
    auto created = create_session(work, row, key_of(old), sha256_hex(old.text()));
    if (!created) return created.error();
    return std::optional{std::move(*created)};
}

Expected<Neighbours> neighbours(db::UnitOfWork& work, const db::SessionRow& row) {
    Neighbours out;
    auto key = work.sessions().idempotency_key(row.session.id);
    if (!key) return key.error();
    if (key->starts_with(kPrefix)) out.before = core::SessionId{key->substr(kPrefix.size())};
    auto after = successor_of(work, row.environment, row.session.id);
    if (!after) return after.error();
    out.after = std::move(*after);
    return out;
}

}  // namespace api::impl
