#include "settlement/news.hpp"

#include "session/views.hpp"

namespace settlement {
namespace {

using session::Session;
using session::State;

void add(std::vector<News>& out, std::string type, std::vector<core::DepositId> deposits) {
    if (!deposits.empty()) out.push_back({std::move(type), std::move(deposits)});
}

//! Too late for this session to make anything of it, whatever it is.
bool is_late(const Session& session, const session::DepositItem& item) {
    const bool takes = session::is_waiting(session.state) || session.state == State::kDetected;
    return !takes || item.mined_at > session.expires_at;
}

void add_deposits(std::vector<News>& out, const Session& before, const session::Event& event) {
    if (const auto* detected = std::get_if<session::DepositsDetected>(&event)) {
        std::vector<core::DepositId> in_time, late;
        for (const session::DepositItem& item : detected->deposits) {
            (is_late(before, item) ? late : in_time).push_back(item.id);
        }
        add(out, "deposit.detected", std::move(in_time));
        add(out, "deposit.late", std::move(late));
    } else if (const auto* confirmed = std::get_if<session::DepositsConfirmed>(&event)) {
        std::vector<core::DepositId> ids;
        for (const session::DepositItem& item : confirmed->deposits) ids.push_back(item.id);
        add(out, "deposit.confirmed", std::move(ids));
    } else if (const auto* orphaned = std::get_if<session::DepositsOrphaned>(&event)) {
        std::vector<core::DepositId> ids;
        for (const auto& item : orphaned->deposits) ids.push_back(item.deposit.id);
        add(out, "deposit.orphaned", std::move(ids));
    }
}

}  // namespace

std::vector<News> news_of(const Session& before, const Session& after,
                          const session::Event& event) {
    std::vector<News> out;
    add_deposits(out, before, event);
    const auto status = session::sessions_api_status(after);
    if (status != session::sessions_api_status(before) && status != "requires_payment_method") {
        out.push_back({"session." + std::string{status}, {}});
    }
    if (after.state == State::kHeld && before.state != State::kHeld) {
        out.push_back({"payout.held", {}});
    }
    return out;
}

}  // namespace settlement
