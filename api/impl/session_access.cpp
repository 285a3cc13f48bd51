#include "api/impl/session_access.hpp"

#include "api/impl/session_jobs.hpp"
#include "core/bytes.hpp"

#include <optional>
#include <utility>

namespace api::impl {

Problem storage_failed(core::Log& log, const core::Error& error, std::string_view request_id) {
    log.error(
        "a request failed in the store",
        {{"request", request_id}, {"code", core::to_string(error.code)}, {"why", error.message}});
    return internal_error();
}

Problem no_session() { return not_found("session_not_found", "There is no such session."); }

core::Task<Checked<SessionFacts>> read_session(db::Database& database, core::Log& log,
                                               core::SessionId id, std::string request_id) {
    using Found = std::optional<SessionFacts>;
    auto job = [id](db::UnitOfWork& work) { return load_facts(work, id); };
    auto found = co_await database.read<Found>(std::move(job));
    if (!found) co_return storage_failed(log, found.error(), request_id);
    if (!*found) co_return no_session();
    co_return std::move(**found);
}

core::Task<Checked<SessionFacts>> read_with_secret(db::Database& database, core::Log& log,
                                                   core::SessionId id, std::string secret,
                                                   std::string request_id) {
    auto facts = co_await read_session(database, log, std::move(id), std::move(request_id));
    if (!facts) co_return facts.problem();
    const bool same =
        core::equal_constant_time(core::bytes_of(secret), core::bytes_of(facts->row.client_secret));
    if (!same) {
        co_return unauthorized("invalid_client_secret",
                               "The client secret does not fit this session.");
    }
    co_return std::move(*facts);
}

}  // namespace api::impl
