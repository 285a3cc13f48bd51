#pragma once

#include "api/errors.hpp"
#include "api/session_view.hpp"
#include "core/log.hpp"
#include "core/task.hpp"
#include "db/database.hpp"

#include <string>
#include <string_view>

// How calls come to the session that they name.
namespace api::impl {

//! 500, and the reason in the log.
Problem storage_failed(core::Log& log, const core::Error& error, std::string_view request_id);

Problem no_session();

//! 404 when there is none.
core::Task<Checked<SessionFacts>> read_session(db::Database& database, core::Log& log,
                                               core::SessionId id, std::string request_id);

//! The session, for who has its client secret: 401 for another one.
core::Task<Checked<SessionFacts>> read_with_secret(db::Database& database, core::Log& log,
                                                   core::SessionId id, std::string secret,
                                                   std::string request_id);

}  // namespace api::impl
