#pragma once

#include <string>
#include <vector>

#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "db/database.hpp"
#include "session/types.hpp"

namespace settlement {

//! Something that the owner of a session should hear of: "session.succeeded", "deposit.late", …
struct News {
    std::string type;
    std::vector<core::DepositId> deposits;  //!< it is about; empty: about the session
};

//! Writes news down for their readers, in the unit of work that makes them true. Called on the
//! database's writer thread, once for all the news of one step: they share a snapshot of the session.
struct Teller {
    virtual ~Teller() = default;
    virtual core::Expected<core::Done> tell(db::UnitOfWork& work, const core::SessionId& session,
                                            const std::vector<News>& news, core::Instant at) const = 0;
};

//! What there is to tell of one step, in order: what came first, then what became of the session. Pure.
std::vector<News> news_of(const session::Session& before, const session::Session& after,
                          const session::Event& event);

}  // namespace settlement
