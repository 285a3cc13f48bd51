#include "api/impl/payable.hpp"

#include "api/impl/session_access.hpp"
#include "api/impl/session_jobs.hpp"
#include "session/views.hpp"

#include <optional>
#include <utility>

namespace api::impl {

bool can_be_paid(const session::Session& session, core::Instant now) {
    return session::is_waiting(session.state) && now < session.expires_at;
}

Problem not_payable(const session::Session& session) {
    if (session::sessions_api_status(session) == "expired" || session::is_waiting(session.state)) {
        return impossible("session_expired", "The time to pay has run out. Please start again.");
    }
    return impossible("session_not_payable",
                      "This payment is already under way; its payment method can't change.");
}

core::Task<Checked<SessionFacts>> with_receiver(const SessionsNeeds& needs, SessionFacts facts,
                                                std::string request_id) {
    const core::Instant now = needs.clock.now();
    if (!can_be_paid(facts.row.session, now)) co_return not_payable(facts.row.session);
    // The secret is public: asking again must not cost a write.
    if (has_evm_receiver(facts)) {
        Checked<SessionFacts> same{std::move(facts)};
        co_return same;
    }
    using Issued = std::optional<SessionFacts>;
    auto job = [id = facts.row.session.id, now, derive = needs.derive,
                outbox = needs.outbox](db::UnitOfWork& work) {
        return issue_evm_receiver(work, id, now, derive, outbox);
    };
    auto issued = co_await needs.database.write<Issued>(std::move(job));
    if (!issued) co_return storage_failed(needs.log, issued.error(), request_id);
    if (!*issued) co_return not_payable(facts.row.session);
    needs.log.info("payment method set",
                   {{"session", facts.row.session.id.text()}, {"request", request_id}});
    co_return std::move(**issued);
}

}  // namespace api::impl
